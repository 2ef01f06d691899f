//! Committing a decision together with its answer, so that a request that is sent again is answered again.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, StatusCode};
use rookery_domain::quota::Exceeded;
use rookery_store::idempotency::{self, AnswerRecord, KEPT_SECONDS, StoredAnswer};
use rookery_store::seal::Purpose;
use rookery_store::{Refusal, StoreError, TenantScope, Transaction, quota};

use crate::{Answer, Context, Idempotency, Problem};

impl Context {
    /// Commits a transaction and answers. With an idempotency key, the answer is kept in the same transaction: when two
    /// requests with one key run at once, one of them writes and both answer the same.
    pub async fn commit(
        &self,
        scope: &TenantScope,
        idempotency: Option<&Idempotency>,
        mut transaction: Transaction,
        answer: Answer,
    ) -> Result<Answer, Problem> {
        let Some(idempotency) = idempotency else {
            self.carry_out(scope, &transaction).await?;
            return Ok(answer);
        };
        let record = AnswerRecord {
            request: idempotency.request,
            answer: self.stored(&mut transaction, scope, idempotency, &answer).await?,
            ttl: self.now().as_second() + KEPT_SECONDS,
        };
        idempotency::keep(&mut transaction, &idempotency.place, &record, self.now())?;
        match self.table()?.commit(&transaction).await {
            Ok(()) => Ok(answer),
            Err(StoreError::Refused(refusal)) => match self.refuse(Some(idempotency), refusal).await {
                Err(Problem::QuotaExceeded(exceeded)) => Err(self.with_figures(scope, exceeded).await?),
                answered => answered,
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Commits a transaction that belongs to a request and has no answer of its own.
    pub async fn carry_out(&self, scope: &TenantScope, transaction: &Transaction) -> Result<(), Problem> {
        match self.table()?.commit(transaction).await.map_err(Problem::from) {
            Err(Problem::QuotaExceeded(exceeded)) => Err(self.with_figures(scope, exceeded).await?),
            done => done,
        }
    }

    async fn with_figures(&self, scope: &TenantScope, exceeded: Exceeded) -> Result<Problem, Problem> {
        let Exceeded { holder, quota, .. } = exceeded;
        Ok(Problem::QuotaExceeded(quota::exceeded(self.table()?, scope, holder, quota).await?))
    }

    /// Refuses a request, unless the same request was carried out a moment ago: whichever condition failed first, if the
    /// idempotency key is taken now, the other request did the work, and its answer is given again.
    pub async fn refuse(
        &self,
        idempotency: Option<&Idempotency>,
        refusal: Refusal,
    ) -> Result<Answer, Problem> {
        let first = match idempotency {
            Some(idempotency) => replay(self, idempotency).await?,
            None => None,
        };
        first.ok_or_else(|| refusal.into())
    }

    /// Remembers that a request which changes nothing was made, so that its key is refused for another body.
    pub async fn commit_nothing(
        &self,
        idempotency: Option<&Idempotency>,
        answer: Answer,
    ) -> Result<Answer, Problem> {
        let Some(idempotency) = idempotency else { return Ok(answer) };
        let record = AnswerRecord {
            request: idempotency.request,
            answer: StoredAnswer::Again,
            ttl: self.now().as_second() + KEPT_SECONDS,
        };
        let mut transaction = Transaction::new();
        idempotency::keep(&mut transaction, &idempotency.place, &record, self.now())?;
        match self.table()?.commit(&transaction).await {
            Ok(()) => Ok(answer),
            Err(StoreError::Refused(Refusal::Repeated)) => {
                replay(self, idempotency).await?;
                Ok(answer)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn stored(
        &self,
        transaction: &mut Transaction,
        scope: &TenantScope,
        idempotency: &Idempotency,
        answer: &Answer,
    ) -> Result<StoredAnswer, Problem> {
        let status = answer.status.as_u16();
        let headers = answer.headers.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
        if answer.secret {
            let resource = idempotency.place.sort();
            let sealer = self.sealer();
            let body =
                sealer.seal_within(transaction, scope, Purpose::Answers, resource, &answer.body).await?;
            return Ok(StoredAnswer::Sealed { status, headers, body, tenant: scope.tenant() });
        }
        let body = String::from_utf8(answer.body.to_vec()).map_err(Problem::internal)?;
        Ok(StoredAnswer::Whole { status, headers, body })
    }
}

/// How often something is decided anew when others change what it rests on at the same time.
const ATTEMPTS: u32 = 6;

/// Decides and commits, again while others change what is beside the thing that is changed. A change of the thing itself
/// is the caller's to look at: that conflict is answered.
pub async fn deciding<F: Future<Output = Result<Answer, Problem>>>(
    attempt: impl Fn() -> F,
) -> Result<Answer, Problem> {
    for tried in 1..ATTEMPTS {
        match attempt().await {
            Err(Problem::Conflict { code: Problem::OVERTAKEN, .. }) => {
                tokio::time::sleep(Duration::from_millis(10 << tried)).await;
            }
            decided => return decided,
        }
    }
    attempt().await
}

/// The answer that a request got before, if it was made before. Another body under the same key is a conflict.
pub(crate) async fn replay(context: &Context, request: &Idempotency) -> Result<Option<Answer>, Problem> {
    let Some(record) = idempotency::find(context.table()?, &request.place, context.now()).await? else {
        return Ok(None);
    };
    if record.request != request.request {
        let detail = "this idempotency key was used for another request body within the last 24 hours";
        return Err(Problem::conflict("idempotency-key-reused", detail));
    }
    let (status, headers, body) = match record.answer {
        StoredAnswer::Again => return Ok(None),
        StoredAnswer::Whole { status, headers, body } => (status, headers, Bytes::from(body)),
        StoredAnswer::Sealed { status, headers, body, tenant } => {
            let scope = TenantScope::of_message(tenant);
            // Whoever asks need not have said yet who it is; what is opened is of this tenant and nothing else is done.
            context.bind(&scope);
            let resource = request.place.sort();
            let body = context.sealer().open(&scope, Purpose::Answers, resource, &body).await?;
            (status, headers, Bytes::copy_from_slice(&body))
        }
    };
    let headers = headers
        .into_iter()
        .map(|(name, value)| Ok((name.parse::<HeaderName>().map_err(Problem::internal)?, value)))
        .collect::<Result<_, Problem>>()?;
    let status = StatusCode::from_u16(status).map_err(Problem::internal)?;
    Ok(Some(Answer { status, headers, body, secret: false }))
}
