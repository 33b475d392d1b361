//! Errors are sentences: what went wrong, where, what was expected and what was found.

use std::path::PathBuf;

/// The result of everything in Cortado that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of the library.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value that does not fit where it was given.
    #[error("{what} at {at}: expected {expected}, got {got}")]
    Invalid {
        /// What is wrong, for example `shape`.
        what: &'static str,
        /// Where, for example `node 'hidden'`.
        at: String,
        /// What would have been right.
        expected: String,
        /// What was there.
        got: String,
    },
    /// The operating system refused a file operation.
    #[error("{action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried, for example `cannot write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's own word.
        source: std::io::Error,
    },
}

impl Error {
    /// A value that does not fit.
    ///
    /// ```
    /// let e = cortado_base::Error::invalid("shape", "node 'fc1'", "784 inputs", 64);
    /// assert_eq!(e.to_string(), "shape at node 'fc1': expected 784 inputs, got 64");
    /// ```
    pub fn invalid(
        what: &'static str,
        at: impl Into<String>,
        expected: impl Into<String>,
        got: impl ToString,
    ) -> Self {
        Self::Invalid {
            what,
            at: at.into(),
            expected: expected.into(),
            got: got.to_string(),
        }
    }

    /// Wraps an input or output error with the action and the path.
    pub fn io(action: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io {
            action,
            path: path.into(),
            source,
        }
    }
}
