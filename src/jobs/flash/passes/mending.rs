//! What did not come back right is written again, where that can help.

use crate::event::{Defect, Event, TransferPhase};
use crate::jobs::Failure;
use crate::jobs::flash::Proof;
use crate::jobs::stick::counted;
use crate::medium::{Span, Spans, show_size};
use crate::pipeline::{CHUNK, Digested};
use crate::status::Status;
use crate::sys::Buffer;
use crate::trust::sha256;

use super::Passes;
use super::course::UNIT;
use super::proof::LOCATED;

/// How often places are written again. One that does not hold the third time is bad, and not only weak.
const ROUNDS: u32 = 3;

impl Passes<'_> {
    /// Writes again what a proof found wrong; everything is to be proved anew then. Zeros that the medium was to make by itself are written in any
    /// case, other bytes only if that was asked for.
    ///
    /// # Errors
    /// The failure of the proof, where nothing is left to be tried; and those of writing.
    pub(in crate::jobs::flash) fn mend(&mut self, written: &Digested, failure: Failure, proof: Proof) -> Result<(), Failure> {
        let wrong = self.outcome.differences.union(&self.outcome.unreadable);
        if !matches!(failure.status, Status::Different | Status::Failed) || wrong.is_empty() || self.stop.requested().is_some() {
            return Err(failure);
        }
        let punched = &self.outcome.punched;
        let are_zeros_wrong = wrong.iter().any(|span| punched.within(span).next().is_some());
        if are_zeros_wrong && !matches!(self.outcome.finding, Some(Defect::Wraps { .. })) {
            self.blank_head()?;
            self.write_zeros()?;
        } else {
            let because = |why: &str| Failure::new(failure.status, format!("{}; {why}", failure.reason));
            match (self.hindrance(&wrong), proof) {
                (None, Proof::Repair) => {}
                (Some(why), Proof::Repair) => return Err(because(&why)),
                (None, _) if self.repairs == 0 => return Err(because("or try --repair, which writes such places again")),
                _ => return Err(failure),
            }
            self.blank_head()?;
            self.write_again(written, &wrong, &failure)?;
        }
        self.settle()?;
        self.outcome.differences = Spans::default();
        self.outcome.unreadable = Spans::default();
        self.outcome.finding = None;
        Ok(())
    }

    /// Why it can't help to write these places again.
    fn hindrance(&self, wrong: &Spans) -> Option<String> {
        let chunks = chunks_of(wrong).len();
        match self.outcome.finding {
            Some(Defect::Wraps { .. } | Defect::Loses { .. }) => Some("--repair does not help there".into()),
            _ if self.source.bytes().is_none() => {
                Some("--repair needs an image that can be read again, and this was a stream".into())
            }
            _ if wrong.iter().any(|span| span.offset >= self.outcome.bytes) => {
                Some("--repair is for the image, not for what lies behind it".into())
            }
            _ if chunks > LOCATED => Some(format!("--repair is for single places, and {} are wrong", show_size(wrong.bytes()))),
            _ if self.repairs >= ROUNDS => Some(format!("it was written again {ROUNDS} times, and does not hold")),
            _ => None,
        }
    }

    /// Writes the zeros that the medium was to make by itself.
    fn write_zeros(&mut self) -> Result<(), Failure> {
        self.punches = false;
        let punched = std::mem::take(&mut self.outcome.punched);
        self.observer.event(&Event::notice(format!(
            "{} was to make zeros by itself, and other bytes came back: {} of zeros are written now, and all is read once more",
            self.outcome.medium,
            show_size(punched.bytes())
        )));
        self.phase(TransferPhase::Write);
        let (zeros, mut done) = (Buffer::new(CHUNK), 0);
        for span in punched.iter() {
            for at in (span.offset..span.end()).step_by(CHUNK) {
                if self.stop.requested().is_some() {
                    return Err(self.interrupted());
                }
                let length = (span.end() - at).min(CHUNK as u64);
                self.send(&zeros[..length as usize], at)?;
                done += length;
                self.progress(TransferPhase::Write, done, Some(punched.bytes()));
            }
        }
        Ok(())
    }

    /// Writes these places again, from the source. The head comes later, as ever.
    fn write_again(&mut self, written: &Digested, wrong: &Spans, failure: &Failure) -> Result<(), Failure> {
        self.repairs += 1;
        self.observer.event(&Event::notice(format!(
            "repair, round {} of {ROUNDS}: {} in {} of {} did not come back right; they are written again, and all is read once more",
            self.repairs,
            show_size(wrong.bytes()),
            places(wrong),
            self.outcome.medium
        )));
        self.phase(TransferPhase::Write);
        let sector = self.medium.geometry().sector as usize;
        let head = self.head.as_ref().map_or(0, |head| head.len() as u64);
        for number in chunks_of(wrong) {
            let span = self.chunk(number);
            let length = span.length as usize;
            let mut bytes = Buffer::new(length.next_multiple_of(sector));
            let is_read = self.source.read_again(&mut bytes[..length], span.offset).is_some();
            self.source.mapping.left_out.blank(&mut bytes[..length], span.offset);
            let is_same = is_read && written.chunks.get(number) == Some(&sha256(&bytes[..length]));
            if !is_same {
                let why = format!("{} can't be read again as it was, and nothing was repaired", self.source.name());
                return Err(Failure::new(failure.status, format!("{}; {why}", failure.reason)));
            }
            for (unit, offset) in bytes.chunks(UNIT).zip((span.offset..).step_by(UNIT)) {
                let place = Span { offset, length: unit.len() as u64 };
                if offset >= head && wrong.within(place).next().is_some() {
                    self.put_again(unit, offset)?;
                }
            }
        }
        self.outcome.repaired = self.outcome.repaired.union(wrong);
        Ok(())
    }

    /// What a person should know of a medium that was repaired.
    pub(in crate::jobs::flash) fn warning(&self) -> Option<String> {
        let repaired = &self.outcome.repaired;
        (!repaired.is_empty()).then(|| {
            format!(
                "WARNING: {} needed repair in {} ({}): what was written there first did not come back; do not trust it with your only copy",
                self.outcome.medium,
                places(repaired),
                show_size(repaired.bytes())
            )
        })
    }
}

/// The chunks that these spans lie in.
fn chunks_of(spans: &Spans) -> Vec<usize> {
    let of = |span: Span| (span.offset / CHUNK as u64) as usize..span.end().div_ceil(CHUNK as u64) as usize;
    let mut chunks: Vec<usize> = spans.iter().flat_map(of).collect();
    chunks.dedup();
    chunks
}

/// `1 place`, `2 places`.
fn places(spans: &Spans) -> String {
    counted(spans.iter().len() as u64, "place")
}
