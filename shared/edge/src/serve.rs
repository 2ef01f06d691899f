//! Starting a function: the one route or worker that its `Handler` names.

use std::pin::Pin;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use axum::Router;
use axum::response::{IntoResponse, Response};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use rookery_store::{Settings, Variable};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use utoipa_axum::router::OpenApiRouter;

use crate::{Context, Meter, Problem, Sources, finish, gateway, notice, telemetry};

/// A call of the SDK makes hundreds of small allocations, which cost the system's allocator more.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One function: what its `Handler` is called, which variables it needs, and what it does.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The value of `Handler` in the template.
    pub handler: &'static str,
    /// The variables without which it does not start.
    pub needs: &'static [Variable],
    /// What it does.
    pub kind: Kind,
}

/// A future on the heap, for function pointers.
pub type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What a function does.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Answers one path of the API, or several that do the like.
    Http(fn() -> OpenApiRouter<Context>),
    /// Works through a queue.
    Queue(fn(Context, SqsEvent) -> Boxed<SqsBatchResponse>),
    /// Works through something else, such as the table's stream.
    Other(fn(Context, Value) -> Boxed<Result<Value, Error>>),
}

/// Starts the route that the environment names, and serves it until the process is told to end.
pub async fn run(routes: &[Route]) -> Result<(), Error> {
    telemetry::start();
    let handler = std::env::var("_HANDLER").map_err(|_| "the environment variable _HANDLER is missing")?;
    let route = routes
        .iter()
        .find(|route| route.handler == handler)
        .ok_or_else(|| format!("this binary has no handler {handler}"))?;
    let context = Context::new(Settings::from_environment(route.needs)?, Sources::system());
    tokio::spawn(Meter::run(context.clone()));
    tokio::spawn(end_on_signal(context.clone()));
    match route.kind {
        Kind::Http(make) => {
            notice::ask().await;
            gateway::serve(http_router(make().split_for_parts().0, context)).await
        }
        Kind::Queue(work) => {
            lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| {
                let context = context.clone();
                async move { Ok::<_, Error>(work(context, event.payload).await) }
            }))
            .await
        }
        Kind::Other(work) => {
            lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
                work(context.clone(), event.payload)
            }))
            .await
        }
    }
}

/// A router as it is served: with problems for what no route answers, and the outermost layer.
pub fn http_router(router: Router<Context>, context: Context) -> Router {
    router
        .fallback(|| async { Problem::NotFound("path") })
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(panicked))
        .layer(axum::middleware::from_fn_with_state(context.clone(), finish))
        .with_state(context)
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands the panic over by value")]
fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    Problem::internal(format!("panic: {text}")).into_response()
}

/// Sends what was counted when the process is told to end, then ends it.
async fn end_on_signal(context: Context) {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be received; usage counted last may be lost at shutdown");
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    context.meter().flush(&context).await;
    std::process::exit(0);
}
