//! Reading the medium back, and naming what differs.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::event::{Defect, TransferPhase};
use crate::jobs::Failure;
use crate::jobs::stick::{ADVICE, Symptoms, marks, sentence};
use crate::medium::{Poison, Span, Spans};
use crate::pipeline::{CHUNK, Digested, Digesting, stream};
use crate::status::Status;
use crate::sys::Buffer;
use crate::trust::sha256;

use super::Passes;
use super::trouble::thread_failed;

/// Chunks that are looked into to name sectors, half of them the first and half the last. Of a stick that is wrong in more of them the chunks
/// say enough.
pub(super) const LOCATED: usize = 64;

/// A run of zeros of this length, at a multiple of it, is read once more after the head. Well below [`HEAD`]: some fake sticks scatter what
/// they wrap.
const BLANK: usize = 64 << 10;

impl Passes<'_> {
    /// Reads everything but the head back, and compares the digest of each chunk with that of what was written, the head taken for granted:
    /// [`Self::prove_head`] makes good on it. Where all chunks are the same, so is every digest of the whole.
    pub(in crate::jobs::flash) fn prove_body(&mut self, written: &Digested) -> Result<(), Failure> {
        self.blank_head()?;
        self.phase(TransferPhase::Verify);
        let digesting = Digesting::start(BTreeSet::new()).map_err(thread_failed)?;
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
        if is_same {
            return Ok(());
        }
        let failure = self.locate(written, &back.chunks);
        Err(self.withdraw_head(failure))
    }

    /// Reads the medium's image, with the head from memory.
    fn reader_back(&self, unreadable: Arc<Mutex<Spans>>) -> impl FnMut(&mut [u8], u64) -> io::Result<usize> + Send + 'static {
        let (view, head, end) = (self.view(), self.head.clone(), self.outcome.bytes);
        let sector = self.medium.geometry().sector as usize;
        let mut poison = Poison::new();
        move |buffer, offset| {
            let length = end.saturating_sub(offset).min(buffer.len() as u64) as usize;
            if length == 0 {
                return Ok(0);
            }
            poison.fill(buffer);
            let skip = head.as_ref().filter(|_| offset == 0).map_or(0, |head| head.len());
            let sectors = length.next_multiple_of(sector);
            if sectors > skip {
                let mut missing = unreadable.lock().unwrap_or_else(PoisonError::into_inner);
                view.read(&mut buffer[skip..sectors], offset + skip as u64, &mut missing)?;
            }
            if let Some(head) = head.as_ref().filter(|_| offset == 0) {
                buffer[..skip].copy_from_slice(head);
            }
            view.restore(&mut buffer[..length], offset);
            Ok(length)
        }
    }

    /// Reads the first and the last chunk once more, now that the head is there: it is what was withheld, and did not land on anything
    /// else. Beyond its real size a fake stick puts data where other data is. The zeros of [`Self::blank_head`] went the same way and were
    /// not noticed, so that whatever the head could have hit without being hit itself was zero, or lies in the last MiB.
    pub(in crate::jobs::flash) fn prove_head(&mut self, written: &Digested) -> Result<(), Failure> {
        let mut numbers = std::mem::take(&mut self.blank);
        numbers.extend([0, written.chunks.len().saturating_sub(1)]);
        let mut back: Vec<String> = written.chunks.clone();
        let mut unreadable = Spans::default();
        let (mut buffer, mut poison) = (Buffer::new(CHUNK), Poison::new());
        let view = self.view();
        for number in numbers {
            if self.stop.requested().is_some() {
                let interrupted = self.interrupted();
                return Err(self.withdraw_head(interrupted));
            }
            let span = self.chunk(number);
            poison.fill(&mut buffer);
            let sectors = (span.length as usize).next_multiple_of(self.medium.geometry().sector as usize);
            let read = view.read(&mut buffer[..sectors], span.offset, &mut unreadable);
            if let Err(error) = read {
                let failure = self.reading_failed(&error, span.offset);
                return Err(self.withdraw_head(failure));
            }
            view.restore(&mut buffer[..span.length as usize], span.offset);
            if let Some(digest) = back.get_mut(number) {
                *digest = sha256(&buffer[..span.length as usize]);
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

    /// Names what differs, to the sector where the source can be read again, else by the chunk; and what is wrong with the medium. Marks may be
    /// left where the head belongs.
    fn locate(&mut self, written: &Digested, back: &[String]) -> Failure {
        self.phase(TransferPhase::Locate);
        let mut symptoms = Symptoms::default();
        self.outcome.differences = self.differences(written, back, &mut symptoms);
        if !self.outcome.unreadable.is_empty() {
            symptoms.unclear();
        }
        self.outcome.finding = self.diagnose(&symptoms);
        self.verdict()
    }

    fn differences(&self, written: &Digested, back: &[String], symptoms: &mut Symptoms) -> Spans {
        let mut differences = Spans::default();
        let sector = self.medium.geometry().sector.max(512);
        let count = written.chunks.iter().zip(back).filter(|(written, back)| written != back).count();
        let zeros = sha256(&vec![0; CHUNK]);
        let is_blank = |digest: &str, length| if length == CHUNK { digest == zeros } else { digest == sha256(&vec![0; length]) };
        let mut seen = 0;
        for (number, (digest, back)) in written.chunks.iter().zip(back).enumerate() {
            let span = self.chunk(number);
            if digest == back {
                if symptoms.has_begun() && !is_blank(digest, span.length as usize) {
                    symptoms.right();
                }
                continue;
            }
            seen += 1;
            if seen > LOCATED / 2 && seen + LOCATED / 2 <= count {
                symptoms.passed_over();
                differences.push(span.offset, span.length);
                continue;
            }
            if let Some((ours, theirs)) = self.both(number, digest, symptoms) {
                let theirs = &theirs[..ours.len()];
                differences.push_differences(&ours, theirs, span.offset, sector);
                symptoms.look(&ours, theirs, span.offset, sector);
            } else {
                symptoms.unclear();
                differences.push(span.offset, span.length);
            }
        }
        differences
    }

    /// A chunk of the source and its sectors of the medium, both read once more; `None` where that can't be done. What can't be read is named as
    /// that, and no difference.
    fn both(&self, number: usize, digest: &str, symptoms: &mut Symptoms) -> Option<(Vec<u8>, Buffer)> {
        if self.stop.requested().is_some() {
            return None;
        }
        let span = self.chunk(number);
        let (mut ours, view) = (vec![0; span.length as usize], self.view());
        self.source.read_again(&mut ours, span.offset)?;
        self.source.mapping.left_out.blank(&mut ours, span.offset);
        if sha256(&ours) != digest {
            return None;
        }
        let mut theirs = Buffer::new(ours.len().next_multiple_of(self.medium.geometry().sector as usize));
        let mut unreadable = Spans::default();
        view.read(&mut theirs, span.offset, &mut unreadable).ok()?;
        if let Some(head) = self.head.as_ref().filter(|_| number == 0 && !self.is_head_written) {
            theirs[..head.len()].copy_from_slice(head);
        }
        view.restore(&mut theirs, span.offset);
        for hole in unreadable.iter() {
            symptoms.unclear();
            let (from, to) = ((hole.offset - span.offset) as usize, (hole.end() - span.offset) as usize);
            let to = to.min(ours.len());
            theirs[from.min(to)..to].copy_from_slice(&ours[from.min(to)..to]);
        }
        Some((ours, theirs))
    }

    /// What is wrong with the medium, if that can be proved, and nobody wants to stop: marks are not written for that. A file has no addresses of its own, and says nothing about a stick.
    fn diagnose(&mut self, symptoms: &Symptoms) -> Option<Defect> {
        let is_asked_for = !self.is_file() && self.stop.requested().is_none();
        let marked = self.head.as_ref().filter(|_| is_asked_for)?.len() as u64;
        let medium = Arc::clone(&self.medium);
        let end = self.outcome.bytes.next_multiple_of(medium.geometry().sector.into());
        let echo = marks::echo(&*medium, marked, end, |at| {
            self.progress(TransferPhase::Locate, at, Some(end));
            self.stop.requested().is_none()
        });
        symptoms.finding(echo.ok().flatten()?, marked)
    }

    /// What came of reading back, in a sentence.
    fn verdict(&self) -> Failure {
        let name = &self.outcome.medium;
        let (differs, unreadable) = (self.outcome.differences.bytes(), self.outcome.unreadable.bytes());
        let what = match self.outcome.finding {
            Some(defect) => sentence(defect, name, self.medium.geometry().bytes),
            None if differs > 0 => {
                format!("{name} does not hold what was written to it: {differs} bytes came back different; {ADVICE}")
            }
            None if unreadable > 0 => {
                return Failure::failed(format!("{name} can't be read back: {unreadable} bytes are unreadable; {ADVICE}"));
            }
            None => format!("{name} gave other bytes at the first reading than at the second; {ADVICE}"),
        };
        Failure::new(Status::Different, what)
    }

    pub(super) fn chunk(&self, number: usize) -> Span {
        let offset = number as u64 * CHUNK as u64;
        Span { offset, length: (self.outcome.bytes - offset.min(self.outcome.bytes)).min(CHUNK as u64) }
    }
}

/// True where zeros that are not the chunk's own could lie in it: all zero in a run, or up to one of its ends.
fn is_blank(chunk: &[u8]) -> bool {
    let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    let end = chunk.len().min(512);
    chunk.chunks(BLANK).any(is_zero) || is_zero(&chunk[..end]) || is_zero(&chunk[chunk.len() - end..])
}
