//! Disc after disc: the row that is kept of each, and what came of all.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::status::Status;

/// A disc of a batch: the row that is kept of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// When it was done with, UTC (RFC 3339).
    pub end: String,
    /// The drive as it was named.
    pub node: String,
    /// The drive's serial number.
    pub serial: Option<String>,
    /// Kind of disc; `None`, as what follows, where the disc was refused before that was known.
    pub kind: Option<String>,
    /// Label of the volume.
    pub label: Option<String>,
    /// Sectors of the image, or else of the disc.
    pub sectors: Option<u32>,
    /// The image's name in the folder.
    pub image: Option<String>,
    /// As if it had been the only disc.
    pub status: Status,
    /// The same in a word.
    pub outcome: DiscOutcome,
    /// Sectors that failed alone.
    pub bad: Option<u32>,
    /// Sectors not settled.
    pub unread: Option<u32>,
    /// Digest by algorithm.
    pub digests: BTreeMap<String, String>,
    /// Seconds of the wall's clock since the disc was recognised.
    pub seconds: u64,
    /// Every reason for the status.
    pub reasons: Vec<String>,
}

/// What became of a disc of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiscOutcome {
    /// Every sector was read.
    Whole,
    /// Finished, and some sectors could not be read.
    Damaged,
    /// The folder had its image; nothing was read.
    AlreadyThere,
    /// Not a disc for this program, or it could not be read safely.
    Refused,
    /// Failed.
    Failed,
    /// Stopped before the end: put in again, it goes on.
    Stopped,
}

/// What came of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct BatchOutcome {
    /// Discs by what became of them.
    pub discs: BTreeMap<DiscOutcome, u64>,
}
