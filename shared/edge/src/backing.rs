//! What stands behind a token beside whose rights it has: the client that it was given to, or the trust by which a workload got it. Once
//! that is deleted, the token is good no more.

use jiff::SignedDuration;
use rookery_domain::access_token::Claims;
use rookery_domain::id::{ClientId, TenantId, WorkloadTrustId};
use rookery_store::{TenantScope, oauth_client, workload_trust};

use crate::recent::Recent;
use crate::{Context, Problem};

/// What stands behind a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Backing {
    Client(ClientId),
    Trust(WorkloadTrustId),
}

/// What was read a moment ago of clients and trusts: whether they are there. One that was deleted is noticed once its entry is older than
/// the cache's time.
#[derive(Debug)]
pub(crate) struct BackingCache(Recent<(TenantId, Backing), bool>);

impl BackingCache {
    pub(crate) fn new(kept: SignedDuration) -> Self {
        Self(Recent::new(kept))
    }
}

impl Context {
    /// Whether what a token was given to or by is there still, as of at most some seconds ago. The tokens of the platform's own login were
    /// given to nobody else, and take no look.
    pub async fn is_backed(&self, scope: &TenantScope, claims: &Claims) -> Result<bool, Problem> {
        let client = match &claims.client_id {
            Some(text) => match text.parse::<ClientId>() {
                Ok(id) => Some(Backing::Client(id)),
                Err(_) => return Ok(false),
            },
            None => None,
        };
        for backing in client.into_iter().chain(claims.trust.map(Backing::Trust)) {
            if !self.is_there(scope, backing).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn is_there(&self, scope: &TenantScope, backing: Backing) -> Result<bool, Problem> {
        let (now, place) = (self.now(), (scope.tenant(), backing));
        if let Some(known) = self.backings().0.recall(&place, now) {
            return Ok(known);
        }
        let table = self.table()?;
        let found = match backing {
            Backing::Client(id) => oauth_client::find(table, scope, id).await?.is_some(),
            Backing::Trust(id) => workload_trust::find(table, scope, id).await?.is_some(),
        };
        self.backings().0.remember(place, found, now);
        Ok(found)
    }
}
