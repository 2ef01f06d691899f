//! What files consist of: which contents the tenant has, and which S3 holds besides.

use std::collections::{BTreeMap, BTreeSet};

use rookery_domain::event::{Change, Resource};
use rookery_domain::fault::Faults;
use rookery_domain::hash::Sha256;
use rookery_domain::package::FileSize;
use rookery_domain::permission::right;
use rookery_domain::quota::Quota;
use rookery_domain::usage::Meter;
use rookery_edge::{Context, Problem, Scope};
use rookery_store::object::Objects;
use rookery_store::{TenantScope, Transaction, file, quota};

/// Most new files that are recorded in the transaction of their package. DynamoDB's transactions hold 100 writes, of which
/// the package itself, its quotas, its answer and its event take nine.
pub(crate) const WITH_PACKAGE: usize = 90;

/// Contents that are there.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// Those that packages of the tenant hold.
    accepted: BTreeMap<Sha256, FileSize>,
    /// Those that were uploaded and that no package holds yet.
    uploaded: BTreeMap<Sha256, FileSize>,
}

impl Contents {
    /// Which of these contents are there. What the tenant's packages hold need not be asked of S3 again.
    pub(crate) async fn find(
        context: &Context,
        scope: &TenantScope,
        mut wanted: BTreeSet<Sha256>,
    ) -> Result<Self, Problem> {
        let accepted = file::find_many(context.table()?, scope, &wanted).await?;
        wanted.retain(|sha256| !accepted.contains_key(sha256));
        let uploaded = Objects::new(context.clients())?.confirm(scope, wanted).await?;
        Ok(Self { accepted, uploaded })
    }

    /// The size of a content, if it is there.
    pub(crate) fn size(&self, sha256: Sha256) -> Option<FileSize> {
        self.accepted.get(&sha256).or_else(|| self.uploaded.get(&sha256)).copied()
    }

    /// Keeps what was uploaded from being removed as abandoned.
    pub(crate) async fn keep(&self, context: &Context, scope: &TenantScope) -> Result<(), Problem> {
        let uploaded = self.uploaded.keys().copied().collect();
        let gone = Objects::new(context.clients())?.keep(scope, uploaded).await?;
        match gone.first() {
            None => Ok(()),
            Some(first) => Err(missing(Faults::one("/files", format!("lost the content {first} just now")))),
        }
    }

    /// Which of the uploaded contents no package has accepted to this moment.
    pub(crate) async fn fresh(
        &self,
        context: &Context,
        scope: &TenantScope,
    ) -> Result<Vec<(Sha256, FileSize)>, Problem> {
        let uploaded = self.uploaded.keys().copied().collect();
        let accepted = file::find_many(context.table()?, scope, &uploaded).await?;
        let fresh = self.uploaded.iter().filter(|(sha256, _)| !accepted.contains_key(sha256));
        Ok(fresh.map(|(sha256, size)| (*sha256, *size)).collect())
    }
}

/// Contents that a package names and that are not there.
pub(crate) fn missing(errors: Faults) -> Problem {
    let detail = "files of the package have not been uploaded".to_owned();
    Problem::Conflict { code: "files-missing", detail, errors }
}

/// Bytes of some contents together.
pub(crate) fn bytes(files: &[(Sha256, FileSize)]) -> u64 {
    files.iter().map(|(_, size)| size.bytes()).sum()
}

/// Accepts files ahead of their package, where one transaction cannot hold them all: as many as fit, in transactions with an
/// event of their own. What a transaction records is counted as stored with it, so that nothing is counted twice or never,
/// whatever becomes of the package.
pub(crate) async fn accept(
    context: &Context,
    scope: &Scope<right::PackageCreate>,
    files: &[(Sha256, FileSize)],
) -> Result<(), Problem> {
    for part in files.chunks(WITH_PACKAGE) {
        let (first, _) = part[0];
        let accepted: BTreeMap<Sha256, FileSize> = part.iter().copied().collect();
        let after = serde_json::to_value(accepted).map_err(Problem::internal)?;
        let change = Change { field: "files".to_owned(), before: serde_json::Value::Null, after };
        let mut event = scope.event(context, Resource::new("file", first), 1, vec![change]);
        event.measures.insert(Meter::StoredBytes, bytes(part));
        let mut transaction = Transaction::new();
        for (sha256, size) in part {
            file::create(&mut transaction, &scope.tenant, *sha256, *size, context.now())?;
        }
        quota::take(&mut transaction, &scope.tenant, scope.place(), Quota::StoredBytes, bytes(part));
        transaction.event(&scope.tenant, &event)?;
        context.carry_out(&scope.tenant, &transaction).await?;
    }
    Ok(())
}
