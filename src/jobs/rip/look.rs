//! What disc is it? Everything that is decided before the first sector of the image is read.

use crate::disc::{Facts, Identity, Layout, SystemArea, TrackKind};
use crate::event::{DiscSummary, Event, Observer};
use crate::image::{Sector, Volumes};
use crate::mmc::{Class, Drive, Extent, ReadEnd, SECTOR};
use crate::rescue::policy::{FIRST_LIMIT, INTERRUPTIONS_IN_A_ROW, READ_LIMIT};

use crate::scsi::Sense;
use crate::sys::Stop;

use super::RipError;

/// Sectors 16 to 31 of a data track: where volumes describe themselves.
const SYSTEM_AREA: std::ops::Range<u32> = 16..32;

/// A disc that was looked at.
pub(in crate::jobs) struct Disc {
    /// What the drive said; a disc that says something else in mid-run is another one.
    pub(super) facts: Facts,
    pub(in crate::jobs) layout: Layout,
    pub(super) identity: Identity,
    /// The LBA after the last sector of the first data track's file systems.
    pub(super) volume_end: Option<u32>,
    /// What failed while it was looked at, where its system area did.
    pub(super) dead: Vec<DeadRead>,
}

/// A read that the drive failed for want of the disc.
#[derive(Debug, Clone, Copy)]
pub(in crate::jobs) struct DeadRead {
    pub(super) extent: Extent,
    pub(super) sense: Sense,
}

impl Disc {
    /// Looks at the disc in a drive that is ready.
    pub(in crate::jobs) fn look(drive: &mut Drive, observer: &mut dyn Observer, stop: &Stop) -> Result<Self, RipError> {
        for _ in 0..INTERRUPTIONS_IN_A_ROW {
            let disc = Self::look_once(drive, stop)?;
            // If it was exchanged meanwhile, a part of this is true of the other one.
            if !drive.take_medium_change() {
                disc.tell(observer);
                return Ok(disc);
            }
        }
        Err(RipError::Stopped(
            "the drive says again and again that the disc was exchanged; take it out and put it in again, and the same command goes on".into(),
        ))
    }

    fn look_once(drive: &mut Drive, stop: &Stop) -> Result<Self, RipError> {
        let obey = || stop.requested().map_or(Ok(()), |_| Err(RipError::Interrupted));
        // That a disc was put in before this look is no news after it.
        drive.take_medium_change();
        let facts = Facts::gather(drive).map_err(|error| RipError::drive(&error))?;
        let mut layout = Layout::decide(&facts)?;
        let start = first_data(&layout);
        let mut dead = Vec::new();
        let area = read_system_area(drive, start, &mut dead);
        obey()?;
        let volumes = volumes(drive, start, &area, &mut dead);
        obey()?;
        if let Some((low, high)) = layout.doubt() {
            let (sectors, why) = probe(drive, low, high, volumes.end);
            layout.settle(sectors, why);
        }
        let digests = area.iter().map(|sector| sector.as_ref().map(|sector| SystemArea::digest(sector))).collect();
        let identity = Identity::new(&layout, volumes.label, SystemArea(digests));
        // As long as any of it came, reading it again tells more of it, and costs less.
        if area.iter().any(Option::is_some) {
            dead.clear();
        }
        Ok(Self { facts, layout, identity, volume_end: volumes.end, dead })
    }

    fn tell(&self, observer: &mut dyn Observer) {
        let (layout, identity) = (&self.layout, &self.identity);
        observer.event(&Event::Disc(DiscSummary {
            kind: identity.kind.clone(),
            label: identity.label.clone(),
            sectors: layout.size.sectors,
            sessions: layout.sessions,
            tracks: layout.tracks.clone(),
        }));
        observer.event(&Event::Size(layout.size.clone()));
        for region in &layout.regions {
            observer.event(&Event::Region(region.clone()));
        }
        for track in layout.tracks.iter().filter(|t| t.kind == TrackKind::Audio && t.extent.first >= layout.size.sectors) {
            observer.event(&Event::notice(format!("track {} is audio, and not part of the image", track.number)));
        }
        if layout.copy_protected {
            observer
                .event(&Event::notice("this DVD carries a copy protection: sectors that the drive does not give out are named"));
        }
    }
}

