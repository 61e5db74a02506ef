//! The end of a run: run-out blocks, digests, the comparison, the last save, and what to tell.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::disc::{Damage, DriveName, Hurt, Record, Region, RegionClass, TrackKind, cd_data_tracks};
use crate::event::{Event, ImageOutcome, JobResult, Observer, Outcome, PhaseChange, PhaseName, Progress, TransferPhase, Unit};
use crate::image::{Sector, Volumes};
use crate::medium::{Output, OutputKind};
use crate::mmc::{Class, Extent, SECTOR};
use crate::pipeline::{Failure, Hashed};
use crate::rescue::policy::{LONGEST_COMMAND, RUN_OUT};
use crate::rescue::protection::patterns;
use crate::rescue::{Extents, Planner, State, Surface};
use crate::status::Status;
use crate::sys::Stop;
use crate::trust::{Expected, Sums};

use super::hurt::hurt;
use super::patterns::sentence;
use super::reading::{Reading, Tally, output_failed};
use super::saving::{Log, Saving};
use super::start::head;
use super::target::{Begun, Existing, Target};
use super::{ImageOperand, Request, RipError, expected, wanted_digests};

/// Ends a run. What was read is saved, however the run ended.
pub(super) fn end(
    reading: Reading<'_>,
    ended: Result<(), RipError>,
    target: &Target,
    output: &Arc<Output>,
) -> Result<JobResult, RipError> {
    let Reading { station, disc, request, mut planner, pipeline, mut log, mut saving, tally, stop, observer, .. } = reading;
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
        log.read.set(*extent, false);
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
    let mut ending = Ending { request, target, output, planner, log: Some(log), saving, tally, elapsed };
    if let (Err(error), Some(Failure::Flush(_))) = (&ended, &finished.failure) {
        // For the report alone.
        ending.saving.snapshot(&ending.planner, ending.log.as_ref());
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
/// without a record, only the disc can tell how long it is, and another drive may read where only others have failed. `seen`: the disc's
/// sectors, once it was looked at. `drive` is asked who it is only where that matters.
pub(super) fn of_finished(
    request: &Request,
    target: &Target,
    seen: Option<u32>,
    drive: impl FnOnce() -> Option<DriveName>,
    observer: &mut dyn Observer,
    stop: &Stop,
) -> Option<Result<JobResult, RipError>> {
    let Existing::Begun(begun) = &target.existing else { return None };
    let map = begun.mapfile.to_extents(begun.sectors());
    let settled = map.count(State::Finished) + map.count(State::Bad) == map.len() && !map.is_empty();
    let is_untried = || drive().is_some_and(|drive| !begun.untried_by(&drive, &map, request.range).is_empty());
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
    let ending = Ending { request, target, output: &output, planner, log: None, saving, tally: Tally::default(), elapsed: 0 };
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
    log: Option<Log>,
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
        if let Some(run) = self.saving.record.runs.last_mut().filter(|_| self.log.is_some()) {
            (run.end, run.status) = (Some(super::now()), Some(status.into()));
        }
    }

    /// Saves map and record, the image's bytes first.
    fn save(&mut self) -> Result<(), RipError> {
        let failed = |gerund: &str, error: std::io::Error| {
            RipError::Stopped(format!("{gerund}: {error}; what was saved before is safe, and the same command goes on"))
        };
        self.output.settle().map_err(|error| failed("flushing the image to disk", error))?;
        let snapshot = self.saving.snapshot(&self.planner, self.log.as_ref());
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

/// What failed, and is no damage.
fn find_left_out(record: &Record, planner: &Planner, volume_end: impl Fn(Extent) -> Option<u32>) -> Vec<Region> {
    let run_out = find_run_out(record, planner.map(), &volume_end);
    run_out.into_iter().chain(find_blank_tail(record, planner, &volume_end)).collect()
}

/// The run-out blocks: the last one or two blocks of a CD track that failed, past the end of its file systems.
fn find_run_out(record: &Record, map: &Extents<State>, volume_end: impl Fn(Extent) -> Option<u32>) -> Vec<Region> {
    let is_bad = |lba: u32| map.get(lba) == Some(State::Bad);
    let tracks = cd_data_tracks(&record.disc.kind, &record.disc.tracks, map.len());
    let tail_of = |track: Extent| {
        let bad = (1..=RUN_OUT + 1).take_while(|back| track.count > *back && is_bad(track.end() - back)).count() as u32;
        (1..=RUN_OUT).contains(&bad).then(|| Extent::between(track.end() - bad, track.end()))
    };
    let mut regions = Vec::new();
    for track in tracks {
        let Some(tail) = tail_of(track) else { continue };
        if volume_end(track).is_some_and(|end| end <= tail.first) {
            let text =
                format!("run-out of a track written track-at-once ({} blocks behind the end of its file system)", tail.count);
            regions.push(Region { extent: tail, class: RegionClass::RunOut, text });
        }
    }
    regions
}

/// The end of a disc that was never written, as the drive says, if no file system of its tracks reaches so far.
fn find_blank_tail(record: &Record, planner: &Planner, volume_end: impl Fn(Extent) -> Option<u32>) -> Option<Region> {
    let (map, last) = (planner.map(), planner.map().len().checked_sub(1)?);
    let bad = map.run_at(last).filter(|run| run.value == State::Bad)?.extent;
    let blank = planner.classes().run_at(last).filter(|run| run.value == Some(Class::Blank))?.extent;
    let extent = Extent::between(bad.first.max(blank.first), map.len());
    let data = record.disc.tracks.iter().filter(|track| track.kind == TrackKind::Data);
    let end = data.map(|track| volume_end(track.extent)).max().unwrap_or_else(|| volume_end(Extent::between(0, map.len())))?;
    let text = "never written, and behind the end of the file system".to_string();
    (end <= extent.first).then_some(Region { extent, class: RegionClass::Blank, text })
}

/// Takes run-out blocks and what was never written out of the reckoning: run-out off the end of the image, and zero elsewhere.
fn leave_out(left_out: &[Region], planner: &mut Planner, record: &mut Record, observer: &mut dyn Observer) {
    for region in left_out {
        if region.class == RegionClass::RunOut && region.extent.end() == planner.map().len() {
            planner.truncate(region.extent.first);
            record.size.sectors = region.extent.first;
        } else {
            planner.define_as_zero(region.extent);
        }
        record.regions.push(region.clone());
        observer.event(&Event::Region(region.clone()));
    }
}

/// The end of the file systems of a track, as far as it was read.
fn volume_end(output: &Output, map: &Extents<State>, track: Extent) -> Option<u32> {
    let read = |lba| {
        let mut sector: Sector = [0; SECTOR];
        (map.get(lba) == Some(State::Finished) && output.read_at(&mut sector, lba).is_ok()).then_some(sector)
    };
    Volumes::find(track.first, read).end
}

/// Digests of an image whose first sectors were hashed on the way: one pass over the rest. An output that can't be read again
/// has none, unless everything came in order.
fn digest_rest(
    output: &Output,
    mut hashed: Hashed,
    sectors: u32,
    observer: &mut dyn Observer,
    stop: &Stop,
) -> Result<BTreeMap<String, String>, RipError> {
    if hashed.sectors < sectors && output.kind() != OutputKind::File {
        observer.event(&Event::notice("no digests: sectors did not come in order, and this output can't be read again"));
        return Ok(BTreeMap::new());
    }
    if hashed.sectors < sectors {
        observer.event(&Event::Phase(PhaseChange { name: PhaseName::Transfer(TransferPhase::Digest), pass: 1 }));
    }
    let mut buffer = vec![0; LONGEST_COMMAND as usize * SECTOR];
    while hashed.sectors < sectors {
        if stop.requested().is_some() {
            return Err(RipError::Interrupted);
        }
        let count = (sectors - hashed.sectors).min(LONGEST_COMMAND);
        let bytes = &mut buffer[..count as usize * SECTOR];
        output.read_at(bytes, hashed.sectors).map_err(|error| {
            RipError::Stopped(format!(
                "reading the image back at sector {}: {error}; look at its disk, then the same command goes on",
                hashed.sectors
            ))
        })?;
        hashed.sums.update(bytes);
        hashed.sectors += count;
        observer.event(&Event::Progress(Progress {
            phase: PhaseName::Transfer(TransferPhase::Digest),
            unit: Unit::Sectors,
            done: hashed.sectors.into(),
            total: Some(sectors.into()),
            rate: 0,
            eta: None,
            elapsed: 0,
            reading: None,
        }));
    }
    Ok(hashed.sums.finish().into_iter().map(|(algorithm, hex)| (algorithm.name().to_string(), hex)).collect())
}

/// Which files the holes of an image hit, once nothing is left to read. Of what went into a pipe nothing can be looked up.
fn hurt_files(target: &Target, planner: &Planner, record: Option<&Record>) -> Option<Hurt> {
    let image = target.image.as_deref().filter(|_| target.kind == OutputKind::File)?;
    hurt(image, planner.map(), record.map_or(&[], |record| &record.disc.tracks))
}

/// The result of an image with nothing left to read.
fn judged(
    request: &Request,
    target: &Target,
    planner: &Planner,
    outcome: ImageOutcome,
    digests: BTreeMap<String, String>,
    elapsed: u64,
) -> Result<JobResult, RipError> {
    let ImageOutcome { bad, unread, sectors, left_out, .. } = outcome;
    let patterns = sentence(&outcome.patterns);
    let mut result =
        JobResult { digests, elapsed, outcome: Some(Outcome::Image(Box::new(outcome))), ..JobResult::new(Status::Done) };
    if let Some(expected) = expected(request, target)? {
        let computed = result.digests.iter().filter_map(|(name, hex)| Some((name.parse().ok()?, hex.clone()))).collect();
        match expected.compare(&computed) {
            _ if result.digests.is_empty() => {
                result.status = result.status.and(Status::Failed);
                result
                    .reasons
                    .push("no digest could be computed, so the checksum was not compared; read the disc into a file".into());
            }
            Ok(what) => result.reasons.push(format!("the image matches the expected {what}")),
            Err(what) => {
                result.status = result.status.and(Status::Corrupt);
                let computed = expected.computed(&computed).unwrap_or_default();
                result.reasons.push(format!("the image does not match its checksum: expected {what}, and it has {computed}"));
                result.reasons.extend(why_different(target, planner.map(), &expected));
            }
        }
    }
    if bad > 0 {
        result.status = result.status.and(Status::Unreadable);
        result.reasons.push(format!("{bad} of {sectors} sectors could not be read; they are zero in the image"));
    }
    if unread > left_out {
        result.status = result.status.and(Status::Unreadable);
        result.reasons.push(format!(
            "{} of {sectors} sectors lie in ECC blocks that failed, and were not tried alone; the same command without --no-scrape goes on with them",
            unread - left_out
        ));
    }
    if left_out > 0 {
        result.status = result.status.and(Status::Unreadable);
        result.reasons.push(format!(
            "{left_out} sectors were left out; without --skip-protection-patterns the same command goes on with them"
        ));
    }
    if let (Some(sentence), true) = (patterns, bad + left_out > 0) {
        result.reasons.push(format!("it looks like deliberate bad sectors (copy protection): {sentence}"));
    }
    Ok(result)
}

/// A burnt image is followed by padding on most discs: perhaps the part that the file system claims is the one expected.
fn why_different(target: &Target, map: &Extents<State>, expected: &Expected) -> Option<String> {
    if map.count(State::Bad) > 0 {
        return Some("it can't match while sectors are missing".into());
    }
    let file = File::open(target.image.as_deref()?).ok()?;
    let at = |lba: u32| u64::from(lba) * SECTOR as u64;
    let read = |lba| {
        let mut sector: Sector = [0; SECTOR];
        file.read_exact_at(&mut sector, at(lba)).ok().map(|()| sector)
    };
    let end = Volumes::find(0, read).end.filter(|end| *end < map.len())?;
    let mut sums = Sums::new(expected.algorithms().collect::<BTreeSet<_>>());
    let mut sector = [0; SECTOR];
    for lba in 0..end {
        file.read_exact_at(&mut sector, at(lba)).ok()?;
        sums.update(&sector);
    }
    let matches = expected.compare(&sums.finish()).is_ok();
    matches.then(|| format!("its first {end} sectors, all that the file system claims, do match: the rest is padding (truncate -s {} cuts it off a copy)", at(end)))
}

/// What came of the disc, but for the files that are hurt. The record's last run is this one, if it has read anything.
fn outcome(target: &Target, planner: &Planner, tally: &Tally, record: Option<&Record>) -> ImageOutcome {
    let map = planner.map();
    let unread = map.len() - map.count(State::Finished) - map.count(State::Bad);
    let runs = record.map_or(&[][..], |record| &record.runs);
    let this_run = runs.last().filter(|_| tally.commands > 0);
    let mut weak = Extents::new(map.len(), false);
    runs.iter().flat_map(|run| &run.weak).for_each(|extent| weak.set(*extent, true));
    ImageOutcome {
        image: target.image.clone(),
        map: target.map.clone(),
        sectors: map.len(),
        good: map.count(State::Finished),
        bad: map.count(State::Bad),
        unread,
        damage: super::damage(map, planner.classes()),
        patterns: record.map_or_else(Vec::new, |record| record.patterns.clone()),
        left_out: unread - planner.left(),
        hurt: None,
        whole: map.count(State::Finished) == map.len(),
        origins: record.map_or_else(Vec::new, |record| record.origins(map)),
        commands: tally.commands,
        failed_reads: tally.failed,
        surface: Surface::of(map),
        speeds: tally.speeds.curve(map.len()),
        brought_back: this_run.map(|run| run.brought_back.clone()).unwrap_or_default(),
        weak: weak.iter().filter(|run| run.value).map(|run| run.extent).collect(),
    }
}
