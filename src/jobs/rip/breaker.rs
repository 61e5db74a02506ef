//! Does the drive still read at all? Firmware that is stuck fails every read, and calls each sector bad.
//!
//! Failures in a row that are suspicious, of the drive's own or too fast, prove nothing of the disc. A sector that came before is read
//! again: if it comes, they were real. If not, what failed since a sector came last is taken back, and the drive gets pauses; after some in
//! vain the run stops, and the first of those failures stays, so that the next run gets further.

use std::time::Duration;

use crate::event::Event;
use crate::mmc::{Class, CommandError, Extent, ReadEnd, SECTOR, Unready};
use crate::rescue::policy::{
    FAST_FAILURE, HARDWARE_PAUSE, READ_LIMIT, SUSPICIOUS_FAILURES, UNPROVED_FAILURES, WEDGED_PAUSE, WEDGED_PAUSES,
};
use crate::rescue::{Planner, Run, State};
use crate::scsi::Sense;

use super::RipError;
use super::look::first_data;
use super::reading::Reading;

/// Sectors that are read for one proof: one of them may have gone bad since.
const PROOFS: usize = 3;

/// What speaks against the drive.
#[derive(Debug)]
pub(super) struct Breaker {
    /// What failed since a sector came, or a proof did, as it was before; the oldest first.
    unproved: Vec<Run<State>>,
    /// The first read of these.
    first: Extent,
    suspicious: u32,
    /// Suspicious failures until the next proof.
    patience: u32,
    /// Pauses since the drive was known to read.
    pauses: u32,
    /// The first read of those that were taken back last.
    culprit: Option<Extent>,
}

impl Default for Breaker {
    fn default() -> Self {
        let first = Extent { first: 0, count: 0 };
        Self { unproved: Vec::new(), first, suspicious: 0, patience: SUSPICIOUS_FAILURES, pauses: 0, culprit: None }
    }
}

impl Breaker {
    /// A sector came.
    pub(super) fn data_came(&mut self) {
        self.begin_anew();
        (self.patience, self.pauses) = (SUSPICIOUS_FAILURES, 0);
    }

    /// The planner is about to be told that this read failed.
    pub(super) fn failed(&mut self, read: Extent, class: Class, took: Duration, planner: &Planner) {
        if self.unproved.is_empty() {
            self.first = read;
        }
        self.unproved.extend(planner.map().run_at(read.first));
        let is_own = matches!(class, Class::Hardware | Class::Aborted | Class::OutOfRange | Class::Other);
        self.suspicious += u32::from(is_own || (took <= FAST_FAILURE && !class.is_region()));
    }

    fn is_due(&self) -> bool {
        self.suspicious >= self.patience || self.unproved.len() >= UNPROVED_FAILURES as usize
    }

    /// What failed was the disc's fault.
    fn proved(&mut self) {
        self.begin_anew();
        self.patience = (self.patience * 2).min(UNPROVED_FAILURES);
        self.pauses = 0;
    }

    /// What failed was not, as far as is known. But a read that is the first to fail twice running, or after which no pause helped, is what
    /// the drive does not survive: it stays as it was judged.
    fn refuted(&mut self) -> Vec<Run<State>> {
        let mut was = std::mem::take(&mut self.unproved);
        if self.culprit.replace(self.first) == Some(self.first) {
            was.remove(0);
        }
        self.begin_anew();
        was
    }

    fn begin_anew(&mut self) {
        self.unproved.clear();
        self.suspicious = 0;
    }
}

