//! Those who operate the platform: letting them in, and no more.

use jiff::Timestamp;
use rookery_domain::id::OperatorId;
use rookery_domain::operator::{Operator, Token};
use rookery_domain::text::Name;
use rookery_store::{StoreError, operator, random};

use crate::Stack;

/// Lets somebody in. The token is shown once, here.
pub async fn create_operator(stack: &Stack, name: Name) -> Result<(Operator, Token), StoreError> {
    let mut bits = [0; 16];
    let mut secret = [0; 32];
    random::fill(&mut bits);
    random::fill(&mut secret);
    let now = Timestamp::now();
    let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or_default();
    let id = uuid::Builder::from_unix_timestamp_millis(milliseconds, &tail(bits)).into_uuid();
    let token = Token::new(OperatorId::from_uuid(id), secret);
    let made = operator::create(stack.clients().table()?, name, &token, now).await?;
    Ok((made, token))
}

/// What of the random bytes goes behind the time.
fn tail(bits: [u8; 16]) -> [u8; 10] {
    let mut tail = [0; 10];
    tail.copy_from_slice(&bits[..10]);
    tail
}

/// Everybody who was ever let in, a line each.
pub async fn operators(stack: &Stack) -> Result<Vec<String>, StoreError> {
    let all = operator::list(stack.clients().table()?).await?;
    Ok(all.iter().map(line).collect())
}

/// Lets somebody in no more. `None` if there is nobody of this id.
pub async fn revoke_operator(stack: &Stack, id: OperatorId) -> Result<Option<String>, StoreError> {
    let revoked = operator::revoke(stack.clients().table()?, id, Timestamp::now()).await?;
    Ok(revoked.as_ref().map(line))
}

fn line(operator: &Operator) -> String {
    let Operator { id, name, created_at, revoked_at } = operator;
    match revoked_at {
        None => format!("{id}  {name}, since {created_at:.0}"),
        Some(end) => format!("{id}  {name}, from {created_at:.0} to {end:.0}"),
    }
}
