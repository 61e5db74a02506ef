//! The loop: planner → drive → planner, and the bytes into the pipeline.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::disc::{Record, SensedExtent};
use crate::event::{Event, Observer, PhaseChange, PhaseName, Progress, ReadingProgress, Trouble, Unit};
use crate::jobs::meter::Meter;
use crate::mmc::{Class, Extent, Interruption, ReadEnd, SECTOR};
use crate::pipeline::{Failure, Pipeline};
use crate::rescue::policy::{
    FIRST_LIMIT, FIRST_SAVE, INTERRUPTIONS_IN_A_ROW, READ_LIMIT, SAVE_EVERY, TIME_OUTS_IN_A_ROW, TRANSPORT_FAILURES_IN_A_ROW,
    TRANSPORT_PAUSE, TRANSPORT_TRIES,
};
use crate::rescue::{Ask, Extents, Order, Outcome, Phase, Planner, State, Way};
use crate::scsi::{Sense, SenseCode};
use crate::sys::{Buffer, Stop};

use super::limits::Watch;
use super::look::Disc;
use super::recognition::Doubt;
use super::samples::Samples;
use super::station::Station;
use super::target::{Snapshot, Target, position};
use super::{Request, RipError};

/// How often progress is told, by the wall's clock: for the eyes of a person.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// A disc while it is read.
pub(super) struct Reading<'a> {
    pub(super) station: &'a mut Station,
    pub(super) disc: &'a Disc,
    pub(super) request: &'a Request,
    pub(super) planner: Planner,
    pub(super) order: Order,
    pub(super) pipeline: Pipeline,
    pub(super) samples: Samples,
    pub(super) log: Log,
    pub(super) observer: &'a mut dyn Observer,
    pub(super) stop: Stop,
    pub(super) saving: Saving,
    pub(super) limits: Watch,
    pub(super) tally: Tally,
    pub(super) meter: Meter,
    /// What the last read cost of the drive's time.
    pub(super) took: Duration,
}

/// What this run did, for the record.
pub(super) struct Log {
    /// Sectors that it read.
    pub(super) read: Extents<bool>,
    /// What the drive said of others.
    pub(super) sense: Extents<Option<SenseCode>>,
    /// The map that it began with.
    pub(super) before: Extents<State>,
}

impl Log {
    /// Sectors that are bad now, and were not when the run began.
    fn given_up(&self, map: &Extents<State>) -> Vec<Extent> {
        let mut given_up = Extents::new(map.len(), false);
        map.iter().filter(|run| run.value == State::Bad).for_each(|run| given_up.set(run.extent, true));
        self.before.iter().filter(|run| run.value == State::Bad).for_each(|run| given_up.set(run.extent, false));
        given_up.iter().filter(|run| run.value).map(|run| run.extent).collect()
    }
}

/// Where map and record are kept, and what stays the same in them.
pub(super) struct Saving {
    pub(super) map: Option<PathBuf>,
    pub(super) record_path: Option<PathBuf>,
    pub(super) head: Vec<String>,
    pub(super) record: Record,
    pub(super) last: Instant,
    pub(super) interval: Duration,
}

/// Counts of this run.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) commands: u64,
    pub(super) failed: u64,
    pub(super) recovered: u64,
    pub(super) errors: BTreeMap<Class, u64>,
    aborted: u32,
    unsupported: u32,
    /// Where the drive was lost last.
    gone_at: Option<u32>,
    time_outs: u32,
    transport: u32,
    interruptions: u32,
    told: Option<Instant>,
    phase: Option<(Phase, u32)>,
    /// In sequence: everything below was handed over.
    pub(super) emitted: u32,
}

