//! Bodies as forms and OAuth send them.

use axum::extract::{FromRequest, Request};
use http::header;
use rookery_domain::oauth_request::Parameters;
use rookery_edge::{Context, Problem};

/// Longest form, in bytes.
const LIMIT: usize = 16_384;

/// The fields of a form. It must be the handler's last argument.
#[derive(Clone)]
pub(crate) struct Form(pub(crate) Vec<(String, String)>);

impl std::fmt::Debug for Form {
    /// Passwords and secrets are among the values.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Form {
    /// What the fields say.
    pub(crate) fn fields(&self) -> Parameters<'_> {
        Parameters::new(&self.0)
    }
}

/// Reads what a form or a query says.
pub(crate) fn parse(bytes: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(bytes).into_owned().collect()
}

/// Writes a query.
pub(crate) fn write(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

impl FromRequest<Context> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Context) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Problem::NotAForm);
        }
        let bytes = axum::body::to_bytes(request.into_body(), LIMIT).await;
        Ok(Self(parse(&bytes.map_err(|_| Problem::TooLarge { limit: LIMIT })?)))
    }
}
