//! Waiting until a drive is ready.

use std::time::Duration;

use crate::scsi::{Clock, Sense};

use super::{CommandError, Drive, Readiness};

/// How often a drive is asked whether it is ready; drives take 100 ms and more to notice anything.
pub const READY_POLL: Duration = Duration::from_millis(250);

/// Why a drive is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unready {
    /// There is no disc in it.
    NoDisc(Sense),
    /// It can't be made ready.
    Broken(CommandError),
    /// It did not become ready in time.
    Never,
    /// A signal asked to stop.
    Interrupted,
}

impl Drive {
    /// Waits until a disc can be read, at most `limit` of the drive's time. A drive that is not ready then is told once to start its
    /// disc, and has the same time again.
    ///
    /// # Errors
    /// Why none can.
    pub fn await_ready(&mut self, clock: &dyn Clock, limit: Duration) -> Result<(), Unready> {
        let (mut begin, mut started) = (clock.now(), false);
        loop {
            match self.readiness() {
                Readiness::Ready => return Ok(()),
                Readiness::NoDisc(sense) => return Err(Unready::NoDisc(sense)),
                Readiness::Broken(CommandError::Stopped) => return Err(Unready::Interrupted),
                Readiness::Broken(error) => return Err(Unready::Broken(error)),
                Readiness::Wait if clock.now().saturating_sub(begin) <= limit => clock.sleep(READY_POLL),
                Readiness::Wait if started => return Err(Unready::Never),
                Readiness::Wait => {
                    // Whether it helps, or a signal came, the next question tells.
                    let _ = self.start_unit();
                    (begin, started) = (clock.now(), true);
                }
            }
        }
    }
}
