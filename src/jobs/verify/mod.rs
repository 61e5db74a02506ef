//! A medium, compared with what it should be.
//!
//! [`run`] tells the story: what is it compared with, which medium, is there anything to compare; then a pass over the medium (`pass`),
//! whose parts the `judges` look at, perhaps a second one, and the verdict. [`check`] does the same for many image files, each with what
//! is known of it.

mod fixity;
mod judges;
mod moved;
mod original;
mod pass;
mod specimen;
mod verdict;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::event::{Against, Event, JobResult, MovedGpt, Observer, TransferPhase, VerifyOutcome};
use crate::image::bmap::Bmap;
use crate::medium::Spans;
use crate::sys::{Inhibit, Stop};
use crate::trust::{Algorithm, Expectation, Expected, Ledger};

use super::bmap::{BmapOperand, mapped};
use super::{Failure, worker};
pub use fixity::{Known, check, has_record};
use judges::{ByBmap, ByImage, ByLedger, ByReading, ByVolume};
use moved::Unmoved;
use original::Original;
use pass::{Pace, Pass, Passed};
pub use specimen::Attached;
pub(super) use specimen::{Specimen, SpecimenKind};
use verdict::Findings;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// What the medium is compared with.
    pub reference: Reference,
    /// What its digest should be.
    pub expectation: Option<Expectation>,
    /// Bytes from the beginning that are looked at; `None` for as many as the reference has, or else all.
    pub size: Option<u64>,
    /// Read it a second time.
    pub again: bool,
    /// Digests to compute.
    pub digests: Vec<Algorithm>,
}

/// What a medium is compared with, byte by byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// An image file.
    Image(PathBuf),
    /// An image that comes from stdin.
    Stdin,
    /// Digests of the image's chunks.
    Ledger(Ledger),
    /// The checksums of a block map.
    Bmap(BmapOperand),
    /// Nothing: a digest of the whole has to do, or a second reading.
    None,
}

/// What a signal does not interrupt.
const STOPPING: &str = "stopping after the read that is under way (a second signal ends at once)";

/// What a job ends with that a signal ended.
fn interrupted() -> Failure {
    Failure::stopped("as asked, before the end: nothing is proved")
}

/// Compares. The result tells how it ended, whatever happened.
pub fn run(request: &Request, attached: Attached, observer: &mut dyn Observer, stop: &Stop) -> JobResult {
    worker::tell(STOPPING, observer, stop, |observer| attempt(request, attached, observer, stop))
}

fn attempt(request: &Request, attached: Attached, observer: &mut dyn Observer, stop: &Stop) -> Result<JobResult, Failure> {
    let original = match &request.reference {
        Reference::Image(path) => Some(Original::open(path)?),
        Reference::Stdin => Some(Original::stdin()?),
        Reference::Ledger(_) | Reference::Bmap(_) | Reference::None => None,
    };
    let bmap = match &request.reference {
        Reference::Bmap(operand) => Some(open_bmap(operand, &attached)?),
        _ => None,
    };
    if let Some(original) = &original {
        observer.event(&Event::Source(original.summary()));
    }
    let zeros = original.as_ref().map(Original::zeros).unwrap_or_default();
    let mut specimen = Specimen::open(attached, &zeros, observer, stop)?;
    refuse_itself(original.as_ref(), &specimen, observer)?;
    let unmoved = original.as_ref().and_then(|original| Unmoved::recognise(original, &specimen));
    let moved = unmoved.as_ref().map(|unmoved| unmoved.told(&specimen.name));
    let gpt = unmoved.as_ref().map(Unmoved::moved);
    if let Some(unmoved) = unmoved {
        specimen.medium = Arc::new(unmoved);
    }
    let expected = expected(request, original.as_ref(), &specimen)?;
    let length = length(request, original.as_ref(), bmap.as_ref(), &specimen)?;
    let inhibit = Inhibit::sleep("isoverify", "comparing a medium");
    if let Err(why) = &inhibit {
        observer.event(&Event::detail(format!("the computer may fall asleep meanwhile: {why}")));
    }
    let comparing = Comparing { request, original: original.as_ref(), specimen: &specimen, bmap, gpt, expected, length, stop };
    let mut result = comparing.run(observer)?;
    result.reasons.extend(moved);
    Ok(result)
}

/// The block map, with something in it to compare with.
fn open_bmap(operand: &BmapOperand, attached: &Attached) -> Result<Bmap, Failure> {
    let image = if let Attached::Path(path) = attached { Some(path.as_path()) } else { None };
    let (path, bmap) = operand.open(image)?;
    if bmap.ranges.iter().any(|range| range.digest.is_some()) {
        return Ok(bmap);
    }
    let name = path.display();
    Err(Failure::refused(format!("{name} has no checksums: there is nothing to compare; name the image in place of --bmap")))
}