impl Reading<'_> {
    /// Reads until nothing is left to do. `Err` ends the run early; what was read is kept.
    pub(super) fn run(&mut self) -> Result<(), RipError> {
        let ended = self.read_on();
        let last = self.progress(self.planner.position().at);
        self.observer.event(&Event::Progress(last));
        ended
    }

    fn read_on(&mut self) -> Result<(), RipError> {
        let mut spare: Option<Buffer> = None;
        loop {
            if self.stop.requested().is_some() {
                return Err(RipError::Interrupted);
            }
            if let Some(failure) = self.pipeline.failure() {
                return Err(output_failed(&failure));
            }
            if self.station.drive.take_medium_change() {
                self.count_interruption()?;
                let recognised = self.recognise(Doubt::MediumChange);
                self.or_await(recognised)?;
                continue;
            }
            let Some(Ask { extent, way: Way::Plain }) = self.planner.ask() else { return Ok(()) };
            self.limits.check(self.station.clock.now(), self.tally.failed)?;
            self.tell_phase();
            let mut buffer = spare.take().unwrap_or_else(|| self.pipeline.buffer());
            let limit = if self.tally.commands == 0 { FIRST_LIMIT } else { READ_LIMIT };
            self.tally.commands += 1;
            let begin = self.station.clock.now();
            let end = self.station.drive.read(extent, &mut buffer, limit);
            self.took = self.station.clock.now().saturating_sub(begin);
            match end {
                ReadEnd::Good => {
                    self.note_sense(extent, None);
                    self.accept(extent, buffer);
                }
                ReadEnd::Recovered(sense) => {
                    self.tally.recovered += 1;
                    self.note_sense(extent, Some(sense));
                    self.accept(extent, buffer);
                }
                other => {
                    spare = Some(buffer);
                    let refused = self.refuse(extent, other);
                    self.or_await(refused)?;
                }
            }
            self.tell_progress(extent);
            if self.saving.last.elapsed() >= self.saving.interval {
                self.saving.interval = (self.saving.interval * 2).min(SAVE_EVERY);
                self.save();
            }
        }
    }

    /// Sectors came: into the pipeline with them.
    fn accept(&mut self, extent: Extent, buffer: Buffer) {
        self.tally.aborted = 0;
        self.tally.unsupported = 0;
        self.tally.time_outs = 0;
        self.tally.transport = 0;
        self.tally.interruptions = 0;
        self.samples.watch(extent, &buffer[..extent.count as usize * SECTOR]);
        self.log.read.set(extent, true);
        self.limits.data_came(self.station.clock.now());
        match self.order {
            Order::InSequence if self.tally.emitted < extent.first => {
                self.pipeline.zeros(Extent::between(self.tally.emitted, extent.first))
            }
            Order::InSequence => {}
            Order::EasyFirst => {
                let before = self.disc.layout.regions.iter().find(|region| region.extent.end() == extent.first);
                if let Some(region) = before {
                    self.pipeline.zeros(region.extent);
                }
            }
        }
        self.tally.emitted = extent.end();
        self.pipeline.write(extent, buffer);
        self.planner.answer(Outcome::Read, self.took);
    }

    /// Everything but sectors came.
    fn refuse(&mut self, extent: Extent, end: ReadEnd) -> Result<(), RipError> {
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
                let named = sense.and_then(|sense| sense.information).and_then(|lba| u32::try_from(lba).ok());
                self.failed(extent, class, sense, Outcome::Failed(class, named));
                Ok(())
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

    fn failed(&mut self, extent: Extent, class: Class, sense: Option<Sense>, outcome: Outcome) {
        self.tally.failed += 1;
        *self.tally.errors.entry(class).or_default() += 1;
        self.note_sense(extent, sense);
        self.say(Event::Trouble(Trouble {
            lba: extent.first,
            count: extent.count,
            class,
            sense: sense.map(|sense| sense.to_string()),
            text: sense.map_or(class.text(), Sense::text),
        }));
        self.planner.answer(outcome, self.took);
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
    fn count_interruption(&mut self) -> Result<(), RipError> {
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
    fn or_await(&mut self, mut ended: Result<(), RipError>) -> Result<(), RipError> {
        while matches!(ended, Err(RipError::Vanished)) {
            self.count_interruption()?;
            self.save();
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

    fn note_sense(&mut self, extent: Extent, sense: Option<Sense>) {
        self.log.sense.set(extent, sense.as_ref().map(Sense::code));
    }

    /// Hands map and record to the pipeline, to be saved after the sectors that they speak of.
    fn save(&mut self) {
        self.saving.last = Instant::now();
        let snapshot = self.snapshot();
        let (map, record) = (self.saving.map.clone(), self.saving.record_path.clone());
        self.pipeline.save(move || snapshot.save(map.as_deref(), record.as_deref()));
    }

    /// Map and record as of now.
    pub(super) fn snapshot(&mut self) -> Snapshot {
        self.saving.snapshot(&self.planner, Some(&self.log))
    }

    fn tell_phase(&mut self) {
        let at = self.planner.position();
        let now = Some((at.phase, at.pass));
        if self.order == Order::EasyFirst && self.tally.phase != now {
            self.tally.phase = now;
            self.say(Event::Phase(PhaseChange { name: PhaseName::Reading(at.phase), pass: at.pass }));
        }
    }

    fn tell_progress(&mut self, extent: Extent) {
        if self.tally.told.is_some_and(|told| told.elapsed() < TELL_EVERY) {
            return;
        }
        self.tally.told = Some(Instant::now());
        let progress = self.progress(extent.first);
        self.say(Event::Progress(progress));
    }

    fn progress(&mut self, lba: u32) -> Progress {
        let map = self.planner.map();
        let (done, bad, left) = (map.count(State::Finished), map.count(State::Bad), self.planner.left());
        let total = map.len();
        let now = self.station.clock.now();
        self.meter.note(now, u64::from(done) * SECTOR as u64);
        let rate = self.meter.rate();
        let phase = self.planner.position().phase;
        // Later phases are made of failures: no rate of the past tells when they end.
        let to_read = || u64::from(self.planner.left_in_range()) * SECTOR as u64;
        let eta = (phase == Phase::Copy && rate > 0).then(|| to_read() * 1000 / rate);
        Progress {
            phase: PhaseName::Reading(phase),
            unit: Unit::Sectors,
            done: done.into(),
            total: Some(total.into()),
            rate,
            eta,
            elapsed: now.as_millis() as u64,
            reading: Some(ReadingProgress { lba, bad, left, errors: self.tally.errors.clone() }),
        }
    }

    fn say(&mut self, event: Event) {
        self.observer.event(&event);
    }
}

impl Saving {
    /// Map and record beside a target.
    pub(super) fn at(target: &Target, head: Vec<String>, record: Record) -> Self {
        Self { map: target.map.clone(), record_path: target.record(), head, record, last: Instant::now(), interval: FIRST_SAVE }
    }

    /// Map and record for this state; `log` is what the present run did, if there is one.
    pub(super) fn snapshot(&mut self, planner: &Planner, log: Option<&Log>) -> Snapshot {
        if let (Some(run), Some(log)) = (self.record.runs.last_mut(), log) {
            run.read = log.read.iter().filter(|run| run.value).map(|run| run.extent).collect();
            run.failed = log.given_up(planner.map());
            run.sense = log.sense.iter().filter_map(|run| Some(SensedExtent { extent: run.extent, sense: run.value? })).collect();
        }
        self.record.damage = super::damage(planner.map(), planner.classes());
        Snapshot {
            map: planner.map().clone(),
            position: position(planner.stand(), planner.map()),
            head: self.head.clone(),
            record: self.record.clone(),
        }
    }
}

/// What it means that the output no longer takes data.
pub(super) fn output_failed(failure: &Failure) -> RipError {
    match failure {
        Failure::Reader => RipError::Stopped(failure.to_string()),
        _ => RipError::Stopped(format!("{failure}; make room or look at that disk, then the same command goes on")),
    }
}
