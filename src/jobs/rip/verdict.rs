//! What came of a disc, and the status that it earns.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::disc::{Hurt, Record};
use crate::event::{ImageOutcome, JobResult, Outcome};
use crate::image::{Sector, Volumes};
use crate::medium::OutputKind;
use crate::mmc::SECTOR;
use crate::rescue::{Extents, Planner, State, Surface};
use crate::status::Status;
use crate::trust::{Expected, Sums};

use super::hurt::hurt;
use super::patterns::sentence;
use super::reading::Tally;
use super::target::Target;
use super::{Request, RipError, expected};

/// What came of the disc, but for the files that are hurt. The record's last run is this one, if it has read anything.
pub(super) fn outcome(target: &Target, planner: &Planner, tally: &Tally, record: Option<&Record>) -> ImageOutcome {
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

/// Which files the holes of an image hit, once nothing is left to read. Of what went into a pipe nothing can be looked up.
pub(super) fn hurt_files(target: &Target, planner: &Planner, record: Option<&Record>) -> Option<Hurt> {
    let image = target.image.as_deref().filter(|_| target.kind == OutputKind::File)?;
    hurt(image, planner.map(), record.map_or(&[], |record| &record.disc.tracks))
}

/// The result of an image with nothing left to read.
pub(super) fn judged(
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
