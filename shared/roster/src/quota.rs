//! How many people a tenant may have, and how many keys.

use rookery_domain::node::Lineage;
use rookery_domain::quota::Quota;
use rookery_store::{TenantScope, Transaction, quota};

/// Adds to a transaction that a person comes to a place, if the tenant may have one more.
pub fn take_member(transaction: &mut Transaction, scope: &TenantScope, home: &Lineage) {
    quota::take(transaction, scope, home, Quota::Members, 1);
}

/// Adds to a transaction that a person goes from a place.
pub fn give_back_member(transaction: &mut Transaction, scope: &TenantScope, home: &Lineage) {
    quota::give_back(transaction, scope, home, Quota::Members, 1);
}

/// Adds to a transaction that a person gets a key, if the tenant may have one more.
pub fn take_key(transaction: &mut Transaction, scope: &TenantScope, home: &Lineage) {
    quota::take(transaction, scope, home, Quota::Keys, 1);
}

/// Adds to a transaction that a person's key goes.
pub fn give_back_key(transaction: &mut Transaction, scope: &TenantScope, home: &Lineage) {
    quota::give_back(transaction, scope, home, Quota::Keys, 1);
}
