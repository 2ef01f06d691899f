//! The types, rules and events of the platform.
//!
//! This crate decides and does nothing else. It holds no IO, no AWS, no HTTP, no clock and no randomness: time, ids
//! and random bytes are arguments. Every type here is valid by construction: a value that exists was parsed.

pub mod access_token;
pub mod account;
pub mod app;
pub mod attempt;
pub mod audit;
pub mod binding;
pub mod channel;
pub mod consent;
pub mod device;
pub mod device_grant;
pub mod directory;
pub mod division;
pub mod event;
pub mod factor;
pub mod fault;
pub mod group;
pub mod hash;
pub mod id;
pub mod id_token;
pub mod identity_provider;
pub mod invitation;
pub mod key;
pub mod known_device;
pub mod link;
pub mod moment;
pub mod node;
pub mod oauth_client;
pub mod oauth_code;
pub mod oauth_error;
pub mod oauth_request;
pub mod operator;
pub mod organization;
pub mod package;
pub mod password;
pub mod pending_login;
pub mod permission;
pub mod project;
pub mod properties;
pub mod quota;
pub mod release;
pub mod report;
pub mod role;
pub mod rollout;
pub mod secret;
pub mod session;
pub mod signup;
pub mod tenant;
pub mod text;
mod token;
pub mod token_key;
pub mod usage;
pub mod user;
pub mod workload_trust;
pub mod workspace;
