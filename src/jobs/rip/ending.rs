//! The end of a run: what is no damage left out, digests, the last save, and what to tell.

use std::sync::Arc;

use crate::disc::{Damage, DriveName};
use crate::event::{Event, ImageOutcome, JobResult, Observer, Outcome};
use crate::medium::{Output, OutputKind};
use crate::mmc::{Extent, SECTOR};
use crate::pipeline::{Failure, Hashed};
use crate::rescue::policy::LONGEST_COMMAND;
use crate::rescue::protection::patterns;
use crate::rescue::{Extents, Planner, State};
use crate::scsi::OpenError;
use crate::status::Status;
use crate::sys::Stop;
use crate::trust::Sums;

use super::digests::digest_rest;
use super::left_out::{find_left_out, leave_out, volume_end};
use super::reading::{Reading, Tally, output_failed};
use super::saving::{Journal, Saving};
use super::start::head;
use super::target::{Begun, Existing, Target};
use super::verdict::{hurt_files, judged, outcome};
use super::{ImageOperand, Request, RipError, wanted_digests};

/// Ends a run. What was read is saved, however the run ended.
pub(super) fn end(
    reading: Reading<'_>,
    ended: Result<(), RipError>,
    target: &Target,
    output: &Arc<Output>,
) -> Result<JobResult, RipError> {
    let Reading { station, disc, request, mut planner, pipeline, mut journal, mut saving, tally, stop, observer, .. } = reading;
    let mut left_out = Vec::new();
    if ended.is_ok() && output.kind() == OutputKind::Stream {
        // A pipe can't be shortened afterwards.
        left_out = find_left_out(&saving.record, &planner, |_| disc.volume_end);
        leave_out(&left_out, &mut planner, &mut saving.record, observer);
        pipeline.zeros(Extent::between(tally.emitted, planner.map().len()));
    }
    let finished = pipeline.finish().map_err(|why| RipError::Failed(why.into()))?;
    for extent in &finished.unwritten {
        planner.forget(*extent);
        journal.read.set(*extent, false);
    }
    let mut ended = ended.and(finished.failure.as_ref().map_or(Ok(()), |failure| Err(output_failed(failure))));
    if ended.is_ok() && output.kind() == OutputKind::File {
        left_out = find_left_out(&saving.record, &planner, |track| volume_end(output, planner.map(), track));
        leave_out(&left_out, &mut planner, &mut saving.record, observer);
        // What an earlier program left there must not pass for data.
        ended = wipe_unread(output, planner.map()).map_err(|error| output_failed(&Failure::Write(error.to_string())));
    }
    saving.record.patterns = patterns(planner.map(), planner.classes(), disc.layout.family());
    let elapsed = station.clock.now().as_millis() as u64;
    let mut ending = Ending { request, target, output, planner, journal: Some(journal), saving, tally, elapsed };
    if let (Err(error), Some(Failure::Flush(_))) = (&ended, &finished.failure) {
        // For the report alone.
        ending.saving.snapshot(&ending.planner, ending.journal.as_ref());
        // Nobody knows what is on the disk now, and the next flush may say that all is well: the map saved last is the one to believe.
        return Ok(ending.result_of(error, None));
    }
    ending.save()?;
    match ended {
        Err(error) => Ok(ending.stopped(&error)),
        Ok(()) if ending.planner.left_in_range() > ending.planner.spared() => Ok(ending.stopped(&RipError::Stopped(
            "some sectors were lost between drive and computer each time; look at cable, port and power, then the same command goes on".into(),
        ))),
        Ok(()) if ending.planner.left() > ending.planner.spared() => Ok(ending.stopped(&RipError::Stopped(
            "the range is done; without --range the same command goes on with the rest of the disc".into(),
        ))),
        Ok(()) => {
            if !left_out.is_empty() {
                output.set_sectors(ending.planner.map().len()).map_err(|error| RipError::Stopped(format!("shortening the image: {error}")))?;
            }
            ending.conclude(finished.hashed, observer, &stop)
        }
    }
}

