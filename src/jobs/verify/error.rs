//! Why nothing was compared, or not to the end, with the exit status that goes with it.

use crate::jobs::rip::RipError;
use crate::scsi::OpenError;
use crate::status::Status;

/// The end of a job before its end. Each message says what to do now.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The drive could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The disc is not for this program, or the drive does not answer.
    #[error(transparent)]
    Disc(#[from] RipError),
    /// The command line makes no sense.
    #[error("{0}")]
    Usage(String),
    /// Not what this program does.
    #[error("{0}")]
    Refused(String),
    /// It can't.
    #[error("{0}")]
    Failed(String),
    /// The same command may do better.
    #[error("{0}")]
    Stopped(String),
    /// A signal ended it.
    #[error("as asked, before the end")]
    Interrupted,
}

impl VerifyError {
    /// The exit status.
    pub fn status(&self) -> Status {
        match self {
            Self::Open(OpenError::Missing { .. } | OpenError::Denied { .. } | OpenError::Failed { .. }) => Status::Failed,
            Self::Open(_) | Self::Refused(_) => Status::Refused,
            Self::Disc(error) => error.status(),
            Self::Usage(_) => Status::Usage,
            Self::Failed(_) => Status::Failed,
            Self::Stopped(_) | Self::Interrupted => Status::Stopped,
        }
    }
}