/// The label of a disc in a drive that is ready.
pub fn label_of(drive: &mut Drive, layout: &Layout) -> Option<String> {
    let start = first_data(layout);
    let area = read_system_area(drive, start, &mut Vec::new());
    volumes(drive, start, &area, &mut Vec::new()).label
}

/// The file systems of the first data track. What ISO 9660 names in the system area needs no further look at the disc.
fn volumes(drive: &mut Drive, start: u32, area: &[Option<Sector>], dead: &mut Vec<DeadRead>) -> Volumes {
    let has_iso = area.iter().flatten().any(|sector| &sector[1..6] == b"CD001");
    Volumes::find(start, |lba| match lba.checked_sub(start + SYSTEM_AREA.start).and_then(|index| area.get(index as usize)) {
        Some(sector) => *sector,
        None if has_iso => None,
        None => read_one(drive, lba, dead),
    })
}

/// Where the first data track begins.
pub(super) fn first_data(layout: &Layout) -> u32 {
    layout.tracks.iter().find(|track| track.kind == TrackKind::Data).map_or(0, |track| track.extent.first)
}

/// Reads the system area in one command; if that fails, its first sector alone. A dying disc is not asked for more.
pub(super) fn read_system_area(drive: &mut Drive, start: u32, dead: &mut Vec<DeadRead>) -> Vec<Option<Sector>> {
    let extent = Extent { first: start + SYSTEM_AREA.start, count: SYSTEM_AREA.end - SYSTEM_AREA.start };
    let mut buffer = vec![0; extent.count as usize * SECTOR];
    match drive.read(extent, &mut buffer, FIRST_LIMIT) {
        ReadEnd::Good | ReadEnd::Recovered(_) => buffer.chunks_exact(SECTOR).map(|sector| sector.try_into().ok()).collect(),
        end => {
            dead.extend(DeadRead::of(extent, &end));
            let mut area = vec![None; extent.count as usize];
            area[0] = read_one(drive, extent.first, dead);
            area
        }
    }
}

/// One sector, read once.
pub(super) fn read_one(drive: &mut Drive, lba: u32, dead: &mut Vec<DeadRead>) -> Option<Sector> {
    let (extent, mut sector) = (Extent { first: lba, count: 1 }, [0; SECTOR]);
    match drive.read(extent, &mut sector, READ_LIMIT) {
        ReadEnd::Good | ReadEnd::Recovered(_) => Some(sector),
        end => {
            dead.extend(DeadRead::of(extent, &end));
            None
        }
    }
}

impl DeadRead {
    /// Of this read, if the disc is to blame.
    fn of(extent: Extent, end: &ReadEnd) -> Option<Self> {
        match end {
            ReadEnd::Failed(Class::Medium, Some(sense)) => Some(Self { extent, sense: *sense }),
            _ => None,
        }
    }
}

/// Settles two claims about the disc's length by reading the first and the last sector that only the longer one has.
/// Only a drive that says of both that there is no such sector proves the shorter one: nothing is shortened in doubt.
fn probe(drive: &mut Drive, low: u32, high: u32, volume_end: Option<u32>) -> (u32, String) {
    if let Some(end) = volume_end.filter(|end| *end > low) {
        return (high, format!("the file system needs {end} sectors"));
    }
    let mut absent = 0;
    for lba in [low, high - 1] {
        let mut sector = [0; SECTOR];
        match drive.read(Extent { first: lba, count: 1 }, &mut sector, READ_LIMIT) {
            ReadEnd::Good | ReadEnd::Recovered(_) => return (high, format!("sector {lba} can be read")),
            ReadEnd::Failed(Class::OutOfRange | Class::OffTrack | Class::Blank, _) => absent += 1,
            _ => {}
        }
    }
    match absent {
        2 => (low, format!("the drive says that there is no sector {low} and no sector {}", high - 1)),
        _ => (high, "sources disagree, and the longest is taken: nothing is shortened in doubt".into()),
    }
}
