//! The worker that sends mail: for every invitation that is made or sent again, for those who forgot their password or have to show that
//! an address is theirs, and for those who should know what was done to their account.
//!
//! The secret of a link is made here and stands in the mail alone: what travels in events is an id, and what is kept is a digest. See
//! [`rookery_store::notification`] for why no mail is sent twice.

use rookery_domain::event::{Action, Event, Outcome};
use rookery_domain::id::{InvitationId, UserId};
use rookery_domain::invitation::{InvitationToken, Standing};
use rookery_domain::link::{LinkToken, Purpose};
use rookery_domain::permission::Permission;
use rookery_domain::user::{User, UserState};
use rookery_edge::{Boxed, Context, Message, SqsBatchResponse, SqsEvent, WorkerError, handle_batch};
use rookery_store::mail::{self, Mail};
use rookery_store::{
    Refusal, StoreError, TenantScope, Transaction, bus, invitation, link, notification, tenant, user,
};

use crate::impersonation;
use crate::mails::{self, Notice};

/// Works through a batch of the notification queue.
pub fn work(context: Context, batch: SqsEvent) -> Boxed<SqsBatchResponse> {
    Box::pin(async move { handle_batch(batch, |message| notify(&context, message)).await })
}

/// What an event asks to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Errand {
    /// The link of an invitation.
    Invitation(InvitationId),
    /// A link to a person.
    Link(UserId, Purpose),
    /// Something that a person should know.
    Notice(UserId, Notice),
}

