//! Requests of clients that somebody be let in to them: what they ask for, and what has to happen before they get it (RFC 6749, section
//! 4.1.1; `OpenID` Connect Core, section 3.1.2.1).

use jiff::Timestamp;

use crate::id::ClientId;
use crate::oauth_client::{Grant, OauthClient, RedirectUri, Scope};
use crate::oauth_code::Challenge;
use crate::oauth_error::OauthError;

/// Longest request, as a query: what is remembered of it while somebody logs in has to fit into a page.
pub const LONGEST: usize = 4_000;

/// The parameters of a request. One that stands there twice counts for none, and is a fault.
#[derive(Debug, Clone, Copy)]
pub struct Parameters<'a>(&'a [(String, String)]);

impl<'a> Parameters<'a> {
    /// Parameters as they were sent.
    pub const fn new(given: &'a [(String, String)]) -> Self {
        Self(given)
    }

    /// The value of a parameter that stands there once. An empty one counts as absent (RFC 6749, section 3.1).
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let mut found = self.0.iter().filter(|(known, _)| known == name);
        let (_, value) = found.next()?;
        (found.next().is_none() && !value.is_empty()).then_some(value)
    }

    /// A parameter that stands there more than once.
    pub fn repeated(&self) -> Option<&'a str> {
        let again = |at: usize, name: &str| self.0[..at].iter().any(|(known, _)| known == name);
        let mut numbered = self.0.iter().enumerate();
        numbered.find(|(at, (name, _))| again(*at, name)).map(|(_, (name, _))| name.as_str())
    }
}

/// What a client asks for that is known, with an address that it has registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The client.
    pub client: ClientId,
    /// Where the person goes in the end.
    pub redirect_uri: RedirectUri,
    /// What the client recognises its own request by.
    pub state: Option<String>,
    /// What of what it asks for it may ask for.
    pub scope: Scope,
    /// What it wants to find in the id token.
    pub nonce: Option<String>,
    /// What it will show with the code.
    pub challenge: Option<Challenge>,
    /// What has to be asked of the person, or must not be.
    pub prompt: Prompt,
    /// How long ago the person may have logged in, in seconds.
    pub max_age_s: Option<i64>,
    /// Whom the client expects.
    pub login_hint: Option<String>,
    /// An id token of whom the client expects.
    pub id_token_hint: Option<String>,
}

/// What has to be asked of the person, or must not be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Prompt {
    /// No page may be shown.
    pub none: bool,
    /// The person has to log in, even if it has.
    pub login: bool,
    /// The person has to let the client, even if it has.
    pub consent: bool,
}

/// Where somebody is sent whose request cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Return {
    /// The address, which the client has registered.
    pub to: RedirectUri,
    /// What the client recognises its own request by.
    pub state: Option<String>,
}

/// Why a request is not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It does not name an address that the client has registered: nobody is sent anywhere.
    Here,
    /// The client is told.
    Back(Return, OauthError, &'static str),
}

/// Reads a request to a client that it names.
pub fn read(given: Parameters<'_>, client: &OauthClient) -> Result<Request, Refusal> {
    let to = given.get("redirect_uri").unwrap_or_default();
    let to = client.returns_to(to).ok_or(Refusal::Here)?;
    let state = given.get("state").map(str::to_owned);
    let back = |error, why| Refusal::Back(Return { to: to.clone(), state: state.clone() }, error, why);
    if given.repeated().is_some() {
        return Err(back(OauthError::InvalidRequest, "a parameter stands in the request twice"));
    }
    for (name, error) in [
        ("request", OauthError::RequestNotSupported),
        ("request_uri", OauthError::RequestUriNotSupported),
        ("registration", OauthError::RegistrationNotSupported),
    ] {
        if given.get(name).is_some() {
            return Err(back(error, "this parameter is not supported"));
        }
    }
    match given.get("response_type") {
        Some("code") => {}
        Some(_) => return Err(back(OauthError::UnsupportedResponseType, "response_type is not code")),
        None => return Err(back(OauthError::InvalidRequest, "response_type is missing")),
    }
    if given.get("response_mode").is_some_and(|mode| mode != "query") {
        return Err(back(OauthError::InvalidRequest, "response_mode is not query"));
    }
    if !client.may(Grant::AuthorizationCode) {
        return Err(back(
            OauthError::UnauthorizedClient,
            "the client is not registered for authorization_code",
        ));
    }
    let scope = client.terms.scope.of_asked(given.get("scope").unwrap_or_default());
    if scope.0.is_empty() {
        return Err(back(OauthError::InvalidScope, "scope has nothing that the client may ask for"));
    }
    let challenge = challenge(given, client).map_err(|why| back(OauthError::InvalidRequest, why))?;
    let prompt = given.get("prompt").unwrap_or_default();
    let prompt = self::prompt(prompt).map_err(|why| back(OauthError::InvalidRequest, why))?;
    let max_age_s = match given.get("max_age").map(str::parse::<u32>) {
        None => None,
        Some(Ok(age)) => Some(i64::from(age)),
        Some(Err(_)) => return Err(back(OauthError::InvalidRequest, "max_age is not a number of seconds")),
    };
    let text = |name| given.get(name).map(str::to_owned);
    Ok(Request {
        client: client.id,
        redirect_uri: to,
        state,
        scope,
        nonce: text("nonce"),
        challenge,
        prompt,
        max_age_s,
        login_hint: text("login_hint"),
        id_token_hint: text("id_token_hint"),
    })
}

