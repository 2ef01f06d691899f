//! What divisions and projects have in common: trees within an organization or a workspace, whose parts move.

use rookery_domain::node::{self as place, Lineage, Misplaced, NodeId};
use rookery_domain::permission::{Permission, Right};
use rookery_edge::{Context, Problem, Reach, Scope};
use rookery_store::TenantScope;
use rookery_store::node::{self, Shape, Unknown};

/// The place that something new is to stand below: the root of the tree, which the path names, or a part of it that the body
/// names. The caller must hold the right there.
pub async fn place_for<R: Right>(
    context: &Context,
    reach: Reach<R>,
    root: NodeId,
    parent: Option<NodeId>,
) -> Result<Scope<R>, Problem> {
    context.lineage(&reach.tenant, root).await?.ok_or(Problem::NotFound(root.kind()))?;
    if let Some(parent) = parent {
        let found = context.lineage(&reach.tenant, parent).await?;
        if !found.is_some_and(|found| found.is_within(root)) {
            return Err(unknown(parent, root));
        }
    }
    reach.at(context, parent.unwrap_or(root)).await
}

/// A tree as it is at the moment of a decision about it.
#[derive(Debug)]
pub struct View {
    /// The whole of it.
    pub shape: Shape,
    /// The place in it that something is to stand below.
    pub to: Lineage,
}

impl View {
    /// Reads a tree and a place in it, nothing of it from memory.
    pub async fn read(
        context: &Context,
        scope: &TenantScope,
        root: NodeId,
        to: NodeId,
    ) -> Result<Self, Problem> {
        let table = context.table()?;
        let shape = Shape::read(table, scope, root).await?.ok_or(Problem::NotFound(root.kind()))?;
        let to = node::lineage(table, scope, to, &mut Unknown).await?.ok_or_else(|| unknown(to, root))?;
        Ok(Self { shape, to })
    }

    /// Decides whether something may be made at the place.
    pub fn admit(&self, made: impl Into<NodeId>) -> Result<(), Problem> {
        place::may_make(made.into(), &self.to).map_err(misplaced)
    }
}

/// A move of a part of a tree.
#[derive(Debug)]
pub struct Move<'a> {
    /// What is to be moved.
    pub moved: NodeId,
    /// How many levels it has, itself included.
    pub height: usize,
    /// What it takes at the new place.
    pub needs: Permission,
    /// The path that was asked for.
    pub path: &'a str,
}

impl Move<'_> {
    /// Decides whether the caller may make the move, and whether it can be made.
    pub async fn decide<R: Right>(
        &self,
        context: &Context,
        scope: &Scope<R>,
        view: &View,
    ) -> Result<(), Problem> {
        scope.demand(context, self.needs, &view.to, self.path).await?;
        let from = node::lineage(context.table()?, &scope.tenant, self.moved, &mut Unknown).await?;
        let from = from.ok_or(Problem::NotFound(self.moved.kind()))?;
        place::may_move(self.moved, self.height, &from, &view.to).map_err(misplaced)
    }
}

fn unknown(parent: NodeId, root: NodeId) -> Problem {
    Problem::invalid("/parent_id", format!("is not a {} of this {}", parent.kind(), root.kind()))
}

fn misplaced(fault: Misplaced) -> Problem {
    Problem::invalid("/parent_id", fault.to_string())
}
