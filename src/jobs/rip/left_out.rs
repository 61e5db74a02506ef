//! What failed, and is no damage: run-out blocks, and what was never written.

use crate::disc::{Record, Region, RegionClass, TrackKind, cd_data_tracks};
use crate::event::{Event, Observer};
use crate::image::{Sector, Volumes};
use crate::medium::Output;
use crate::mmc::{Class, Extent, SECTOR};
use crate::rescue::policy::RUN_OUT;
use crate::rescue::{Extents, Planner, State};

/// What failed, and is no damage.
pub(super) fn find_left_out(record: &Record, planner: &Planner, volume_end: impl Fn(Extent) -> Option<u32>) -> Vec<Region> {
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
pub(super) fn leave_out(left_out: &[Region], planner: &mut Planner, record: &mut Record, observer: &mut dyn Observer) {
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
pub(super) fn volume_end(output: &Output, map: &Extents<State>, track: Extent) -> Option<u32> {
    let read = |lba| {
        let mut sector: Sector = [0; SECTOR];
        (map.get(lba) == Some(State::Finished) && output.read_at(&mut sector, lba).is_ok()).then_some(sector)
    };
    Volumes::find(track.first, read).end
}
