//! Who takes part in a job: a disc, an image, a medium; and the lists of those that could.

use serde::Serialize;

use crate::disc::{DriveName, Track};

/// What a disc is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct DiscSummary {
    pub kind: String,
    pub label: Option<String>,
    pub sectors: u32,
    pub sessions: u16,
    pub tracks: Vec<Track>,
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceSummary {
    /// Its name; `-` for stdin.
    pub image: String,
    /// How long it is, where that is known.
    pub bytes: Option<u64>,
    /// Bytes of it that its map does not call finished.
    pub holes: u64,
}

/// Who a medium is, for the person who must recognise it. Names come from the device: escape them before a terminal sees them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct MediumCard {
    /// Its node, or its name.
    pub node: String,
    /// Vendor and model.
    pub model: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// Bytes; `None` for a file that does not exist yet.
    pub bytes: Option<u64>,
    /// Bytes of a sector.
    pub sector: u32,
    /// How it is attached: `USB`, `SD card`, `loop`, `file`, `emulated`, …
    pub bus: String,
    /// What is on it, a line each.
    pub contents: Vec<String>,
}

/// The answer to `--list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drives {
    /// Each drive.
    pub drives: Vec<ListedDrive>,
}

/// One drive of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct ListedDrive {
    #[serde(flatten)]
    pub name: DriveName,
    /// The disc in it, or why that can't be told.
    pub disc: String,
}

/// The answer to `--list` of sticks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Targets {
    /// Each disk.
    pub targets: Vec<ListedTarget>,
}

/// One disk of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedTarget {
    /// Which.
    #[serde(flatten)]
    pub card: MediumCard,
    /// May it be written?
    pub allowed: bool,
    /// Why not, or what is unusual.
    pub reasons: Vec<String>,
}
