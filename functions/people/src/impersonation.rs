//! Telling people by mail that somebody acts in their place.

use jiff::Timestamp;
use rookery_domain::event::{Event, Outcome};
use rookery_domain::id::UserId;
use rookery_domain::permission::Permission;
use rookery_domain::text::{Email, Name};
use rookery_edge::{Context, WorkerError};
use rookery_store::mail::{self, Mail};
use rookery_store::{Refusal, StoreError, TenantScope, Transaction, notification, tenant, user};

/// The person in whose place somebody acts by an event; `None` for an event of something else.
pub(crate) fn of(event: &Event) -> Result<Option<UserId>, WorkerError> {
    let began =
        event.outcome == Outcome::Allowed && event.action.as_str() == Permission::UserImpersonate.as_str();
    began.then(|| event.resource.id.parse().map_err(WorkerError::malformed)).transpose()
}

/// Tells a person by whom, why, and until when.
pub(crate) async fn tell(context: &Context, event: &Event, person: UserId) -> Result<(), WorkerError> {
    let (table, scope) = (context.table()?, TenantScope::of_event(event));
    let Some(told) = user::find(table, &scope, person).await? else { return Ok(()) };
    let by = event.actor.id.parse().map_err(WorkerError::malformed)?;
    let by = user::find(table, &scope, by).await?.map(|found| found.user.name.to_string());
    let host = tenant::find(table, &scope).await?.map(|tenant| tenant.name.to_string()).unwrap_or_default();
    let mut transaction = Transaction::new();
    notification::take(&mut transaction, &scope, event.id, context.now())?;
    match table.commit(&transaction).await {
        Err(StoreError::Refused(Refusal::Repeated))
            if notification::was_sent(table, &scope, event.id).await? =>
        {
            return Ok(());
        }
        taken => taken?,
    }
    let by = by.as_deref().unwrap_or(&event.actor.id);
    if let Err(error) =
        mail::send(context.clients(), &letter(&host, (&told.user.email, &told.user.name), by, event)).await
    {
        notification::let_go(table, &scope, event.id).await?;
        return Err(error.into());
    }
    notification::note(table, &scope, event.id, context.now()).await?;
    tracing::info!(
        event.id = %event.id,
        event.action = %event.action,
        tenant.id = %event.tenant,
        user.id = %person,
        request.id = event.origin.request_id,
        trace.parent = event.origin.trace_parent,
        "mail sent for {person}"
    );
    Ok(())
}

fn letter(host: &str, (to, name): (&Email, &Name), by: &str, event: &Event) -> Mail {
    let said = |field: &str| {
        let change = event.changes.iter().find(|change| change.field == field);
        change.and_then(|change| change.after.as_str()).unwrap_or_default()
    };
    let shown = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
    let end = said("ends_at").parse().map_or_else(|_| said("ends_at").to_owned(), shown);
    let text = format!(
        "Hello {name},\n\n\
         {by}, who administers your account at {host} on Rookery, acts in your place since {at}, until {end} at the latest.\n\n\
         The reason that was given: {reason}\n\n\
         Everything that is done stands in the audit trail, under both your names. Logging out everywhere ends it at once.\n",
        at = shown(event.at),
        reason = said("reason"),
    );
    Mail { to: to.clone(), subject: format!("{host}: somebody acts in your place"), text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const BOB: &str = "usr_01h455vb4pex5vsknk084sn02q";

    fn event(changed: &Value) -> Event {
        let text = include_str!("../../../events/notification-worker.json");
        let batch: Value = serde_json::from_str(text).unwrap();
        let mut event = serde_json::to_value(
            rookery_store::bus::read(batch["Records"][0]["body"].as_str().unwrap()).unwrap(),
        )
        .unwrap();
        event["action"] = json!("user.impersonate");
        event["resource"] = json!({"kind": "user", "id": BOB});
        event["changes"] = changed.clone();
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn a_person_is_told_by_whom_why_and_until_when() {
        let began = event(&json!([
            {"field": "reason", "after": "a release is missing"},
            {"field": "ends_at", "after": "2026-11-21T09:20:00Z"},
        ]));
        assert_eq!(of(&began).unwrap(), Some(BOB.parse().unwrap()));
        let (to, name) = ("bob@example.com".parse().unwrap(), "Bob".parse().unwrap());
        let mail = letter("Acme", (&to, &name), "Ada", &began);
        assert_eq!(mail.to.as_str(), "bob@example.com");
        for said in ["Hello Bob", "Ada, who", "a release is missing", "2026-11-21 09:20 UTC"] {
            assert!(mail.text.contains(said), "{said} is missing in {}", mail.text);
        }
        let mut refused = began;
        refused.outcome = Outcome::Denied;
        assert_eq!(of(&refused).unwrap(), None);
    }
}
