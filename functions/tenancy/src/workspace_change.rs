//! What the routes that change a workspace have in common.

use http::header::LOCATION;
use rookery_domain::event::{Resource, changes};
use rookery_domain::permission::Right;
use rookery_domain::workspace::{TransitionError, Workspace};
use rookery_edge::{Answer, Context, Idempotency, Problem, Scope, wire};
use rookery_store::{TenantScope, Transaction, workspace};

pub(crate) async fn load(context: &Context, scope: &TenantScope, id: &str) -> Result<Workspace, Problem> {
    let found = workspace::find(context.table()?, scope, id.parse()?).await?;
    found.ok_or(Problem::NotFound("workspace"))
}

/// 200 with a workspace.
pub(crate) fn answered(workspace: Workspace) -> Result<Answer, Problem> {
    let version = workspace.version;
    Ok(Answer::ok(&wire::Workspace::from(workspace))?.version(version))
}

/// 202 with a workspace, whose state tells later what became of it.
pub(crate) fn accepted(workspace: Workspace) -> Result<Answer, Problem> {
    let (version, location) = (workspace.version, format!("/v1/workspaces/{}", workspace.id));
    let answer = Answer::accepted(&wire::Workspace::from(workspace))?;
    Ok(answer.header(LOCATION, location).version(version))
}

/// What it means to a caller that the state of a workspace rules something out.
pub(crate) fn refused(error: TransitionError) -> Problem {
    Problem::conflict("illegal-transition", error.to_string())
}

/// Commits the change of a workspace with its event.
pub(crate) async fn commit<R: Right>(
    context: &Context,
    scope: &Scope<R>,
    (before, after): (&Workspace, &Workspace),
    mut transaction: Transaction,
    idempotency: Option<&Idempotency>,
    answer: Answer,
) -> Result<Answer, Problem> {
    let changed = changes(&wire::Workspace::from(before.clone()), &wire::Workspace::from(after.clone()));
    let event = scope.event(context, Resource::new("workspace", after.id), after.version, changed);
    transaction.event(&scope.tenant, &event)?;
    context.commit(&scope.tenant, idempotency, transaction, answer).await
}
