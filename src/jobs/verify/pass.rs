//! One reading of a medium, from its first byte on: past what can't be read, through the digests, to whoever judges.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use crate::event::{Event, Observer, PhaseChange, PhaseName, Progress, TransferPhase, Unit};
use crate::jobs::meter::Meter;
use crate::medium::{Geometry, Medium, Poison, Span, Spans, read_around};
use crate::pipeline::{Broken, CHUNK, Chunk, Digesting, stream_slow};
use crate::sys::Stop;
use crate::trust::{Algorithm, Digests};

use super::specimen::Specimen;
use super::{Failure, interrupted};

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// A part of the medium that was read.
pub(super) struct Part<'a> {
    /// The byte of the medium that it begins with; a multiple of [`CHUNK`].
    pub(super) offset: u64,
    /// Its bytes; zero where nothing could be read.
    pub(super) bytes: &'a [u8],
    /// What could not be read of it.
    pub(super) unreadable: &'a Spans,
}

impl Part<'_> {
    /// Where it lies.
    pub(super) fn span(&self) -> Span {
        Span { offset: self.offset, length: self.bytes.len() as u64 }
    }

    /// The bytes of it that lie here.
    pub(super) fn at(&self, span: Span) -> &[u8] {
        let from = (span.offset - self.offset) as usize;
        &self.bytes[from..from + span.length as usize]
    }
}

/// How far a medium is read.
pub(super) enum Pace {
    /// So many bytes; it has them.
    Bytes(u64),
    /// As long as the image goes on, chunk by chunk.
    Image(Receiver<usize>, Option<u64>),
    /// So many bytes, but of them only these, whole sectors. What comes of the others means nothing.
    Ranges(u64, Spans),
}

/// What came of a pass. Also of one that did not get to its end.
#[derive(Default)]
pub(super) struct Passed {
    /// Bytes that were read, or could not be.
    pub(super) bytes: u64,
    /// Those that could not be.
    pub(super) unreadable: Spans,
    /// Of all bytes; empty when the pass did not get to its end.
    pub(super) digests: Digests,
}

/// A pass to be made.
pub(super) struct Pass<'a> {
    pub(super) specimen: &'a Specimen,
    pub(super) phase: TransferPhase,
    pub(super) algorithms: BTreeSet<Algorithm>,
    pub(super) observer: &'a mut dyn Observer,
    pub(super) stop: &'a Stop,
}

impl Pass<'_> {
    /// Reads, and hands each part to `judge`. What came before an error is told with it.
    pub(super) fn run(
        self,
        pace: Pace,
        mut judge: impl FnMut(&Part<'_>) -> Result<(), Failure>,
    ) -> (Passed, Result<(), Failure>) {
        let mut passed = Passed::default();
        let digesting = match Digesting::start(self.algorithms) {
            Ok(digesting) => digesting,
            Err(error) => return (passed, Err(Failure::failed(format!("starting a thread: {error}")))),
        };
        self.observer.event(&Event::Phase(PhaseChange { name: PhaseName::Transfer(self.phase), pass: 1 }));
        let total = match &pace {
            Pace::Bytes(bytes) | Pace::Ranges(bytes, _) => Some(*bytes),
            Pace::Image(_, bytes) => *bytes,
        };
        let telling = Telling::new(self.phase, total, self.specimen, self.observer);
        let (tell, told) = channel();
        // The sink tells, and so does whoever waits for the medium.
        let telling = RefCell::new(telling);
        let come = Arc::new(AtomicU64::new(0));
        let medium = Tracked { medium: Arc::clone(&self.specimen.medium), come: Arc::clone(&come) };
        let source = source(Arc::new(medium), pace, tell);
        let sink = |chunk: &Chunk| {
            let unreadable = told.recv().unwrap_or_default();
            judge(&Part { offset: chunk.offset, bytes: chunk.bytes(), unreadable: &unreadable })?;
            passed.bytes = chunk.offset + chunk.bytes().len() as u64;
            unreadable.iter().for_each(|span| passed.unreadable.push(span.offset, span.length));
            let mut telling = telling.borrow_mut();
            telling.unreadable(&unreadable);
            telling.tell(passed.bytes);
            Ok(())
        };
        let through =
            stream_slow(source, &digesting, self.stop, sink, || telling.borrow_mut().tell(come.load(Ordering::Relaxed)));
        let ended = match through {
            Ok(()) => digesting.finish().map(|digested| passed.digests = digested.digests).map_err(Failure::failed),
            Err(Broken::Sink(error)) => Err(error),
            Err(Broken::Stopped) => Err(interrupted()),
            Err(Broken::Thread(error)) => Err(Failure::failed(format!("starting a thread: {error}"))),
            Err(Broken::Source(..)) if self.stop.requested().is_some() => Err(interrupted()),
            Err(Broken::Source(at, error)) => Err(lost(self.specimen, at, &error)),
        };
        (passed, ended)
    }
}

