//! The worker that sends mail: for every invitation that is made or sent again, one mail with a link.
//!
//! The link's secret is made here and stands in the mail alone: what travels in events is the invitation's id, and what is kept is a
//! digest. See [`rookery_store::notification`] for why no mail is sent twice.

use rookery_domain::event::{Event, Outcome};
use rookery_domain::id::InvitationId;
use rookery_domain::invitation::{Invitation, InvitationToken, Standing};
use rookery_domain::permission::Permission;
use rookery_domain::text::Email;
use rookery_edge::{Boxed, Context, Message, SqsBatchResponse, SqsEvent, WorkerError, handle_batch};
use rookery_store::mail::{self, Mail};
use rookery_store::{
    Refusal, StoreError, TenantScope, Transaction, Variable, bus, invitation, notification, tenant,
};

use crate::impersonation;

/// Works through a batch of the notification queue.
pub fn work(context: Context, batch: SqsEvent) -> Boxed<SqsBatchResponse> {
    Box::pin(async move { handle_batch(batch, |message| notify(&context, message)).await })
}

async fn notify(context: &Context, message: Message) -> Result<(), WorkerError> {
    let event = bus::read(&message.body).map_err(WorkerError::malformed)?;
    if let Some(person) = impersonation::of(&event)? {
        return impersonation::tell(context, &event, person).await;
    }
    let Some(id) = invitation_of(&event)? else { return Ok(()) };
    let scope = TenantScope::of_event(&event);
    let table = context.table()?;
    let found = invitation::find(table, &scope, id).await?;
    // An event of earlier than the invitation's last change is overtaken: it was cancelled, accepted, or sent again since.
    let current = found.filter(|invitation| {
        invitation.version == event.version && invitation.standing(context.now()) == Standing::Pending
    });
    let Some((invitation, to)) = current.and_then(|found| Some((found.clone(), found.email?))) else {
        tracing::info!(event.id = %event.id, invitation.id = %id, "nothing to send for {id} any more");
        return Ok(());
    };
    let token = InvitationToken::new(id, context.random());
    let mut transaction = Transaction::new();
    notification::take(&mut transaction, &scope, event.id, context.now())?;
    invitation::put_link(&mut transaction, &scope, &invitation, token.digest())?;
    match table.commit(&transaction).await {
        Ok(()) => {}
        Err(StoreError::Refused(Refusal::Repeated))
            if notification::was_sent(table, &scope, event.id).await? =>
        {
            tracing::info!(event.id = %event.id, invitation.id = %id, "the mail for {id} was sent before");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    }
    let host = tenant::find(table, &scope).await?.map(|tenant| tenant.name.to_string()).unwrap_or_default();
    let mail = mail(context, &host, &to, &invitation, &token)?;
    if let Err(error) = mail::send(context.clients(), &mail).await {
        notification::let_go(table, &scope, event.id).await?;
        return Err(error.into());
    }
    notification::note(table, &scope, event.id, context.now()).await?;
    tracing::info!(
        event.id = %event.id,
        event.action = %event.action,
        tenant.id = %event.tenant,
        invitation.id = %id,
        request.id = event.origin.request_id,
        trace.parent = event.origin.trace_parent,
        "mail sent for {id}"
    );
    Ok(())
}

/// The invitation that an event asks to send; `None` for an event of something else.
fn invitation_of(event: &Event) -> Result<Option<InvitationId>, WorkerError> {
    let sends = [Permission::InvitationCreate, Permission::InvitationResend];
    if event.outcome != Outcome::Allowed || !sends.iter().any(|known| known.as_str() == event.action.as_str())
    {
        return Ok(None);
    }
    event.resource.id.parse().map(Some).map_err(WorkerError::malformed)
}

fn mail(
    context: &Context,
    host: &str,
    to: &Email,
    invitation: &Invitation,
    token: &InvitationToken,
) -> Result<Mail, StoreError> {
    let page = context.settings().needed(Variable::InvitationUrl)?;
    let greeting =
        invitation.name.as_ref().map_or_else(|| "Hello".to_owned(), |name| format!("Hello {name}"));
    let until = invitation.expires_at.strftime("%Y-%m-%d %H:%M UTC");
    let text = format!(
        "{greeting},\n\n\
         {host} invites you to Rookery. To accept, open this link by {until}:\n\n\
         {page}#{token}\n\n\
         The link is good once. What stands behind the # is the token that POST /v1/invitations/accept takes.\n\
         If you did not expect this mail, there is nothing to do.\n",
        token = token.reveal(),
    );
    Ok(Mail { to: to.clone(), subject: format!("{host} invites you to Rookery"), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> String {
        let text = include_str!("../../../events/notification-worker.json");
        let batch: serde_json::Value = serde_json::from_str(text).unwrap();
        batch["Records"][0]["body"].as_str().unwrap().to_owned()
    }

    #[test]
    fn only_what_asks_for_a_mail_gets_one() {
        let event = bus::read(&sample()).unwrap();
        assert_eq!(invitation_of(&event).unwrap().unwrap().to_string(), "inv_01h455vb4pex5vsknk084sn02q");
        for (from, to) in [
            ("\"action\":\"invitation.create\"", "\"action\":\"invitation.cancel\""),
            ("\"outcome\":\"allowed\"", "\"outcome\":\"denied\""),
        ] {
            let other = sample().replace(from, to);
            assert_ne!(other, sample());
            assert_eq!(invitation_of(&bus::read(&other).unwrap()).unwrap(), None);
        }
        let odd = sample().replace("inv_01h455vb4pex5vsknk084sn02q", "usr_01h455vb4pex5vsknk084sn02q");
        assert!(invitation_of(&bus::read(&odd).unwrap()).is_err());
    }
}
