//! The passes over the medium. The first MiB of an image holds what a computer boots from. It is zero from the first write on, and comes
//! last, when every other byte was read back: a stick that was left half-way boots nowhere.

mod behind;
mod checkpoint;
mod course;
mod mending;
mod proof;
mod trouble;
mod view;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::event::{Event, FlashOutcome, Observer, PhaseChange, PhaseName, Progress, TransferPhase, Unit};
use crate::jobs::Failure;
use crate::jobs::meter::Meter;
use crate::medium::Writable;
use crate::pipeline::{Broken, Chunk, Digested, Taker};
use crate::sys::{Buffer, Stop};

use super::after::Gpt;
use super::journal::Journal;
use super::source::{Source, refuse_packed};
use checkpoint::Flushed;
pub use course::Course;
use course::Held;
pub(super) use trouble::thread_failed;

/// What is withheld: MBR, GPT, and the volume descriptors that El Torito begins with.
pub(super) const HEAD: usize = 1 << 20;

/// Bytes that are written at once when a longer write failed, to find out where.
const PIECE: usize = 64 << 10;

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// A medium while it is written.
pub(super) struct Passes<'a> {
    source: &'a Source,
    medium: Arc<dyn Writable>,
    pub(super) outcome: &'a mut FlashOutcome,
    observer: &'a mut dyn Observer,
    stop: &'a Stop,
    course: Course,
    /// What becomes of the image's GPT.
    pub(super) gpt: Gpt,
    held: Held,
    /// The medium makes zeros by itself, or was not asked yet.
    punches: bool,
    /// What the same command can go on with.
    journal: Option<Journal>,
    flushed: Flushed,
    /// How often places were written again.
    repairs: u32,
    start: Instant,
    /// What is withheld, with zeros up to a whole sector.
    head: Option<Arc<Buffer>>,
    is_head_written: bool,
    /// Chunks that the head could land on unnoticed: those with zeros where it would begin or end.
    blank: BTreeSet<usize>,
    /// The last progress told.
    told: Option<Instant>,
    meter: Meter,
}

impl<'a> Passes<'a> {
    pub(super) fn new(
        source: &'a Source,
        medium: Arc<dyn Writable>,
        course: Course,
        outcome: &'a mut FlashOutcome,
        observer: &'a mut dyn Observer,
        stop: &'a Stop,
    ) -> Self {
        let meter = Meter::default();
        Self {
            source,
            medium,
            outcome,
            observer,
            stop,
            course,
            gpt: Gpt::Stays,
            held: Held::default(),
            punches: true,
            journal: None,
            flushed: Flushed::at(0),
            repairs: 0,
            start: Instant::now(),
            head: None,
            is_head_written: false,
            blank: BTreeSet::new(),
            told: None,
            meter,
        }
    }

    /// Writes everything but the head, which becomes zero, and flushes it. Returns the digests of what was read from the source.
    pub(super) fn write_body(&mut self, mut image: Taker) -> Result<Arc<Digested>, Failure> {
        self.phase(TransferPhase::Write);
        let (total, stop) = (self.source.bytes(), self.stop.clone());
        let digests = image.chunk_digests();
        let written = image.each(&stop, |chunk| {
            self.write_chunk(chunk)?;
            self.outcome.bytes = chunk.offset + chunk.bytes().len() as u64;
            self.progress(TransferPhase::Write, self.outcome.bytes, total);
            self.checkpoint_if_due(&digests)
        });
        if let Err(broken) = written {
            if matches!(broken, Broken::Stopped) && self.head.is_some() {
                self.checkpoint(&digests)?;
            }
            return Err(self.broken(broken));
        }
        if self.outcome.bytes == 0 {
            return Err(Failure::refused(format!("{} is empty: nothing was written", self.source.name())));
        }
        self.outcome.mapped = self.source.mapping.written(self.outcome.bytes);
        self.phase(TransferPhase::Flush);
        self.settle()?;
        let written = image.digested().map_err(Failure::failed)?;
        self.note(&written.chunks);
        Ok(written)
    }

    fn write_chunk(&mut self, chunk: &Chunk) -> Result<(), Failure> {
        let sectors = chunk.sectors(self.medium.geometry().sector);
        if chunk.offset > 0 {
            return self.put(sectors, chunk.offset);
        }
        // A file was looked at before; of a pipe this is the first that is seen.
        refuse_packed(chunk.bytes(), self.source.name())?;
        let (head, rest) = sectors.split_at(sectors.len().min(HEAD));
        self.gpt.decide(head, self.medium.geometry())?;
        let mut withheld = Buffer::new(head.len());
        // Before anything else: from here on the old contents boot no more, and the new ones not yet.
        self.write(&withheld, 0)?;
        self.settle()?;
        withheld.copy_from_slice(head);
        self.gpt.apply(&mut withheld);
        self.head = Some(Arc::new(withheld));
        // A chunk's middle is page-aligned: HEAD is a multiple of 4096.
        if rest.is_empty() { Ok(()) } else { self.put(rest, HEAD as u64) }
    }

