//! How fast it goes, by the device's clock.

use std::collections::VecDeque;
use std::time::Duration;

/// Seconds that the rate is taken over.
const WINDOW: Duration = Duration::from_secs(10);

/// A sliding window over what was finished.
#[derive(Debug, Default)]
pub(super) struct Meter(VecDeque<(Duration, u64)>);

impl Meter {
    /// Takes the bytes finished so far.
    pub(super) fn note(&mut self, now: Duration, bytes: u64) {
        self.0.push_back((now, bytes));
        while self.0.len() > 2 && self.0.get(1).is_some_and(|(then, _)| now.saturating_sub(*then) >= WINDOW) {
            self.0.pop_front();
        }
    }

    /// Bytes a second.
    pub(super) fn rate(&self) -> u64 {
        let (Some((from, first)), Some((to, last))) = (self.0.front(), self.0.back()) else { return 0 };
        let seconds = to.saturating_sub(*from).as_secs_f64();
        if seconds > 0.0 { (last.saturating_sub(*first) as f64 / seconds) as u64 } else { 0 }
    }
}
