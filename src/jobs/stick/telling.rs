//! Where a pass over a stick stands.

use std::time::{Duration, Instant};

use crate::event::{Event, Observer, PhaseChange, PhaseName, Progress, TransferPhase, Unit};
use crate::jobs::meter::Meter;

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// Tells phases and progress.
pub(in crate::jobs) struct Telling<'a> {
    observer: &'a mut dyn Observer,
    start: Instant,
    phase: TransferPhase,
    told: Option<Instant>,
    meter: Meter,
}

impl<'a> Telling<'a> {
    pub(in crate::jobs) fn new(observer: &'a mut dyn Observer) -> Self {
        Self { observer, start: Instant::now(), phase: TransferPhase::Write, told: None, meter: Meter::default() }
    }

    /// A phase begins.
    pub(in crate::jobs) fn phase(&mut self, phase: TransferPhase) {
        (self.phase, self.told, self.meter) = (phase, None, Meter::default());
        self.observer.event(&Event::Phase(PhaseChange { name: PhaseName::Transfer(phase), pass: 1 }));
    }

    /// So many bytes of the phase are finished.
    pub(in crate::jobs) fn progress(&mut self, done: u64, total: u64) {
        let now = self.start.elapsed();
        self.meter.note(now, done);
        if done < total && self.told.is_some_and(|told| told.elapsed() < TELL_EVERY) {
            return;
        }
        self.told = Some(Instant::now());
        let rate = self.meter.rate();
        self.observer.event(&Event::Progress(Progress {
            phase: PhaseName::Transfer(self.phase),
            unit: Unit::Bytes,
            done,
            total: Some(total),
            rate,
            eta: (rate > 0).then(|| total.saturating_sub(done).saturating_mul(1000) / rate),
            elapsed: now.as_millis() as u64,
            reading: None,
        }));
    }
}