fn challenge(given: Parameters<'_>, client: &OauthClient) -> Result<Option<Challenge>, &'static str> {
    match (given.get("code_challenge"), given.get("code_challenge_method")) {
        (None, None) if client.terms.require_pkce => Err("code_challenge is missing"),
        (None, None) => Ok(None),
        (Some(text), Some("S256")) => {
            text.parse().map(Some).map_err(|_| "code_challenge is not a SHA-256 in base64url")
        }
        // Without a method, RFC 7636 takes the challenge for the verifier itself.
        _ => Err("code_challenge_method is not S256"),
    }
}

fn prompt(text: &str) -> Result<Prompt, &'static str> {
    let mut prompt = Prompt::default();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match word {
            "none" => prompt.none = true,
            // Whoever logs in again may do so as somebody else.
            "login" | "select_account" => prompt.login = true,
            "consent" => prompt.consent = true,
            _ => return Err("prompt is none of none, login, consent and select_account"),
        }
    }
    if prompt.none && (prompt.login || prompt.consent) {
        return Err("prompt has none and something else");
    }
    Ok(prompt)
}

/// What is known of the person in front of the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Present {
    /// When the person logged in.
    pub logged_in_at: Timestamp,
    /// Whether it is whom the client expects, as far as it said.
    pub is_expected: bool,
}

/// What has to happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The person logs in.
    LogIn,
    /// The person says whether the client may.
    Ask,
    /// The client gets its code.
    Send,
}

