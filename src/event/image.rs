//! What came of a disc, and where its image stands.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::disc::{Damage, DriveName, Hurt, Origin};
use crate::mmc::Extent;
use crate::rescue::protection::Pattern;
use crate::rescue::{Phase, Surface, Way};

use super::result::shown;

/// What came of a disc.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ImageOutcome {
    /// The image; `None` for stdout.
    #[serde(serialize_with = "shown")]
    pub image: Option<PathBuf>,
    /// Its map.
    #[serde(serialize_with = "shown")]
    pub map: Option<PathBuf>,
    /// Sectors of the image.
    pub sectors: u32,
    /// Sectors finished.
    pub good: u32,
    /// Sectors that failed alone.
    pub bad: u32,
    /// Sectors not settled.
    pub unread: u32,
    /// What could not be read, by kind.
    pub damage: Vec<Damage>,
    /// Bad sectors that look made on purpose.
    pub patterns: Vec<Pattern>,
    /// Sectors of `unread` that this run was told to leave alone.
    pub left_out: u32,
    /// Which files the missing sectors hit; `None` when every sector was read, or nothing tells.
    pub hurt: Option<Hurt>,
    /// Every sector was read.
    pub whole: bool,
    /// Where the sectors come from; empty without a record.
    pub origins: Vec<Origin>,
    /// Reads sent in this run.
    pub commands: u64,
    /// Those of them that failed.
    pub failed_reads: u64,
    /// Sectors that came back in this run after they had failed alone, by the way that they were read.
    pub brought_back: BTreeMap<Way, u32>,
    /// Sectors that took effort, in this run or an earlier one.
    pub weak: Vec<Extent>,
    /// The disc at a glance.
    pub surface: Surface,
    /// How fast this run read, place by place.
    #[serde(skip)]
    pub speeds: Vec<SpeedAt>,
}

/// How fast a place of a disc was read, in bytes a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpeedAt {
    /// Where the place begins.
    pub lba: u32,
    /// Of all its reads that brought sectors.
    pub mean: u64,
    /// Of the slowest one.
    pub least: u64,
}

/// Where an image stands, as map and record say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// The image.
    pub image: String,
    /// Kind and label of its disc, where there is a record.
    pub kind: Option<String>,
    /// The label.
    pub label: Option<String>,
    /// Sectors of the map, as far as it says something.
    pub sectors: u32,
    /// The map says where the disc ends.
    pub has_end: bool,
    /// Sectors finished.
    pub good: u32,
    /// Sectors that failed alone.
    pub bad: u32,
    /// Sectors not settled.
    pub unread: u32,
    /// Those of them that were never asked for.
    pub untried: u32,
    /// The phase that the reading is in; `None` at its end.
    pub phase: Option<Phase>,
    /// Pass of the phase.
    pub pass: u32,
    /// Where the reading goes on.
    pub lba: u32,
    /// What could not be read, by kind.
    pub damage: Vec<Damage>,
    /// Which files the missing sectors hit; `None` when every sector was read, or nothing tells.
    pub hurt: Option<Hurt>,
    /// Every sector was read.
    pub whole: bool,
    /// Where the sectors come from; empty without a record.
    pub origins: Vec<Origin>,
    /// A program works on the image now.
    pub at_work: bool,
    /// The last run, where there is a record.
    pub last_run: Option<LastRun>,
}

/// A run, as far as its end is known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LastRun {
    /// The drive that was read with.
    pub drive: DriveName,
    /// Begin, UTC (RFC 3339).
    pub start: String,
    /// End; `None` while the run goes on, and for ever when it was killed.
    pub end: Option<String>,
    /// Exit status.
    pub status: Option<u8>,
}
