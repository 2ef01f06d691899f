//! What is said of a tenant, and to it.

use std::collections::BTreeMap;

use deserr::Deserr;
use jiff::Timestamp;
use rookery_domain::account::{Account, Reason, TenantState};
use rookery_domain::fault::{Faults, Patch};
use rookery_domain::id::TenantId;
use rookery_domain::quota::{Plan, Quota};
use rookery_domain::text::{Name, Slug};
use serde::Serialize;
use utoipa::ToSchema;

/// A tenant of the platform.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlatformTenant {
    /// Its id.
    pub id: TenantId,
    /// Its name for URLs. It stays taken when the tenant is erased.
    pub slug: Slug,
    /// Its name for people.
    pub name: Name,
    /// Whether it may act.
    pub state: TenantState,
    /// What it pays for.
    pub plan: Plan,
    /// From when on it is erased, if it is closing; when that was, if it was erased.
    pub erase_after: Option<Timestamp>,
    /// Counts what happened to it here.
    pub version: u64,
    /// When it was founded.
    pub created_at: Timestamp,
    /// When something last happened to it here.
    pub updated_at: Timestamp,
}

impl From<Account> for PlatformTenant {
    fn from(account: Account) -> Self {
        let Account { id, slug, name, state, plan, erase_after, version, created_at, updated_at } = account;
        Self { id, slug, name, state, plan, erase_after, version, created_at, updated_at }
    }
}

/// A tenant of the platform with its quotas.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlatformTenantWithQuotas {
    /// The tenant.
    #[serde(flatten)]
    pub tenant: PlatformTenant,
    /// How its quotas stand; nothing once it is erased.
    pub quotas: Vec<QuotaOfTenant>,
}

/// How a quota of a tenant stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuotaOfTenant {
    /// Which quota.
    pub name: Quota,
    /// How much there may be.
    pub limit: Option<u64>,
    /// How much there is.
    pub used: u64,
    /// Whether the limit was set for this tenant, and stays when the plan changes.
    pub own: bool,
}

/// Why something is done to a tenant.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Why {
    /// For the tenant's audit trail, where the tenant reads it.
    pub reason: Reason,
}

/// Plan and quotas to be set.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct PlatformTenantPatch {
    /// The new plan; absent keeps the old one.
    #[deserr(default)]
    pub plan: Option<Plan>,
    /// Limits of the tenant's own.
    #[deserr(default)]
    pub quotas: Option<QuotasPatch>,
    /// For the tenant's audit trail, where the tenant reads it.
    pub reason: Reason,
}

/// Limits of a tenant's own, whatever its plan. `null` takes such a limit away; absent keeps it.
#[derive(Debug, Default, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct QuotasPatch {
    #[deserr(default)]
    #[schema(value_type = Option<u64>)]
    apps: Patch<u64>,
    #[deserr(default)]
    #[schema(value_type = Option<u64>)]
    members: Patch<u64>,
    #[deserr(default)]
    #[schema(value_type = Option<u64>)]
    keys: Patch<u64>,
    #[deserr(default)]
    #[schema(value_type = Option<u64>)]
    stored_bytes: Patch<u64>,
    #[deserr(default)]
    #[schema(value_type = Option<u64>)]
    monthly_checks: Patch<u64>,
}

impl QuotasPatch {
    /// What is to become of each quota.
    pub fn into_map(self) -> BTreeMap<Quota, Patch<u64>> {
        let Self { apps, members, keys, stored_bytes, monthly_checks } = self;
        BTreeMap::from([
            (Quota::Apps, apps),
            (Quota::Members, members),
            (Quota::Keys, keys),
            (Quota::StoredBytes, stored_bytes),
            (Quota::MonthlyChecks, monthly_checks),
        ])
    }
}
