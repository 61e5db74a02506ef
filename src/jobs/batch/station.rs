//! One drive of a batch.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use crate::disc::DriveName;
use crate::event::{BatchOutcome, DiscOutcome, DiscSummary, Event, ImageOutcome, JobResult, Observer, Outcome, Row};
use crate::jobs::Ask;
use crate::jobs::rip::{self, ImageOperand, Request};
use crate::mmc::{CommandError, Drive, Readiness};
use crate::scsi::Port;
use crate::status::Status;
use crate::sys::Stop;

use super::lent::Lent;
use super::rows;

/// How often it is looked whether the disc was taken out.
const LOOK: Duration = Duration::from_secs(1);

/// What a drive is to do.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Where images and rows go.
    pub folder: PathBuf,
    /// After so many discs it ends; `None`: when a signal comes.
    pub discs: Option<u64>,
    /// How each disc is read. Where the image goes, and that a disc is waited for, is the batch's own.
    pub request: Request,
}

/// Images disc after disc, until a signal comes, the discs asked for are done, or the drive can't be used any more.
pub fn station(batch: &Batch, port: Box<dyn Port>, ask: &mut Ask<'_>, observer: &mut dyn Observer, stop: &Stop) -> JobResult {
    let mut station = Station { port: Lent::new(port), observer, stop, outcome: BatchOutcome::default() };
    let mut worst = Status::Done;
    let ended = loop {
        match station.disc(batch, ask) {
            Ok(status) => worst = worst.and(status),
            Err(end) => break *end,
        }
        let done: u64 = station.outcome.discs.values().sum();
        let is_last = batch.discs.is_some_and(|discs| done >= discs);
        match station.give_out(is_last) {
            Ok(()) if is_last => break JobResult::new(Status::Done),
            Ok(()) => {}
            Err(end) => break *end,
        }
    };
    // A signal is the usual end: it is told as such, whatever the discs were.
    let status = if stop.requested().is_some() { Status::Stopped } else { worst.and(ended.status) };
    let result = JobResult { status, outcome: Some(Outcome::Batch(station.outcome)), ..ended };
    observer.event(&Event::Result(Box::new(result.clone())));
    result
}

/// A drive with its discs so far.
struct Station<'a> {
    port: Lent,
    observer: &'a mut dyn Observer,
    stop: &'a Stop,
    outcome: BatchOutcome,
}

impl Station<'_> {
    /// Waits for a disc, images it and writes its row. `Err`: there was no disc, and there will be none.
    fn disc(&mut self, batch: &Batch, ask: &mut Ask<'_>) -> Result<Status, Box<JobResult>> {
        // The tray is opened by the batch itself, after the row; and not after a signal: the same command goes on with this disc.
        let image = ImageOperand::Folder(batch.folder.clone());
        let request = Request { image, map: None, wait: true, eject: false, ..batch.request.clone() };
        let mut seen = Seen { observer: self.observer, drive: None, disc: None };
        let result = rip::run(&request, Box::new(self.port.clone()), ask, &mut seen, self.stop);
        let Seen { drive, disc, .. } = seen;
        let Some(drive) = drive.filter(|_| disc.is_some() || self.stop.requested().is_none()) else { return Err(result.into()) };
        let row = row(drive, disc, &result);
        *self.outcome.discs.entry(row.outcome).or_default() += 1;
        let written = rows::append(&batch.folder, &row);
        self.observer.event(&Event::Row(Box::new(row)));
        let folder = batch.folder.display();
        written.map_err(|error| {
            let why = format!(
                "writing the row to batch.csv in {folder}: {error}; make room or look at that disk, then the same command goes on"
            );
            Box::new(JobResult::because(result.status.and(Status::Stopped), why))
        })?;
        if self.stop.requested().is_some() { Err(result.into()) } else { Ok(result.status) }
    }

    /// Opens the tray. Unless it was the last disc, also waits until the disc is out: it would be taken for the next one.
    fn give_out(&mut self, is_last: bool) -> Result<(), Box<JobResult>> {
        let gone = |why: String| Box::new(JobResult::because(Status::Stopped, why));
        let opened = self.port.open().map_err(|error| gone(error.to_string()))?;
        let clock = self.port.clock();
        let mut drive = Drive::new(opened.transport, self.stop.clone());
        let stays = drive.eject().err().map_or_else(String::new, |error| format!(" ({error})"));
        // What came up until now is about the disc that was read.
        drive.take_medium_change();
        let mut told = is_last;
        loop {
            match drive.readiness() {
                Readiness::NoDisc(_) => return Ok(()),
                Readiness::Broken(CommandError::Stopped) => return Err(gone("as asked; the same command goes on".into())),
                Readiness::Broken(error @ CommandError::Gone) => {
                    return Err(gone(format!("{error}; plug it in, and the same command goes on")));
                }
                _ if is_last || drive.take_medium_change() => return Ok(()),
                Readiness::Wait => {}
                Readiness::Ready | Readiness::Broken(_) => {
                    if !std::mem::replace(&mut told, true) {
                        self.observer.event(&Event::notice(format!("the tray does not open{stays}: take the disc out by hand")));
                    }
                }
            }
            clock.sleep(LOOK);
        }
    }
}

/// Passes on all events but the end of a run, and notes what a row needs.
struct Seen<'a> {
    observer: &'a mut dyn Observer,
    drive: Option<DriveName>,
    /// And when it was recognised.
    disc: Option<(DiscSummary, Instant)>,
}

impl Observer for Seen<'_> {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Drive(name) => self.drive = Some(name.clone()),
            Event::Disc(disc) => self.disc = Some((disc.clone(), Instant::now())),
            Event::Result(_) => return,
            _ => {}
        }
        self.observer.event(event);
    }

    fn next(&mut self) -> Option<&mut dyn Observer> {
        Some(self.observer)
    }
}

fn row(drive: DriveName, disc: Option<(DiscSummary, Instant)>, result: &JobResult) -> Row {
    let (disc, begin) = disc.unzip();
    let image = match &result.outcome {
        Some(Outcome::Image(image)) if image.sectors > 0 => Some(&**image),
        _ => None,
    };
    let name = image.and_then(|image| image.image.as_deref()?.file_name()).map(|name| name.to_string_lossy().into_owned());
    Row {
        end: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        node: drive.node,
        serial: drive.serial,
        kind: disc.as_ref().map(|disc| disc.kind.clone()),
        label: disc.as_ref().and_then(|disc| disc.label.clone()),
        sectors: image.map(|image| image.sectors).or(disc.map(|disc| disc.sectors)),
        image: name,
        status: result.status,
        outcome: outcome(result.status, image),
        bad: image.map(|image| image.bad),
        unread: image.map(|image| image.unread),
        digests: result.digests.clone(),
        seconds: begin.map_or(0, |begin| begin.elapsed().as_secs()),
        reasons: result.reasons.clone(),
    }
}

fn outcome(status: Status, image: Option<&ImageOutcome>) -> DiscOutcome {
    match status {
        Status::Done | Status::Unreadable if image.is_some_and(|image| image.commands == 0) => DiscOutcome::AlreadyThere,
        Status::Done => DiscOutcome::Whole,
        Status::Unreadable => DiscOutcome::Damaged,
        Status::Refused | Status::Usage => DiscOutcome::Refused,
        Status::Stopped => DiscOutcome::Stopped,
        Status::Failed | Status::Corrupt | Status::Different => DiscOutcome::Failed,
    }
}
