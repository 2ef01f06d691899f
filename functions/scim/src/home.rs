//! Into which organization a directory's people and groups go: that of whoever asks.

use http::{HeaderMap, header};
use rookery_domain::id::{DivisionId, OrganizationId};
use rookery_domain::key::KeyOwner;
use rookery_edge::{Caller, Context, Problem};
use rookery_store::user;

/// Where people and groups go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Home {
    /// The organization.
    pub organization: OrganizationId,
    /// The division, of a key that works for one.
    pub division: Option<DivisionId>,
}

/// Where the people and groups of a caller go: of a service key, the organization or the division that it works for; of a person, the
/// person's organization.
pub(crate) async fn of(context: &Context, caller: &Caller) -> Result<Home, Problem> {
    match caller.principal.owner() {
        KeyOwner::User(id) => {
            let found = user::find(context.table()?, &caller.tenant, id).await?;
            let organization = found.ok_or(Problem::Unauthenticated)?.user.organization;
            Ok(Home { organization, division: None })
        }
        KeyOwner::Node(node) => {
            let place = context.lineage(&caller.tenant, node).await?.ok_or(Problem::Unauthenticated)?;
            let organization = place.organization().ok_or(Problem::Closed(
                "this key works for the tenant as a whole; a directory needs one of an organization",
            ))?;
            Ok(Home { organization, division: place.division() })
        }
    }
}

/// Whether whoever asks has this version already (RFC 9110, section 13.1.2).
pub(crate) fn has_already(headers: &HeaderMap, version: u64) -> bool {
    let tag = format!("\"{version}\"");
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    known
        .split(',')
        .map(|known| known.trim().trim_start_matches("W/"))
        .any(|known| known == tag || known == "*")
}
