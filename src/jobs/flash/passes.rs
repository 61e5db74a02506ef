//! The passes over the medium. The first MiB of an image holds what a computer boots from. It is zero from the first write on, and comes
//! last, when every other byte was read back: a stick that was left half-way boots nowhere.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::event::{Event, FlashOutcome, Observer, PhaseChange, PhaseName, Progress, TransferPhase, Unit};
use crate::jobs::Failure;
use crate::jobs::meter::Meter;
use crate::medium::{Span, Spans, Writable, WriteError, read_around};
use crate::pipeline::{Broken, CHUNK, Chunk, Digested, Digesting, stream};
use crate::status::Status;
use crate::sys::{Buffer, Stop};
use crate::trust::Algorithm;

use super::source::{Source, refuse_packed};

/// What is withheld: MBR, GPT, and the volume descriptors that El Torito begins with.
const HEAD: usize = 1 << 20;

/// Bytes that are written at once when a longer write failed, to find out where.
const PIECE: usize = 64 << 10;

/// Chunks that are looked into to name sectors. Of a stick that is wrong in more of them the chunks say enough.
const LOCATED: usize = 64;

/// A run of zeros of this length, at a multiple of it, is read once more after the head. Well below [`HEAD`]: some fake sticks scatter what
/// they wrap.
const BLANK: usize = 64 << 10;

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// A medium while it is written.
pub(super) struct Passes<'a> {
    pub(super) source: &'a Source,
    pub(super) medium: Arc<dyn Writable>,
    pub(super) outcome: &'a mut FlashOutcome,
    pub(super) observer: &'a mut dyn Observer,
    pub(super) stop: &'a Stop,
    pub(super) start: Instant,
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
            start: Instant::now(),
            head: None,
            is_head_written: false,
            blank: BTreeSet::new(),
            told: None,
            meter,
        }
    }

    /// Writes everything but the head, which becomes zero, and flushes it. Returns the digests of what was read from the source.
    pub(super) fn write_body(&mut self, algorithms: BTreeSet<Algorithm>) -> Result<Digested, Failure> {
        self.phase(TransferPhase::Write);
        let digesting = Digesting::start(algorithms).map_err(thread_failed)?;
        let (reader, total, stop) = (self.source.reader(), self.source.bytes(), self.stop.clone());
        let written = stream(reader, &digesting, &stop, |chunk| {
            self.write_chunk(chunk)?;
            self.outcome.bytes = chunk.offset + chunk.bytes().len() as u64;
            self.outcome.written = self.outcome.bytes;
            self.progress(TransferPhase::Write, self.outcome.written, total);
            Ok(())
        });
        written.map_err(|broken| self.broken(broken))?;
        if self.outcome.bytes == 0 {
            return Err(Failure::refused(format!("{} is empty: nothing was written", self.source.name())));
        }
        self.phase(TransferPhase::Flush);
        self.settle()?;
        digesting.finish().map_err(Failure::failed)
    }

    fn write_chunk(&mut self, chunk: &Chunk) -> Result<(), Failure> {
        let sectors = chunk.sectors(self.medium.geometry().sector);
        if chunk.offset > 0 {
            return self.write(sectors, chunk.offset);
        }
        // A file was looked at before; of a pipe this is the first that is seen.
        refuse_packed(chunk.bytes(), self.source.name())?;
        let (head, rest) = sectors.split_at(sectors.len().min(HEAD));
        let mut withheld = Buffer::new(head.len());
        // Before anything else: from here on the old contents boot no more, and the new ones not yet.
        self.write(&withheld, 0)?;
        self.settle()?;
        withheld.copy_from_slice(head);
        self.head = Some(Arc::new(withheld));
        // A chunk's middle is page-aligned: HEAD is a multiple of 4096.
        if rest.is_empty() { Ok(()) } else { self.write(rest, HEAD as u64) }
    }

    /// Writes the head, and flushes it.
    pub(super) fn write_head(&mut self) -> Result<(), Failure> {
        let Some(head) = self.head.clone() else { return Ok(()) };
        self.is_head_written = true;
        let written = self.write(&head, 0).and_then(|()| self.settle());
        written.map_err(|failure| self.withdraw_head(failure))
    }

    /// Writes zeros over the head once more, after the body. A fake stick that puts them where other data is shows it in the next pass.
    fn blank_head(&mut self) -> Result<(), Failure> {
        let Some(length) = self.head.as_ref().map(|head| head.len()) else { return Ok(()) };
        self.write(&Buffer::new(length), 0)?;
        self.settle()
    }

    /// Makes the head zero again after a failure: part of it, or all, may be on the medium, and nothing proves it.
    fn withdraw_head(&mut self, failure: Failure) -> Failure {
        match self.blank_head() {
            Ok(()) => failure,
            // That says already what it may be now.
            Err(error) if error.status == Status::Stopped => failure,
            Err(_) => Failure::new(
                failure.status,
                format!("{}; its first MiB could not be made zero again: it may boot after all", failure.reason),
            ),
        }
    }

    /// Reads everything but the head back, and compares it with what was written. Digests are those of the medium, the head taken for
    /// granted: [`Self::prove_head`] makes good on it.
    pub(super) fn prove_body(&mut self, written: &Digested, algorithms: BTreeSet<Algorithm>) -> Result<Digested, Failure> {
        self.blank_head()?;
        self.phase(TransferPhase::Verify);
        let digesting = Digesting::start(algorithms).map_err(thread_failed)?;
        let (total, stop) = (self.outcome.bytes, self.stop.clone());
        let unreadable = Arc::new(Mutex::new(Spans::default()));
        let reader = self.reader_back(Arc::clone(&unreadable));
        let mut blank = BTreeSet::new();
        let read = stream(reader, &digesting, &stop, |chunk| {
            if is_blank(chunk.bytes()) {
                blank.insert((chunk.offset / CHUNK as u64) as usize);
            }
            self.progress(TransferPhase::Verify, chunk.offset + chunk.bytes().len() as u64, Some(total));
            Ok::<_, Failure>(())
        });
        read.map_err(|broken| self.broken_back(broken))?;
        let back = digesting.finish().map_err(Failure::failed)?;
        self.blank = blank;
        self.outcome.unreadable = std::mem::take(&mut *unreadable.lock().unwrap_or_else(PoisonError::into_inner));
        // What can't be read counts as zeros in the digests, and the image may have zeros there: that proves nothing.
        let is_same = back.chunks == written.chunks && self.outcome.unreadable.is_empty();
        if is_same { Ok(back) } else { Err(self.locate(written, &back.chunks)) }
    }

    /// Reads the medium's image, with the head from memory.
    fn reader_back(&self, unreadable: Arc<Mutex<Spans>>) -> impl FnMut(&mut [u8], u64) -> io::Result<usize> + Send + 'static {
        let (medium, head, end) = (Arc::clone(&self.medium), self.head.clone(), self.outcome.bytes);
        let sector = medium.geometry().sector as usize;
        move |buffer, offset| {
            let length = end.saturating_sub(offset).min(buffer.len() as u64) as usize;
            if length == 0 {
                return Ok(0);
            }
            // A read that says it succeeded and brings nothing must not find the last chunk here.
            buffer.fill(0xa5);
            let skip = head.as_ref().filter(|_| offset == 0).map_or(0, |head| head.len());
            let sectors = length.next_multiple_of(sector);
            if sectors > skip {
                let mut missing = unreadable.lock().unwrap_or_else(PoisonError::into_inner);
                read_around(&*medium, &mut buffer[skip..sectors], offset + skip as u64, &mut missing)?;
            }
            if let Some(head) = head.as_ref().filter(|_| offset == 0) {
                buffer[..skip].copy_from_slice(head);
            }
            Ok(length)
        }
    }

    /// Reads the first and the last chunk once more, now that the head is there: it is what was withheld, and did not land on anything
    /// else. Beyond its real size a fake stick puts data where other data is. The zeros of [`Self::blank_head`] went the same way and were
    /// not noticed, so that whatever the head could have hit without being hit itself was zero, or lies in the last MiB.
    pub(super) fn prove_head(&mut self, written: &Digested) -> Result<(), Failure> {
        let mut numbers = std::mem::take(&mut self.blank);
        numbers.extend([0, written.chunks.len().saturating_sub(1)]);
        let mut back: Vec<String> = written.chunks.clone();
        let mut unreadable = Spans::default();
        let mut buffer = Buffer::new(CHUNK);
        for number in numbers {
            if self.stop.requested().is_some() {
                let interrupted = self.interrupted();
                return Err(self.withdraw_head(interrupted));
            }
            let span = self.chunk(number);
            buffer.fill(0xa5);
            let sectors = (span.length as usize).next_multiple_of(self.medium.geometry().sector as usize);
            let read = read_around(&*self.medium, &mut buffer[..sectors], span.offset, &mut unreadable);
            if let Err(error) = read {
                let failure = self.reading_failed(&error, span.offset);
                return Err(self.withdraw_head(failure));
            }
            if let Some(digest) = back.get_mut(number) {
                *digest = crate::trust::sha256(&buffer[..span.length as usize]);
            }
        }
        if back == written.chunks && unreadable.is_empty() {
            return Ok(());
        }
        self.outcome.unreadable = unreadable;
        // While the disk is still readable: what is on it now is what is to be named.
        let failure = self.locate(written, &back);
        Err(self.withdraw_head(failure))
    }

    /// Names what differs, to the sector where the source can be read again, else by the chunk.
    fn locate(&mut self, written: &Digested, back: &[String]) -> Failure {
        self.phase(TransferPhase::Locate);
        let mut differences = Spans::default();
        let sector = self.medium.geometry().sector.max(512);
        let different = written.chunks.iter().zip(back).enumerate().filter(|(_, (written, back))| written != back);
        for (count, (number, _)) in different.enumerate() {
            let span = self.chunk(number);
            if count >= LOCATED || self.stop.requested().is_some() {
                differences.push(span.offset, span.length);
                continue;
            }
            let (mut ours, mut theirs) = (vec![0; span.length as usize], Buffer::new(CHUNK));
            let sectors = (span.length as usize).next_multiple_of(self.medium.geometry().sector as usize);
            let mut unreadable = Spans::default();
            let is_read = read_around(&*self.medium, &mut theirs[..sectors], span.offset, &mut unreadable).is_ok();
            if let Some(head) = self.head.as_ref().filter(|_| number == 0 && !self.is_head_written) {
                theirs[..head.len()].copy_from_slice(head);
            }
            let is_same_source = self.source.read_again(&mut ours, span.offset).is_some()
                && written.chunks.get(number).is_some_and(|digest| *digest == crate::trust::sha256(&ours));
            if !is_read || !is_same_source {
                differences.push(span.offset, span.length);
                continue;
            }
            // What can't be read is named as that.
            for hole in unreadable.iter() {
                let (from, to) = ((hole.offset - span.offset) as usize, (hole.end() - span.offset) as usize);
                let to = to.min(ours.len());
                theirs[from.min(to)..to].copy_from_slice(&ours[from.min(to)..to]);
            }
            differences.push_differences(&ours, &theirs[..span.length as usize], span.offset, sector);
        }
        self.outcome.differences = differences;
        self.verdict()
    }

    /// What came of reading back, in a sentence.
    fn verdict(&self) -> Failure {
        let name = &self.outcome.medium;
        let advice = "take another stick, or another port and cable; what is on this one does not boot";
        let (differs, unreadable) = (self.outcome.differences.bytes(), self.outcome.unreadable.bytes());
        if differs > 0 {
            return Failure::new(
                Status::Different,
                format!("{name} does not hold what was written to it: {differs} bytes came back different; {advice}"),
            );
        }
        if unreadable > 0 {
            return Failure::failed(format!("{name} can't be read back: {unreadable} bytes are unreadable; {advice}"));
        }
        Failure::new(Status::Different, format!("{name} gave other bytes at the first reading than at the second; {advice}"))
    }

    fn chunk(&self, number: usize) -> Span {
        let offset = number as u64 * CHUNK as u64;
        Span { offset, length: (self.outcome.bytes - offset.min(self.outcome.bytes)).min(CHUNK as u64) }
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

    /// What a failed write means; the bytes up to `end` were not written.
    fn writing_failed(&self, error: &WriteError, end: u64) -> Failure {
        let name = &self.outcome.medium;
        let place = format!("bytes {} to {}", error.at, end.saturating_sub(1));
        match error.cause.raw_os_error() {
            Some(libc::ENODEV) => self.gone(),
            Some(libc::EROFS | libc::EPERM | libc::EACCES) => {
                Failure::refused(format!("{name} is write-protected; look for its switch, or take another stick"))
            }
            Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG) if self.is_file() => {
                Failure::stopped(format!("writing {name}: {}; make room, and run the same command", error.cause))
            }
            Some(libc::ENOSPC) if error.at >= self.medium.geometry().bytes => Failure::refused(format!(
                "{name} is too small: it ends at byte {}, and the image goes on; what was on it is lost, and {}; take a larger one",
                error.at,
                self.state()
            )),
            _ => Failure::failed(format!(
                "writing {place} of {name}: {}; {}; take another stick, or another port",
                error.cause,
                self.state()
            )),
        }
    }

    fn reading_failed(&self, error: &io::Error, at: u64) -> Failure {
        match error.raw_os_error() {
            Some(libc::ENODEV) => self.gone(),
            _ => Failure::failed(format!(
                "reading {} back at byte {at}: {error}; it was not verified; take another stick, or another port",
                self.outcome.medium
            )),
        }
    }

    fn gone(&self) -> Failure {
        Failure::stopped(format!(
            "{} is gone: it was unplugged, or stopped answering; plug it in again ({}), and run the same command",
            self.outcome.medium,
            self.state()
        ))
    }

    /// Why writing ended early.
    fn broken(&self, broken: Broken<Failure>) -> Failure {
        match broken {
            Broken::Source(at, error) if error.kind() == io::ErrorKind::UnexpectedEof => Failure::new(
                Status::Corrupt,
                format!("{} became shorter while it was read, at byte {at}; get the image anew", self.source.name()),
            ),
            Broken::Source(at, error) => Failure::failed(format!(
                "reading {} at byte {at}: {error}; look at the disk it lies on, or get the image anew",
                self.source.name()
            )),
            Broken::Sink(failure) => failure,
            Broken::Stopped => self.interrupted(),
            Broken::Thread(error) => thread_failed(error),
        }
    }

    /// Why reading back ended early.
    fn broken_back(&self, broken: Broken<Failure>) -> Failure {
        match broken {
            Broken::Source(at, error) => self.reading_failed(&error, at),
            other => self.broken(other),
        }
    }

    /// What a medium is good for that was left where it is now.
    fn state(&self) -> &'static str {
        match (&self.head, self.is_head_written) {
            (None, _) => "it may still boot what was on it before",
            (Some(_), false) => "it does not boot now",
            (Some(_), true) => "it may boot now, and is not proved",
        }
    }

    fn interrupted(&self) -> Failure {
        if self.head.is_none() {
            return Failure::stopped(format!("as asked; nothing of the image is on {} yet", self.outcome.medium));
        }
        Failure::stopped(format!(
            "as asked; {} holds a part of the image and does not boot; the same command writes it anew",
            self.outcome.medium
        ))
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
        let eta = total.filter(|_| rate > 0).map(|total| total.saturating_sub(done) * 1000 / rate);
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

/// True where zeros that are not the chunk's own could lie in it: all zero in a run, or up to one of its ends.
fn is_blank(chunk: &[u8]) -> bool {
    let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    let end = chunk.len().min(512);
    chunk.chunks(BLANK).any(is_zero) || is_zero(&chunk[..end]) || is_zero(&chunk[chunk.len() - end..])
}

fn thread_failed(error: io::Error) -> Failure {
    Failure::failed(format!("starting a thread: {error}"))
}
