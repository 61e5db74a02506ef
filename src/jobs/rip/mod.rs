//! A disc into an image.
//!
//! [`run`] tells the story: what is there already, which drive, which disc, is it the same one, will it fit; then read (`reading`),
//! and end (`ending`). The planner decides what is read, the pipeline writes it; nothing is written before the disc is known.

mod breaker;
mod digests;
mod effort;
mod ending;
mod error;
mod hurt;
mod left_out;
mod limits;
mod loading;
mod look;
mod naming;
mod pace;
mod patterns;
mod reading;
mod recognition;
mod samples;
mod saving;
mod speeds;
mod standing;
mod start;
mod station;
mod target;
mod trouble;
mod verdict;
mod ways;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::disc::Damage;
use crate::event::{Event, ImageOutcome, JobResult, Observer, Outcome};
use crate::medium::OutputKind;
use crate::mmc::{Class, Drive, Extent, Speed};
use crate::rescue::{Direction, Extents, State};
use crate::scsi::Port;
use crate::status::Status;
use crate::sys::{Inhibit, Stop};
use crate::trust::{Algorithm, Expectation, Expected};

use super::{Ask, worker};
pub use error::RipError;
pub(super) use hurt::sessions;
pub use limits::Limits;
pub(in crate::jobs) use look::Disc;
pub use look::label_of;
use naming::Chosen;
pub use standing::standing;
use start::{Known, Start, recognise, resume};
use station::Station;
use target::{Existing, Fate, Target};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where the image goes.
    pub image: ImageOperand,
    /// Where the map goes, if not beside the image.
    pub map: Option<PathBuf>,
    /// Passes over sectors that failed alone.
    pub retries: u32,
    /// Leave the sectors of ECC blocks that failed untried.
    pub no_scrape: bool,
    /// Which way the first pass goes.
    pub direction: Direction,
    /// The only sectors to ask for.
    pub range: Option<Extent>,
    /// Leave deliberate bad sectors alone once they are recognised.
    pub skip_patterns: bool,
    /// What the run may cost.
    pub limits: Limits,
    /// Read speed to set.
    pub speed: Option<Speed>,
    /// Wait for a disc.
    pub wait: bool,
    /// How long a drive that vanished is awaited.
    pub wait_drive: Duration,
    /// Unmount a mounted disc.
    pub unmount: bool,
    /// Open the tray at the end.
    pub eject: bool,
    /// Set aside what is there, and start anew.
    pub force: bool,
    /// The person says that it is the same disc.
    pub same_disc: bool,
    /// Look, and write nothing.
    pub dry_run: bool,
    /// What else is written, by the option that names it: no part of the image may lie there.
    pub beside: Vec<(&'static str, PathBuf)>,
    /// Digests to compute.
    pub digests: Vec<Algorithm>,
    /// What the image's digest should be.
    pub expectation: Option<Expectation>,
    /// The options as they were given, for the record.
    pub options: Vec<String>,
}

impl Request {
    /// Makes sure that no two files of the run are one, as far as they have names by now.
    ///
    /// # Errors
    /// [`RipError::Usage`] names the option.
    pub fn check_names(&self) -> Result<(), RipError> {
        match &self.image {
            ImageOperand::Path(image) => target::check_beside(image, self.map.as_deref(), self),
            ImageOperand::Stdout | ImageOperand::Folder(_) => Ok(()),
        }
    }

    /// Whether the tray is opened at the end: not by a look.
    fn opens_tray(&self) -> bool {
        self.eject && !self.dry_run
    }
}

/// The image as it was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageOperand {
    /// `-`.
    Stdout,
    /// A file, a pipe or a device.
    Path(PathBuf),
    /// A folder: the image has a name there already, or gets one after the disc's label.
    Folder(PathBuf),
}

