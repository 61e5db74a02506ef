//! Everything that happens, as one enum. Jobs send it, ui shows it; `--json` prints it as it is (docs/formats.md).

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize, Serializer};

use crate::disc::{Damage, DriveName, Hurt, Origin, Region, SizeDecision, Track};
use crate::medium::Spans;
use crate::medium::guard::Finding;
use crate::mmc::{Class, Extent};
use crate::rescue::protection::Pattern;
use crate::rescue::{Phase, Surface, Way};
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
    /// What is written, or compared with.
    Source(SourceSummary),
    /// The medium that is written, or compared.
    Medium(MediumCard),
    /// Something speaks against the medium.
    Guard(Finding),
    /// The disks of this machine, and which of them may be written.
    Targets(Targets),
    /// One of many images was compared with what is known of it.
    Checked(Checked),
    /// A disc of a batch is done with.
    Row(Box<Row>),
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

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobResult {
    /// Exit status.
    pub status: Status,
    /// Every reason for it, and what to do now.
    pub reasons: Vec<String>,
    /// What came of it; `None` when the job ended before it did anything.
    #[serde(flatten)]
    pub outcome: Option<Outcome>,
    /// Digest by algorithm; empty when none was computed.
    pub digests: BTreeMap<String, String>,
    /// Milliseconds.
    pub elapsed: u64,
}

/// What came of a job.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Outcome {
    /// A disc into an image.
    Image(Box<ImageOutcome>),
    /// An image onto a medium.
    Flash(FlashOutcome),
    /// A medium compared.
    Verify(VerifyOutcome),
    /// Where an image stands.
    Standing(Box<Standing>),
    /// The discs of a batch.
    Batch(BatchOutcome),
}

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
    /// Bytes that the medium took.
    pub written: u64,
    /// Every byte was read back from the medium, and is the image's.
    pub verified: bool,
    /// Bytes of the medium that are not the image's.
    pub differences: Spans,
    /// Bytes of the medium that could not be read back.
    pub unreadable: Spans,
    /// What is wrong with the medium, where that is proved.
    pub finding: Option<Defect>,
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
    /// Another reading of the same medium.
    Reading,
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
    /// Sectors of the map.
    pub sectors: u32,
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
    pub speeds: Vec<Speed>,
}

/// How fast a place of a disc was read, in bytes a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speed {
    /// Where the place begins.
    pub lba: u32,
    /// Of all its reads that brought sectors.
    pub mean: u64,
    /// Of the slowest one.
    pub least: u64,
}

impl JobResult {
    /// A job that ended so before it did anything.
    pub fn new(status: Status) -> Self {
        Self { status, reasons: Vec::new(), outcome: None, digests: BTreeMap::new(), elapsed: 0 }
    }

    /// A job that ended so before it did anything, for this reason.
    pub fn because(status: Status, reason: impl Into<String>) -> Self {
        Self { reasons: vec![reason.into()], ..Self::new(status) }
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
    /// Who hears of everything else, where this one passes events on.
    fn next(&mut self) -> Option<&mut dyn Observer> {
        None
    }
    /// Nothing happened for a moment: the drive is at work.
    fn idle(&mut self) {
        self.next().into_iter().for_each(|next| next.idle());
    }
    /// A person asked where it stands (SIGUSR1).
    fn standing(&mut self) {
        self.next().into_iter().for_each(|next| next.standing());
    }
    /// Returns when all events so far are shown: a question is about to be asked.
    fn catch_up(&mut self) {
        self.next().into_iter().for_each(|next| next.catch_up());
    }
}

/// A path as text. JSON has no other; what of a name is no UTF-8 becomes U+FFFD, as in every other event.
fn shown<S: Serializer>(path: &Option<PathBuf>, to: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path.to_string_lossy()).serialize(to)
}
