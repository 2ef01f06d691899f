//! People: groups, the records of people, and invitations.

pub mod body;
mod gifts;
pub mod group;
pub mod group_member;
pub mod group_members;
pub mod group_move;
pub mod groups;
mod impersonation;
pub mod invitation;
pub mod invitation_resend;
pub mod invitations;
pub mod invitations_accept;
mod load;
mod mails;
pub mod user;
pub mod user_state;
pub mod users;
pub mod worker;

use rookery_edge::{Kind, Route};
use rookery_store::Variable::{
    AuthCacheSeconds, EmailVerifyUrl, InvitationUrl, KmsKey, MailFrom, PasswordResetUrl, Table, UsageQueue,
};

const NEEDS: &[rookery_store::Variable] = &[Table, UsageQueue, AuthCacheSeconds];

/// The functions of this area.
pub const ROUTES: &[Route] = &[
    Route { handler: "groups", needs: NEEDS, kind: Kind::Http(groups::router) },
    Route { handler: "group", needs: NEEDS, kind: Kind::Http(group::router) },
    Route { handler: "group-move", needs: NEEDS, kind: Kind::Http(group_move::router) },
    Route { handler: "group-members", needs: NEEDS, kind: Kind::Http(group_members::router) },
    Route { handler: "group-member", needs: NEEDS, kind: Kind::Http(group_member::router) },
    Route { handler: "users", needs: NEEDS, kind: Kind::Http(users::router) },
    Route { handler: "user", needs: NEEDS, kind: Kind::Http(user::router) },
    Route { handler: "user-suspend", needs: NEEDS, kind: Kind::Http(user_state::suspending) },
    Route { handler: "user-resume", needs: NEEDS, kind: Kind::Http(user_state::resuming) },
    Route { handler: "invitations", needs: NEEDS, kind: Kind::Http(invitations::router) },
    Route { handler: "invitation", needs: NEEDS, kind: Kind::Http(invitation::router) },
    Route { handler: "invitation-resend", needs: NEEDS, kind: Kind::Http(invitation_resend::router) },
    Route {
        handler: "invitations-accept",
        needs: &[Table, KmsKey],
        kind: Kind::Http(invitations_accept::router),
    },
    Route {
        handler: "notification-worker",
        needs: &[Table, MailFrom, InvitationUrl, PasswordResetUrl, EmailVerifyUrl],
        kind: Kind::Queue(worker::work),
    },
];
