//! The command lines, as typed; nothing is looked up here but what kind of thing a name is.

mod checksum;
pub mod discrip;
pub mod isoflash;
pub mod isoinspect;
pub mod isoverify;
mod show;

pub use checksum::Checksum;
pub use show::Show;

use crate::status::Status;

use super::Results;
use super::program::NoJob;

/// What begins an emulated device's name.
pub const EMULATED: &str = "emulated:";

/// The command line of a program.
pub trait Arguments: clap::Parser {
    /// How it is shown.
    fn show(&self) -> &Show;

    /// Where results go.
    fn results(&self) -> Results {
        self.show().results()
    }
}

/// A command line that makes no sense; the message says what would.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(String);

impl From<UsageError> for NoJob {
    fn from(error: UsageError) -> Self {
        (Status::Usage, error.to_string())
    }
}
