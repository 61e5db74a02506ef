//! A read that brought no sectors: what is to be done about it.

use std::time::Duration;

use crate::event::{Event, Trouble};
use crate::mmc::{Class, Extent, Interruption, ReadEnd};
use crate::rescue::Outcome;
use crate::rescue::policy::{
    INTERRUPTIONS_IN_A_ROW, TIME_OUTS_IN_A_ROW, TRANSPORT_FAILURES_IN_A_ROW, TRANSPORT_PAUSE, TRANSPORT_TRIES,
};
use crate::scsi::Sense;

use super::RipError;
use super::reading::Reading;
use super::recognition::Doubt;

impl Reading<'_> {
    /// Everything but sectors came.
    pub(super) fn refuse(&mut self, extent: Extent, end: ReadEnd) -> Result<(), RipError> {
        match end {
            ReadEnd::Good | ReadEnd::Recovered(_) => Ok(()),
            // Most often a hiccup of the link (B/47, B/08), and seldom the sector's fault: it is asked again before it is blamed.
            ReadEnd::Failed(Class::Aborted, sense) if self.tally.aborted + 1 < TRANSPORT_TRIES => {
                self.failed(extent, Class::Aborted, sense, Outcome::NotTried);
                self.tally.aborted += 1;
                Ok(())
            }
            ReadEnd::Failed(class, sense) => {
                self.tally.aborted = 0;
                self.tally.transport = 0;
                self.tally.interruptions = 0;
                self.breaker.failed(extent, class, self.took, &self.planner);
                self.failed(extent, class, sense, Outcome::Failed(class, named(sense)));
                if class == Class::Hardware {
                    self.back_off()?;
                }
                self.prove_if_due(extent, sense)
            }
            // A drive that has never read may say so by mistake, too.
            ReadEnd::Unsupported(sense) if self.tally.unsupported + 1 < TRANSPORT_TRIES => {
                self.failed(extent, Class::Other, Some(sense), Outcome::NotTried);
                self.tally.unsupported += 1;
                Ok(())
            }
            ReadEnd::Unsupported(sense) => {
                Err(RipError::Failed(format!("the drive does not know READ(10) ({sense}, {}); try another drive", sense.text())))
            }
            ReadEnd::TimedOut => self.timed_out(extent),
            ReadEnd::Transport(why) => self.lost(extent, &why),
            ReadEnd::Interrupted(why) => self.interrupted(why),
            ReadEnd::Gone => self.gone(extent),
        }
    }

    /// What failed while the disc was looked at is not asked for again.
    pub(super) fn take_over_the_look(&mut self) {
        for dead in &self.disc.dead {
            let named = named(Some(dead.sense));
            if self.planner.told(dead.extent, Class::Medium, named) {
                self.note_failure(dead.extent, Class::Medium, Some(dead.sense));
            }
        }
    }

    fn failed(&mut self, extent: Extent, class: Class, sense: Option<Sense>, outcome: Outcome) {
        self.tally.pace.failed(self.planner.position(), extent, self.took);
        self.note_failure(extent, class, sense);
        self.planner.answer(outcome, self.took);
    }

    fn note_failure(&mut self, extent: Extent, class: Class, sense: Option<Sense>) {
        self.tally.failed += 1;
        let of_class = self.tally.errors.entry(class).or_default();
        *of_class += 1;
        if (class, *of_class) == (Class::Protected, 1) && !self.disc.layout.copy_protected {
            self.say(Event::notice(
                "this disc is copy-protected: the drive gives some sectors out to nobody without a key. They are named, and not asked for \
                 again; this program does not get round that",
            ));
        }
        self.note_sense(extent, sense);
        self.say(Event::Trouble(Trouble {
            lba: extent.first,
            count: extent.count,
            class,
            sense: sense.map(|sense| sense.to_string()),
            text: sense.map_or(class.text(), Sense::text),
        }));
    }

    /// An event of the drive, not of a sector: does it still answer, is it the same disc, and far away with it.
    fn timed_out(&mut self, extent: Extent) -> Result<(), RipError> {
        self.failed(extent, Class::TimeOut, None, Outcome::TimedOut);
        self.tally.time_outs += 1;
        if self.tally.time_outs >= TIME_OUTS_IN_A_ROW {
            return Err(RipError::Stopped(format!(
                "the drive did not answer {TIME_OUTS_IN_A_ROW} reads in a row; switch it off and on, or try another drive; the same command goes on"
            )));
        }
        self.station.settle()?;
        self.recognise(Doubt::Silence)
    }

    fn lost(&mut self, extent: Extent, why: &str) -> Result<(), RipError> {
        self.failed(extent, Class::Transport, None, Outcome::Transport);
        self.say(Event::detail(format!("sectors {}+{}: {why}", extent.first, extent.count)));
        self.tally.transport += 1;
        if self.tally.transport >= TRANSPORT_FAILURES_IN_A_ROW {
            return Err(RipError::Stopped(format!(
                "{TRANSPORT_FAILURES_IN_A_ROW} reads in a row were lost between drive and computer ({why}); look at cable, port and power; the same command goes on"
            )));
        }
        // A USB drive that was pulled out fails this way for a moment, before the kernel knows that it is gone.
        self.station.sleep(TRANSPORT_PAUSE * self.tally.transport)
    }

    /// The command was not carried out; the planner will ask again.
    fn interrupted(&mut self, why: Interruption) -> Result<(), RipError> {
        self.planner.answer(Outcome::NotTried, self.took);
        self.count_interruption()?;
        match why {
            Interruption::MediumMayHaveChanged => self.recognise(Doubt::MediumChange),
            // Whoever cut the power may have changed the disc as well.
            Interruption::Reset(sense) if sense.asc == 0x29 => {
                self.say(Event::notice(format!("{} ({sense}); its settings are put back", sense.text())));
                self.recognise(Doubt::MediumChange)
            }
            Interruption::Reset(sense) => {
                self.say(Event::notice(format!(
                    "the drive was interrupted ({}, {sense}); its settings are put back",
                    sense.text()
                )));
                self.station.restore();
                Ok(())
            }
            Interruption::NotReady(_) => Ok(self.station.settle()?),
            Interruption::NoDisc(sense) => Err(RipError::Stopped(format!(
                "the disc was taken out ({}); put it back, and the same command goes on",
                sense.text()
            ))),
            Interruption::Busy => self.station.sleep(Duration::from_millis(100)),
        }
    }

    /// Reads that something comes between, one after the other without a good one, must end some time.
    pub(super) fn count_interruption(&mut self) -> Result<(), RipError> {
        self.tally.interruptions += 1;
        if self.tally.interruptions <= INTERRUPTIONS_IN_A_ROW {
            return Ok(());
        }
        Err(RipError::Stopped(
            "something comes between at every read: the drive resets, vanishes or reports another disc each time; look at its cable and \
             power, switch it off and on, or try another drive; the same command goes on"
                .into(),
        ))
    }

    /// The drive vanished. A read that takes it off the bus twice running is left for later, as one that it does not answer.
    fn gone(&mut self, extent: Extent) -> Result<(), RipError> {
        if self.tally.gone_at == Some(extent.first) {
            self.failed(extent, Class::Transport, None, Outcome::TimedOut);
        } else {
            self.planner.answer(Outcome::NotTried, self.took);
        }
        self.tally.gone_at = Some(extent.first);
        Err(RipError::Vanished)
    }

    /// What a drive that vanished meanwhile broke off is put right once it is back: the disc is recognised, and reading goes on.
    pub(super) fn or_await(&mut self, mut ended: Result<(), RipError>) -> Result<(), RipError> {
        while matches!(ended, Err(RipError::Vanished)) {
            self.count_interruption()?;
            let snapshot = self.snapshot();
            self.save(snapshot);
            let now = self.station.clock.now();
            self.limits.check(now, self.tally.failed)?;
            let limit = self.limits.left(now).map_or(self.request.wait_drive, |left| left.min(self.request.wait_drive));
            self.say(Event::notice(format!("the drive is gone from the bus; waiting up to {} s for it", limit.as_secs())));
            ended = self.station.await_return(limit).and_then(|()| {
                self.observer.event(&Event::notice(format!("the drive is back as {}", self.station.name.node)));
                self.recognise(Doubt::MediumChange)
            });
        }
        ended
    }
}

/// The sector that the drive names.
fn named(sense: Option<Sense>) -> Option<u32> {
    u32::try_from(sense?.information?).ok()
}