/// The result for an image that has nothing left to read: no drive is needed for it. `None` when there is something to read, or may be:
/// without a record, only the disc can tell how long it is, and another drive may read where only others have failed: also one that can't be opened yet. `seen`: the
/// disc's sectors, once it was looked at. `drive` is asked who it is only where that matters.
pub(super) fn of_finished(
    request: &Request,
    target: &Target,
    seen: Option<u32>,
    drive: impl FnOnce() -> Result<DriveName, OpenError>,
    observer: &mut dyn Observer,
    stop: &Stop,
) -> Option<Result<JobResult, RipError>> {
    let Existing::Begun(begun) = &target.existing else { return None };
    let map = begun.mapfile.to_extents(begun.sectors());
    let settled = map.count(State::Finished) + map.count(State::Bad) == map.len() && !map.is_empty();
    let is_untried = || match drive() {
        Ok(drive) => !begun.untried_by(&drive, &map, request.range).is_empty(),
        // Where there is none, none will try.
        Err(OpenError::Missing { .. }) => false,
        Err(_) => begun.record.is_some(),
    };
    let bad_are_final = || map.count(State::Bad) == 0 || request.retries == 0 && !is_untried();
    // An image that is not there, or not of this length, is made so by a run.
    let length = target.image.as_deref().and_then(|image| std::fs::metadata(image).ok()).map_or(0, |meta| meta.len());
    let is_there = length >= begun.mapfile.end();
    // The kernel makes a disc shorter when one of its last sectors is bad (`sr_done` in drivers/scsi/sr.c), and a program that reads it by
    // the block layer, as ddrescue does, calls the rest of it the whole disc.
    let is_whole = begun.record.is_some() || seen.is_some_and(|seen| begun.sectors() >= seen);
    (settled && is_there && is_whole && !request.force && bad_are_final())
        .then(|| finish_again(request, target, begun, map, observer, stop))
}

fn finish_again(
    request: &Request,
    target: &Target,
    begun: &Begun,
    map: Extents<State>,
    observer: &mut dyn Observer,
    stop: &Stop,
) -> Result<JobResult, RipError> {
    let sectors = map.len();
    let mut planner = Planner::settled(map);
    for damage in begun.record.iter().flat_map(|record| &record.damage) {
        planner.recall(damage.extent, damage.class);
    }
    observer.event(&Event::notice(finished_before(request, target, begun, &planner)));
    let wanted = wanted_digests(request, target)?;
    let known = begun.record.as_ref().map(|record| &record.digests);
    let all_known = known.is_some_and(|known| wanted.iter().all(|algorithm| known.contains_key(algorithm.name())));
    // Another program may have filled holes since: the map rules. Whoever wants the image checked wants it read.
    let record_fits =
        begun.record.as_ref().is_none_or(|record| tells_of(&record.damage, planner.map())) && request.expectation.is_none();
    let run_was_ended = begun.record.as_ref().is_none_or(|record| !record.digests.is_empty());
    if request.dry_run {
        if request.eject {
            observer.event(&Event::notice("would open the tray"));
        }
        let outcome = Some(Outcome::Image(Box::new(outcome(target, &planner, &Tally::default(), begun.record.as_ref()))));
        return Ok(JobResult { outcome, ..JobResult::new(Status::Done) });
    }
    if all_known && run_was_ended && record_fits {
        let digests = known.cloned().unwrap_or_default();
        let outcome = outcome(target, &planner, &Tally::default(), begun.record.as_ref());
        let hurt = hurt_files(target, &planner, begun.record.as_ref());
        return judged(request, target, &planner, ImageOutcome { hurt, ..outcome }, digests, 0);
    }
    let output = target.open(stop)?;
    let Some(mut record) = begun.record.clone() else {
        let digests = digest_rest(&output, Hashed { sums: Sums::new(wanted), sectors: 0 }, sectors, observer, stop)?;
        let outcome = outcome(target, &planner, &Tally::default(), None);
        let hurt = hurt_files(target, &planner, None);
        return judged(request, target, &planner, ImageOutcome { hurt, ..outcome }, digests, 0);
    };
    // The run before was killed between its last read and its end.
    let left_out = find_left_out(&record, &planner, |track| volume_end(&output, planner.map(), track));
    leave_out(&left_out, &mut planner, &mut record, observer);
    // Also when none was found now: the kill may have come between the map that leaves run-out blocks off and the cut of the image.
    if record.disc.sectors > planner.map().len() {
        output.set_sectors(planner.map().len()).map_err(|error| RipError::Stopped(format!("shortening the image: {error}")))?;
    }
    if !run_was_ended {
        wipe_unread(&output, planner.map()).map_err(|error| output_failed(&Failure::Write(error.to_string())))?;
    }
    let head = head(&record.disc);
    let saving = Saving::at(target, head, record);
    let ending = Ending { request, target, output: &output, planner, journal: None, saving, tally: Tally::default(), elapsed: 0 };
    let hashed = Hashed { sums: Sums::new(wanted), sectors: 0 };
    ending.conclude(hashed, observer, stop)
}

