//! What people let clients do.

use jiff::Timestamp;

use crate::id::ClientId;
use crate::oauth_client::{RedirectUri, Scope};

/// What a person lets a client do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// The client.
    pub client: ClientId,
    /// What it was let do where the person is sent back to it.
    pub scope: Scope,
    /// Where that was. Whoever changes the addresses of a client has to ask again.
    pub redirect_uri: Option<RedirectUri>,
    /// What it was let do on devices. That is asked each time, and remembered for the person to see.
    pub on_devices: Scope,
    /// When the person last let it do something.
    pub at: Timestamp,
}

impl Consent {
    /// Nothing yet.
    pub fn to(client: ClientId, at: Timestamp) -> Self {
        Self { client, scope: Scope::default(), redirect_uri: None, on_devices: Scope::default(), at }
    }

    /// What the client may do without asking that sends the person back to an address.
    pub fn known(&self, redirect_uri: &RedirectUri) -> Option<&Scope> {
        (self.redirect_uri.as_ref() == Some(redirect_uri)).then_some(&self.scope)
    }

    /// The same once the person let it do something more, and is sent back to an address.
    #[must_use]
    pub fn extended(self, scope: &Scope, redirect_uri: &RedirectUri, at: Timestamp) -> Self {
        let known = self.known(redirect_uri).cloned().unwrap_or_default();
        let scope = joined(&known, scope);
        Self { scope, redirect_uri: Some(redirect_uri.clone()), at, ..self }
    }

    /// The same once the person let it do something on a device.
    #[must_use]
    pub fn extended_on_device(self, scope: &Scope, at: Timestamp) -> Self {
        Self { on_devices: joined(&self.on_devices, scope), at, ..self }
    }

    /// All that it was let do.
    pub fn everything(&self) -> Scope {
        joined(&self.scope, &self.on_devices)
    }
}

fn joined(one: &Scope, other: &Scope) -> Scope {
    Scope(one.0.union(&other.0).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth_client::ScopeWord;

    #[test]
    fn what_was_let_at_another_address_is_asked_again() {
        let (one, other): (RedirectUri, RedirectUri) =
            ("https://a.example/cb".parse().unwrap(), "https://b.example/cb".parse().unwrap());
        let scope = |word| Scope([word].into());
        let at = Timestamp::UNIX_EPOCH;
        let consent = Consent::to("cli_01h455vb4pex5vsknk084sn02q".parse().unwrap(), at);
        assert_eq!(consent.known(&one), None);
        let consent = consent
            .extended(&scope(ScopeWord::Openid), &one, at)
            .extended_on_device(&scope(ScopeWord::Profile), at)
            .extended(&scope(ScopeWord::Email), &one, at);
        assert_eq!(consent.known(&one).unwrap().to_string(), "openid email");
        assert_eq!((consent.known(&other), consent.everything().0.len()), (None, 3));
        let consent = consent.extended(&scope(ScopeWord::Email), &other, at);
        assert_eq!(consent.known(&other).unwrap().to_string(), "email");
        assert_eq!((consent.known(&one), consent.everything().to_string().as_str()), (None, "profile email"));
    }
}
