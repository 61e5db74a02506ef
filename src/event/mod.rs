//! Everything that happens, as one enum. Jobs send it, ui shows it; `--json` prints it as it is (docs/formats.md).

mod batch;
mod image;
mod inspect;
mod medium;
mod parties;
mod progress;
mod result;

use serde::Serialize;

use crate::disc::{DriveName, Region, SizeDecision};
use crate::medium::guard::Finding;

pub use batch::{BatchOutcome, DiscOutcome, Row};
pub use image::{ImageOutcome, LastRun, SpeedAt, Standing};
pub use inspect::{Extracted, InspectOutcome, ListedFile};
pub use medium::{
    Against, Checked, Defect, FlashOutcome, FormatOutcome, MediaOutcome, MediumEnd, MovedGpt, ProbeOutcome, VerifyOutcome,
};
pub use parties::{DiscSummary, Drives, ListedDrive, ListedTarget, MediumCard, SourceSummary, Targets};
pub use progress::{PhaseChange, PhaseName, Progress, ReadingProgress, TransferPhase, Trouble, Unit};
pub use result::{JobResult, Outcome};

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
    /// A file or directory of an image.
    Entry(ListedFile),
    /// A disc of a batch is done with.
    Row(Box<Row>),
    /// One of several media is done with.
    Ended(Box<MediumEnd>),
    /// The end.
    Result(Box<JobResult>),
    /// Something happened to one of several media; JSON names that beside the event.
    #[serde(skip)]
    Of(OfMedium),
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

    /// The same, as one that happened to one of several media.
    #[must_use]
    pub fn of(self, medium: &str) -> Self {
        Self::Of(OfMedium { medium: medium.into(), event: Box::new(self) })
    }
}

/// What happened to one of several media.
#[derive(Debug, Clone, PartialEq)]
pub struct OfMedium {
    /// Its node, or its name.
    pub medium: String,
    /// What happened.
    pub event: Box<Event>,
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