impl Reading<'_> {
    /// After a failed read: a drive that too much speaks against is put to the proof.
    pub(super) fn prove_if_due(&mut self, failed: Extent, sense: Option<Sense>) -> Result<(), RipError> {
        if self.breaker.is_due() { self.prove(failed, sense) } else { Ok(()) }
    }

    /// At the end: what failed last is not left without a proof. True when there was something to prove.
    pub(super) fn prove_the_last(&mut self) -> Result<bool, RipError> {
        if self.breaker.suspicious == 0 {
            return Ok(false);
        }
        self.prove(self.breaker.first, None).map(|()| true)
    }

    fn prove(&mut self, failed: Extent, sense: Option<Sense>) -> Result<(), RipError> {
        match (self.came_before(failed.first).is_empty(), sense) {
            (true, Some(sense)) if matches!(sense.asc, 0x30 | 0x57) => Err(RipError::Stopped(format!(
                "the drive can't make out this disc ({}, {sense}); clean it, take it out and put it in again, or try another drive; the same command goes on",
                sense.text()
            ))),
            // Nothing came yet that could be read again.
            (true, _) => {
                self.breaker.proved();
                Ok(())
            }
            (false, _) if self.reads_what_came_before(failed.first)? => {
                self.breaker.proved();
                Ok(())
            }
            (false, _) => self.revive(failed),
        }
    }

    /// LBAs of sectors that came before, those first that prove most. Where none was read for the image, the disc's look brought some.
    fn came_before(&self, failed: u32) -> Vec<u32> {
        match self.samples.far_from(failed) {
            none if none.is_empty() => self.disc.identity.system_area.that_came(first_data(&self.disc.layout)),
            lbas => lbas,
        }
    }

    /// True when one of some sectors comes that came before.
    fn reads_what_came_before(&mut self, failed: u32) -> Result<bool, RipError> {
        let mut buffer = [0; SECTOR];
        for lba in self.came_before(failed).into_iter().take(PROOFS) {
            match self.station.drive.read(Extent { first: lba, count: 1 }, &mut buffer, READ_LIMIT) {
                ReadEnd::Good | ReadEnd::Recovered(_) => return Ok(true),
                ReadEnd::Gone => return Err(RipError::Vanished),
                _ => {}
            }
        }
        Ok(false)
    }

    /// The drive reads nothing any more: nothing that it said of late is believed, and it gets pauses until it reads again.
    fn revive(&mut self, failed: Extent) -> Result<(), RipError> {
        let ended = self.pause(failed);
        if ended.is_err() && self.breaker.pauses >= WEDGED_PAUSES {
            // Or each run would end at the same read.
            self.breaker.culprit = Some(self.breaker.first);
        }
        let was = self.breaker.refuted();
        self.planner.take_back(&was);
        ended
    }

    /// Pauses, each twice as long as the one before, until the drive reads again what came before.
    fn pause(&mut self, failed: Extent) -> Result<(), RipError> {
        while self.breaker.pauses < WEDGED_PAUSES {
            let pause = WEDGED_PAUSE * (1 << self.breaker.pauses);
            self.breaker.pauses += 1;
            self.say(Event::notice(format!(
                "the drive no longer reads what it read before: what it said last of {} reads is not believed; it gets a pause of {} s ({} of {WEDGED_PAUSES})",
                self.breaker.unproved.len(),
                pause.as_secs(),
                self.breaker.pauses
            )));
            self.station.sleep(pause)?;
            self.wake()?;
            if self.reads_what_came_before(failed.first)? {
                self.say(Event::notice("the drive reads again"));
                return Ok(());
            }
        }
        Err(RipError::Stopped(
            "the drive has stopped reading anything, also what it read before; switch it off and on (pull a USB drive's plug), \
             and the same command goes on"
                .into(),
        ))
    }

    /// After a fault of the drive's own: a pause, and low speed until a sector comes.
    pub(super) fn back_off(&mut self) -> Result<(), RipError> {
        self.is_backing_off = true;
        self.station.sleep(HARDWARE_PAUSE)?;
        self.wake()
    }

    /// Asks whether the drive is ready. One that says no more than what is wrong with it is read all the same, to see.
    fn wake(&mut self) -> Result<(), RipError> {
        match self.station.settle() {
            Err(unready @ (Unready::NoDisc(_) | Unready::Interrupted)) => Err(unready.into()),
            Err(Unready::Broken(CommandError::Gone)) => Err(RipError::Vanished),
            Ok(()) | Err(Unready::Broken(_) | Unready::Never) => {
                self.station.restore();
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rescue::{Extents, Geometry, Order};

    fn planner() -> Planner {
        let geometry = Geometry { block: 1, borders: Vec::new(), longest: 256 };
        Planner::new(Extents::new(100, State::NonTried), geometry, Order::EasyFirst, 0)
    }

    fn fail(breaker: &mut Breaker, times: u32, class: Class, milliseconds: u64) {
        for lba in 0..times {
            breaker.failed(Extent { first: lba, count: 1 }, class, Duration::from_millis(milliseconds), &planner());
        }
    }

    #[test]
    fn fast_failures_and_those_of_the_drives_own_are_suspicious() {
        for (class, milliseconds, due) in [
            (Class::Medium, 3000, false),
            (Class::Medium, 5, true),
            (Class::Hardware, 3000, true),
            (Class::OutOfRange, 1, true),
            (Class::OffTrack, 1, false),
            (Class::Protected, 1, false),
        ] {
            let mut breaker = Breaker::default();
            fail(&mut breaker, SUSPICIOUS_FAILURES - 1, class, milliseconds);
            assert!(!breaker.is_due(), "{class}");
            fail(&mut breaker, 1, class, milliseconds);
            assert_eq!(breaker.is_due(), due, "{class}, {milliseconds} ms");
            fail(&mut breaker, UNPROVED_FAILURES, class, milliseconds);
            assert!(breaker.is_due(), "many in a row are, too: {class}");
        }
    }

    #[test]
    fn each_proof_makes_it_more_patient_until_a_sector_comes() {
        let mut breaker = Breaker::default();
        fail(&mut breaker, SUSPICIOUS_FAILURES, Class::Hardware, 0);
        breaker.proved();
        fail(&mut breaker, SUSPICIOUS_FAILURES * 2 - 1, Class::Hardware, 0);
        assert!(!breaker.is_due());
        fail(&mut breaker, 1, Class::Hardware, 0);
        assert!(breaker.is_due());
        breaker.data_came();
        fail(&mut breaker, SUSPICIOUS_FAILURES, Class::Hardware, 0);
        assert!(breaker.is_due());
    }

    #[test]
    fn the_read_that_is_the_first_to_fail_twice_running_stays_judged() {
        let mut breaker = Breaker::default();
        let left: Vec<usize> = (0..3)
            .map(|_| {
                fail(&mut breaker, 5, Class::Hardware, 0);
                breaker.refuted().len()
            })
            .collect();
        assert_eq!(left, [5, 4, 4]);
    }
}
