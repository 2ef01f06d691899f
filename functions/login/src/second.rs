//! Second factors: offering an authenticator, and looking at its codes.

use rookery_domain::hash::Sha256;
use rookery_domain::id::UserId;
use rookery_domain::session::Method;
use rookery_edge::{Context, Problem};
use rookery_factors::{recovery, totp};
use rookery_store::factor::{self, Factors};
use rookery_store::seal::{Purpose, Sealed};
use rookery_store::{TenantScope, Transaction, tenant, user};
use serde::Serialize;
use utoipa::ToSchema;

/// An authenticator that is offered. It counts once its first code was shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct Offer {
    /// The secret in base32, for typing it in.
    pub secret: String,
    /// The link that an authenticator opens.
    pub link: String,
    /// The link as a QR code, an SVG document.
    pub qr_svg: String,
    /// Until when it can be confirmed.
    pub confirm_until: jiff::Timestamp,
}

/// Recovery codes, shown here and never again. Each stands in for the authenticator once.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecoveryCodes {
    /// The codes.
    pub recovery_codes: Vec<String>,
}

/// What a sealed secret is bound to.
fn place(user: UserId) -> String {
    format!("{user}#authenticator")
}

/// Adds an authenticator that is offered to a transaction.
pub async fn offer(
    context: &Context,
    transaction: &mut Transaction,
    scope: &TenantScope,
    found: &user::Found,
    before: &Factors,
) -> Result<Offer, Problem> {
    let user = found.user.id;
    let secret: [u8; totp::SECRET_LENGTH] = context.random();
    let (purpose, place) = (Purpose::Authenticators, place(user));
    let sealed = context.sealer().seal_within(transaction, scope, purpose, &place, &secret).await?;
    let after = before.offering(sealed, context.now());
    let confirm_until = after.offered.as_ref().map_or(context.now(), |offered| offered.until);
    factor::put(transaction, scope, user, before, &after)?;
    shown(context, scope, found, &secret, confirm_until).await
}

/// The authenticator that was offered, once more: for whoever typed its first code wrong. `None` if none is, or not any more.
pub async fn offered(
    context: &Context,
    scope: &TenantScope,
    found: &user::Found,
    before: &Factors,
) -> Result<Option<Offer>, Problem> {
    let now = context.now();
    let (Some(sealed), Some(known)) = (before.confirmable(now), &before.offered) else { return Ok(None) };
    let (purpose, place) = (Purpose::Authenticators, place(found.user.id));
    let secret = context.sealer().open(scope, purpose, &place, sealed).await?;
    shown(context, scope, found, &secret, known.until).await.map(Some)
}

async fn shown(
    context: &Context,
    scope: &TenantScope,
    found: &user::Found,
    secret: &[u8],
    confirm_until: jiff::Timestamp,
) -> Result<Offer, Problem> {
    let host = tenant::find(context.table()?, scope).await?.ok_or(Problem::NotFound("tenant"))?;
    let link = totp::link(secret, host.name.as_str(), found.user.email.as_str());
    let qr_svg = totp::qr_svg(&link).ok_or_else(|| Problem::internal("the link makes no QR code"))?;
    Ok(Offer { secret: totp::base32(secret), link, qr_svg, confirm_until })
}

/// Ten fresh recovery codes, and what is kept of them.
pub(crate) fn codes(context: &Context, user: UserId) -> (RecoveryCodes, Vec<Sha256>) {
    let codes: Vec<String> = (0..recovery::COUNT).map(|_| recovery::write(&context.random())).collect();
    let digests = codes.iter().map(|code| recovery::digest(user, code)).collect();
    (RecoveryCodes { recovery_codes: codes }, digests)
}

/// Refuses to leave somebody without a second factor whose tenant asks for one.
pub(crate) async fn may_be_left(
    context: &Context,
    scope: &TenantScope,
    after: &Factors,
) -> Result<(), Problem> {
    let tenant = tenant::find(context.table()?, scope).await?.ok_or(Problem::NotFound("tenant"))?;
    if tenant.settings.require_second_factor && !after.has_second() {
        let detail = "the tenant asks for a second factor; set up another one first";
        return Err(Problem::conflict("second-factor-required", detail));
    }
    Ok(())
}

async fn accept(
    context: &Context,
    scope: &TenantScope,
    user: UserId,
    secret: &Sealed,
    code: &str,
    last_used: Option<u64>,
) -> Result<Option<u64>, Problem> {
    let secret = context.sealer().open(scope, Purpose::Authenticators, &place(user), secret).await?;
    Ok(totp::accept(&secret, code, context.now(), last_used))
}

/// What somebody shows as a second factor.
#[derive(Debug, Clone, Copy)]
pub enum Shown<'a> {
    /// A code of the authenticator.
    Code(&'a str),
    /// A recovery code.
    Recovery(&'a str),
}

/// What a person logs in with after a second factor was used; `None` if it was not the right one.
pub async fn used(
    context: &Context,
    scope: &TenantScope,
    user: UserId,
    before: &Factors,
    shown: Shown<'_>,
) -> Result<Option<(Factors, Method)>, Problem> {
    match shown {
        Shown::Code(code) => {
            let Some(known) = &before.authenticator else { return Ok(None) };
            let step = accept(context, scope, user, &known.secret, code, Some(known.last_step)).await?;
            Ok(step.and_then(|step| before.used_step(step)).map(|after| (after, Method::Otp)))
        }
        Shown::Recovery(code) => {
            let after = before.used_recovery(recovery::digest(user, code));
            Ok(after.map(|after| (after, Method::Recovery)))
        }
    }
}

/// What a person logs in with after the offered authenticator showed its first code, with new recovery codes; `None` if it did not.
pub async fn confirmed(
    context: &Context,
    scope: &TenantScope,
    user: UserId,
    before: &Factors,
    code: &str,
) -> Result<Option<(Factors, RecoveryCodes)>, Problem> {
    let Some(secret) = before.confirmable(context.now()) else { return Ok(None) };
    let Some(step) = accept(context, scope, user, secret, code, None).await? else { return Ok(None) };
    let (codes, digests) = codes(context, user);
    Ok(before.confirmed(step, digests, context.now()).map(|after| (after, codes)))
}
