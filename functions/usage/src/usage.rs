//! `/v1/usage`: what the tenant used.

use std::collections::BTreeMap;

use axum::extract::State;
use jiff::Timestamp;
use rookery_domain::moment::Moment;
use rookery_domain::permission::right;
use rookery_domain::usage::{Bucket, Granularity, Meter, Range};
use rookery_edge::{Answer, Context, Document, Params, Problem, Scope};
use rookery_store::usage;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(read))
}

/// What was used of some meters within a range of time.
#[derive(Debug, Serialize, ToSchema)]
pub struct Usage {
    granularity: Granularity,
    /// The first instant that is counted.
    from: Timestamp,
    /// The first instant that is not counted any more.
    to: Timestamp,
    /// What was used, by meter and then by time, earliest first. Where nothing was used there is no item.
    items: Vec<Item>,
    /// The sum of every meter that was asked for.
    totals: BTreeMap<Meter, u64>,
}

/// What was used of a meter within an hour, a day or a month.
#[derive(Debug, Serialize, ToSchema)]
struct Item {
    meter: Meter,
    /// The hour, day or month in UTC, such as `2026-11-21T09`, `2026-11-21` or `2026-11`.
    period: Bucket,
    /// The first instant of the period.
    from: Timestamp,
    /// How much: calls, checks, reports or bytes.
    count: u64,
}

/// Read what was used, by hour, day or month.
///
/// Without `meter` every meter is answered. Periods that the range touches are answered whole. Without `from` and `to` these
/// are the last 24 hours, 30 days or 12 months, up to now; at most 31 days of hours, 366 days or 120 months are answered at
/// once. What was used a few seconds ago may not have been counted yet.
#[utoipa::path(
    get,
    path = "/v1/usage",
    tag = "usage",
    params(
        ("meter" = Option<Meter>, Query, description = "What was counted; every meter unless given."),
        ("from" = Option<Moment>, Query, description = "Not before this instant or date."),
        ("to" = Option<Moment>, Query, description = "Before this instant or date; until now unless given."),
        ("granularity" = Option<Granularity>, Query, description = "How finely it is told apart; by day unless given.")
    ),
    responses(
        (status = 200, description = "What was used.", body = Usage),
        (status = 400, description = "A parameter is faulty, or the range too long.", body = Document, content_type = "application/problem+json"),
    )
)]
async fn read(
    State(context): State<Context>,
    scope: Scope<right::UsageRead>,
    mut params: Params,
) -> Result<Answer, Problem> {
    let meter: Option<Meter> = params.take("meter");
    let granularity: Granularity = params.take("granularity").unwrap_or_default();
    let (from, to): (Option<Moment>, Option<Moment>) = (params.take("from"), params.take("to"));
    let range = Range::new(from, to, granularity, context.now());
    if let Err(fault) = &range {
        params.fault(fault.pointer.trim_start_matches('?'), fault.detail.as_str());
    }
    params.finish()?;
    let range = range.map_err(|fault| Problem::internal(fault.detail))?;

    let meters = meter.map_or_else(|| Meter::ALL.to_vec(), |meter| vec![meter]);
    let (mut items, mut totals) = (Vec::new(), BTreeMap::new());
    for meter in meters {
        let counters = usage::list(context.table()?, &scope.tenant, meter, range).await?;
        totals.insert(meter, counters.iter().map(|(_, count)| count).sum());
        items.extend(counters.into_iter().map(|(period, count)| Item {
            meter,
            period,
            from: period.start(),
            count,
        }));
    }
    let end = range.last().moved(1).unwrap_or(range.last());
    Answer::ok(&Usage { granularity, from: range.first().start(), to: end.start(), items, totals })
}
