//! What came of a medium that was written, or compared.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::image::partitions::relocation::Relocation;
use crate::medium::{Span, Spans};
use crate::status::Status;

use super::result::shown;

/// What came of writing an image.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct FlashOutcome {
    /// The image; `None` for stdin.
    #[serde(serialize_with = "shown")]
    pub image: Option<PathBuf>,
    /// The medium.
    pub medium: String,
    /// Bytes of the image, as far as they are known.
    pub bytes: u64,
    /// Bytes of it that count, with a block map: what lies between them is what was on the medium before. `None` where all do.
    pub mapped: Option<u64>,
    /// Bytes of the image that were sent to the medium, with zeros up to a whole sector.
    pub written: u64,
    /// Bytes of the image that an earlier run, which did not end, had written and flushed, as its journal says.
    pub resumed: u64,
    /// Bytes that it held already, and that were left alone.
    pub kept: u64,
    /// Bytes that it made zero by itself.
    pub punched: Spans,
    /// Where the backup of the image's GPT is now, if it was moved to the end of the medium; its primary header and the protective MBR are others
    /// than the image's then, and count as the image's.
    pub gpt: Option<MovedGpt>,
    /// Bytes behind the image that were made zero, so that nothing acts on what was there.
    pub wiped: Spans,
    /// Every byte was read back from the medium, and is the image's.
    pub verified: bool,
    /// Bytes that did not come back right at first, and were written again.
    pub repaired: Spans,
    /// Bytes of the medium that are not the image's.
    pub differences: Spans,
    /// Bytes of the medium that could not be read back.
    pub unreadable: Spans,
    /// What is wrong with the medium, where that is proved.
    pub finding: Option<Defect>,
}

/// One of several media is done with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MediumEnd {
    /// As if it had been the only one.
    pub status: Status,
    /// Every reason for it.
    pub reasons: Vec<String>,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: FlashOutcome,
    /// Its serial number.
    pub serial: Option<String>,
    /// Digest by algorithm; empty when none was computed.
    pub digests: BTreeMap<String, String>,
    /// Milliseconds from the beginning to its end.
    pub elapsed: u64,
}

impl MediumEnd {
    /// One that ended so before anything was done.
    pub fn new(status: Status, serial: Option<String>) -> Self {
        Self { status, reasons: Vec::new(), outcome: FlashOutcome::default(), serial, digests: BTreeMap::new(), elapsed: 0 }
    }
}

/// What came of writing an image to several media.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct MediaOutcome {
    /// Each, as they were named; none when nothing was begun.
    pub media: Vec<MediumEnd>,
}

/// A backup GPT at the end of a medium: bytes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MovedGpt {
    /// Where its array of entries begins.
    pub array: u64,
    /// Where its header begins, in the last sector.
    pub header: u64,
}

impl From<&Relocation> for MovedGpt {
    fn from(relocation: &Relocation) -> Self {
        Self { array: relocation.array, header: relocation.header }
    }
}

/// What came of testing a whole medium.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ProbeOutcome {
    /// The medium.
    pub medium: String,
    /// Bytes that it claims.
    pub bytes: u64,
    /// Bytes from the beginning that were written, and looked at when they came back.
    pub tested: u64,
    /// All that it claims is there: every byte came back as it was written.
    pub real: bool,
    /// Bytes that came back different.
    pub differences: Spans,
    /// Bytes that could not be read.
    pub unreadable: Spans,
    /// Bytes that could not be written.
    pub unwritable: Spans,
    /// What is wrong with it, where that is proved.
    pub finding: Option<Defect>,
}

/// What came of giving a medium back as one partition.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct FormatOutcome {
    /// The medium.
    pub medium: String,
    /// Kind of file system: `vfat`, `exfat`, `ext4`.
    pub filesystem: String,
    /// Where the partition lies; `None` before that was decided.
    pub partition: Option<Span>,
    /// Bytes that were written.
    pub written: u64,
    /// Each of them was read back as it was written.
    pub verified: bool,
    /// Bytes of the medium that came back different.
    pub differences: Spans,
}

/// What is wrong with a medium that does not hold what was written to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Defect {
    /// A fake: its addresses begin anew, and what is written beyond its real size overwrites what lies at its beginning.
    Wraps {
        /// Bytes that it holds at most.
        holds: u64,
    },
    /// From one byte on, nothing of what was written came back.
    Loses {
        /// That byte.
        from: u64,
    },
    /// Single bits came back wrong.
    Flips {
        /// How many.
        bits: u64,
        /// Sectors that they lie in.
        sectors: u64,
        /// The byte that the first one lies in.
        first: u64,
    },
}

/// What came of comparing a medium.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct VerifyOutcome {
    /// What it was compared with, if that was an image.
    #[serde(serialize_with = "shown")]
    pub image: Option<PathBuf>,
    /// The medium.
    pub medium: String,
    /// What tells how its bytes should be.
    pub against: Against,
    /// Bytes that were looked at.
    pub bytes: u64,
    /// Bytes of the ranges of a block map; `None` without one.
    pub mapped: Option<u64>,
    /// Where the backup of the image's GPT is on the medium, if it was moved to the end: what is other for that counts as the image's.
    pub gpt: Option<MovedGpt>,
    /// Every byte that was looked at is as expected.
    pub identical: bool,
    /// Bytes of the medium that are not as expected.
    pub differences: Spans,
    /// Bytes of the medium that could not be read.
    pub unreadable: Spans,
    /// Bytes that were not compared: the image has a hole there, or a chunk of a ledger could not be read as a whole.
    pub holes: Spans,
    /// Bytes that came out different when they were read again.
    pub unsteady: Spans,
}

/// What tells how the bytes of a medium should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Against {
    /// An image.
    #[default]
    Image,
    /// A digest.
    Checksum,
    /// A ledger.
    Ledger,
    /// A block map.
    Bmap,
    /// Another reading of the same medium.
    Reading,
}

/// One of many images, compared with what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Its name.
    pub image: String,
    /// As if it had been the only one.
    pub status: Status,
    /// What was found.
    pub text: String,
}
