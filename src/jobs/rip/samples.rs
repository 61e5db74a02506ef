//! Sectors whose content is known: by them a disc is recognised after a reset, an exchange, or a day.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;

use sha2::{Digest, Sha256};

use crate::disc::Compared;
use crate::image::Sector;
use crate::mmc::{Drive, Extent, SECTOR};
use crate::rescue::{Extents, State};

use super::look::read_one;

/// Samples are spread over the disc in so many places.
const PLACES: u32 = 32;

/// Holes that are sampled at both sides: what is read next would meet these sectors. Spread over the disc, too.
const HOLES: usize = 8;

/// Sectors that are looked at for one that says something.
const NEAR: u32 = 8;

/// Samples that are given up before the disc is asked for no more: on a dying one each costs seconds.
const UNREADABLE: usize = 8;

/// Equal samples that stand for the one that was read last, where that one can't be read any more. Fewer of them may be no more than
/// the begin that the discs of a series share.
const QUORUM: usize = 3;

/// LBA, and digest.
type Sample = (u32, [u8; 32]);

/// Known sectors.
#[derive(Debug, Clone)]
pub(super) struct Samples {
    known: Vec<Sample>,
    /// Known sectors of zeros, which are on many discs: only a contradiction of them says something.
    zeros: Vec<u32>,
    /// Those beside holes.
    edges: Vec<Sample>,
    /// The one that was read last. Discs of one series begin alike: how far they do, it shows best.
    latest: Option<Sample>,
    /// Sectors from one place to the next, and where the next one is.
    step: u32,
    next: u32,
}

/// An image that an earlier run left, and what of it can be believed.
struct Earlier<'a> {
    image: &'a File,
    map: &'a Extents<State>,
}

impl Earlier<'_> {
    /// A sector that was read.
    fn sector(&self, lba: u32) -> Option<Sector> {
        let mut sector = [0; SECTOR];
        let is_there = self.map.get(lba) == Some(State::Finished)
            && self.image.read_exact_at(&mut sector, u64::from(lba) * SECTOR as u64).is_ok();
        is_there.then_some(sector)
    }

    /// The first of some sectors that says something.
    fn sample(&self, lbas: impl Iterator<Item = u32>) -> Option<Sample> {
        let mut sectors = lbas.map_while(|lba| Some((lba, self.sector(lba)?)));
        sectors.find(|(_, sector)| says_something(sector)).map(|(lba, sector)| (lba, digest(&sector)))
    }

    /// From this sector backwards.
    fn before(&self, end: u32) -> Option<Sample> {
        self.sample((end.saturating_sub(NEAR)..end).rev())
    }

    fn edges(&self) -> Vec<Sample> {
        let mut holes: Vec<Extent> = Vec::new();
        for run in self.map.iter().filter(|run| run.value != State::Finished) {
            match holes.last_mut() {
                Some(last) if last.end() == run.extent.first => last.count += run.extent.count,
                _ => holes.push(run.extent),
            }
        }
        let stride = holes.len().div_ceil(HOLES).max(1);
        let sides = |hole: &Extent| [self.before(hole.first), self.sample(hole.end()..hole.end().saturating_add(NEAR))];
        holes.iter().step_by(stride).flat_map(sides).flatten().collect()
    }
}

impl Samples {
    /// No samples yet, of a disc with so many sectors.
    pub(super) fn new(sectors: u32) -> Self {
        let step = (sectors / PLACES).max(1);
        Self { known: Vec::new(), zeros: Vec::new(), edges: Vec::new(), latest: None, step, next: 0 }
    }

    /// Samples of what an earlier run left in the image.
    pub(super) fn of_image(image: &File, map: &Extents<State>) -> Self {
        let earlier = Earlier { image, map };
        let mut samples = Self::new(map.len());
        let mut from = 0;
        while let Some(area) = map.next_with(State::Finished, from) {
            // Some sectors of each area, in case the first ones are zeros.
            for lba in area.first..area.end().min(area.first.saturating_add(NEAR)) {
                if earlier.sector(lba).is_some_and(|sector| samples.take(lba, &sector)) {
                    break;
                }
            }
            from = area.first.saturating_add(samples.step);
        }
        samples.edges = earlier.edges();
        samples.latest = map.last_with(State::Finished, map.len()).and_then(|area| earlier.before(area.end()));
        samples
    }

