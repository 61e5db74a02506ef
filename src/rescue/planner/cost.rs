//! What reads cost on this drive, learned from each answer.

use std::time::Duration;

use crate::mmc::Extent;

/// Taken until a failing read was timed: what optical drives spend on a sector before they give it up is 1 to 30 s.
const FAILING: f64 = 3.0;

/// Taken until single sectors were timed: a command between host and drive, seconds.
const COMMAND: f64 = 0.0003;

/// How much the newest read counts against all before it.
const NEWEST: f64 = 0.1;

/// Good reads that took longer than this many usual ones are slow …
const SLOW_TIMES: f64 = 20.0;
/// … if they also took so many seconds: a jump over the disc, and a drive that spins up again, are no sign of weak sectors.
const SLOW_SECONDS: f64 = 1.0;

/// Mean costs, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Costs {
    failing: f64,
    /// Of a command for one sector.
    single: f64,
    /// Of a sector in a long command.
    sector: Option<f64>,
    /// Where the last good read ended: a read elsewhere is dearer by a jump.
    end: u32,
}

impl Costs {
    pub(super) const UNKNOWN: Self = Self { failing: FAILING, single: COMMAND, sector: None, end: 0 };

    /// A read failed.
    pub(super) fn failed(&mut self, took: Duration) {
        blend(&mut self.failing, took.as_secs_f64());
    }

    /// These sectors came. True when that was slow for this drive.
    pub(super) fn read(&mut self, read: Extent, took: Duration) -> bool {
        let (sectors, took) = (read.count, took.as_secs_f64());
        let is_elsewhere = std::mem::replace(&mut self.end, read.end()) != read.first;
        let usual = self.sector.map_or(f64::INFINITY, |sector| sector * f64::from(sectors));
        if took > SLOW_SECONDS {
            return took > SLOW_TIMES * usual;
        }
        match sectors {
            1 if is_elsewhere => {}
            1 => blend(&mut self.single, took),
            _ => blend(self.sector.get_or_insert(took / f64::from(sectors)), took / f64::from(sectors)),
        }
        false
    }

    /// Sectors that may be read one by one for what one failing read costs.
    pub(super) fn singles_for_a_failure(&self) -> u32 {
        (self.failing / (self.single - self.sector.unwrap_or(0.0)).max(1e-5)) as u32
    }
}

fn blend(mean: &mut f64, value: f64) {
    *mean += (value - *mean) * NEWEST;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dearer_a_failing_read_the_longer_single_sectors_pay() {
        let of = |failing| {
            let mut costs = Costs::UNKNOWN;
            for _ in 0..100 {
                costs.failed(Duration::from_millis(failing));
                costs.read(Extent { first: 0, count: 32 }, Duration::from_micros(6400));
                costs.read(Extent { first: 32, count: 1 }, Duration::from_micros(400));
            }
            costs.singles_for_a_failure()
        };
        assert!((9000..=10_000).contains(&of(2000)), "{}", of(2000));
        assert!(of(5) < 50);
    }

    #[test]
    fn slow_is_what_takes_long_for_this_drive() {
        let mut costs = Costs::UNKNOWN;
        assert!(!costs.read(Extent { first: 0, count: 32 }, Duration::from_secs(5)), "nothing to compare with");
        costs.read(Extent { first: 0, count: 32 }, Duration::from_millis(10));
        assert!(costs.read(Extent { first: 0, count: 32 }, Duration::from_secs(2)));
        assert!(!costs.read(Extent { first: 0, count: 32 }, Duration::from_millis(900)));
    }
}
