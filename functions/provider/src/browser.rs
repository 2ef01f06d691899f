//! What a browser brings along, and what it is given to keep.

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use rookery_domain::hash::Sha256;
use rookery_domain::known_device::{DeviceToken, KNOWN_FOR};
use rookery_domain::session::RefreshToken;
use rookery_edge::{Context, Issuer, Problem};

use crate::words::Language;

/// The cookie of a session of the browser.
const SESSION: &str = "rookery-session";
/// The cookie that pages are bound to.
const VISITOR: &str = "rookery-visitor";
/// The cookie by which a device is known that somebody logged in from before.
const DEVICE: &str = "rookery-device";
/// What only a browser accepts that got the cookie from this very host, by https, for all of its paths.
const HOST: &str = "__Host-";

/// What a browser brings along.
#[derive(Debug)]
pub(crate) struct Browser {
    /// By what the platform is called, here.
    pub(crate) issuer: Issuer,
    /// The session that somebody has in it.
    pub(crate) session: Option<RefreshToken>,
    /// What pages that it was shown are bound to.
    pub(crate) visitor: Option<String>,
    /// By what the device is known.
    pub(crate) device: Option<DeviceToken>,
    /// The language that it asks for.
    pub(crate) language: Language,
    /// What it is given to keep with the answer.
    given: Vec<String>,
}

impl FromRequestParts<Context> for Browser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Problem> {
        let issuer = Issuer::from_request_parts(parts, context).await?;
        let cookie = |name: &str| cookie(&parts.headers, &full(&issuer, name));
        let accepted = parts.headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        Ok(Self {
            session: cookie(SESSION).and_then(|text| text.parse().ok()),
            visitor: cookie(VISITOR).filter(|text| text.len() == 64),
            device: cookie(DEVICE).and_then(|text| text.parse().ok()),
            language: Language::accepted(accepted.unwrap_or_default()),
            given: Vec::new(),
            issuer,
        })
    }
}

/// Whether the platform is reached without encryption, which is so on a developer's machine alone: there cookies cannot ask for it.
fn is_plain(issuer: &Issuer) -> bool {
    issuer.0.starts_with("http://")
}

fn full(issuer: &Issuer, name: &str) -> String {
    let prefix = if is_plain(issuer) { "" } else { HOST };
    format!("{prefix}{name}")
}

/// The value of a cookie that is there once.
fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut found = all.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut own = found.by_ref().filter(|(known, _)| *known == name);
    let (_, value) = own.next()?;
    own.next().is_none().then(|| value.to_owned())
}

impl Browser {
    /// Whether it brings nothing that it was given to keep, be it new or kept from bringing it.
    pub(crate) const fn is_bare(&self) -> bool {
        self.session.is_none() && self.visitor.is_none() && self.device.is_none()
    }

    /// What pages are bound to: what the browser has, or something new that it is given to keep.
    pub(crate) fn visitor(&mut self, context: &Context) -> String {
        if let Some(known) = &self.visitor {
            return known.clone();
        }
        let fresh = Sha256::from_bytes(context.random()).to_string();
        self.keep(VISITOR, &fresh, None);
        self.visitor = Some(fresh.clone());
        fresh
    }

    /// Lets the browser keep a session, for as long as it is open.
    pub(crate) fn keep_session(&mut self, token: &RefreshToken) {
        self.keep(SESSION, &token.reveal(), None);
        self.session = Some(token.clone());
    }

    /// Lets the browser forget its session.
    pub(crate) fn forget_session(&mut self) {
        if self.session.take().is_some() {
            self.keep(SESSION, "", Some(0));
        }
    }

    /// Lets the browser keep by what its device is known.
    pub(crate) fn keep_device(&mut self, token: &DeviceToken) {
        self.keep(DEVICE, &token.reveal(), Some(KNOWN_FOR.as_secs()));
    }

    fn keep(&mut self, name: &str, value: &str, seconds: Option<i64>) {
        let name = full(&self.issuer, name);
        let secure = if is_plain(&self.issuer) { "" } else { "; Secure" };
        let age = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        self.given.push(format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}"));
    }

    /// Adds what the browser is given to keep to an answer.
    pub(crate) fn give(&self, headers: &mut HeaderMap) -> Result<(), Problem> {
        for cookie in &self.given {
            let value = HeaderValue::from_str(cookie).map_err(Problem::internal)?;
            headers.append(header::SET_COOKIE, value);
        }
        Ok(())
    }
}

/// A header by which a page says that the address that it was found at is told to nobody: it holds what the client asked for.
pub(crate) const REFERRER_POLICY: HeaderName = HeaderName::from_static("referrer-policy");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_that_stands_there_twice_is_nobodys() {
        let headers = |texts: &[&'static str]| -> HeaderMap {
            texts.iter().map(|text| (header::COOKIE, HeaderValue::from_static(text))).collect()
        };
        assert_eq!(cookie(&headers(&["a=1; b=2"]), "b").as_deref(), Some("2"));
        assert_eq!(cookie(&headers(&["a=1; b=2; a=3"]), "a"), None);
        assert_eq!(cookie(&headers(&["a=1", "b=2; a=3"]), "a"), None);
        assert_eq!(cookie(&headers(&["aa=1"]), "a"), None);
    }
}
