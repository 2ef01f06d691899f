//! Logs: one JSON object per line on standard output, a message and dotted fields. Never a body, a token or an address.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Sets logging up for the process. The level comes from `LOG_LEVEL`, `info` unless set.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_env("LOG_LEVEL").unwrap_or_else(|_| EnvFilter::new("info"));
    let format = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_ansi(false);
    // Fails only when set up before, which is as good.
    let _ = tracing_subscriber::registry().with(filter).with(format).try_init();
}
