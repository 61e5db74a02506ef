//! Which good reads took effort: such sectors are next to go.

use std::time::Duration;

use crate::mmc::Extent;
use crate::rescue::policy::{EFFORT, FIRST_COMMAND};
use crate::scsi::Sense;

/// What a sector usually takes on this drive and disc, of late.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usual {
    /// Seconds a sector, smoothed; `None` before the first good read.
    sector: Option<f64>,
    /// When the last good read ended, if nothing but good reads came since.
    since: Option<Duration>,
}

impl Usual {
    /// Takes in a good read that began at `begin`; true when it took effort. One that does not follow another good one at once tells
    /// nothing: the disc may have to spin up.
    pub(super) fn is_effort(&mut self, read: Extent, begin: Duration, took: Duration) -> bool {
        /// Weight of one read among the last ones.
        const WEIGHT: f64 = 1.0 / 8.0;
        /// Speeds and seeks differ so much.
        const SPREAD: f64 = 4.0;
        let count = f64::from(read.count.max(1));
        // Of a short one the seek is the most.
        let is_long = read.count >= FIRST_COMMAND;
        let sector = took.as_secs_f64() / count;
        let follows = self.since.is_some_and(|since| begin.saturating_sub(since) < EFFORT);
        self.since = Some(begin + took);
        let Some(usual) = self.sector.filter(|_| follows) else {
            self.sector = self.sector.or((follows && is_long).then_some(sector));
            return false;
        };
        let is_effort = took.as_secs_f64() > EFFORT.as_secs_f64() + SPREAD * usual * count;
        if is_long && !is_effort {
            self.sector = Some(usual + (sector - usual) * WEIGHT);
        }
        is_effort
    }

    /// A read failed, or something else came between.
    pub(super) fn interrupted(&mut self) {
        self.since = None;
    }
}

/// Where the effort was, after a report of it: the sector that it names, or all that were read.
pub(super) fn place(read: Extent, sense: &Sense) -> Extent {
    let named = sense.information.and_then(|lba| u32::try_from(lba).ok()).filter(|lba| (read.first..read.end()).contains(lba));
    named.map_or(read, |first| Extent { first, count: 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads of (sectors, milliseconds), one right after the other.
    fn efforts(reads: &[(u32, u64)]) -> Vec<bool> {
        let (mut usual, mut now) = (Usual::default(), Duration::ZERO);
        let mut read = |&(count, milliseconds): &(u32, u64)| {
            let took = Duration::from_millis(milliseconds);
            let is_effort = usual.is_effort(Extent { first: 0, count }, now, took);
            now += took;
            is_effort
        };
        reads.iter().map(&mut read).collect()
    }

    #[test]
    fn a_read_that_takes_a_second_more_than_the_others_took_effort() {
        assert_eq!(
            efforts(&[(32, 4000), (64, 36), (256, 140), (256, 1700), (256, 1900), (256, 140)]),
            [false, false, false, true, true, false]
        );
        // 1x, and a far jump.
        assert_eq!(efforts(&[(32, 430), (64, 850), (256, 3400), (256, 3600)]), [false; 4]);
    }

    #[test]
    fn after_a_failure_or_a_pause_the_disc_may_have_to_spin_up() {
        let read = Extent { first: 0, count: 32 };
        let (fast, slow) = (Duration::from_millis(18), Duration::from_secs(4));
        let mut usual = Usual::default();
        let mut now = Duration::ZERO;
        for _ in 0..3 {
            assert!(!usual.is_effort(read, now, fast));
            now += fast;
        }
        usual.interrupted();
        assert!(!usual.is_effort(read, now, slow));
        now += slow + Duration::from_secs(60);
        assert!(!usual.is_effort(read, now, slow));
        assert!(usual.is_effort(read, now + slow, slow));
    }

    #[test]
    fn a_report_names_a_sector_of_the_read_or_none() {
        let read = Extent { first: 100, count: 32 };
        let sense = |information| Sense { key: 1, asc: 0x17, ascq: 1, information, deferred: false };
        assert_eq!(place(read, &sense(Some(131))), Extent { first: 131, count: 1 });
        for information in [None, Some(99), Some(132), Some(1 << 40)] {
            assert_eq!(place(read, &sense(information)), read);
        }
    }
}
