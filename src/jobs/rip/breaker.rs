//! Does the drive still read at all? Firmware that is stuck fails every read, and calls each sector bad.
//!
//! Failures in a row that are suspicious, of the drive's own or too fast, prove nothing of the disc. A sector that came before is read
//! again: if it comes, they were real. If not, what failed since a sector came last is taken back, and the drive gets pauses; after some in
//! vain the run stops, and the first of those failures stays, so that the next run gets further.

use std::time::Duration;

use crate::event::Event;
use crate::mmc::{Class, CommandError, Extent, ReadEnd, SECTOR, Unready};
use crate::rescue::policy::{
    BEYOND_CACHE, FAST_FAILURE, HARDWARE_PAUSE, READ_LIMIT, STRAY_FAULTS, SUSPICIOUS_FAILURES, UNPROVED_FAILURES, WEDGED_PAUSE,
    WEDGED_PAUSES,
};
use crate::rescue::{Extents, Order, Planner, Run, State};
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
    /// Of `unproved`, sectors that failed alone by a fault of the drive's own, as they were before.
    own: Vec<Run<State>>,
    /// Such sectors whose faults were too few in a row for a proof. `None` once they were asked again.
    stray: Option<Vec<Run<State>>>,
}

impl Default for Breaker {
    fn default() -> Self {
        let first = Extent { first: 0, count: 0 };
        let (unproved, own, stray) = (Vec::new(), Vec::new(), Some(Vec::new()));
        Self { unproved, first, suspicious: 0, patience: SUSPICIOUS_FAILURES, pauses: 0, culprit: None, own, stray }
    }
}

impl Breaker {
    /// A sector came.
    pub(super) fn data_came(&mut self) {
        self.keep_strays();
        self.begin_anew();
        (self.patience, self.pauses) = (SUSPICIOUS_FAILURES, 0);
    }

    /// The planner is about to be told that this read failed.
    pub(super) fn failed(&mut self, read: Extent, class: Class, took: Duration, planner: &Planner) {
        if self.unproved.is_empty() {
            self.first = read;
        }
        let was = planner.map().run_at(read.first);
        self.unproved.extend(was);
        let is_own = matches!(class, Class::Hardware | Class::Aborted | Class::OutOfRange | Class::Other);
        let alone = was.filter(|was| is_own && read.count == 1 && was.value != State::Bad);
        self.own.extend(alone.map(|was| Run { extent: read, ..was }));
        self.suspicious += u32::from(is_own || (took <= FAST_FAILURE && !class.is_region()));
    }

    fn is_due(&self) -> bool {
        self.suspicious >= self.patience || self.unproved.len() >= UNPROVED_FAILURES as usize
    }

    /// What failed was the disc's fault.
    fn proved(&mut self) {
        self.keep_strays();
        self.begin_anew();
        self.patience = (self.patience * 2).min(UNPROVED_FAILURES);
        self.pauses = 0;
    }

    /// What failed was not, as far as is known. But a read that is the first to fail twice running, or after which no pause helped, is what
    /// the drive does not survive: it stays as it was judged.
    fn refuted(&mut self) -> Vec<Run<State>> {
        let was = self.unbelieved().to_vec();
        self.culprit = Some(self.first);
        self.begin_anew();
        was
    }

    /// What would be taken back now.
    fn unbelieved(&self) -> &[Run<State>] {
        let stays = usize::from(self.culprit == Some(self.first));
        self.unproved.get(stays..).unwrap_or_default()
    }

    /// Faults of the drive's own that were few in a row, and after which it reads.
    fn keep_strays(&mut self) {
        if let Some(stray) = self.stray.as_mut().filter(|_| self.suspicious < SUSPICIOUS_FAILURES) {
            stray.append(&mut self.own);
            stray.truncate(STRAY_FAULTS + 1);
        }
    }

    /// The sectors that are asked once more, of which nobody knows whether disc or drive was at fault. Where there are many, it is the disc.
    fn strays(&mut self) -> Vec<Run<State>> {
        self.stray.take().filter(|stray| stray.len() <= STRAY_FAULTS).unwrap_or_default()
    }

