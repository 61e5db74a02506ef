//! An image onto a medium, and the proof.
//!
//! [`run`] tells the story: the image, the medium, may it be written, does the person want it (`permission`); then the passes (`writing`):
//! everything but the first MiB is written, flushed, read back and compared; the first MiB comes last.

mod ledger;
mod passes;
mod permission;
mod source;
mod target;
mod writing;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::event::{Event, FlashOutcome, JobResult, Observer, Outcome};
use crate::status::Status;
use crate::sys::{Inhibit, Stop};
use crate::trust::{Algorithm, Digests, Expectation};

use super::stick::{self, Terms};
pub use super::stick::{Given, TargetOperand};
use super::{Ask, Failure, worker};
pub use passes::Course;
pub use source::ImageOperand;
use source::Source;
use target::Target;
use writing::{Writing, Written};

/// What is asked for.
#[derive(Debug)]
pub struct Request {
    /// The image.
    pub image: ImageOperand,
    /// What is allowed.
    pub terms: Terms,
    /// Digests to compute of the medium.
    pub digests: Vec<Algorithm>,
    /// What the image's digest should be.
    pub expectation: Option<Expectation>,
    /// Where the chunks' digests are kept.
    pub ledger: Option<PathBuf>,
    /// What of the image is written.
    pub course: Course,
    /// What is done about reading back.
    pub proof: Proof,
    /// A regular file may be replaced.
    pub overwrite_file: bool,
    /// An image with holes is written unasked.
    pub allow_holes: bool,
    /// Eject after success.
    pub eject: bool,
    /// Look, and write nothing.
    pub dry_run: bool,
}

/// Whether the medium is read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Every byte.
    ReadBack,
    /// Nothing; and the report says so.
    None,
}

/// Writes the image. The result tells how it ended, whatever happened.
pub fn run(request: &Request, operand: &TargetOperand, ask: &mut Ask<'_>, observer: &mut dyn Observer, stop: &Stop) -> JobResult {
    let stopping = "stopping after what is under way (a second signal ends at once)";
    let mut outcome = FlashOutcome::default();
    let mut start = Instant::now();
    let ended = worker::work(stopping, observer, stop, |observer| {
        attempt((request, operand), &mut start, ask, observer, stop, &mut outcome)
    });
    let ended = ended.unwrap_or_else(|error| Err(Failure::failed(error.to_string())));
    let mut result = match ended {
        Ok(done) => JobResult { reasons: done.reasons, digests: named(done.digests), ..JobResult::new(Status::Done) },
        Err(failure) => JobResult::because(failure.status, failure.reason),
    };
    result.outcome = Some(Outcome::Flash(outcome));
    result.elapsed = start.elapsed().as_millis() as u64;
    observer.event(&Event::Result(Box::new(result.clone())));
    result
}

/// What is left to tell when all went well.
struct Done {
    digests: Digests,
    reasons: Vec<String>,
}

fn named(digests: Digests) -> BTreeMap<String, String> {
    digests.into_iter().map(|(algorithm, hex)| (algorithm.name().to_string(), hex)).collect()
}

/// Until the person has answered, no time counts: `start` is set anew then.
fn attempt(
    (request, operand): (&Request, &TargetOperand),
    start: &mut Instant,
    ask: &mut Ask<'_>,
    observer: &mut dyn Observer,
    stop: &Stop,
    outcome: &mut FlashOutcome,
) -> Result<Done, Failure> {
    let source = Source::open(&request.image)?;
    outcome.image = source.path().map(Path::to_path_buf);
    outcome.bytes = source.bytes().unwrap_or(0);
    observer.event(&Event::Source(source.summary()));
    let expected = request.expectation.as_ref().map(|expectation| expectation.of(&source.file_name())).transpose();
    let expected = expected.map_err(|error| Failure::usage(format!("the checksum list: {error}")))?;

    let mut target = Target::find(operand, request, &source)?;
    outcome.medium = target.card().node;
    if let Some(judged) = target.judged() {
        judged.tell(observer);
    }
    target.refuse(&source, request)?;
    ledger::check(request, &source, &target)?;
    let card = target.card();
    stick::permission::check_identity(&request.terms.identity, &card)?;
    if request.dry_run {
        observer.event(&Event::Medium(card.clone()));
        return Ok(dry_run(request, &source, &target));
    }
    observer.catch_up();
    let permitted = match &target {
        Target::Disk(disk) => disk.permit_unmount(&request.terms, ask),
        _ => Ok(()),
    };
    let permitted = permitted.and_then(|()| permission::ask_for(request, &source, &target, &card, ask));
    permitted.map_err(|failure| heeding(stop, failure))?;
    observer.event(&Event::Medium(card));
    *start = Instant::now();

    // Before the medium is claimed: a process that is just being started has every claim, also when this one is killed meanwhile. And before
    // the last look at it, as the writing has to follow that at once.
    let inhibit = Inhibit::sleep("isoflash", "writing an image");
    if let Err(why) = &inhibit {
        observer.event(&Event::detail(format!("the computer may fall asleep meanwhile: {why}")));
    }
    target = match target {
        Target::Disk(disk) => Target::Disk(Box::new(disk.again(&source.load(), &request.terms, observer)?)),
        other => other,
    };
    let opened = target.open()?;
    let writing = Writing { request, source: &source, target: &target, opened: &opened, expected: expected.as_ref() };
    let written = writing.run(observer, stop, outcome);
    stick::show_partitions(opened.disk.as_deref());
    if let (Err(_), Some(made)) = (&written, &opened.made) {
        // What is half written is of no use, and would stand in the way of the next try.
        let _ = std::fs::remove_file(made);
    }
    let Written { digests, mut reasons, ledger } = written?;
    ledger::keep(request, &ledger)?;
    if request.eject {
        reasons.push(stick::eject(opened.disk.as_deref()));
    }
    Ok(Done { digests, reasons })
}

/// A question that a signal ended was not answered.
fn heeding(stop: &Stop, failure: Failure) -> Failure {
    if stop.requested().is_some() { Failure::stopped("as asked; nothing was written") } else { failure }
}

/// What would be done, and what is on the medium now.
fn dry_run(request: &Request, source: &Source, target: &Target<'_>) -> Done {
    let card = target.card();
    let mounted = match target {
        Target::Disk(disk) if disk.judged.is_mounted() => "unmount it (asked on a terminal, in scripts with --unmount) and ",
        _ => "",
    };
    let holes = if source.holes.bytes() > 0 { ", holes and all (in scripts with --allow-holes)" } else { "" };
    let mut reasons = vec![format!("would {mounted}write {}{holes} to {}; nothing was written", source.name(), card.node)];
    reasons.extend(card.contents.iter().map(|line| format!("it holds {line}")));
    let unusual = permission::unusual(request, target);
    if !unusual.is_empty() {
        reasons.push(format!("--yes alone would not be enough: {}", unusual.join("; ")));
    }
    Done { digests: Digests::new(), reasons }
}