async fn notify(context: &Context, message: Message) -> Result<(), WorkerError> {
    let event = bus::read(&message.body).map_err(WorkerError::malformed)?;
    if let Some(person) = impersonation::of(&event)? {
        return impersonation::tell(context, &event, person).await;
    }
    let Some(errand) = errand_of(&event)? else { return Ok(()) };
    let scope = TenantScope::of_event(&event);
    let mut transaction = Transaction::new();
    notification::take(&mut transaction, &scope, event.id, context.now())?;
    let Some(mail) = prepare(context, &scope, &event, errand, &mut transaction).await? else {
        tracing::info!(event.id = %event.id, resource.id = event.resource.id, "nothing to send any more");
        return Ok(());
    };
    let table = context.table()?;
    match table.commit(&transaction).await {
        Ok(()) => {}
        Err(StoreError::Refused(Refusal::Repeated))
            if notification::was_sent(table, &scope, event.id).await? =>
        {
            tracing::info!(event.id = %event.id, resource.id = event.resource.id, "the mail was sent before");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    }
    if let Err(error) = mail::send(context.clients(), &mail).await {
        notification::let_go(table, &scope, event.id).await?;
        return Err(error.into());
    }
    notification::note(table, &scope, event.id, context.now()).await?;
    tracing::info!(
        event.id = %event.id,
        event.action = %event.action,
        tenant.id = %event.tenant,
        resource.id = event.resource.id,
        request.id = event.origin.request_id,
        trace.parent = event.origin.trace_parent,
        "mail sent"
    );
    Ok(())
}

/// The mail, with what has to be written before it is sent; `None` where there is nothing to send any more.
async fn prepare(
    context: &Context,
    scope: &TenantScope,
    event: &Event,
    errand: Errand,
    transaction: &mut Transaction,
) -> Result<Option<Mail>, StoreError> {
    let table = context.table()?;
    let host = tenant::find(table, scope).await?.map(|tenant| tenant.name.to_string()).unwrap_or_default();
    match errand {
        Errand::Invitation(id) => {
            let found = invitation::find(table, scope, id).await?;
            // An event of earlier than the invitation's last change is overtaken: it was cancelled, accepted, or sent again since.
            let current = found.filter(|invitation| {
                invitation.version == event.version && invitation.standing(context.now()) == Standing::Pending
            });
            let Some((invitation, to)) = current.and_then(|found| Some((found.clone(), found.email?))) else {
                return Ok(None);
            };
            let token = InvitationToken::new(id, context.random());
            invitation::put_link(transaction, scope, &invitation, token.digest())?;
            mails::invitation(context, &host, &to, &invitation, &token).map(Some)
        }
        Errand::Link(id, purpose) => {
            let Some(user) = person(context, scope, id).await? else { return Ok(None) };
            if purpose == Purpose::Verify && user.email_verified {
                return Ok(None);
            }
            let token = LinkToken::new(purpose, id, context.random());
            let good_until = link::put(transaction, scope, &token, &user.email, context.now())?;
            mails::link(context, &host, &user, &token, good_until).map(Some)
        }
        Errand::Notice(id, notice) => {
            let user = person(context, scope, id).await?;
            Ok(user.map(|user| mails::notice(&host, &user, notice, event.at)))
        }
    }
}

async fn person(context: &Context, scope: &TenantScope, id: UserId) -> Result<Option<User>, StoreError> {
    let found = user::find(context.table()?, scope, id).await?.map(|found| found.user);
    Ok(found.filter(|user| user.state == UserState::Active))
}

/// What an event asks to send; `None` for an event of something else.
fn errand_of(event: &Event) -> Result<Option<Errand>, WorkerError> {
    if event.outcome != Outcome::Allowed {
        return Ok(None);
    }
    let person = || event.resource.id.parse::<UserId>().map_err(WorkerError::malformed);
    let is = |permission: Permission| event.action == Action::from(permission);
    let moves = || event.changes.iter().any(|change| change.field == "email");
    let errand = if is(Permission::InvitationCreate) || is(Permission::InvitationResend) {
        Errand::Invitation(event.resource.id.parse().map_err(WorkerError::malformed)?)
    } else if event.action == Action::PASSWORD_FORGOT {
        Errand::Link(person()?, Purpose::Reset)
    } else if event.action == Action::TENANT_SIGN_UP {
        // The founder is who signed up.
        Errand::Link(event.actor.id.parse().map_err(WorkerError::malformed)?, Purpose::Verify)
    } else if is(Permission::UserUpdate) && moves() {
        Errand::Link(person()?, Purpose::Verify)
    } else if event.action == Action::PASSWORD_RESET || event.action == Action::PASSWORD_CHANGE {
        Errand::Notice(person()?, Notice::PasswordChanged)
    } else if event.action == Action::MFA_ENROL {
        Errand::Notice(person()?, Notice::FactorAdded)
    } else if event.action == Action::MFA_REMOVE {
        Errand::Notice(person()?, Notice::FactorRemoved)
    } else if event.action == Action::PASSKEY_REGISTER {
        Errand::Notice(person()?, Notice::PasskeyAdded)
    } else if event.action == Action::PASSKEY_REMOVE {
        Errand::Notice(person()?, Notice::PasskeyRemoved)
    } else if is(Permission::UserMfaReset) {
        Errand::Notice(person()?, Notice::FactorReset)
    } else {
        return Ok(None);
    };
    Ok(Some(errand))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> String {
        let text = include_str!("../../../events/notification-worker.json");
        let batch: serde_json::Value = serde_json::from_str(text).unwrap();
        batch["Records"][0]["body"].as_str().unwrap().to_owned()
    }

    fn errand(text: &str) -> Option<Errand> {
        errand_of(&bus::read(text).unwrap()).unwrap()
    }

    #[test]
    fn only_what_asks_for_a_mail_gets_one() {
        let id = "inv_01h455vb4pex5vsknk084sn02q".parse().unwrap();
        assert_eq!(errand(&sample()), Some(Errand::Invitation(id)));
        for (from, to) in [
            ("\"action\":\"invitation.create\"", "\"action\":\"invitation.cancel\""),
            ("\"outcome\":\"allowed\"", "\"outcome\":\"denied\""),
        ] {
            let other = sample().replace(from, to);
            assert_ne!(other, sample());
            assert_eq!(errand(&other), None);
        }
        let odd = sample().replace("inv_01h455vb4pex5vsknk084sn02q", "usr_01h455vb4pex5vsknk084sn02q");
        assert!(errand_of(&bus::read(&odd).unwrap()).is_err());
    }

    #[test]
    fn people_get_links_and_notices() {
        let id = "usr_01h455vb4pex5vsknk084sn02q";
        let user: UserId = id.parse().unwrap();
        let of = |action: &str| {
            let text = sample().replace("inv_01h455vb4pex5vsknk084sn02q", id);
            errand(&text.replace("\"action\":\"invitation.create\"", &format!("\"action\":\"{action}\"")))
        };
        assert_eq!(of("password.forgot"), Some(Errand::Link(user, Purpose::Reset)));
        // The sample says that the mail address changed.
        assert_eq!(of("user.update"), Some(Errand::Link(user, Purpose::Verify)));
        assert_eq!(of("password.reset"), Some(Errand::Notice(user, Notice::PasswordChanged)));
        assert_eq!(of("user.mfa_reset"), Some(Errand::Notice(user, Notice::FactorReset)));
        assert_eq!(of("passkey.register"), Some(Errand::Notice(user, Notice::PasskeyAdded)));
        assert_eq!(of("passkey.remove"), Some(Errand::Notice(user, Notice::PasskeyRemoved)));
        assert_eq!(of("passkey.rename"), None);
        assert_eq!(of("user.suspend"), None);
    }
}