/// Images the disc. The result tells how it ended, whatever happened.
pub fn run(request: &Request, port: Box<dyn Port>, ask: &mut Ask<'_>, observer: &mut dyn Observer, stop: &Stop) -> JobResult {
    let stopping = "stopping after the drive's present command (a second signal ends at once)";
    let ended = worker::work(stopping, observer, stop, |observer| attempt(request, port, ask, observer, stop));
    let ended = ended.unwrap_or_else(|error| Err(RipError::Failed(error.to_string())));
    let mut result = ended.unwrap_or_else(|error| JobResult::because(error.status(), error.to_string()));
    if let ImageOperand::Path(path) = &request.image {
        let outcome = result.outcome.get_or_insert_with(|| Outcome::Image(Box::default()));
        if let Outcome::Image(outcome) = outcome {
            outcome.image.get_or_insert_with(|| path.clone());
        }
    }
    observer.event(&Event::Result(Box::new(result.clone())));
    result
}

fn attempt(
    request: &Request,
    mut port: Box<dyn Port>,
    ask: &mut Ask<'_>,
    observer: &mut dyn Observer,
    stop: &Stop,
) -> Result<JobResult, RipError> {
    // What is there may be complete: then the drive is left alone.
    let examined = match request.image {
        ImageOperand::Folder(_) => None,
        _ => Some(examine(request, &request.image)?),
    };
    let finished = examined.as_ref().and_then(|target| {
        let drive = || Station::name_of(&mut *port, stop);
        ending::of_finished(request, target, None, drive, observer, stop)
    });
    if let Some(result) = finished {
        if request.opens_tray() {
            Drive::new(port.open()?.transport, stop.clone()).eject().map_err(|error| RipError::drive(&error))?;
        }
        return result;
    }
    let source = port.backing();
    let mut station = Station::open(port, request, ask, observer, stop)?;
    let mut disc = match Disc::look(&mut station.drive, observer, stop) {
        Err(RipError::Vanished) => {
            station.await_return(request.wait_drive)?;
            Disc::look(&mut station.drive, observer, stop)?
        }
        other => other?,
    };
    let Chosen { mut target, looked, claim } = match (examined, &request.image) {
        (None, ImageOperand::Folder(folder)) => naming::choose(folder, &mut station, &disc, request, observer, stop)?,
        (None, image) => Chosen { target: examine(request, image)?, looked: None, claim: None },
        (Some(target), _) => Chosen { target, looked: None, claim: None },
    };
    let known = match &target.existing {
        Existing::Begun(begun) if !request.force => {
            let looked = looked.unwrap_or_else(|| recognise(&mut station, &disc, &target, begun));
            resume(looked, &station.name, &mut disc, (&target, begun), request, observer)?
        }
        _ => Known::nothing(disc.layout.size.sectors),
    };
    let seen = Some(disc.layout.size.sectors);
    if let Some(result) = ending::of_finished(request, &target, seen, || Ok(station.name.clone()), observer, stop) {
        return result;
    }
    let sectors = known.map.len();
    if let Some(range) = request.range.filter(|range| range.end() > sectors) {
        return Err(RipError::Refused(format!(
            "the range ends with sector {}, and the disc with sector {}; name a range that lies on the disc",
            range.end() - 1,
            sectors - 1
        )));
    }
    let begun = match std::mem::replace(&mut target.existing, Existing::Nothing) {
        Existing::Begun(begun) if !request.force => Some(begun),
        _ => None,
    };
    target.preflight(sectors, source.as_deref())?;
    if request.dry_run {
        return Ok(dry_run(request, &target, &known.map, begun.is_some(), observer));
    }
    if request.force
        && let Some(number) = target.set_aside()?
    {
        observer.event(&Event::notice(format!("the old image, map and record are kept as .bak-{number}")));
    }
    if let Some(speed) = request.speed {
        station.set_speed(speed, disc.layout.family())?;
    }
    // Before the image is locked: a process that is just being started has every lock, also when this one is killed meanwhile.
    let inhibit = Inhibit::sleep("discrip", "imaging a disc");
    if let Err(why) = &inhibit {
        observer.event(&Event::detail(format!("the computer may fall asleep meanwhile: {why}")));
    }
    let output = target.open(stop)?;
    let record = begun.and_then(|begun| begun.record);
    if record.is_none()
        && let Some(kept) = target.set_aside_record()?
    {
        observer.event(&Event::notice(format!("the old record is of no use for this image, and is kept as {}", kept.display())));
    }
    let start = Start { station: &mut station, disc: &disc, request, target: &target, output: &output, stop, observer };
    let mut reading = start.begin(known, record)?;
    drop(claim);
    let ended = reading.run();
    ending::end(reading, ended, &target, &output)
}

