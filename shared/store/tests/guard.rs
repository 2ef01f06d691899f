//! A request that is bound to a tenant reaches nothing of another, whatever scope it holds.

use std::error::Error;

use super::platform::{Platform, scope};
use rookery_domain::id::AppId;
use rookery_store::guard::{self, Trespass};
use rookery_store::{Slice, StoreError, Transaction, app, node};

fn is_trespass(error: &StoreError) -> bool {
    let StoreError::Rejected { source, .. } = error else { return false };
    let mut error: Option<&(dyn Error + 'static)> = Some(source.as_ref());
    while let Some(cause) = error {
        if cause.is::<Trespass>() {
            return true;
        }
        error = cause.source();
    }
    false
}

#[tokio::test]
async fn a_bound_request_is_stopped_before_it_is_sent() {
    let platform = Platform::new().await;
    let (own, other, table) = (scope(1), scope(2), platform.table());
    let id = AppId::from_uuid(uuid::Uuid::from_u128(7));
    guard::within(async {
        guard::bind(&own);
        assert!(app::find(table, &own, id).await.unwrap().is_none());
        assert!(is_trespass(&app::find(table, &other, id).await.unwrap_err()));
        assert!(is_trespass(
            &app::list(table, &other, Slice { limit: 5, ..Slice::default() }).await.unwrap_err()
        ));
        let lineage = node::lineage(table, &other, id.into(), &mut node::Unknown).await;
        assert!(is_trespass(&lineage.unwrap_err()));

        let mut transaction = Transaction::new();
        transaction.remove(&app::key(&own, id));
        table.commit(&transaction).await.unwrap();
        transaction.remove(&app::key(&other, id));
        assert!(is_trespass(&table.commit(&transaction).await.unwrap_err()));
    })
    .await;
    // What belongs to no request, such as a worker's message, names its tenant itself.
    assert!(app::find(table, &other, id).await.unwrap().is_none());
}
