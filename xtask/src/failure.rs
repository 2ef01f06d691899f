//! How a command fails: with one sentence that says what to do.

use std::fmt::Display;

/// Why a command ended early. Its text is printed as it stands; there is no backtrace and no chain behind it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something is wrong; the text names it and says what to do.
    Told(String),
    /// Ctrl-C or a signal asked for the end.
    Interrupted,
    /// What failed has already said so, and its words are to be the last.
    Reported,
}

pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self::Told(sentence.into())
    }
}

/// Turns an error of the machine (a file, a socket) into a sentence that starts with what was being done.
pub(crate) trait Context<T> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Display> Context<T> for std::result::Result<T, E> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Failure::new(format!("{}: {error}.", doing())))
    }
}
