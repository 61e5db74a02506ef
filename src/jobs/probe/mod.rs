//! Does a stick hold what it claims?
//!
//! [`run`] tells the story: single places first, which tells most fakes within a minute (`glance`); then every sector is written with a mark
//! of its own, flushed, and read back, the oldest first (`whole`). Only that proves that a stick is real. At the end its first MiB is zero.

mod glance;
mod whole;

use crate::event::{JobResult, MediumCard, Observer, Outcome, ProbeOutcome, TransferPhase};
use crate::medium::{Geometry, Poison, Span, Spans, Writable, read_around};
use crate::pipeline::CHUNK;
use crate::status::Status;
use crate::sys::{Buffer, Stop};

use super::stick::{self, ADVICE, Claimed, Job, Request, Symptoms, TargetOperand, Telling, marks, sentence};
use super::{Ask, Failure};

/// What is zero at the end: whatever a computer could boot from begins in it.
const HEAD: u64 = 1 << 20;

/// Tests the stick. The result tells how it ended, whatever happened.
pub fn run(request: &Request, operand: &TargetOperand, ask: &mut Ask<'_>, observer: &mut dyn Observer, stop: &Stop) -> JobResult {
    let gets = |_: &MediumCard| Ok(vec!["test data on every byte, and then zeros where it would boot from".into()]);
    let work = |claimed: &Claimed<'_>, outcome: &mut ProbeOutcome, observer: &mut dyn Observer, stop: &Stop| {
        outcome.bytes = claimed.medium.geometry().bytes;
        Probe::new(claimed, outcome, observer, stop).run()
    };
    let job = Job { verb: "test every byte of", doing: "testing a stick", gets: &gets, work };
    let named = |outcome, medium| Outcome::Probe(ProbeOutcome { medium, ..outcome });
    stick::run(job, (request, operand), ask, observer, stop, named)
}

/// A stick while it is tested.
struct Probe<'a> {
    claimed: &'a Claimed<'a>,
    medium: &'a dyn Writable,
    geometry: Geometry,
    outcome: &'a mut ProbeOutcome,
    telling: Telling<'a>,
    stop: &'a Stop,
    poison: Poison,
    /// What tells the marks of this run from all others.
    key: [u8; 8],
    marks: Buffer,
    back: Buffer,
}

impl<'a> Probe<'a> {
    fn new(claimed: &'a Claimed<'a>, outcome: &'a mut ProbeOutcome, observer: &'a mut dyn Observer, stop: &'a Stop) -> Self {
        let (mut poison, mut key) = (Poison::new(), [0; 8]);
        poison.fill(&mut key);
        Self {
            claimed,
            medium: &*claimed.medium,
            geometry: claimed.medium.geometry(),
            outcome,
            telling: Telling::new(observer),
            stop,
            poison,
            key,
            marks: Buffer::new(CHUNK),
            back: Buffer::new(CHUNK),
        }
    }

    fn run(mut self) -> Result<Vec<String>, Failure> {
        let tested = self.test();
        let blanked = self.blank_head();
        tested?;
        self.claimed.check()?;
        blanked?;
        self.outcome.real = true;
        Ok(Vec::new())
    }

    fn test(&mut self) -> Result<(), Failure> {
        self.telling.phase(TransferPhase::Probe);
        self.outcome.finding = self.glance()?;
        if self.outcome.finding.is_none() {
            self.write_all()?;
            self.outcome.finding = self.read_all()?;
        }
        self.verdict()
    }

    /// What came of it.
    fn verdict(&self) -> Result<(), Failure> {
        let ProbeOutcome { finding, differences, unreadable, unwritable, .. } = &*self.outcome;
        let (name, claimed) = (&self.claimed.node, self.geometry.bytes);
        let bad = [(differences, "came back different"), (unreadable, "can't be read"), (unwritable, "can't be written")];
        let bad: Vec<String> = bad
            .into_iter()
            .filter(|(spans, _)| !spans.is_empty())
            .map(|(spans, what)| format!("{} bytes {what}", spans.bytes()))
            .collect();
        let what = match finding {
            Some(defect) => sentence(*defect, name, claimed),
            None if bad.is_empty() => return Ok(()),
            None => format!("{name} does not hold what was written to it: {}; {ADVICE}", bad.join(", ")),
        };
        Err(Failure::new(Status::Different, what))
    }

    /// Marks the sectors of a run of at most a chunk.
    fn mark(&mut self, span: Span) {
        let sector = self.geometry.sector as usize;
        let places = self.marks[..span.length as usize].chunks_mut(sector).zip((span.offset..).step_by(sector));
        places.for_each(|(place, at)| marks::mark(place, self.key, at));
    }

    /// Reads a run of at most a chunk back. What can't be read is zero, and told in `unreadable`.
    fn read_back(&mut self, span: Span, unreadable: &mut Spans) -> Result<(), Failure> {
        let back = &mut self.back[..span.length as usize];
        self.poison.fill(back);
        read_around(self.medium, back, span.offset, unreadable).map_err(|error| match error.raw_os_error() {
            Some(libc::ENODEV) => self.claimed.gone(),
            _ => Failure::failed(format!(
                "reading {} back at byte {}: {error}; nothing is proved; take another port, or another stick",
                self.claimed.node, span.offset
            )),
        })
    }

    fn settle(&self) -> Result<(), Failure> {
        self.medium.settle().map_err(|error| match error.raw_os_error() {
            Some(libc::ENODEV) => self.claimed.gone(),
            _ => Failure::failed(format!("flushing {}: {error}; nothing is proved; take another stick", self.claimed.node)),
        })
    }

    /// Zeros where marks are, so that nothing takes them for anything.
    fn blank_head(&mut self) -> Result<(), Failure> {
        let head = Buffer::new(self.geometry.bytes.min(HEAD) as usize);
        self.medium.write_at(&head, 0).map_err(|error| match error.cause.raw_os_error() {
            Some(libc::ENODEV) => self.claimed.gone(),
            _ => Failure::failed(format!(
                "making the first MiB of {} zero: {}; test data is left there, and boots nowhere",
                self.claimed.node, error.cause
            )),
        })?;
        self.settle()
    }

    fn go_on(&self) -> Result<(), Failure> {
        if self.stop.requested().is_none() {
            return Ok(());
        }
        Err(Failure::stopped(format!(
            "as asked; nothing is proved of {}, and it does not boot; the same command tests it from the beginning",
            self.claimed.node
        )))
    }

    /// The medium in runs of at most a chunk, from one byte to another.
    fn chunks(from: u64, to: u64) -> impl Iterator<Item = Span> + use<> {
        (from..to).step_by(CHUNK).map(move |offset| Span { offset, length: (to - offset).min(CHUNK as u64) })
    }
}
