//! What reads cost lately: how long the present pass will take.

use std::collections::VecDeque;
use std::time::Duration;

use crate::mmc::Extent;
use crate::rescue::{Phase, Resume};

/// Reads that the mean is taken over. Dead sectors cost a hundred times what good ones do: fewer would make it jump.
const LATELY: usize = 64;

/// The latest reads of the present pass.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace {
    pass: Option<(Phase, u32)>,
    /// Sectors that failed in it.
    failed: u32,
    /// Sectors and time of each read.
    lately: VecDeque<(u32, Duration)>,
    /// When sectors came last.
    came: Option<Duration>,
}

impl Pace {
    /// Sectors came.
    pub(super) fn came(&mut self, at: Resume, read: Extent, took: Duration, now: Duration) {
        self.note(at, read, took);
        self.came = Some(now);
    }

    /// Sectors did not come.
    pub(super) fn failed(&mut self, at: Resume, read: Extent, took: Duration) {
        self.note(at, read, took);
        self.failed = self.failed.saturating_add(read.count);
    }

    fn note(&mut self, at: Resume, read: Extent, took: Duration) {
        if self.pass != Some((at.phase, at.pass)) {
            *self = Self { pass: Some((at.phase, at.pass)), came: self.came, ..Self::default() };
        }
        self.lately.push_back((read.count, took));
        if self.lately.len() > LATELY {
            self.lately.pop_front();
        }
    }

    /// How long it is since sectors came; `None` before the first.
    pub(super) fn since_good(&self, now: Duration) -> Option<Duration> {
        Some(now.saturating_sub(self.came?))
    }

    /// How long it will take to get through so many sectors at the present cost; `None` while that is not known. Passes over what failed
    /// alone leave sectors as they were: those that failed in this one are not asked for again.
    pub(super) fn time_for(&self, at: Resume, sectors: u32) -> Option<Duration> {
        self.pass.filter(|pass| *pass == (at.phase, at.pass))?;
        let left = if at.phase == Phase::Retry { sectors.saturating_sub(self.failed) } else { sectors };
        let (count, took) =
            self.lately.iter().fold((0, Duration::ZERO), |(all, time), (count, took)| (all + count, time + *took));
        (count > 0).then(|| Duration::from_secs_f64(took.as_secs_f64() / f64::from(count) * f64::from(left)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(phase: Phase, pass: u32) -> Resume {
        Resume { at: 0, phase, pass }
    }

    fn read(count: u32) -> Extent {
        Extent { first: 0, count }
    }

    #[test]
    fn a_pass_takes_what_its_reads_took_lately() {
        let (trim, scrape) = (at(Phase::Trim, 1), at(Phase::Scrape, 1));
        let mut pace = Pace::default();
        assert_eq!((pace.time_for(trim, 100), pace.since_good(SECOND)), (None, None));
        pace.came(trim, read(16), SECOND, 5 * SECOND);
        pace.failed(trim, read(16), 7 * SECOND);
        assert_eq!(pace.time_for(trim, 320), Some(80 * SECOND));
        assert_eq!(pace.since_good(12 * SECOND), Some(7 * SECOND));
        // What blocks cost says nothing of single sectors.
        assert_eq!(pace.time_for(scrape, 10), None);
        (0..200).for_each(|_| pace.failed(scrape, read(1), 9 * SECOND));
        (0..LATELY).for_each(|_| pace.failed(scrape, read(1), 3 * SECOND));
        assert_eq!(pace.time_for(scrape, 10), Some(30 * SECOND));
        assert_eq!(pace.since_good(12 * SECOND), Some(7 * SECOND));
    }

    #[test]
    fn a_retry_does_not_come_back_to_what_it_tried() {
        let (first, second) = (at(Phase::Retry, 1), at(Phase::Retry, 2));
        let mut pace = Pace::default();
        (0..6).for_each(|_| pace.failed(first, read(1), SECOND));
        assert_eq!(pace.time_for(first, 10), Some(4 * SECOND));
        pace.failed(second, read(1), SECOND);
        assert_eq!(pace.time_for(second, 10), Some(9 * SECOND));
    }
}
