//! Projects: what applications of a workspace are sorted into. They may hold further ones.

use jiff::Timestamp;

use crate::app::Ancestors;
use crate::id::ProjectId;
use crate::node::NodeId;
use crate::text::Name;

/// A project within a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// The workspace and what is above that, for good; and its own id. Projects above it are left out, for it may move.
    pub ancestors: Ancestors,
    /// The project that it is directly below; `None` directly below the workspace.
    pub parent: Option<ProjectId>,
    /// Its name, unique among its siblings.
    pub name: Name,
    /// Counts its changes, from 1.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Project {
    /// A new project without anything in it.
    pub fn new(ancestors: Ancestors, parent: Option<ProjectId>, name: Name, at: Timestamp) -> Self {
        Self { id: ancestors.project, ancestors, parent, name, version: 1, created_at: at, updated_at: at }
    }

    /// What it stands below in the tree.
    pub fn place(&self) -> NodeId {
        self.parent.map_or(self.ancestors.workspace.into(), NodeId::from)
    }

    /// The project under another name.
    #[must_use]
    pub fn renamed(&self, name: Name, at: Timestamp) -> Self {
        Self { name, version: self.version + 1, updated_at: at, ..self.clone() }
    }

    /// The project at another place.
    #[must_use]
    pub fn moved(&self, parent: Option<ProjectId>, at: Timestamp) -> Self {
        Self { parent, version: self.version + 1, updated_at: at, ..self.clone() }
    }
}
