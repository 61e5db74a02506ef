//! How fast the drive read, place by place.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::event::SpeedAt;
use crate::mmc::{Extent, SECTOR};

/// Places of a disc that a speed is kept of: more than a curve has pixels to show.
const PLACES: u64 = 512;

/// The reads of this run that brought sectors, by place.
#[derive(Debug, Clone, Default)]
pub(super) struct Speeds(BTreeMap<u64, Place>);

#[derive(Debug, Clone, Copy)]
struct Place {
    bytes: u64,
    took: Duration,
    /// Bytes a second of the slowest read.
    least: u64,
}

impl Speeds {
    /// Takes a read that brought its sectors, on a disc of so many.
    pub(super) fn note(&mut self, read: Extent, took: Duration, sectors: u32) {
        // What took no time comes from no disc.
        if took.is_zero() {
            return;
        }
        let place = u64::from(read.first) * PLACES / u64::from(sectors.max(1));
        let bytes = u64::from(read.count) * SECTOR as u64;
        let place = self.0.entry(place).or_insert(Place { bytes: 0, took: Duration::ZERO, least: u64::MAX });
        place.bytes += bytes;
        place.took += took;
        place.least = place.least.min(rate(bytes, took));
    }

    /// The curve: each place that was read, in order.
    pub(super) fn curve(&self, sectors: u32) -> Vec<SpeedAt> {
        let lba = |place: u64| (place * u64::from(sectors) / PLACES) as u32;
        let speed =
            |(at, place): (&u64, &Place)| SpeedAt { lba: lba(*at), mean: rate(place.bytes, place.took), least: place.least };
        self.0.iter().map(speed).collect()
    }
}

/// Bytes a second.
fn rate(bytes: u64, took: Duration) -> u64 {
    (bytes as f64 / took.as_secs_f64()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_its_mean_and_its_slowest_read() {
        let mut speeds = Speeds::default();
        let mut read = |first, milliseconds| {
            speeds.note(Extent { first, count: 100 }, Duration::from_millis(milliseconds), 512_000);
        };
        read(2000, 100);
        read(2100, 300);
        read(511_999, 50);
        read(3000, 0);
        let bytes = 100 * SECTOR as u64;
        assert_eq!(
            speeds.curve(512_000),
            [
                SpeedAt { lba: 2000, mean: bytes * 5, least: bytes * 10 / 3 },
                SpeedAt { lba: 511_000, mean: bytes * 20, least: bytes * 20 }
            ]
        );
    }

    #[test]
    fn a_curve_is_short_however_many_reads_there_were() {
        let mut speeds = Speeds::default();
        (0..100_000).for_each(|lba| speeds.note(Extent { first: lba, count: 1 }, Duration::from_millis(1), 100_000));
        assert_eq!(speeds.curve(100_000).len() as u64, PLACES);
    }
}
