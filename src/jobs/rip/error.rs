//! Why a disc was not imaged, with the exit status that goes with it.

use crate::disc::Refusal;
use crate::medium::OutputError;
use crate::mmc::CommandError;
use crate::scsi::OpenError;
use crate::status::Status;

/// The end of a job before its end. Each message says what to do now.
#[derive(Debug, thiserror::Error)]
pub enum RipError {
    /// The drive could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The disc is not for this program.
    #[error(transparent)]
    Disc(#[from] Refusal),
    /// The output can't be opened.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// Refused for safety.
    #[error("{0}")]
    Refused(String),
    /// The command line makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The same command goes on.
    #[error("{0}")]
    Stopped(String),
    /// It can't.
    #[error("{0}")]
    Failed(String),
    /// The drive went away before anything was known of its disc.
    #[error("the drive is gone from the bus; look at its cable and power, and the same command goes on")]
    Vanished,
    /// A signal ended it.
    #[error("as asked; the same command goes on")]
    Interrupted,
}

impl RipError {
    /// A drive that no longer answers as it should.
    pub(super) fn drive(error: &CommandError) -> Self {
        match error {
            CommandError::Stopped => return Self::Interrupted,
            CommandError::Gone => return Self::Vanished,
            CommandError::Refused(sense) if sense.asc == 0x3a => {
                return Self::Stopped(format!(
                    "{}: put the disc in, and the same command goes on (--wait waits for it)",
                    sense.text()
                ));
            }
            _ => {}
        }
        Self::Stopped(format!("{error}; look at its cable and power, or try another drive; the same command goes on"))
    }

    /// The exit status.
    pub fn status(&self) -> Status {
        match self {
            Self::Open(OpenError::Missing { .. } | OpenError::Denied { .. } | OpenError::Failed { .. }) => Status::Failed,
            Self::Output(OutputError::System { .. } | OutputError::NoReader { .. }) | Self::Failed(_) => Status::Failed,
            Self::Open(_) | Self::Disc(_) | Self::Output(_) | Self::Refused(_) => Status::Refused,
            Self::Usage(_) => Status::Usage,
            Self::Stopped(_) | Self::Vanished | Self::Interrupted => Status::Stopped,
        }
    }
}
