//! Why sectors could not be read.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::scsi::Sense;

/// The kind of a failed read. Written in lower case with hyphens everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The sector is unreadable.
    Medium,
    /// The drive reports a fault of its own.
    Hardware,
    /// The drive gave the command up.
    Aborted,
    /// The command or its data failed on the way: cable, bridge, host.
    Transport,
    /// The drive did not answer in time.
    TimeOut,
    /// Not a data sector: audio, Form 2, outside of the track.
    OffTrack,
    /// Copy-protected.
    Protected,
    /// Never written.
    Blank,
    /// The drive says that there is no such LBA.
    OutOfRange,
    /// Anything else.
    Other,
}

impl Class {
    /// The class of a read that ended with this sense. Codes after MMC-6 annex F.
    pub fn of(sense: &Sense) -> Self {
        match (sense.key, sense.asc) {
            (_, 0x6f) => Self::Protected,
            (8, _) => Self::Blank,
            // Some drives report the end of an area with sense key 0 (seen with Pioneer drives, dvdisaster's check_sector).
            (_, 0x63 | 0x64) => Self::OffTrack,
            (5, 0x21) => Self::OutOfRange,
            // Of the disc as a whole, not of a sector: its table of contents can't be read, or it is none that the drive can read.
            (3, 0x57) | (_, 0x30) => Self::Other,
            (3, _) => Self::Medium,
            (4, _) => Self::Hardware,
            (0xb, _) => Self::Aborted,
            _ => Self::Other,
        }
    }

    /// True for parts of a disc that reading again can't help: they are named, and only their edges are read again. A drive knows of them
    /// without trying, so that their failures are fast.
    pub fn is_region(self) -> bool {
        matches!(self, Self::OffTrack | Self::Protected | Self::Blank)
    }

    /// The class in words, for a person.
    pub fn text(self) -> &'static str {
        match self {
            Self::Medium => "unreadable",
            Self::Hardware => "the drive reports a fault of its own",
            Self::Aborted => "the drive gave the command up",
            Self::Transport => "lost between drive and computer: look at cable, port and power",
            Self::TimeOut => "the drive did not answer in time",
            Self::OffTrack => "no data sectors (audio, Form 2, or outside of the track)",
            Self::Protected => "copy-protected",
            Self::Blank => "never written",
            Self::OutOfRange => "out of the drive's range; perhaps its idea of the disc's size is wrong",
            Self::Other => "unreadable, for another reason or one that was not recorded",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Medium => "medium",
            Self::Hardware => "hardware",
            Self::Aborted => "aborted",
            Self::Transport => "transport",
            Self::TimeOut => "time-out",
            Self::OffTrack => "off-track",
            Self::Protected => "protected",
            Self::Blank => "blank",
            Self::OutOfRange => "out-of-range",
            Self::Other => "other",
        })
    }
}
