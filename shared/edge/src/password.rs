//! Choosing passwords and comparing them, with randomness from the context and faults as problems.

use deserr::Deserr;
use rookery_domain::password::{Password, PasswordHash, PasswordLength};
use rookery_domain::text::ParseError;
use rookery_factors::password;
use rookery_store::factor::Factors;
use utoipa::ToSchema;

use crate::{Context, Located as _, Problem};

pub use rookery_factors::password::{About, Verdict, verify};

/// A password in a body, that somebody chooses.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(try_from(String) = Chosen::parse -> ParseError)]
#[schema(value_type = String, format = Password, min_length = 8)]
pub struct Chosen(pub Password);

impl Chosen {
    fn parse(text: String) -> Result<Self, ParseError> {
        Password::parse(text).map(Self)
    }
}

/// A password in a body, that somebody presents.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(try_from(String) = Presented::parse -> ParseError)]
#[schema(value_type = String, format = Password)]
pub struct Presented(pub Password);

impl Presented {
    fn parse(text: String) -> Result<Self, ParseError> {
        Password::presented(text).map(Self)
    }
}

/// The hash that is kept of a password.
pub fn hash(context: &Context, password: &Password) -> Result<PasswordHash, Problem> {
    password::hash(password, &context.random()).map_err(Problem::internal)
}

/// The hash of a password that somebody chooses, if it is good enough for this person and none of those that it had lately. `pointer` is
/// where it stands in the body.
pub fn choose(
    context: &Context,
    password: &Password,
    shortest: PasswordLength,
    about: About<'_>,
    before: &Factors,
    pointer: &str,
) -> Result<PasswordHash, Problem> {
    password::check(password, shortest, about).at(pointer)?;
    if password::was_had(password, before.used_up()) {
        return Err(Problem::invalid(pointer, "is one of the last five passwords"));
    }
    hash(context, password)
}
