//! What the person at the terminal sees while something takes its time.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// A step that takes longer than a second: a spinner on a terminal, in any case one line when it is done.
pub(crate) struct Phase {
    name: String,
    bar: Option<ProgressBar>,
    started: Instant,
}

impl Phase {
    pub(crate) fn start(name: impl Into<String>) -> Self {
        let mut phase = Self::quiet(name);
        if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new_spinner().with_message(phase.name.clone());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            phase.bar = Some(bar);
        }
        phase
    }

    /// Without a spinner, for a step that shows its own progress.
    pub(crate) fn quiet(name: impl Into<String>) -> Self {
        Self { name: name.into(), bar: None, started: Instant::now() }
    }

    pub(crate) fn done(mut self) -> Duration {
        let took = self.started.elapsed();
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        eprintln!("{}: {:.1} s", self.name, took.as_secs_f64());
        took
    }
}

impl Drop for Phase {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