/// A comparison of something with itself proves nothing.
fn refuse_itself(original: Option<&Original>, specimen: &Specimen, observer: &mut dyn Observer) -> Result<(), Failure> {
    let Some(original) = original.filter(|original| specimen.is_made_of(&original.meta)) else { return Ok(()) };
    if matches!(specimen.kind, specimen::SpecimenKind::Emulated) {
        observer.event(&Event::notice(format!("{} is made of {} itself", specimen.name, original.name)));
        return Ok(());
    }
    Err(Failure::refused(format!(
        "{} and {} are one and the same: that compares the file with itself, and proves nothing; name the medium that it was written to",
        original.name, specimen.name
    )))
}

/// What the digest should be: the name of the image picks the line of a list, without one that of the medium.
fn expected(request: &Request, original: Option<&Original>, specimen: &Specimen) -> Result<Option<Expected>, Failure> {
    let image = original.and_then(|original| original.path.as_deref()).and_then(Path::file_name);
    let name = image.map_or_else(|| specimen.file_name(), |name| name.to_string_lossy().into_owned());
    let expected = request.expectation.as_ref().map(|expectation| expectation.of(&name)).transpose();
    expected.map_err(|error| Failure::usage(format!("the checksum list: {error}")))
}

/// How many bytes are to be the same, where that is known. None at all would be no comparison.
fn length(
    request: &Request,
    original: Option<&Original>,
    bmap: Option<&Bmap>,
    specimen: &Specimen,
) -> Result<Option<u64>, Failure> {
    let nothing = |what: &str| Err(Failure::refused(format!("{what}: there is nothing to compare")));
    if let Some(original) = original {
        return match original.bytes {
            Some(0) => nothing(&format!("{} is empty", original.name)),
            Some(bytes) if original.holes.bytes() >= bytes => {
                nothing(&format!("nothing of {} was ever read, as its map says", original.name))
            }
            bytes => Ok(bytes),
        };
    }
    if let Some(bmap) = bmap {
        return Ok(Some(bmap.bytes));
    }
    match (&request.reference, request.size) {
        (Reference::Ledger(ledger), _) if ledger.size == 0 => nothing("the ledger is one of an empty image"),
        (Reference::Ledger(ledger), _) => Ok(Some(ledger.size)),
        (_, Some(0)) => nothing("--size 0"),
        (_, Some(size)) => Ok(Some(size)),
        (_, None) if specimen.bytes() == 0 => nothing(&format!("{} is empty", specimen.name)),
        (_, None) => Ok(Some(specimen.bytes())),
    }
}

/// A comparison, with everything that it needs.
struct Comparing<'a> {
    request: &'a Request,
    original: Option<&'a Original>,
    specimen: &'a Specimen,
    bmap: Option<Bmap>,
    /// Where the GPT of the image was moved to.
    gpt: Option<MovedGpt>,
    expected: Option<Expected>,
    /// Bytes that are to be the same; `None` where that shows only at the end of the image.
    length: Option<u64>,
    stop: &'a Stop,
}