/// Why a medium could not be read any further.
fn lost(specimen: &Specimen, at: u64, error: &io::Error) -> Failure {
    let name = &specimen.name;
    let again = "nothing is proved; run this command again";
    match (error.raw_os_error(), error.kind()) {
        (Some(libc::ENODEV), _) => {
            Failure::stopped(format!("{name} was gone when it was to be read from byte {at} on; plug it in again: {again}"))
        }
        (_, io::ErrorKind::UnexpectedEof) => Failure::failed(format!(
            "reading {name}: it says that it has {} bytes, and ends soon after byte {at}; was it cut meanwhile?",
            specimen.bytes()
        )),
        (Some(_), _) => Failure::failed(format!("reading {name} from byte {at}: {error}")),
        (None, _) => Failure::stopped(format!("reading {name} from byte {at}: {error}; {again}")),
    }
}

/// Fills chunks from the medium; tells of each what could not be read, before it is handed on.
fn source(
    medium: Arc<dyn Medium>,
    mut pace: Pace,
    tell: Sender<Spans>,
) -> impl FnMut(&mut [u8], u64) -> io::Result<usize> + Send {
    let geometry = medium.geometry();
    let mut poison = Poison::new();
    let mut all = Spans::default();
    move |buffer, offset| {
        let wanted = match &mut pace {
            Pace::Bytes(bytes) | Pace::Ranges(bytes, _) => bytes.saturating_sub(offset).min(CHUNK as u64) as usize,
            Pace::Image(lengths, _) => lengths.recv().unwrap_or(0),
        };
        let length = geometry.bytes.saturating_sub(offset).min(wanted as u64) as usize;
        if length == 0 {
            return Ok(0);
        }
        // Whole sectors are read; what follows the last byte wanted is nobody's business.
        let buffer = &mut buffer[..length.next_multiple_of(geometry.sector as usize)];
        poison.fill(buffer);
        match &pace {
            Pace::Bytes(_) | Pace::Image(..) => read_around(&*medium, buffer, offset, &mut all)?,
            Pace::Ranges(_, ranges) => {
                for part in ranges.within(Span { offset, length: buffer.len() as u64 }) {
                    let from = (part.offset - offset) as usize;
                    read_around(&*medium, &mut buffer[from..from + part.length as usize], part.offset, &mut all)?;
                }
            }
        }
        let mut unreadable = Spans::default();
        for span in all.within(Span { offset, length: length as u64 }) {
            unreadable.push(span.offset, span.length);
        }
        // Nobody listens any more when this fails.
        let _ = tell.send(unreadable);
        Ok(length)
    }
}

/// A medium that tells how far it was read.
struct Tracked {
    medium: Arc<dyn Medium>,
    come: Arc<AtomicU64>,
}

impl Medium for Tracked {
    fn geometry(&self) -> Geometry {
        self.medium.geometry()
    }

    fn read_some(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let came = self.medium.read_some(buffer, offset)?;
        self.come.fetch_max(offset + came as u64, Ordering::Relaxed);
        Ok(came)
    }
}

