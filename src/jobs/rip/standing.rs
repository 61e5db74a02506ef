//! Where an image stands, after its map and the record beside it, which files its holes hit, after the image itself, and whether a program works on
//! it. Nothing is changed: it can be asked while another run is reading the disc.

use std::fs::{File, TryLockError, metadata};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::disc::Record;
use crate::event::{JobResult, LastRun, Outcome, Standing};
use crate::jobs::beside;
use crate::mmc::SECTOR;
use crate::rescue::mapfile::{Mapfile, Position};
use crate::rescue::{Extents, Phase, State};
use crate::status::Status;

use super::RipError;
use super::hurt::hurt;
use super::loading::{claims_too_much, load_map, load_record};

/// Looks at what lies beside an image, and at its map where that lies elsewhere: done, done with holes, or not at its end.
pub fn standing(image: &Path, map: Option<&Path>) -> JobResult {
    look(image, map).unwrap_or_else(|error| JobResult::because(error.status(), error.to_string()))
}

fn look(image: &Path, map: Option<&Path>) -> Result<JobResult, RipError> {
    let path = map.map_or_else(|| beside(image, "map"), Into::into);
    let name = path.display();
    let mapfile = load_map(&path).map_err(|error| RipError::Failed(error.to_string()))?;
    let mapfile = mapfile.ok_or_else(|| {
        RipError::Failed(format!("there is no map {name}; one that lies elsewhere is named: --status IMAGE MAP"))
    })?;
    let sectors = u32::try_from(mapfile.known_end().div_ceil(SECTOR as u64));
    let sectors =
        sectors.map_err(|_| RipError::Failed(format!("the map {name} covers more than any disc has; name the right one")))?;
    // Without an image the map is enough. A shorter one is not what it tells of.
    if metadata(image).is_ok_and(|meta| meta.is_file() && meta.len() < mapfile.finished_end()) {
        return Err(claims_too_much(&name.to_string(), &mapfile, image));
    }
    // A record that is not there, or is none of ours, only has less to say.
    let record = load_record(&beside(image, "json")).filter(|record| record.format == Record::FORMAT);
    Ok(judged(standing_of(image, &mapfile, sectors, record)))
}

fn standing_of(image: &Path, mapfile: &Mapfile, sectors: u32, record: Option<Record>) -> Standing {
    let map = mapfile.to_extents(sectors);
    let mut classes = Extents::new(sectors, None);
    for damage in record.iter().flat_map(|record| &record.damage) {
        classes.set(damage.extent, Some(damage.class));
    }
    let count = |state| map.count(state);
    // Where ddrescue could not tell how long its input is, more may follow than the map knows.
    let has_end = !mapfile.blocks.is_empty() && mapfile.known_end() == mapfile.end();
    let Position { at, status, pass } = mapfile.position;
    Standing {
        image: image.display().to_string(),
        kind: record.as_ref().map(|record| record.disc.kind.clone()),
        label: record.as_ref().and_then(|record| record.disc.label.clone()),
        sectors,
        good: count(State::Finished),
        bad: count(State::Bad),
        unread: count(State::NonTried) + count(State::NonTrimmed) + count(State::NonScraped),
        untried: count(State::NonTried),
        phase: Phase::from_symbol(status),
        pass,
        lba: u32::try_from(at / SECTOR as u64).unwrap_or(u32::MAX).min(sectors),
        damage: super::damage(&map, &classes),
        hurt: hurt(image, &map, record.as_ref().map_or(&[], |record| record.disc.tracks.as_slice())),
        has_end,
        whole: has_end && count(State::Finished) == sectors,
        origins: record.as_ref().map_or_else(Vec::new, |record| record.origins(&map)),
        at_work: is_locked(image),
        last_run: record.and_then(|mut record| record.runs.pop()).map(|run| LastRun {
            drive: run.drive,
            start: run.start,
            end: run.end,
            status: run.status,
        }),
    }
}

/// Whether another process holds the lock that every program that works on an image takes. For a moment this one shares it.
fn is_locked(image: &Path) -> bool {
    // A pipe that somebody made of it in the meantime must not hold up the answer.
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(image);
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn judged(standing: Standing) -> JobResult {
    let Standing { sectors, bad, unread, .. } = standing;
    let (status, reason) = match () {
        () if standing.whole => (Status::Done, None),
        () if !standing.has_end => (
            Status::Stopped,
            Some(format!("the map does not say where the disc ends: nothing was read from sector {sectors} on")),
        ),
        () if unread == 0 => {
            (Status::Unreadable, Some(format!("{bad} of {sectors} sectors could not be read; they are zero in the image")))
        }
        () => (Status::Stopped, Some(format!("{unread} of {sectors} sectors are left to read"))),
    };
    let reasons = reason.into_iter().collect();
    JobResult { reasons, outcome: Some(Outcome::Standing(Box::new(standing))), ..JobResult::new(status) }
}
