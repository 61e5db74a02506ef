//! Why a job ended before its end.

use crate::status::Status;

/// The reason, and what the person can do now, with the exit status that goes with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Failure {
    /// Exit status.
    pub status: Status,
    /// A sentence.
    pub reason: String,
}

impl Failure {
    /// A failure with this status.
    pub fn new(status: Status, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into() }
    }

    /// Refused, for safety or because the program can't do this.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::new(Status::Refused, reason)
    }

    /// It can't be done.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self::new(Status::Failed, reason)
    }

    /// The command line makes no sense.
    pub fn usage(reason: impl Into<String>) -> Self {
        Self::new(Status::Usage, reason)
    }

    /// The same command goes on.
    pub fn stopped(reason: impl Into<String>) -> Self {
        Self::new(Status::Stopped, reason)
    }
}

/// What a program says that could not begin.
impl From<Failure> for (Status, String) {
    fn from(failure: Failure) -> Self {
        (failure.status, failure.reason)
    }
}