/// What there is to say of an image that nothing is read for.
fn finished_before(request: &Request, target: &Target, begun: &Begun, planner: &Planner) -> String {
    let disc = begun.record.as_ref().map_or_else(String::new, |record| {
        let label = record.disc.label.as_deref().unwrap_or("without a label");
        format!(" (the {} {label})", record.disc.kind)
    });
    let how = match planner.map().count(State::Bad) {
        0 => "is complete already".to_string(),
        bad => format!("was finished before, with {bad} sectors missing (--retries 6 tries them again)"),
    };
    let range = if request.range.is_some() { ", and --range has nothing to read" } else { "" };
    let looked = match (&request.image, &begun.record) {
        (ImageOperand::Folder(_), _) | (_, None) => "it is the disc in the drive",
        _ => "the disc in the drive was not looked at: another disc needs another name",
    };
    format!("{}{disc} {how}{range}; {looked}", target.name())
}

/// True when a record's damage is what the map says.
fn tells_of(damage: &[Damage], map: &Extents<State>) -> bool {
    let is_bad = |damage: &Damage| {
        let run = map.run_at(damage.extent.first);
        run.is_some_and(|run| run.value == State::Bad && run.extent.end() >= damage.extent.end())
    };
    damage.iter().all(is_bad) && damage.iter().map(|damage| damage.extent.count).sum::<u32>() == map.count(State::Bad)
}

/// A run that has read all it could.
struct Ending<'a> {
    request: &'a Request,
    target: &'a Target,
    output: &'a Output,
    planner: Planner,
    /// `None` when nothing was read: the record's last run is an earlier one.
    journal: Option<Journal>,
    saving: Saving,
    tally: Tally,
    elapsed: u64,
}

impl Ending<'_> {
    fn conclude(mut self, hashed: Hashed, observer: &mut dyn Observer, stop: &Stop) -> Result<JobResult, RipError> {
        let digests = match digest_rest(self.output, hashed, self.planner.map().len(), observer, stop) {
            Ok(digests) => digests,
            Err(error) => return Ok(self.stopped(&error)),
        };
        self.saving.record.digests = digests.clone();
        self.saving.record.hurt = hurt_files(self.target, &self.planner, Some(&self.saving.record));
        let outcome = outcome(self.target, &self.planner, &self.tally, Some(&self.saving.record));
        let hurt = self.saving.record.hurt.clone();
        let result = judged(self.request, self.target, &self.planner, ImageOutcome { hurt, ..outcome }, digests, self.elapsed)?;
        self.close_run(result.status);
        self.save()?;
        Ok(result)
    }

    fn stopped(mut self, error: &RipError) -> JobResult {
        self.close_run(error.status());
        let saved = self.save().err();
        self.result_of(error, saved)
    }

    fn result_of(&self, error: &RipError, saving: Option<RipError>) -> JobResult {
        let outcome = outcome(self.target, &self.planner, &self.tally, Some(&self.saving.record));
        let anew = "what went into a pipe or a device is not kept: the same command starts anew".to_string();
        let anew = (self.output.kind() != OutputKind::File).then_some(anew);
        let reasons = [Some(error.to_string()), anew, saving.map(|error| error.to_string())].into_iter().flatten().collect();
        let outcome = Some(Outcome::Image(Box::new(outcome)));
        JobResult { reasons, outcome, elapsed: self.elapsed, ..JobResult::new(error.status()) }
    }

    /// Notes the end of the run in the record. A run that was killed has none.
    fn close_run(&mut self, status: Status) {
        if let Some(run) = self.saving.record.runs.last_mut().filter(|_| self.journal.is_some()) {
            (run.end, run.status) = (Some(super::now()), Some(status.into()));
        }
    }

    /// Saves map and record, the image's bytes first.
    fn save(&mut self) -> Result<(), RipError> {
        let failed = |gerund: &str, error: std::io::Error| {
            RipError::Stopped(format!("{gerund}: {error}; what was saved before is safe, and the same command goes on"))
        };
        self.output.settle().map_err(|error| failed("flushing the image to disk", error))?;
        let snapshot = self.saving.snapshot(&self.planner, self.journal.as_ref());
        let saved = snapshot.save(self.saving.map.as_deref(), self.saving.record_path.as_deref());
        saved.map_err(|error| failed("saving the map", error))
    }
}

/// Makes every sector zero that failed, alone or with its ECC block.
fn wipe_unread(output: &Output, map: &Extents<State>) -> std::io::Result<()> {
    let zeros = vec![0; LONGEST_COMMAND as usize * SECTOR];
    for bad in map.iter().filter(|run| matches!(run.value, State::Bad | State::NonScraped)) {
        for lba in (bad.extent.first..bad.extent.end()).step_by(LONGEST_COMMAND as usize) {
            let count = (bad.extent.end() - lba).min(LONGEST_COMMAND);
            output.write_at(&zeros[..count as usize * SECTOR], lba)?;
        }
    }
    Ok(())
}