/// Tells how far it is.
struct Telling<'a> {
    phase: TransferPhase,
    total: Option<u64>,
    specimen: &'a Specimen,
    observer: &'a mut dyn Observer,
    meter: Meter,
    last: Option<Instant>,
    met_unreadable: bool,
}

impl<'a> Telling<'a> {
    fn new(phase: TransferPhase, total: Option<u64>, specimen: &'a Specimen, observer: &'a mut dyn Observer) -> Self {
        let mut meter = Meter::default();
        meter.note(specimen.clock.now(), 0);
        Self { phase, total, specimen, observer, meter, last: None, met_unreadable: false }
    }

    /// What could not be read of a part.
    fn unreadable(&mut self, spans: &Spans) {
        if !spans.is_empty() && !std::mem::replace(&mut self.met_unreadable, true) {
            self.observer.event(&Event::notice(
                "some of it can't be read: what lies around is read in smaller pieces, which takes longer",
            ));
        }
        for span in spans.iter() {
            self.observer.event(&Event::detail(format!(
                "bytes {} to {} can't be read",
                span.offset,
                span.end().saturating_sub(1)
            )));
        }
    }

    /// So many bytes have come.
    fn tell(&mut self, come: u64) {
        let done = self.total.map_or(come, |total| come.min(total));
        let now = self.specimen.clock.now();
        let is_end = Some(done) == self.total;
        if !is_end && self.last.is_some_and(|last| last.elapsed() < TELL_EVERY) {
            return;
        }
        self.last = Some(Instant::now());
        self.meter.note(now, done);
        let rate = self.meter.rate();
        let left = self.total.map(|total| total.saturating_sub(done));
        let eta = left.filter(|_| rate > 0).map(|left| left.saturating_mul(1000) / rate);
        self.observer.event(&Event::Progress(Progress {
            phase: PhaseName::Transfer(self.phase),
            unit: Unit::Bytes,
            done,
            total: self.total,
            rate,
            eta,
            elapsed: now.as_millis() as u64,
            reading: None,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::Buffer;

    /// Says of every read that it worked, and does nothing.
    struct Liar;

    impl Medium for Liar {
        fn geometry(&self) -> Geometry {
            Geometry { bytes: 10_000 * 512, sector: 512 }
        }

        fn read_some(&self, buffer: &mut [u8], _: u64) -> io::Result<usize> {
            Ok(buffer.len())
        }
    }

    #[test]
    fn a_read_that_brings_nothing_matches_neither_zeros_nor_the_reading_before() {
        let read = || {
            let (tell, told) = channel();
            let mut source = source(Arc::new(Liar), Pace::Bytes(1000), tell);
            let mut buffer = Buffer::new(CHUNK);
            assert_eq!(source(&mut buffer, 0).unwrap(), 1000);
            assert!(told.recv().unwrap().is_empty());
            buffer[..1000].to_vec()
        };
        let (first, second) = (read(), read());
        for sector in [0..512, 512..1000] {
            assert!(first[sector.clone()].iter().any(|byte| *byte != 0) && first[sector.clone()] != second[sector]);
        }
    }

    #[test]
    fn a_medium_is_read_as_far_as_the_image_goes_and_no_further_than_it_is() {
        let lengths = |chunks: &[usize]| {
            let (send, lengths) = channel();
            chunks.iter().for_each(|chunk| send.send(*chunk).unwrap());
            lengths
        };
        let (tell, _told) = channel();
        let mut buffer = Buffer::new(CHUNK);
        let mut from_image = source(Arc::new(Liar), Pace::Image(lengths(&[CHUNK, CHUNK, 5]), None), tell.clone());
        assert_eq!(from_image(&mut buffer, 0).unwrap(), CHUNK);
        assert_eq!(from_image(&mut buffer, CHUNK as u64).unwrap(), 10_000 * 512 - CHUNK);
        let mut short = source(Arc::new(Liar), Pace::Image(lengths(&[700]), None), tell);
        assert_eq!(short(&mut buffer, 0).unwrap(), 700);
        assert_eq!(short(&mut buffer, 700).unwrap(), 0);
    }
}
