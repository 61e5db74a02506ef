//! Exit status: the same in all programs (docs/formats.md).

use serde::{Deserialize, Serialize};

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum Status {
    /// Done and proved.
    Done = 0,
    /// Failed, and can't be resumed.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// Finished, but some sectors could not be read.
    Unreadable = 3,
    /// Verification found a difference.
    Different = 4,
    /// For safety, or because the program can't do this.
    Refused = 5,
    /// The source does not match its checksum.
    Corrupt = 6,
    /// Stopped before the end; the same command goes on.
    Stopped = 7,
}

/// The one that counts first.
const ORDER: [Status; 8] = [
    Status::Usage,
    Status::Refused,
    Status::Corrupt,
    Status::Different,
    Status::Failed,
    Status::Stopped,
    Status::Unreadable,
    Status::Done,
];

impl Status {
    /// When both apply, the one that counts: the first of 2 5 6 4 1 7 3 0.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        ORDER.into_iter().find(|status| [self, other].contains(status)).unwrap_or(self)
    }
}

impl TryFrom<u8> for Status {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        ORDER.into_iter().find(|status| u8::from(*status) == number).ok_or_else(|| format!("{number} is no exit status"))
    }
}

impl From<Status> for u8 {
    fn from(status: Status) -> Self {
        status as Self
    }
}

#[cfg(test)]
mod tests {
    use super::Status;

    #[test]
    fn a_mismatch_outweighs_holes_and_a_refusal_outweighs_both() {
        assert_eq!(Status::Unreadable.and(Status::Corrupt), Status::Corrupt);
        assert_eq!(Status::Corrupt.and(Status::Refused), Status::Refused);
        assert_eq!(Status::Stopped.and(Status::Unreadable), Status::Stopped);
        assert_eq!(Status::Done.and(Status::Unreadable), Status::Unreadable);
    }
}
