//! Passkeys as browsers take and answer them (WebAuthn Level 3, sections 5.1.8, 5.4 and 5.5), and what an answer proves.

use deserr::Deserr;
use rookery_domain::event::{DenialReason, Origin};
use rookery_domain::fault::Faults;
use rookery_domain::id::UserId;
use rookery_domain::passkey::{
    ANSWERED_WITHIN, CHALLENGE, Doubt, Octets, Passkey, Standing, Transport, handle,
};
use rookery_domain::pending_login::PendingToken;
use rookery_domain::session::{Method, Proof};
use rookery_edge::{Context, Guess, Issuer, Problem};
use rookery_factors::webauthn::{self, ClientData, Fault, RelyingParty, Verification};
use rookery_store::factor::{self, Factors};
use rookery_store::passkey::{self, Ceremony};
use rookery_store::{TenantScope, Transaction};
use serde::Serialize;
use utoipa::ToSchema;

/// A passkey that a browser is to use or not to make again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PasskeyDescriptor)]
pub struct Descriptor {
    /// `public-key`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The authenticator's id of it.
    id: Octets,
    /// How it is reached.
    transports: Vec<Transport>,
}

impl Descriptor {
    /// Those of a person.
    pub(crate) fn all(passkeys: &[Passkey]) -> Vec<Self> {
        let of = |passkey: &Passkey| Self {
            kind: "public-key",
            id: passkey.credential.clone(),
            transports: passkey.transports.clone(),
        };
        passkeys.iter().map(of).collect()
    }
}

/// What `PublicKeyCredential.parseRequestOptionsFromJSON` takes, and its outcome `navigator.credentials.get`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PasskeyRequestOptions)]
pub struct RequestOptions {
    /// What the passkey signs, once, within five minutes.
    challenge: Octets,
    /// For how many milliseconds.
    timeout: i64,
    /// The host that the passkey is for.
    rp_id: String,
    /// The passkeys that are taken; any of this host if there are none.
    allow_credentials: Vec<Descriptor>,
    /// Whether it must be seen who is there: `required` or `preferred`.
    user_verification: &'static str,
}

/// Us, as browsers know us.
pub(crate) fn relying_party(issuer: &Issuer) -> Result<RelyingParty, Problem> {
    RelyingParty::of(&issuer.0).ok_or_else(|| Problem::internal("the base URL has no host"))
}

/// For how many milliseconds a browser may take.
pub(crate) const fn timeout() -> i64 {
    ANSWERED_WITHIN.as_secs() * 1000
}

/// Adds a challenge to a transaction.
pub(crate) fn challenge(
    context: &Context,
    transaction: &mut Transaction,
    ceremony: Ceremony,
) -> Result<Octets, Problem> {
    let challenge: [u8; CHALLENGE] = context.random();
    passkey::challenge(transaction, &challenge, ceremony, context.now())?;
    Ok(challenge.to_vec().into())
}

/// What a browser is asked for that logs in with a passkey and nothing else.
pub(crate) fn alone(
    context: &Context,
    transaction: &mut Transaction,
    issuer: &Issuer,
) -> Result<RequestOptions, Problem> {
    Ok(RequestOptions {
        challenge: challenge(context, transaction, Ceremony::LogIn)?,
        timeout: timeout(),
        rp_id: relying_party(issuer)?.id,
        allow_credentials: Vec::new(),
        user_verification: "required",
    })
}

/// What a browser is asked for as the second factor of a login that waits, of somebody who has passkeys.
pub fn second_factor(
    context: &Context,
    transaction: &mut Transaction,
    issuer: &Issuer,
    token: &PendingToken,
    factors: &Factors,
) -> Result<Option<RequestOptions>, Problem> {
    if factors.passkeys.is_empty() {
        return Ok(None);
    }
    Ok(Some(RequestOptions {
        challenge: challenge(context, transaction, Ceremony::SecondFactor { login: token.digest() })?,
        timeout: timeout(),
        rp_id: relying_party(issuer)?.id,
        allow_credentials: Descriptor::all(&factors.passkeys),
        user_verification: "preferred",
    }))
}

/// What a browser answers that used a passkey, as its `toJSON` writes it. What else it says is not looked at.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults)]
#[schema(as = PasskeyAssertion)]
pub struct Assertion {
    /// The authenticator's id of the passkey.
    pub(crate) id: Octets,
    response: AssertionResponse,
}

impl Assertion {
    /// Reads what a page sends on as a text.
    pub fn read(json: &str) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_str(json).ok()?;
        deserr::deserialize::<Self, _, Faults>(value).ok()
    }
}

/// What was signed, and the signature.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase)]
#[schema(as = PasskeyAssertionResponse, rename_all = "camelCase")]
pub struct AssertionResponse {
    /// What the browser says.
    #[deserr(rename = "clientDataJSON")]
    #[schema(rename = "clientDataJSON")]
    client_data: Octets,
    /// What the authenticator says.
    authenticator_data: Octets,
    /// The signature of both.
    signature: Octets,
    /// What the authenticator knows the person by.
    #[deserr(default)]
    user_handle: Option<Octets>,
}

/// A challenge that was answered: nobody answers it again.
#[derive(Debug)]
pub(crate) struct Answered {
    /// What the browser said.
    pub(crate) client: ClientData,
    /// Who asked.
    pub(crate) rp: RelyingParty,
}