impl Request {
    /// What has to happen next. `begun` is when the request came: what the person did since then, it did for this request. `let_in` is
    /// what the client was let do before.
    pub fn next(
        &self,
        present: Option<Present>,
        let_in: Option<&Scope>,
        begun: Timestamp,
        now: Timestamp,
    ) -> Result<Next, OauthError> {
        let is_fresh = |present: &Present| {
            let since = present.logged_in_at >= begun;
            let age = now.duration_since(present.logged_in_at).as_secs();
            let young = self.max_age_s.is_none_or(|most| since || age <= most);
            present.is_expected && young && (since || !self.prompt.login)
        };
        if !present.as_ref().is_some_and(is_fresh) {
            return if self.prompt.none { Err(OauthError::LoginRequired) } else { Ok(Next::LogIn) };
        }
        if self.prompt.consent || !let_in.is_some_and(|known| known.covers(&self.scope)) {
            return if self.prompt.none { Err(OauthError::ConsentRequired) } else { Ok(Next::Ask) };
        }
        Ok(Next::Send)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth_client::{ScopeWord, Terms};
    use crate::token_key::Algorithm;
    use proptest::prelude::*;

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn client() -> OauthClient {
        OauthClient {
            id: "cli_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            tenant: "ten_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            confidential: true,
            terms: Terms {
                name: "Client".parse().unwrap(),
                redirect_uris: vec!["https://app.example.com/cb".parse().unwrap()],
                post_logout_redirect_uris: Vec::new(),
                grants: [Grant::AuthorizationCode].into(),
                scope: Scope([ScopeWord::Openid, ScopeWord::Email].into()),
                claims: [].into(),
                id_token_algorithm: Algorithm::Rs256,
                require_pkce: true,
                service_key: None,
            },
            previous_until: None,
            version: 1,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn given(changes: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut given: Vec<(String, String)> = [
            ("redirect_uri", "https://app.example.com/cb"),
            ("response_type", "code"),
            ("scope", "openid phone"),
            ("state", "s"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        for (name, value) in changes {
            given.retain(|(known, _)| known != name);
            given.push(((*name).to_owned(), (*value).to_owned()));
        }
        given
    }

    fn error(changes: &[(&str, &str)]) -> Option<OauthError> {
        match read(Parameters::new(&given(changes)), &client()) {
            Ok(_) => None,
            Err(Refusal::Back(Return { state, .. }, error, _)) => {
                assert_eq!(state.as_deref(), Some("s"));
                Some(error)
            }
            Err(Refusal::Here) => panic!("nobody is sent back"),
        }
    }

    #[test]
    fn nobody_is_sent_to_an_address_that_is_not_registered() {
        for other in
            ["", "https://app.example.com/cb/", "https://app.example.com/cb?x=y", "https://evil.example"]
        {
            let given = given(&[("redirect_uri", other)]);
            assert_eq!(read(Parameters::new(&given), &client()), Err(Refusal::Here), "{other}");
        }
        let mut twice = given(&[]);
        twice.push(twice[0].clone());
        assert_eq!(read(Parameters::new(&twice), &client()), Err(Refusal::Here));
    }

    #[test]
    fn what_is_wrong_has_a_name() {
        assert_eq!(error(&[]), None);
        assert_eq!(error(&[("foreign", "x")]), None);
        for (name, value, expected) in [
            ("response_type", "", OauthError::InvalidRequest),
            ("response_type", "token", OauthError::UnsupportedResponseType),
            ("response_type", "code id_token", OauthError::UnsupportedResponseType),
            ("response_mode", "fragment", OauthError::InvalidRequest),
            ("scope", "phone", OauthError::InvalidScope),
            ("scope", "", OauthError::InvalidScope),
            ("code_challenge", "", OauthError::InvalidRequest),
            ("code_challenge", "x", OauthError::InvalidRequest),
            ("code_challenge_method", "plain", OauthError::InvalidRequest),
            ("code_challenge_method", "", OauthError::InvalidRequest),
            ("prompt", "none login", OauthError::InvalidRequest),
            ("prompt", "create", OauthError::InvalidRequest),
            ("max_age", "-1", OauthError::InvalidRequest),
            ("request", "e30", OauthError::RequestNotSupported),
            ("request_uri", "https://x", OauthError::RequestUriNotSupported),
            ("registration", "{}", OauthError::RegistrationNotSupported),
        ] {
            assert_eq!(error(&[(name, value)]), Some(expected), "{name}={value}");
        }
        let mut twice = given(&[]);
        twice.push(("scope".to_owned(), "openid".to_owned()));
        let refused = read(Parameters::new(&twice), &client()).unwrap_err();
        assert!(matches!(refused, Refusal::Back(_, OauthError::InvalidRequest, _)));
    }

    #[test]
    fn people_log_in_and_are_asked_when_they_have_to_be() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let ask = |changes: &[(&str, &str)], logged_in: Option<i64>, let_in: &str| {
            let request = read(Parameters::new(&given(changes)), &client()).unwrap();
            let present = logged_in.map(|second| Present { logged_in_at: at(second), is_expected: true });
            let let_in = client().terms.scope.of_asked(let_in);
            request.next(present, Some(&let_in), at(100), at(110))
        };
        assert_eq!(ask(&[], None, "openid"), Ok(Next::LogIn));
        assert_eq!(ask(&[], Some(0), "openid"), Ok(Next::Send));
        assert_eq!(ask(&[], Some(0), "email"), Ok(Next::Ask));
        assert_eq!(ask(&[("prompt", "consent")], Some(0), "openid"), Ok(Next::Ask));
        assert_eq!(ask(&[("prompt", "login")], Some(0), "openid"), Ok(Next::LogIn));
        assert_eq!(ask(&[("prompt", "login")], Some(105), "openid"), Ok(Next::Send));
        assert_eq!(ask(&[("max_age", "10")], Some(99), "openid"), Ok(Next::LogIn));
        assert_eq!(ask(&[("max_age", "11")], Some(99), "openid"), Ok(Next::Send));
        assert_eq!(ask(&[("max_age", "0")], Some(105), "openid"), Ok(Next::Send));
        assert_eq!(ask(&[("prompt", "none")], None, "openid"), Err(OauthError::LoginRequired));
        assert_eq!(
            ask(&[("prompt", "none"), ("max_age", "1")], Some(0), "openid"),
            Err(OauthError::LoginRequired)
        );
        assert_eq!(ask(&[("prompt", "none")], Some(0), "email"), Err(OauthError::ConsentRequired));
        assert_eq!(ask(&[("prompt", "none")], Some(0), "openid email"), Ok(Next::Send));
        let request = read(Parameters::new(&given(&[])), &client()).unwrap();
        let other = Present { logged_in_at: at(0), is_expected: false };
        assert_eq!(request.next(Some(other), None, at(100), at(110)), Ok(Next::LogIn));
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_sends_nobody_elsewhere(
            mut sent in proptest::collection::vec(("[a-z_]{1,16}", "\\PC{0,20}"), 0..8), keep: bool,
        ) {
            if keep {
                sent.extend(given(&[]));
            }
            match read(Parameters::new(&sent), &client()) {
                Ok(Request { redirect_uri: to, .. }) | Err(Refusal::Back(Return { to, .. }, ..)) => {
                    prop_assert_eq!(to.as_str(), "https://app.example.com/cb");
                }
                Err(Refusal::Here) => {}
            }
        }
    }
}
