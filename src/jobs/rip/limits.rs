//! What one run may cost. A run that reaches a limit ends as by a signal: all is saved, and the same command goes on.

use std::time::Duration;

use humantime::format_duration;

use super::RipError;

/// What is asked for. A run is only ended where something is left to read, and after a command, so that each run gets further.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// The drive's time that reading may take.
    pub time: Option<Duration>,
    /// Reads that may fail, for whatever reason: a sector that is tried again counts again.
    pub errors: Option<u64>,
    /// The drive's time that may pass without a new good sector.
    pub time_without_data: Option<Duration>,
}

/// The limits while a run lasts. Times are those of the drive's clock.
pub(super) struct Watch {
    limits: Limits,
    /// When reading began, and when sectors came last.
    begin: Duration,
    data: Duration,
}

impl Watch {
    /// Watches from now on.
    pub(super) fn new(limits: Limits, now: Duration) -> Self {
        Self { limits, begin: now, data: now }
    }

    /// New sectors came.
    pub(super) fn data_came(&mut self, now: Duration) {
        self.data = now;
    }

    /// The limit that is reached, with so many reads failed, is an error.
    pub(super) fn check(&self, now: Duration, failed: u64) -> Result<(), RipError> {
        let Limits { time, errors, time_without_data } = self.limits;
        let why = if let Some(time) = time.filter(|time| now.saturating_sub(self.begin) >= *time) {
            format!("the {} of --max-time are over", format_duration(time))
        } else if let Some(errors) = errors.filter(|errors| failed >= *errors) {
            format!("{failed} {} failed, and --max-errors is {errors}", if failed == 1 { "read" } else { "reads" })
        } else if let Some(time) = time_without_data.filter(|time| now.saturating_sub(self.data) >= *time) {
            format!("no new sector came for {} (--max-time-without-data)", format_duration(time))
        } else {
            return Ok(());
        };
        Err(RipError::Stopped(format!("{why}; the same command goes on")))
    }

    /// How long may still be waited; `None` without end.
    pub(super) fn left(&self, now: Duration) -> Option<Duration> {
        let time = self.limits.time.map(|time| self.begin.saturating_add(time));
        let data = self.limits.time_without_data.map(|time| self.data.saturating_add(time));
        time.into_iter().chain(data).min().map(|end| end.saturating_sub(now))
    }
}
