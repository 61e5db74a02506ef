//! Where a job stands: its phase, how much is done, and what failed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::mmc::Class;
use crate::rescue::{Phase, Surface};

/// A phase begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct PhaseChange {
    pub name: PhaseName,
    pub pass: u32,
}

/// The phases of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PhaseName {
    /// Reading a disc.
    Reading(Phase),
    /// Moving bytes from one end to the other.
    Transfer(TransferPhase),
}

/// The phases that go through all bytes once, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransferPhase {
    /// Computing digests of what was written.
    Digest,
    /// Writing a medium.
    Write,
    /// Waiting until it is on the medium itself.
    Flush,
    /// Reading a medium, and comparing.
    Verify,
    /// Naming what differs, to the sector.
    Locate,
    /// Reading a medium once more.
    Again,
    /// Writing and reading single places of a medium.
    Probe,
}

/// What progress counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Sectors of 2048 bytes.
    Sectors,
    /// Bytes.
    Bytes,
}

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done.
    pub phase: PhaseName,
    /// What `done` and `total` count.
    pub unit: Unit,
    /// How much is finished: what the device has done, not what a cache has taken.
    pub done: u64,
    /// How much there is; `None` while that can't be known.
    pub total: Option<u64>,
    /// Bytes a second, of the last seconds.
    pub rate: u64,
    /// Milliseconds to the end, where that can be told; while a disc is read, to the end of the phase's present pass.
    pub eta: Option<u64>,
    /// Milliseconds since the start.
    pub elapsed: u64,
    /// More about the reading of a disc.
    #[serde(flatten)]
    pub reading: Option<ReadingProgress>,
}

/// Where the reading of a disc stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadingProgress {
    /// The sector that the drive is at.
    pub lba: u32,
    /// Sectors that failed alone.
    pub bad: u32,
    /// Sectors still to be settled.
    pub left: u32,
    /// Failed reads by kind.
    pub errors: BTreeMap<Class, u64>,
    /// Milliseconds since sectors came last; `None` before the first.
    pub since_good: Option<u64>,
    /// The disc at a glance.
    pub surface: Surface,
}

/// A failed read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// First LBA of the command.
    pub lba: u32,
    /// Its sectors.
    pub count: u32,
    /// Kind of failure.
    pub class: Class,
    /// Key, ASC and ASCQ in hex.
    pub sense: Option<String>,
    /// The same in words.
    #[serde(skip)]
    pub text: &'static str,
}