/// What is there under the name of the image, unless it may not be touched.
fn examine(request: &Request, image: &ImageOperand) -> Result<Target, RipError> {
    let fate = if request.force { Fate::SetAside } else { Fate::GoOn };
    let target = Target::examine(image, request, fate)?;
    if matches!(target.existing, Existing::Unknown) && fate == Fate::GoOn {
        return Err(RipError::Refused(format!(
            "{} exists, or its record does, and no map says what is in it; choose another name, or start anew with --force (the old files are kept)",
            target.name()
        )));
    }
    if target.kind == OutputKind::Stream && request.retries > 0 {
        return Err(RipError::Usage("--retries needs an image that can be written in any order: a file, not a pipe".into()));
    }
    if target.kind == OutputKind::Stream && (request.no_scrape || request.direction == Direction::Backwards) {
        return Err(RipError::Usage(
            "--no-scrape and --reverse need an image that can be written in any order: a file, not a pipe".into(),
        ));
    }
    if target.kind != OutputKind::File && request.range.is_some() {
        return Err(RipError::Usage(
            "--range needs an image that a later run can go on with: a file, not a pipe or a device".into(),
        ));
    }
    if target.kind != OutputKind::File && request.skip_patterns {
        return Err(RipError::Usage(
            "--skip-protection-patterns needs an image that a later run can go on with: a file, not a pipe or a device".into(),
        ));
    }
    Ok(target)
}

/// The algorithms to compute: those asked for, and those that the expectation needs.
fn wanted_digests(request: &Request, target: &Target) -> Result<BTreeSet<Algorithm>, RipError> {
    let expected = expected(request, target)?;
    Ok(request.digests.iter().copied().chain(expected.iter().flat_map(Expected::algorithms)).collect())
}

/// What the image's digest should be, now that the image has a name.
fn expected(request: &Request, target: &Target) -> Result<Option<Expected>, RipError> {
    let name =
        target.image.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let expected = request.expectation.as_ref().map(|expectation| expectation.of(&name));
    expected.transpose().map_err(|error| RipError::Usage(format!("the checksum list: {error}")))
}

/// The time, UTC, RFC 3339.
fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// What could not be read, by kind.
fn damage(map: &Extents<State>, classes: &Extents<Option<Class>>) -> Vec<Damage> {
    let mut damage: Vec<Damage> = Vec::new();
    for bad in map.iter().filter(|run| run.value == State::Bad) {
        let mut at = bad.extent.first;
        while at < bad.extent.end() {
            let run = classes.run_at(at);
            let end = run.map_or(bad.extent.end(), |run| run.extent.end().min(bad.extent.end()));
            let class = run.and_then(|run| run.value).unwrap_or(Class::Other);
            damage.push(Damage { extent: Extent::between(at, end), class });
            at = end;
        }
    }
    damage
}

/// What a run would do.
fn dry_run(request: &Request, target: &Target, map: &Extents<State>, resumes: bool, observer: &mut dyn Observer) -> JobResult {
    let verb = if resumes { "go on with" } else { "write" };
    let (good, bad) = (map.count(State::Finished), map.count(State::Bad));
    let unread = map.len() - good - bad;
    let place = request
        .range
        .map_or_else(String::new, |range| format!(", of them only what lies in {} to {}", range.first, range.end() - 1));
    let tray = if request.eject { ", and open the tray" } else { "" };
    let text =
        format!("would {verb} {}: {unread} of {} sectors to read{place}{tray}; nothing was written", target.name(), map.len());
    observer.event(&Event::notice(text));
    let outcome = ImageOutcome {
        image: target.image.clone(),
        map: target.map.clone(),
        sectors: map.len(),
        good,
        bad,
        unread,
        ..ImageOutcome::default()
    };
    JobResult { outcome: Some(Outcome::Image(Box::new(outcome))), ..JobResult::new(Status::Done) }
}
