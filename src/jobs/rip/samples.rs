//! Sectors whose content is known: by them a disc is recognised after a reset, an exchange, or a day.

use std::fs::File;
use std::os::unix::fs::FileExt;

use sha2::{Digest, Sha256};

use crate::disc::Sameness;
use crate::mmc::{Drive, Extent, ReadEnd, SECTOR};
use crate::rescue::policy::{BEYOND_CACHE, READ_LIMIT};
use crate::rescue::{Extents, State};

/// Samples are spread over the disc in so many places.
const PLACES: u32 = 32;

/// Known sectors: LBA and digest.
#[derive(Debug, Clone)]
pub(super) struct Samples {
    known: Vec<(u32, [u8; 32])>,
    /// Known sectors of zeros, which are on many discs: only a contradiction of them says something.
    zeros: Vec<u32>,
    /// The one that was read last. Discs of one series begin alike: how far they do, it shows best.
    latest: Option<(u32, [u8; 32])>,
    /// Sectors from one place to the next, and where the next one is.
    step: u32,
    next: u32,
}

impl Samples {
    /// No samples yet, of a disc with so many sectors.
    pub(super) fn new(sectors: u32) -> Self {
        Self { known: Vec::new(), zeros: Vec::new(), latest: None, step: (sectors / PLACES).max(1), next: 0 }
    }

    /// Samples of what an earlier run left in the image.
    pub(super) fn of_image(image: &File, map: &Extents<State>) -> Self {
        let mut samples = Self::new(map.len());
        let mut sector = [0; SECTOR];
        let mut from = 0;
        while let Some(area) = map.next_with(State::Finished, from) {
            // Some sectors of each area, in case the first ones are zeros.
            for lba in area.first..area.end().min(area.first.saturating_add(8)) {
                let at = u64::from(lba) * SECTOR as u64;
                if image.read_exact_at(&mut sector, at).is_ok() && samples.take(lba, &sector) {
                    break;
                }
            }
            from = area.first.saturating_add(samples.step);
        }
        let last = map.last_with(State::Finished, map.len()).map_or(0, |area| area.end() - 1);
        if map.get(last) == Some(State::Finished) && image.read_exact_at(&mut sector, u64::from(last) * SECTOR as u64).is_ok() {
            samples.take_latest(last, &sector);
        }
        samples
    }

    /// Takes a sample from sectors that were just read.
    pub(super) fn watch(&mut self, read: Extent, bytes: &[u8]) {
        let sectors = (read.first..read.end()).zip(bytes.chunks_exact(SECTOR));
        if let Some((lba, sector)) = sectors.rev().find(|(_, sector)| says_something(sector)) {
            self.take_latest(lba, sector);
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
        self.known.is_empty() && self.zeros.is_empty() && self.latest.is_none()
    }

    /// LBAs of all samples, those first that the drive must read from the disc: near `lba`, but not so near that its cache may hold them.
    pub(super) fn far_from(&self, lba: u32) -> Vec<u32> {
        let mut lbas: Vec<u32> =
            self.known.iter().chain(&self.latest).map(|(lba, _)| *lba).chain(self.zeros.iter().copied()).collect();
        lbas.sort_by_key(|known| match known.abs_diff(lba) {
            far if far >= BEYOND_CACHE => (0, far),
            near => (1, BEYOND_CACHE - near),
        });
        lbas
    }

    fn take(&mut self, lba: u32, sector: &[u8]) -> bool {
        let says_something = says_something(sector);
        if says_something {
            self.known.push((lba, Sha256::digest(sector).into()));
        } else if self.zeros.len() < PLACES as usize && self.zeros.last().is_none_or(|last| last + 16 <= lba) {
            self.zeros.push(lba);
        }
        says_something
    }

    fn take_latest(&mut self, lba: u32, sector: &[u8]) {
        if says_something(sector) {
            self.latest = Some((lba, Sha256::digest(sector).into()));
        }
    }

    /// Reads samples from the disc until `enough` are equal. What can't be read proves nothing; it is given up after as many.
    pub(super) fn compare(&self, drive: &mut Drive, enough: usize) -> Sameness {
        let (mut equal, mut unreadable) = (0, 0);
        let stride = (self.known.len() / enough.max(1)).max(1);
        // Spread over the disc first, then the rest.
        let spread = (0..stride).flat_map(|offset| self.known.iter().skip(offset).step_by(stride));
        let order = self.latest.iter().chain(spread);
        for (lba, digest) in order {
            let mut sector = [0; SECTOR];
            match drive.read(Extent { first: *lba, count: 1 }, &mut sector, READ_LIMIT) {
                ReadEnd::Good | ReadEnd::Recovered(_) if Sha256::digest(sector)[..] == digest[..] => equal += 1,
                ReadEnd::Good | ReadEnd::Recovered(_) => {
                    return Sameness::Other(format!("sector {lba} differs from what was read before"));
                }
                _ => unreadable += 1,
            }
            if equal > enough || unreadable > enough {
                break;
            }
        }
        if equal > 0 || !self.known.is_empty() || self.latest.is_some() {
            return if equal > 0 { Sameness::Same } else { Sameness::CantTell };
        }
        self.compare_zeros(drive)
    }

    /// Nothing but zeros is known. If they are all zeros on this disc too, then nothing of another disc is in the image.
    fn compare_zeros(&self, drive: &mut Drive) -> Sameness {
        let mut answer = Sameness::Same;
        for lba in &self.zeros {
            let mut sector = [0; SECTOR];
            match drive.read(Extent { first: *lba, count: 1 }, &mut sector, READ_LIMIT) {
                ReadEnd::Good | ReadEnd::Recovered(_) if sector.iter().all(|byte| *byte == 0) => {}
                ReadEnd::Good | ReadEnd::Recovered(_) => {
                    return Sameness::Other(format!("sector {lba} differs from what was read before"));
                }
                _ => answer = Sameness::CantTell,
            }
        }
        if self.zeros.is_empty() { Sameness::CantTell } else { answer }
    }
}

/// Zeros are on many discs.
fn says_something(sector: &[u8]) -> bool {
    sector.iter().any(|byte| *byte != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_comes_from_near_the_place_but_not_out_of_the_cache() {
        let known = [0, 100, 6000, 9000, 20_000].map(|lba| (lba, [0; 32])).to_vec();
        let samples = Samples { known, zeros: vec![15_000], ..Samples::new(30_000) };
        assert_eq!(samples.far_from(10_000), [15_000, 100, 0, 20_000, 6000, 9000]);
    }
}