/// Takes the challenge that a browser says it answers. It is spent by it, whatever comes of the answer.
pub(crate) async fn answered(
    context: &Context,
    issuer: &Issuer,
    client_data: &Octets,
    ceremony: Ceremony,
) -> Result<Result<Answered, Fault>, Problem> {
    let client = match ClientData::read(client_data) {
        Ok(client) => client,
        Err(fault) => return Ok(Err(fault)),
    };
    let given = passkey::take(context.table()?, client.challenge(), context.now()).await?;
    if given != Some(ceremony) {
        return Ok(Err(Fault::Challenge));
    }
    Ok(Ok(Answered { client, rp: relying_party(issuer)? }))
}

/// A passkey that somebody shows, whose challenge was taken; or why it is not believed.
#[derive(Debug)]
pub struct Shown {
    assertion: Assertion,
    answered: Result<Answered, Fault>,
}

impl Shown {
    /// Takes what a browser answers as it comes.
    pub async fn take(
        context: &Context,
        issuer: &Issuer,
        assertion: Assertion,
        ceremony: Ceremony,
    ) -> Result<Self, Problem> {
        let answered = answered(context, issuer, &assertion.response.client_data, ceremony).await?;
        Ok(Self { assertion, answered })
    }

    /// As the second factor of a login that waits.
    pub async fn second(
        context: &Context,
        issuer: &Issuer,
        assertion: Assertion,
        token: &PendingToken,
    ) -> Result<Self, Problem> {
        Self::take(context, issuer, assertion, Ceremony::SecondFactor { login: token.digest() }).await
    }

    /// The authenticator's id of the passkey.
    pub(crate) const fn credential(&self) -> &Octets {
        &self.assertion.id
    }

    /// Whether the authenticator knows the person by this.
    pub(crate) fn names(&self, handle: &Octets) -> bool {
        self.assertion.response.user_handle.as_ref() == Some(handle)
    }

    /// What the person logs in with after the passkey was used, if it is one of its own and is to be believed.
    pub(crate) fn used(
        &self,
        context: &Context,
        before: &Factors,
        verification: Verification,
    ) -> Result<(Factors, Method), DenialReason> {
        let known = before.passkey_of(self.credential()).ok_or(DenialReason::WrongPasskey)?;
        let standing = self.signed(known, verification).map_err(|fault| {
            tracing::warn!(passkey.id = %known.id, passkey.fault = %fault, "a passkey was not believed");
            DenialReason::WrongPasskey
        })?;
        let after = known.used(standing, context.now()).map_err(|doubt| match doubt {
            Doubt::Counter => {
                tracing::warn!(passkey.id = %known.id, "the counter of a passkey did not go on");
                DenialReason::PasskeyCounter
            }
            Doubt::Kind => DenialReason::WrongPasskey,
        })?;
        Ok((before.changed_passkey(&after), after.method()))
    }

    /// As [`Shown::used`], of a passkey that is shown besides something else.
    pub fn used_besides(
        &self,
        context: &Context,
        before: &Factors,
    ) -> Result<(Factors, Method), DenialReason> {
        self.used(context, before, Verification::Preferred)
    }

    fn signed(&self, known: &Passkey, verification: Verification) -> Result<Standing, Fault> {
        let Answered { client, rp } = self.answered.as_ref().map_err(|fault| *fault)?;
        let AssertionResponse { authenticator_data, signature, .. } = &self.assertion.response;
        webauthn::used(rp, client, &known.key, (authenticator_data, signature), verification)
    }
}

/// A passkey that comes alone, without a password before it, and whose it is.
#[derive(Debug)]
pub struct Alone {
    shown: Shown,
    guess: Guess,
    /// The scope of its owner's tenant.
    pub scope: TenantScope,
    /// Its owner.
    pub user: UserId,
}

impl Alone {
    /// Takes what a browser answers as it comes. Each try is counted, and who has a passkey that is not known is nobody.
    pub async fn take(
        context: &Context,
        origin: &Origin,
        issuer: &Issuer,
        assertion: Assertion,
    ) -> Result<Self, Problem> {
        let guess = Guess::at_passkey(origin);
        guess.count(context).await?;
        let shown = Shown::take(context, issuer, assertion, Ceremony::LogIn).await?;
        let owner = passkey::owner(context.table()?, shown.credential()).await?;
        let (scope, user) = owner.ok_or(Problem::Unauthenticated)?;
        Ok(Self { shown, guess, scope, user })
    }

    /// Adds to a transaction that it was used. It must have been seen who uses it: then it is two factors at once. Whatever is wrong is
    /// recorded, and told alike.
    pub async fn used(
        &self,
        context: &Context,
        transaction: &mut Transaction,
        origin: &Origin,
    ) -> Result<Proof, Problem> {
        let (scope, user) = (&self.scope, self.user);
        let before = factor::find(context.table()?, scope, user).await?;
        let looked_at = if self.shown.names(&handle(scope.tenant(), user)) {
            self.shown.used(context, &before, Verification::Required)
        } else {
            Err(DenialReason::WrongPasskey)
        };
        let (after, method) = match looked_at {
            Ok(proven) => proven,
            Err(reason) => {
                context.record_failed_login(scope, origin, Some(user), reason).await?;
                return Err(Problem::Unauthenticated);
            }
        };
        factor::put(transaction, scope, user, &before, &after)?;
        self.guess.was_right(transaction);
        Ok(Proof::by_passkey(method, context.now()))
    }
}
