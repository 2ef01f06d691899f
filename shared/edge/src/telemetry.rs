//! Logs: one JSON object per line on standard output, a message and dotted fields. Never a body, a token or an address.

use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Sets logging up for the process. The level comes from `LOG_LEVEL`, `info` unless set; it may
/// name targets as well, as in `info,aws_smithy_runtime=debug`.
pub(crate) fn start() {
    let filter = std::env::var("LOG_LEVEL")
        .ok()
        .and_then(|text| text.parse::<Targets>().ok())
        .unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    // Fails only when set up before, which is as good.
    let _ = tracing_subscriber::registry().with(filter).with(log_lines(std::io::stdout)).try_init();
}

/// The form of the log, into whatever is written to.
pub fn log_lines<S, W>(writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_ansi(false)
        .with_writer(writer)
}
