//! What cannot be drawn.

/// The result of drawing.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a chart cannot be drawn.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{what} at {at}: expected {expected}, got {got}")]
pub struct Error {
    /// What is wrong.
    pub what: &'static str,
    /// Where.
    pub at: String,
    /// What would have been right.
    pub expected: String,
    /// What was there.
    pub got: String,
}

impl Error {
    /// A value that does not fit.
    pub fn new(
        what: &'static str,
        at: impl Into<String>,
        expected: impl Into<String>,
        got: impl ToString,
    ) -> Self {
        Self {
            what,
            at: at.into(),
            expected: expected.into(),
            got: got.to_string(),
        }
    }

    /// A chart without data.
    pub(crate) fn empty(what: &'static str, at: &str) -> Self {
        Self::new(what, at, "at least one", 0)
    }
}