    fn begin_anew(&mut self) {
        self.unproved.clear();
        self.own.clear();
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

    /// At the end: sectors that the drive may have failed by itself are asked once more. True when there are any.
    pub(super) fn ask_strays_again(&mut self) -> bool {
        // What went into a pipe is past.
        if self.order == Order::InSequence {
            return false;
        }
        let mut strays = self.breaker.strays();
        strays.retain(|stray| self.planner.map().get(stray.extent.first) == Some(State::Bad));
        if !strays.is_empty() {
            self.planner.take_back(&strays);
            let count = strays.len();
            self.say(Event::notice(format!("the drive reported faults of its own at {count} sectors: they are read once more")));
        }
        !strays.is_empty()
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
        match proofs(failed, &self.journal.read, &self.samples.lbas()) {
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
        // Who loses patience and kills it must find nothing judged that is not believed.
        let mut believed = self.planner.clone();
        believed.take_back(self.breaker.unbelieved());
        let snapshot = self.saving.snapshot(&believed, Some(&self.journal));
        self.save(snapshot);
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

/// LBAs whose sectors came before: of what this drive `read` in this run, and of what others did. Those first that must come from the
/// disc, near the failure but not so near that the drive's cache may hold them; of these, the drive's own.
fn proofs(failed: u32, read: &Extents<bool>, others: &[u32]) -> Vec<u32> {
    let rank = |is_own: bool, lba: u32| match lba.abs_diff(failed) {
        far if far >= BEYOND_CACHE => (0, !is_own, far),
        near => (1, !is_own, BEYOND_CACHE - near),
    };
    let own = read.iter().filter(|run| run.value).filter_map(|run| {
        let (first, last) = (run.extent.first, run.extent.end() - 1);
        let just_beyond = [failed.saturating_sub(BEYOND_CACHE), failed.saturating_add(BEYOND_CACHE)];
        let within = just_beyond.into_iter().chain([first, last]).filter(|lba| (first..=last).contains(lba));
        within.min_by_key(|lba| rank(true, *lba))
    });
    let others = others.iter().map(|lba| (false, *lba));
    let mut lbas: Vec<(bool, u32)> = own.map(|lba| (true, lba)).chain(others).collect();
    lbas.sort_by_key(|(is_own, lba)| rank(*is_own, *lba));
    lbas.into_iter().map(|(_, lba)| lba).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rescue::Geometry;

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
    fn a_proof_comes_from_near_the_place_but_not_out_of_the_cache_and_from_this_drive_first() {
        let others = [0, 100, 6000, 9000, 20_000, 15_000];
        let mut read = Extents::new(30_000, false);
        assert_eq!(proofs(10_000, &read, &others), [15_000, 100, 0, 20_000, 6000, 9000]);
        read.set(Extent { first: 9500, count: 100 }, true);
        read.set(Extent { first: 2000, count: 5000 }, true);
        read.set(Extent { first: 25_000, count: 10 }, true);
        assert_eq!(proofs(10_000, &read, &[15_000, 6001, 9990]), [5904, 25_000, 15_000, 9500, 6001, 9990]);
    }

    #[test]
    fn sectors_that_a_drive_failed_by_itself_are_asked_once_more_unless_they_are_many() {
        let fault = |breaker: &mut Breaker, class, times| {
            fail(breaker, times, class, 0);
            breaker.data_came();
        };
        let mut breaker = Breaker::default();
        fault(&mut breaker, Class::Hardware, 2);
        fault(&mut breaker, Class::Medium, 2);
        fail(&mut breaker, 3, Class::Hardware, 0);
        breaker.proved();
        breaker.data_came();
        assert_eq!(breaker.strays().len(), 2, "what was proved is the disc's");
        fault(&mut breaker, Class::Hardware, 2);
        assert!(breaker.strays().is_empty(), "once");
        let mut breaker = Breaker::default();
        (0..STRAY_FAULTS).for_each(|_| fault(&mut breaker, Class::Hardware, 2));
        assert!(breaker.strays().is_empty());
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
