//! What every function shares: context, authentication, problems, paging, idempotency, metering, telemetry.
//!
//! A handler has five verbs: authorise (its [`Scope`] argument), load, decide (a pure function of the domain), commit
//! ([`Context::commit`]), respond (an [`Answer`]). Only this crate and the functions know HTTP.

mod access;
mod answer;
mod auth;
mod backing;
mod body;
mod commit;
mod context;
mod event;
mod founding;
mod gateway;
mod gone;
mod guess;
mod holding;
pub mod jwks;
mod limit;
mod meter;
mod notice;
mod operator;
mod params;
pub mod password;
mod principal;
mod problem;
mod recent;
mod request;
mod serve;
pub mod session;
mod telemetry;
pub mod token;
mod upstream;
pub mod wire;
mod worker;

pub use access::{Reach, Scope};
pub use answer::{Answer, IfMatch};
pub use auth::Caller;
pub use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
pub use body::{Body, Empty, Idempotency, Json, Located};
pub use commit::deciding;
pub use context::{Context, Fill, Sources};
pub use founding::{Founded, Founder, SignedUp, found};
pub use gateway::Gateway;
pub use guess::{Guess, Secret};
pub use meter::Meter;
pub use operator::Operator;
pub use params::{Page, Paging, Params};
pub use principal::{KeyHolder, Person, Principal, PrincipalId};
pub use problem::{Document, Problem};
pub use request::{BaseUrl, OwnWords, Phrasing, RequestFacts, chain, finish};
pub use serve::{Boxed, Kind, Route, http_router, run};
pub use telemetry::log_lines;
pub use token::Issuer;
pub use worker::{ATTEMPTS, Message, WorkerError, handle_batch, handle_together};
