//! The loop: planner → drive → planner, and the bytes into the pipeline.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::event::{Event, Observer, PhaseChange, PhaseName, Progress, ReadingProgress, Unit};
use crate::jobs::meter::Meter;
use crate::mmc::{Class, Extent, ReadEnd, SECTOR};
use crate::pipeline::{Failure, Pipeline};
use crate::rescue::policy::{FIRST_LIMIT, READ_LIMIT, SAVE_EVERY};
use crate::rescue::{Order, Outcome, Phase, Planner, State, Surface, Way};
use crate::scsi::Sense;
use crate::sys::{Buffer, Stop};

use super::breaker::Breaker;
use super::effort::{self, Usual};
use super::limits::Watch;
use super::look::Disc;
use super::pace::Pace;
use super::patterns::Looks;
use super::recognition::Doubt;
use super::samples::Samples;
use super::saving::{Journal, Saving};
use super::speeds::Speeds;
use super::station::Station;
use super::target::Snapshot;
use super::ways::Unsupported;
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
    pub(super) journal: Journal,
    pub(super) observer: &'a mut dyn Observer,
    pub(super) stop: Stop,
    pub(super) saving: Saving,
    pub(super) limits: Watch,
    pub(super) looks: Looks,
    pub(super) tally: Tally,
    pub(super) meter: Meter,
    pub(super) breaker: Breaker,
    pub(super) usual: Usual,
    pub(super) unsupported: Unsupported,
    /// The drive reported a fault of its own, and is read at low speed until a sector comes.
    pub(super) is_backing_off: bool,
    /// The way that the last read was made in, and what it cost of the drive's time.
    pub(super) way: Way,
    pub(super) took: Duration,
}

/// Counts of this run.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) commands: u64,
    pub(super) failed: u64,
    pub(super) recovered: u64,
    pub(super) errors: BTreeMap<Class, u64>,
    pub(super) pace: Pace,
    pub(super) speeds: Speeds,
    pub(super) aborted: u32,
    pub(super) unsupported: u32,
    /// Where the drive was lost last.
    pub(super) gone_at: Option<u32>,
    pub(super) time_outs: u32,
    pub(super) transport: u32,
    pub(super) interruptions: u32,
    told: Option<Instant>,
    phase: Option<(Phase, u32)>,
    /// In sequence: everything below was handed over.
    pub(super) emitted: u32,
}

impl Reading<'_> {
    /// Reads until nothing is left to do. `Err` ends the run early; what was read is kept.
    pub(super) fn run(&mut self) -> Result<(), RipError> {
        self.take_over_the_look();
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
            self.look_for_patterns();
            let Some(ask) = self.planner.ask() else {
                match self.prove_the_last() {
                    Ok(false) if self.ask_strays_again() => {}
                    Ok(false) => return Ok(()),
                    proved => self.or_await(proved.map(drop))?,
                }
                continue;
            };
            let extent = ask.extent;
            self.limits.check(self.station.clock.now(), self.tally.failed)?;
            self.tell_phase();
            let mut buffer = spare.take().unwrap_or_else(|| self.pipeline.buffer());
            let limit = if self.tally.commands == 0 { FIRST_LIMIT } else { READ_LIMIT };
            self.tally.commands += 1;
            let begin = self.station.clock.now();
            let end = self.carry_out(ask, &mut buffer, limit);
            self.took = self.station.clock.now().saturating_sub(begin);
            match end {
                ReadEnd::Good => {
                    self.note_sense(extent, None);
                    let is_effort = self.usual.is_effort(extent, begin, self.took);
                    self.journal.weak.set(extent, is_effort);
                    self.accept(extent, buffer);
                }
                ReadEnd::Recovered(sense) => {
                    self.tally.recovered += 1;
                    self.note_sense(extent, Some(sense));
                    self.usual.interrupted();
                    self.journal.weak.set(effort::place(extent, &sense), true);
                    self.accept(extent, buffer);
                }
                other => {
                    spare = Some(buffer);
                    self.usual.interrupted();
                    let refused = self.refuse(extent, other);
                    self.or_await(refused)?;
                }
            }
            self.tell_progress(extent);
            if self.saving.last.elapsed() >= self.saving.interval {
                self.saving.interval = (self.saving.interval * 2).min(SAVE_EVERY);
                let snapshot = self.snapshot();
                self.save(snapshot);
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
        self.breaker.data_came();
        self.is_backing_off = false;
        if self.planner.map().get(extent.first) == Some(State::Bad) {
            *self.journal.brought_back.entry(self.way).or_default() += extent.count;
        }
        self.samples.watch(extent, &buffer[..extent.count as usize * SECTOR]);
        self.journal.read.set(extent, true);
        let now = self.station.clock.now();
        self.limits.data_came(now);
        self.tally.pace.came(self.planner.position(), extent, self.took, now);
        self.tally.speeds.note(extent, self.took, self.planner.map().len());
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

    pub(super) fn note_sense(&mut self, extent: Extent, sense: Option<Sense>) {
        self.journal.sense.set(extent, sense.as_ref().map(Sense::code));
    }

    /// Hands map and record to the pipeline, to be saved after the sectors that they speak of.
    pub(super) fn save(&mut self, snapshot: Snapshot) {
        self.saving.last = Instant::now();
        let (map, record) = (self.saving.map.clone(), self.saving.record_path.clone());
        self.pipeline.save(move || snapshot.save(map.as_deref(), record.as_deref()));
    }

    /// Map and record as of now.
    pub(super) fn snapshot(&mut self) -> Snapshot {
        self.saving.snapshot(&self.planner, Some(&self.journal))
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
        let milliseconds = |time: Duration| time.as_millis() as u64;
        Progress {
            phase: PhaseName::Reading(self.planner.position().phase),
            unit: Unit::Sectors,
            done: done.into(),
            total: Some(total.into()),
            rate,
            eta: self.eta(rate).map(milliseconds),
            elapsed: milliseconds(now),
            reading: Some(ReadingProgress {
                lba,
                bad,
                left,
                errors: self.tally.errors.clone(),
                since_good: self.tally.pace.since_good(now).map(milliseconds),
                surface: Surface::of(map),
            }),
        }
    }

    /// When the present pass ends. Copying goes by the rate; the other phases are made of failures, and go by what those cost lately.
    fn eta(&self, rate: u64) -> Option<Duration> {
        let (map, at) = (self.planner.map(), self.planner.position());
        let state = match at.phase {
            Phase::Copy => State::NonTried,
            Phase::Trim => State::NonTrimmed,
            Phase::Scrape => State::NonScraped,
            Phase::Retry => State::Bad,
        };
        let sectors = self.request.range.map_or_else(|| map.count(state), |range| map.count_in(range, state));
        match at.phase {
            Phase::Copy => (rate > 0).then(|| Duration::from_millis(u64::from(sectors) * SECTOR as u64 * 1000 / rate)),
            _ => self.tally.pace.time_for(at, sectors),
        }
    }

    pub(super) fn say(&mut self, event: Event) {
        self.observer.event(&event);
    }
}

/// What it means that the output no longer takes data.
pub(super) fn output_failed(failure: &Failure) -> RipError {
    match failure {
        Failure::Reader => RipError::Stopped(failure.to_string()),
        _ => RipError::Stopped(format!("{failure}; make room or look at that disk, then the same command goes on")),
    }
}