    /// Takes a sample from sectors that were just read.
    pub(super) fn watch(&mut self, read: Extent, bytes: &[u8]) {
        let sectors = (read.first..read.end()).zip(bytes.chunks_exact(SECTOR));
        if let Some((lba, sector)) = sectors.rev().find(|(_, sector)| says_something(sector)) {
            self.latest = Some((lba, digest(sector)));
        }
        if read.end() <= self.next || self.known.len() >= 2 * PLACES as usize {
            return;
        }
        let lba = self.next.max(read.first);
        let at = (lba - read.first) as usize * SECTOR;
        if bytes.get(at..at + SECTOR).is_some_and(|sector| self.take(lba, sector)) {
            self.next = lba.saturating_add(self.step);
        }
    }

    /// True when nothing is known.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty() && self.zeros.is_empty() && self.edges.is_empty() && self.latest.is_none()
    }

    /// LBAs of all samples.
    pub(super) fn lbas(&self) -> Vec<u32> {
        self.known.iter().chain(&self.latest).map(|(lba, _)| *lba).chain(self.zeros.iter().copied()).collect()
    }

    fn take(&mut self, lba: u32, sector: &[u8]) -> bool {
        let says_something = says_something(sector);
        if says_something {
            self.known.push((lba, digest(sector)));
        } else if self.zeros.len() < PLACES as usize && self.zeros.last().is_none_or(|last| last + 16 <= lba) {
            self.zeros.push(lba);
        }
        says_something
    }

    /// Compares with the disc in the drive, until more than `enough` are equal. Where one differs it goes on, to say which ones do and
    /// how many don't. What can't be read proves nothing.
    pub(super) fn compare(&self, drive: &mut Drive, enough: usize) -> Compared {
        let stride = (self.known.len() / enough.max(1)).max(1);
        // Spread over the disc first, then the rest.
        let spread = (0..stride).flat_map(|offset| self.known.iter().skip(offset).step_by(stride));
        let samples = self.latest.iter().chain(&self.edges).chain(spread).map(|(lba, digest)| (*lba, Some(digest)));
        let zeros = self.zeros.iter().map(|lba| (*lba, None));
        let (mut compared, mut unreadable, mut is_latest_equal) = (Compared::default(), 0, false);
        let mut zeros_equal = 0;
        let mut seen = BTreeSet::new();
        for (lba, known) in samples.chain(zeros).filter(|(lba, _)| seen.insert(*lba)) {
            match (read_one(drive, lba, &mut Vec::new()), known) {
                (None, _) => unreadable += 1,
                (Some(sector), Some(known)) if digest(&sector) == *known => {
                    compared.equal += 1;
                    is_latest_equal |= self.latest.is_some_and(|(latest, _)| latest == lba);
                }
                (Some(sector), None) if !says_something(&sector) => zeros_equal += 1,
                (Some(_), _) => compared.different.push(lba),
            }
            let is_proved = compared.different.is_empty() && compared.equal > enough;
            if is_proved || compared.different.len() >= Compared::NAMED || unreadable > UNREADABLE {
                break;
            }
        }
        let all = self.known.len() + self.edges.len();
        if all == 0 && self.latest.is_none() && zeros_equal == self.zeros.len() {
            // Nothing but zeros is known. If they are all zeros on this disc too, then nothing of another disc is in the image.
            compared.equal = zeros_equal;
        } else if compared.different.is_empty() && !is_latest_equal && compared.equal < QUORUM.min(all) {
            compared.equal = 0;
        }
        compared
    }
}

fn digest(sector: &[u8]) -> [u8; 32] {
    Sha256::digest(sector).into()
}

/// Zeros are on many discs.
fn says_something(sector: &[u8]) -> bool {
    sector.iter().any(|byte| *byte != 0)
}
