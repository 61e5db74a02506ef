//! The record beside an image: `out.iso.json` (docs/formats.md).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::mmc::{Class, Extent};
use crate::rescue::Way;
use crate::rescue::protection::Pattern;
use crate::scsi::SenseCode;

use super::{Hurt, Identity, Region, SizeDecision};

/// All that is known of an image, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this layout.
    pub format: u32,
    /// Which disc it is.
    pub disc: Identity,
    /// How long it is, and why.
    pub size: SizeDecision,
    /// What is zero by definition.
    pub regions: Vec<Region>,
    /// What could not be read.
    pub damage: Vec<Damage>,
    /// Those of the sectors that look bad on purpose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patterns: Vec<Pattern>,
    /// Which files the missing sectors hit, once the image is finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hurt: Option<Hurt>,
    /// Digests by algorithm, once the image is finished.
    pub digests: BTreeMap<String, String>,
    /// Each run of the program, the first one first.
    pub runs: Vec<RunRecord>,
}

/// A run of sectors that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damage {
    /// Where.
    #[serde(flatten)]
    pub extent: Extent,
    /// Why.
    pub class: Class,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Name and version of the program.
    pub program: String,
    /// The drive that was read with.
    pub drive: DriveName,
    /// The options that were given.
    pub options: Vec<String>,
    /// Begin, UTC (RFC 3339).
    pub start: String,
    /// End; `None` while the run goes on, and for ever when it was killed.
    pub end: Option<String>,
    /// Exit status.
    pub status: Option<u8>,
    /// Sectors that this run read: where they come from.
    pub read: Vec<Extent>,
    /// Sectors that this run gave up: its drive has tried them.
    #[serde(default)]
    pub failed: Vec<Extent>,
    /// What the drive said of sectors that it could not read.
    pub sense: Vec<SensedExtent>,
    /// Sectors of `read` that took the drive effort: they are next to go.
    #[serde(default)]
    pub weak: Vec<Extent>,
    /// How many sectors came back that had failed alone before, by the way that they were read.
    #[serde(default)]
    pub brought_back: BTreeMap<Way, u32>,
}

/// Who a drive is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[allow(missing_docs)] // names as in INQUIRY
pub struct DriveName {
    pub node: String,
    pub vendor: String,
    pub product: String,
    pub firmware: String,
    pub serial: Option<String>,
}

impl DriveName {
    /// Whether both are one drive, whatever its node and its firmware are now. Two drives of one model that tell no serial number are
    /// taken for one.
    pub fn is(&self, other: &Self) -> bool {
        (&self.vendor, &self.product, &self.serial) == (&other.vendor, &other.product, &other.serial)
    }
}

/// Sectors with one sense.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SensedExtent {
    /// Where.
    #[serde(flatten)]
    pub extent: Extent,
    /// What the drive said.
    pub sense: SenseCode,
}

impl Record {
    /// Version that this program writes.
    pub const FORMAT: u32 = 1;
    /// Bytes of a record's file that are read: one of a million runs has fewer.
    pub const LONGEST: u64 = 1 << 30;
}