    /// Writes the head, and flushes it.
    pub(super) fn write_head(&mut self) -> Result<(), Failure> {
        let Some(head) = self.head.clone() else { return Ok(()) };
        self.is_head_written = true;
        let written = self.write(&head, 0).and_then(|()| self.settle());
        self.outcome.written += head.len() as u64;
        written.map_err(|failure| self.withdraw_head(failure))
    }

    /// Writes zeros over the head once more, after the body. A fake stick that puts them where other data is shows it in the next pass.
    fn blank_head(&mut self) -> Result<(), Failure> {
        let Some(length) = self.head.as_ref().map(|head| head.len()) else { return Ok(()) };
        self.write(&Buffer::new(length), 0)?;
        self.settle()?;
        self.is_head_written = false;
        Ok(())
    }

    /// Makes the head zero again after a failure: part of it, or all, may be on the medium, and nothing proves it.
    fn withdraw_head(&mut self, failure: Failure) -> Failure {
        match self.blank_head() {
            Ok(()) => failure,
            // That says already what it may be now.
            Err(error) if error == failure => failure,
            // Zeros, or marks: neither boots.
            Err(_) if !self.is_head_written => failure,
            Err(_) => Failure::new(
                failure.status,
                format!("{}; its first MiB could not be made zero again: it may boot after all", failure.reason),
            ),
        }
    }

    /// Writes, and finds out where it fails. A stick that fails once and then takes the same bytes is told of.
    fn write(&mut self, bytes: &[u8], offset: u64) -> Result<(), Failure> {
        let Err(first) = self.medium.write_at(bytes, offset) else { return Ok(()) };
        let is_of_some_sectors = match first.cause.raw_os_error() {
            // Sticks that have run out of spare blocks say so (sense 07/27/07).
            Some(libc::ENOSPC) => first.at < self.medium.geometry().bytes && !self.is_file(),
            errno => matches!(errno, Some(libc::EIO | libc::ETIMEDOUT | libc::EREMOTEIO | libc::EILSEQ)),
        };
        if !is_of_some_sectors {
            return Err(self.writing_failed(&first, offset + bytes.len() as u64));
        }
        let sector = self.medium.geometry().sector as usize;
        let done = (first.at - offset) as usize / sector * sector;
        let mut at = offset + done as u64;
        for piece in bytes[done..].chunks(PIECE) {
            if self.medium.write_at(piece, at).is_err() {
                for (one, at) in piece.chunks(sector.max(512)).zip((at..).step_by(sector.max(512))) {
                    let end = at + one.len() as u64;
                    self.medium.write_at(one, at).map_err(|error| self.writing_failed(&error, end))?;
                }
            }
            at += piece.len() as u64;
        }
        self.observer.event(&Event::notice(format!(
            "writing failed at byte {}, and succeeded when it was tried again: the stick or its connection is weak",
            first.at
        )));
        Ok(())
    }

    /// True for a regular file: it has no end of its own.
    fn is_file(&self) -> bool {
        self.medium.geometry().bytes == u64::MAX
    }

    fn settle(&self) -> Result<(), Failure> {
        self.medium.settle().map_err(|error| {
            let name = &self.outcome.medium;
            match error.raw_os_error() {
                Some(libc::ENODEV) => self.gone(),
                _ => Failure::failed(format!(
                    "flushing {name}: {error}; some of what was written is not on it, and {}; take another stick",
                    self.state()
                )),
            }
        })
    }

    fn phase(&mut self, phase: TransferPhase) {
        self.told = None;
        self.meter = Meter::default();
        self.observer.event(&Event::Phase(PhaseChange { name: PhaseName::Transfer(phase), pass: 1 }));
    }

    fn progress(&mut self, phase: TransferPhase, done: u64, total: Option<u64>) {
        let now = self.start.elapsed();
        self.meter.note(now, done);
        let is_last = total == Some(done);
        if !is_last && self.told.is_some_and(|told| told.elapsed() < TELL_EVERY) {
            return;
        }
        self.told = Some(Instant::now());
        let rate = self.meter.rate();
        let eta = total.filter(|_| rate > 0).map(|total| total.saturating_sub(done).saturating_mul(1000) / rate);
        self.observer.event(&Event::Progress(Progress {
            phase: PhaseName::Transfer(phase),
            unit: Unit::Bytes,
            done,
            total,
            rate,
            eta,
            elapsed: now.as_millis() as u64,
            reading: None,
        }));
    }
}
