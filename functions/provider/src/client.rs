//! Which client asks, and whether it is itself (RFC 6749, section 2.3): by `client_secret_basic`, `client_secret_post`, or, for clients that
//! keep no secret, by its id alone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, header};
use rookery_domain::event::{Action, DenialReason, Origin};
use rookery_domain::id::ClientId;
use rookery_domain::oauth_client::{ClientSecret, OauthClient};
use rookery_domain::oauth_error::OauthError;
use rookery_domain::oauth_request::Parameters;
use rookery_edge::{Context, Guess, RequestFacts};
use rookery_store::{TenantScope, oauth_client};

use crate::failure::{self, Failure};

/// A client that is itself.
#[derive(Debug)]
pub(crate) struct Known {
    /// The scope of its tenant.
    pub(crate) scope: TenantScope,
    /// The client.
    pub(crate) client: OauthClient,
}

/// What a client shows of itself.
struct Shown {
    id: String,
    secret: Option<String>,
}

fn shown(headers: &HeaderMap, fields: Parameters<'_>) -> Result<Shown, Failure> {
    let told = |why| Failure::Told(OauthError::InvalidRequest, why);
    let field = |name| fields.get(name).map(str::to_owned);
    let Some(header) = headers.get(header::AUTHORIZATION) else {
        let id =
            field("client_id").ok_or(Failure::Told(OauthError::InvalidClient, "client_id is missing"))?;
        return Ok(Shown { id, secret: field("client_secret") });
    };
    let (id, secret) = basic(header.to_str().unwrap_or_default())
        .ok_or(Failure::Told(OauthError::InvalidClient, "the header is not one of Basic"))?;
    if fields.get("client_secret").is_some() {
        return Err(told("the client shows its secret in two ways"));
    }
    if fields.get("client_id").is_some_and(|named| named != id) {
        return Err(told("client_id is not the one of the header"));
    }
    Ok(Shown { id, secret: Some(secret).filter(|secret| !secret.is_empty()) })
}

/// Id and secret of a header, each of which is encoded as in a form (RFC 6749, section 2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, text) = header.split_once(' ')?;
    let bytes = scheme.eq_ignore_ascii_case("basic").then(|| BASE64.decode(text.trim()).ok())??;
    let text = String::from_utf8(bytes).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decode = |text: &str| {
        let field = format!("x={text}");
        form_urlencoded::parse(field.as_bytes()).next().map(|(_, value)| value.into_owned())
    };
    Some((decode(id)?, decode(secret)?))
}

/// Who asks. Whatever is wrong, the client is told the same.
pub(crate) async fn authenticate(
    context: &Context,
    facts: &RequestFacts,
    headers: &HeaderMap,
    fields: Parameters<'_>,
) -> Result<Known, Failure> {
    let Shown { id, secret } = shown(headers, fields)?;
    let wrong =
        || Failure::Told(OauthError::InvalidClient, "there is no such client, or its secret is another");
    let found = match id.parse::<ClientId>() {
        Ok(id) => oauth_client::look_up(context.table()?, id).await?,
        Err(_) => None,
    };
    let Some(found) = found else {
        Guess::at_client(&facts.origin).count(context).await?;
        return Err(wrong());
    };
    let scope = found.scope();
    context.bind(&scope);
    let is_itself = match &secret {
        Some(text) => {
            let secret = text.parse::<ClientSecret>().ok();
            secret.is_some_and(|secret| found.is_secret(&secret, context.now()))
        }
        None => !found.client.confidential,
    };
    if !is_itself {
        refuse(context, &facts.origin, (&scope, &found.client), DenialReason::WrongClient).await?;
        return Err(wrong());
    }
    Ok(Known { scope, client: found.client })
}

/// Records that a client does not get what it asks for at the token endpoint.
pub(crate) async fn refuse(
    context: &Context,
    origin: &Origin,
    of: (&TenantScope, &OauthClient),
    reason: DenialReason,
) -> Result<(), Failure> {
    Ok(failure::record(context, origin, of, Action::OAUTH_TOKEN, reason).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_secrets_of_headers_are_encoded_as_in_forms() {
        let header = |text: &str| format!("Basic {}", BASE64.encode(text));
        assert_eq!(basic(&header("a%3Ab:c+d%25")), Some(("a:b".to_owned(), "c d%".to_owned())));
        assert_eq!(basic(&header("a:b:c")), Some(("a".to_owned(), "b:c".to_owned())));
        assert_eq!(basic(&header("a")), None);
        assert_eq!(basic("Basic ä"), None);
        assert_eq!(basic("Bearer YTpi"), None);
    }
}
