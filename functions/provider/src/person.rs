//! What clients are told of people: by what they were let see, and by what else is set for each client.

use std::collections::BTreeSet;

use rookery_access::Principal as Holder;
use rookery_domain::id::UserId;
use rookery_domain::oauth_client::{ExtraClaim, Scope, ScopeWord, Terms};
use rookery_domain::permission::Permission;
use rookery_edge::{Context, Problem};
use rookery_store::{TenantScope, user};
use serde_json::{Map, Value, json};

/// What a client is told of a person.
pub(crate) async fn claims(
    context: &Context,
    scope: &TenantScope,
    id: UserId,
    let_in: &Scope,
    terms: &Terms,
) -> Result<Map<String, Value>, Problem> {
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), json!(id));
    claims.insert("tenant".to_owned(), json!(scope.tenant()));
    let (profile, email) = (let_in.holds(ScopeWord::Profile), let_in.holds(ScopeWord::Email));
    if profile || email {
        let person = user::find(context.table()?, scope, id).await?.ok_or(Problem::Unauthenticated)?.user;
        if profile {
            claims.insert("name".to_owned(), json!(person.name));
            claims.insert("updated_at".to_owned(), json!(person.updated_at.as_second()));
        }
        if email {
            claims.insert("email".to_owned(), json!(person.email));
            claims.insert("email_verified".to_owned(), json!(person.email_verified));
        }
    }
    if !terms.claims.is_empty() {
        let rights = context.rights_of(scope, Holder::User(id)).await?.ok_or(Problem::Unauthenticated)?;
        let now = context.now();
        for extra in &terms.claims {
            let value = match extra {
                ExtraClaim::Groups => json!(rights.membership().all()),
                ExtraClaim::Roles => {
                    let current = rights.grants().iter().map(|(_, grant)| grant).filter(|grant| {
                        grant.starts_at.is_none_or(|from| from <= now)
                            && grant.expires_at.is_none_or(|end| now < end)
                    });
                    json!(current.map(|grant| grant.role.to_string()).collect::<BTreeSet<_>>())
                }
                ExtraClaim::Permissions => {
                    let held = Permission::ALL.iter().filter(|one| rights.anywhere(**one, now));
                    json!(held.collect::<Vec<_>>())
                }
            };
            claims.insert(extra.as_str().to_owned(), value);
        }
    }
    Ok(claims)
}