impl Comparing<'_> {
    fn run(&self, observer: &mut dyn Observer) -> Result<JobResult, Failure> {
        let mut findings = Findings::new(self.outcome());
        let mut readings = self.request.again.then(|| ByReading::new(self.shared(), self.specimen.sector()));
        let first = self.first(&mut findings, readings.as_mut(), observer);
        let ended = match (first, readings) {
            (Ok(()), Some(readings)) if findings.outcome.bytes > 0 => self.again(&mut findings, readings, observer),
            (first, _) => first,
        };
        Ok(findings.judged(self, ended))
    }

    /// Bytes that are looked at, at most.
    fn shared(&self) -> u64 {
        self.length.unwrap_or(u64::MAX).min(self.specimen.bytes())
    }

    fn outcome(&self) -> VerifyOutcome {
        let against = match (&self.request.reference, &self.expected) {
            (Reference::Image(_) | Reference::Stdin, _) => Against::Image,
            (Reference::Ledger(_), _) => Against::Ledger,
            (Reference::Bmap(_), _) => Against::Bmap,
            (Reference::None, Some(_)) => Against::Checksum,
            (Reference::None, None) => Against::Reading,
        };
        let image = self.original.and_then(|original| original.path.clone());
        let mapped = self.bmap.as_ref().map(|bmap| mapped(bmap).bytes());
        VerifyOutcome { image, medium: self.specimen.name.clone(), against, mapped, gpt: self.gpt, ..VerifyOutcome::default() }
    }

    /// The algorithms to compute: those asked for, and those that the expectation needs.
    fn algorithms(&self) -> BTreeSet<Algorithm> {
        let needed = self.expected.iter().flat_map(Expected::algorithms);
        // The ledger has one of the whole, too.
        let ledger = matches!(self.request.reference, Reference::Ledger(_)).then_some(Algorithm::Sha256);
        self.request.digests.iter().copied().chain(needed).chain(ledger).collect()
    }

    fn pass<'p>(&'p self, phase: TransferPhase, algorithms: BTreeSet<Algorithm>, observer: &'p mut dyn Observer) -> Pass<'p> {
        Pass { specimen: self.specimen, phase, algorithms, observer, stop: self.stop }
    }

    /// The first reading: everything is compared in it.
    fn first(
        &self,
        findings: &mut Findings,
        mut readings: Option<&mut ByReading>,
        observer: &mut dyn Observer,
    ) -> Result<(), Failure> {
        let mut learn = |part: &pass::Part<'_>| readings.iter_mut().for_each(|readings| readings.learn(part));
        let pass = self.pass(TransferPhase::Verify, self.algorithms(), observer);
        let shared = Pace::Bytes(self.shared());
        let (passed, ended);
        match (&self.request.reference, self.original) {
            (_, Some(original)) => {
                let mut coming = original.start()?;
                let total = original.bytes.map(|bytes| bytes.min(self.specimen.bytes()));
                let Some(lengths) = coming.lengths.take() else { return Ok(()) };
                let (differences, holes) = (Spans::default(), &original.holes);
                let sector = self.specimen.sector();
                let mut judge = ByImage { coming: &mut coming, holes, sector, stop: self.stop, differences, compared: 0 };
                (passed, ended) = pass.run(Pace::Image(lengths, total), |part| {
                    learn(part);
                    judge.judge(part)
                });
                (findings.outcome.differences, findings.compared) = (judge.differences, judge.compared);
                findings.take(passed);
                ended?;
                let is_short = original.bytes.is_some_and(|bytes| bytes > self.specimen.bytes());
                if !is_short {
                    coming.drain(self.stop)?;
                }
                findings.outcome.holes = original.holes.clone();
                findings.reference_bytes = original.bytes.filter(|_| is_short).or(Some(coming.came));
            }
            (Reference::Ledger(ledger), None) => {
                let mut judge = ByLedger::new(ledger.clone());
                (passed, ended) = pass.run(shared, |part| {
                    learn(part);
                    judge.judge(part);
                    Ok(())
                });
                if ended.is_ok() {
                    judge.end(passed.bytes);
                }
                (findings.outcome.differences, findings.compared) = (judge.differences, judge.compared);
                findings.outcome.holes = judge.holes;
                findings.reference_bytes = Some(ledger.size);
                findings.take(passed);
                ended?;
            }
            (Reference::Bmap(_), None) => {
                let Some(bmap) = &self.bmap else { return Ok(()) };
                let mut judge = ByBmap::new(bmap);
                let ranges = mapped(bmap).sectors(self.specimen.medium.geometry().sector);
                (passed, ended) = pass.run(Pace::Ranges(self.shared(), ranges), |part| {
                    judge.judge(part);
                    Ok(())
                });
                (findings.outcome.differences, findings.compared) = (judge.differences, judge.compared);
                findings.outcome.holes = judge.holes;
                findings.reference_bytes = Some(bmap.bytes);
                findings.take(passed);
                ended?;
            }
            (_, None) => {
                let mut volume = ByVolume::new(self.algorithms().into_iter().collect());
                let wants_volume = self.expected.is_some() && self.request.size.is_none();
                (passed, ended) = pass.run(shared, |part| {
                    learn(part);
                    if wants_volume {
                        volume.judge(part);
                    }
                    Ok(())
                });
                findings.compared = passed.bytes - passed.unreadable.bytes();
                findings.reference_bytes = self.request.size;
                findings.volume = volume.finish(passed.bytes);
                findings.take(passed);
                ended?;
            }
        }
        Ok(())
    }

    /// The second reading: does the same come again?
    fn again(&self, findings: &mut Findings, mut readings: ByReading, observer: &mut dyn Observer) -> Result<(), Failure> {
        self.specimen.forget_cached();
        let unreadable = findings.outcome.unreadable.clone();
        let pass = self.pass(TransferPhase::Again, BTreeSet::new(), observer);
        let (passed, ended) = pass.run(Pace::Bytes(findings.outcome.bytes), |part| {
            readings.judge(part, &unreadable);
            Ok(())
        });
        findings.outcome.unsteady = readings.unsteady;
        findings.outcome.unreadable = unreadable.union(&passed.unreadable);
        ended
    }
}
