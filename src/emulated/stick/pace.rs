//! How long the stick takes for a request, in real time.

use std::ops::Range;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::faults::Access;

/// Bytes of which each request takes longer, whether it reads or writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SlowZone {
    pub(super) bytes: Range<u64>,
    pub(super) longer: Duration,
}

/// How fast the stick is. It has no memory: nothing is saved up while the stick is idle, so that a figure measured with it is one of
/// whoever asks.
#[derive(Debug, Default)]
pub(super) struct Pace {
    pub(super) zones: Vec<SlowZone>,
    /// Bytes a second, never 0; as fast as FILE where there is none.
    pub(super) reading: Option<u64>,
    /// As for reading.
    pub(super) writing: Option<u64>,
}

impl Pace {
    /// How long a request for these bytes takes: its length at the stick's speed, and what each zone that it touches adds.
    pub(super) fn service_time(&self, access: Access, bytes: &Range<u64>) -> Duration {
        let speed = match access {
            Access::Reading => self.reading,
            Access::Writing => self.writing,
        };
        let touched = self.zones.iter().filter(|zone| zone.bytes.start < bytes.end && bytes.start < zone.bytes.end);
        let length = bytes.end.saturating_sub(bytes.start);
        touched
            .map(|zone| zone.longer)
            .fold(speed.map_or(Duration::ZERO, |speed| at_speed(length, speed)), Duration::saturating_add)
    }

    /// The stick is busy with a request from now on, until its time is over. Requests that came meanwhile wait: a stick has one
    /// at a time.
    pub(super) fn busy(&self, access: Access, bytes: &Range<u64>) -> Busy {
        Busy { since: Instant::now(), time: self.service_time(access, bytes) }
    }
}

/// A request that is being served. Dropped, it waits for what is left of its time.
#[derive(Debug)]
pub(super) struct Busy {
    since: Instant,
    time: Duration,
}

impl Drop for Busy {
    fn drop(&mut self) {
        sleep(self.time.saturating_sub(self.since.elapsed()));
    }
}

/// The time for `length` bytes at `speed` bytes a second, to the nanosecond.
fn at_speed(length: u64, speed: u64) -> Duration {
    let nanoseconds = u128::from(length) * 1_000_000_000 / u128::from(speed.max(1));
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn a_request_takes_its_length_at_the_speed_of_its_direction() {
        let pace = Pace { reading: Some(1_000_000), writing: Some(10 << 20), ..Pace::default() };
        let time = |access, length: u64| pace.service_time(access, &(4096..4096 + length));
        assert_eq!([time(Access::Reading, 1_000_000), time(Access::Reading, 512)], [ms(1000), Duration::from_micros(512)]);
        assert_eq!(
            [time(Access::Writing, 10 << 20), time(Access::Writing, 5 << 19), time(Access::Writing, 0)],
            [1000, 250, 0].map(ms)
        );
        assert_eq!(pace.service_time(Access::Writing, &(0..10 << 20)), ms(1000), "wherever it lies, and whatever came before");
        assert_eq!(Pace::default().service_time(Access::Reading, &(0..u64::MAX)), Duration::ZERO);
    }

    #[test]
    fn a_zone_adds_its_time_once_to_each_request_that_touches_it() {
        let zone = |bytes, longer| SlowZone { bytes, longer: ms(longer) };
        let mut pace = Pace { zones: vec![zone(1000..2000, 30), zone(1999..3000, 5)], ..Pace::default() };
        let reads = [0..1000, 0..1001, 1500..1501, 512..4096, 2000..2512, 3000..3512];
        assert_eq!(reads.map(|bytes| pace.service_time(Access::Reading, &bytes)), [0, 30, 30, 35, 5, 0].map(ms));
        pace.writing = Some(1_000_000);
        assert_eq!(pace.service_time(Access::Writing, &(0..4000)), ms(30 + 5 + 4), "to what it takes anyway");
    }

    #[test]
    fn no_figure_is_too_large() {
        let zone = SlowZone { bytes: 0..u64::MAX, longer: Duration::MAX };
        let pace = Pace { zones: vec![zone], reading: Some(1), writing: None };
        assert_eq!(pace.service_time(Access::Reading, &(0..u64::MAX)), Duration::MAX);
        assert_eq!(at_speed(u64::MAX, 1), Duration::from_nanos(u64::MAX));
    }
}
