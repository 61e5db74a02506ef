//! Everything that happens, as one enum. Jobs send it, ui shows it; `--json` prints it as it is (docs/formats.md).

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::disc::{Damage, DriveName, Region, SizeDecision, Track};
use crate::mmc::Class;
use crate::rescue::Phase;
use crate::status::Status;

/// One thing that happened. LBAs and counts in sectors, times in milliseconds of the drive's clock, rates in bytes a second.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// A drive was opened.
    Drive(DriveName),
    /// Its disc was looked at.
    Disc(DiscSummary),
    /// How long the image will be.
    Size(SizeDecision),
    /// A part of the disc is no data.
    Region(Region),
    /// Reading turns to another phase.
    Phase(PhaseChange),
    /// Where it stands.
    Progress(Progress),
    /// One read failed.
    Trouble(Trouble),
    /// Anything else that a person should know.
    Notice(Notice),
    /// The drives of this machine.
    Drives(Drives),
    /// The end.
    Result(Box<JobResult>),
}

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

/// A phase begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct PhaseChange {
    pub name: PhaseName,
    pub pass: u32,
}

/// The phases of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PhaseName {
    /// Reading.
    Reading(Phase),
    /// Computing digests of what was written.
    Digest(DigestPhase),
}

/// The name of the digest phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DigestPhase {
    /// The only one.
    Digest,
}

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Progress {
    /// What is being done.
    pub phase: PhaseName,
    /// The sector that the drive is at.
    pub lba: u32,
    /// Sectors finished.
    pub done: u32,
    /// Sectors of the image.
    pub total: u32,
    /// Sectors that failed alone.
    pub bad: u32,
    /// Sectors still to be settled.
    pub left: u32,
    /// Bytes a second, of the last seconds.
    pub rate: u64,
    /// Milliseconds to the end, where that can be told.
    pub eta: Option<u64>,
    /// Milliseconds since the start.
    pub elapsed: u64,
    /// Failed reads by kind.
    pub errors: BTreeMap<Class, u64>,
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

/// A sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// The sentence. Names in it are not escaped yet.
    pub text: String,
    /// Only for those who want to know why.
    #[serde(skip)]
    pub is_detail: bool,
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

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobResult {
    /// Exit status.
    pub status: Status,
    /// Every reason for it, and what to do now.
    pub reasons: Vec<String>,
    /// The image; `None` for stdout.
    pub image: Option<PathBuf>,
    /// Its map.
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
    /// Every sector was read.
    pub whole: bool,
    /// Digest by algorithm; empty when none was computed.
    pub digests: BTreeMap<String, String>,
    /// Reads sent in this run.
    pub commands: u64,
    /// Those of them that failed.
    pub failed_reads: u64,
    /// Milliseconds.
    pub elapsed: u64,
}

impl JobResult {
    /// A job that ended so before it did anything.
    pub fn new(status: Status) -> Self {
        Self {
            status,
            reasons: Vec::new(),
            image: None,
            map: None,
            sectors: 0,
            good: 0,
            bad: 0,
            unread: 0,
            damage: Vec::new(),
            whole: false,
            digests: BTreeMap::new(),
            commands: 0,
            failed_reads: 0,
            elapsed: 0,
        }
    }
}

impl Event {
    /// A sentence for everybody.
    pub fn notice(text: impl Into<String>) -> Self {
        Self::Notice(Notice { text: text.into(), is_detail: false })
    }

    /// A sentence for those who asked for the evidence.
    pub fn detail(text: impl Into<String>) -> Self {
        Self::Notice(Notice { text: text.into(), is_detail: true })
    }
}

/// Watches a job.
pub trait Observer {
    /// Something happened.
    fn event(&mut self, event: &Event);
    /// Nothing happened for a moment: the drive is at work.
    fn idle(&mut self) {}
    /// A person asked where it stands (SIGUSR1).
    fn standing(&mut self) {}
}
