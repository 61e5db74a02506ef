//! What of the image is written: everything, or only what the medium does not hold already; and zeros as zeros.

use crate::jobs::Failure;
use crate::medium::{Poison, Span, Spans};
use crate::pipeline::CHUNK;
use crate::sys::Buffer;

use super::Passes;

/// What is compared, and written if it differs. Sticks write no less than a page of some 16 KiB; a command for each would cost more than
/// the bytes that it saves.
pub(super) const UNIT: usize = 64 << 10;

/// Zeros of this length or more are punched: fewer are sent as soon as a command of their own is.
const ZEROS: usize = 256 << 10;

/// Chunks in a row of which the medium holds nothing, before it is believed to hold nothing of the image: it is another one, or was written
/// since. 16 MiB read for nothing take a second.
const STRANGE: u32 = 4;

/// Which bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Course {
    /// Up to this byte the medium is read first, and what it holds already is left alone.
    pub compared: u64,
}

impl Course {
    /// Every byte is written.
    pub const EVERYTHING: Self = Self { compared: 0 };
    /// Only what differs is written.
    pub const DIFFERENCES: Self = Self { compared: u64::MAX };
}

/// What the medium holds, for comparison.
#[derive(Debug, Default)]
pub(super) struct Held {
    buffer: Option<Buffer>,
    poison: Poison,
    /// Chunks up to now of which it held nothing.
    strange: u32,
}

impl Passes<'_> {
    /// Puts these bytes where they belong: whole sectors, at most a chunk. What the block map leaves out is not touched.
    pub(super) fn put(&mut self, bytes: &[u8], offset: u64) -> Result<(), Failure> {
        for part in self.mapped(offset, bytes.len()).iter() {
            let from = (part.offset - offset) as usize;
            self.put_mapped(&bytes[from..from + part.length as usize], part.offset)?;
        }
        Ok(())
    }

    /// Sends these bytes whatever the medium holds or can make by itself, but for what the block map leaves out.
    pub(super) fn put_again(&mut self, bytes: &[u8], offset: u64) -> Result<(), Failure> {
        for part in self.mapped(offset, bytes.len()).iter() {
            let from = (part.offset - offset) as usize;
            self.send(&bytes[from..from + part.length as usize], part.offset)?;
        }
        Ok(())
    }

    /// The sectors of a run of bytes that are written.
    fn mapped(&self, offset: u64, length: usize) -> Spans {
        let all = Span { offset, length: length as u64 };
        self.source.mapping.left_out.gaps(all).sectors(self.medium.geometry().sector)
    }

    fn put_mapped(&mut self, bytes: &[u8], offset: u64) -> Result<(), Failure> {
        if offset >= self.course.compared {
            return self.put_anew(bytes, offset);
        }
        let missing = self.missing(bytes, offset)?;
        self.learn(offset + bytes.len() as u64, bytes.len() as u64 - missing.bytes(), missing.bytes());
        self.outcome.kept += bytes.len() as u64 - missing.bytes();
        for span in missing.iter() {
            let from = (span.offset - offset) as usize;
            self.put_anew(&bytes[from..from + span.length as usize], span.offset)?;
        }
        Ok(())
    }

    /// How far it is worth comparing, after so many bytes up to `end` were found and others were missing. Behind its last flush the run before may have
    /// written more: as long as chunks are whole, the next one is compared as well.
    fn learn(&mut self, end: u64, found: u64, missing: u64) {
        if self.course == Course::DIFFERENCES {
            return;
        }
        self.held.strange = if found > 0 { 0 } else { self.held.strange + 1 };
        if self.held.strange == STRANGE {
            self.course.compared = 0;
            self.disown_journal();
        } else if missing == 0 {
            self.course.compared = self.course.compared.max(end + CHUNK as u64);
        }
    }

    /// What the medium does not hold, in units of [`UNIT`]. What can't be read counts as that.
    fn missing(&mut self, bytes: &[u8], offset: u64) -> Result<Spans, Failure> {
        let held = self.held.buffer.get_or_insert_with(|| Buffer::new(CHUNK));
        let held = &mut held[..bytes.len()];
        self.held.poison.fill(held);
        let mut missing = Spans::default();
        match self.medium.read_at(held, offset) {
            Ok(()) => missing.push_differences(bytes, held, offset, UNIT as u32),
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => return Err(self.gone()),
            Err(_) => missing.push(offset, bytes.len() as u64),
        }
        Ok(missing)
    }

    /// Zeros as zeros, where the medium can do that; everything else is written.
    fn put_anew(&mut self, bytes: &[u8], offset: u64) -> Result<(), Failure> {
        let mut rest = 0;
        for (from, to) in zeros(bytes) {
            if !self.punch(offset + from as u64, (to - from) as u64)? {
                break;
            }
            self.send(&bytes[rest..from], offset + rest as u64)?;
            rest = to;
        }
        self.send(&bytes[rest..], offset + rest as u64)
    }

    pub(super) fn send(&mut self, bytes: &[u8], offset: u64) -> Result<(), Failure> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.write(bytes, offset)?;
        self.outcome.written += bytes.len() as u64;
        Ok(())
    }

    /// True when the medium made these bytes zero by itself. One that can't do it once is not asked again.
    fn punch(&mut self, offset: u64, length: u64) -> Result<bool, Failure> {
        if !self.punches {
            return Ok(false);
        }
        match self.medium.punch(offset, length) {
            Ok(()) => {
                self.outcome.punched.push(offset, length);
                Ok(true)
            }
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Err(self.gone()),
            Err(_) => {
                self.punches = false;
                Ok(false)
            }
        }
    }
}

/// Runs of zeros that are worth a command: where each begins and ends, in whole units.
fn zeros(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (from, unit) in (0..).step_by(UNIT).zip(bytes.chunks(UNIT)) {
        match runs.last_mut() {
            _ if unit.iter().any(|byte| *byte != 0) => {}
            Some((_, to)) if *to == from => *to += unit.len(),
            _ => runs.push((from, from + unit.len())),
        }
    }
    runs.retain(|(from, to)| to - from >= ZEROS);
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_runs_of_zeros_are_punched_and_nothing_else_is() {
        let mut bytes = vec![1; 20 * UNIT];
        assert_eq!(zeros(&bytes), []);
        bytes[UNIT + 1..6 * UNIT].fill(0);
        bytes[8 * UNIT..11 * UNIT].fill(0);
        bytes[15 * UNIT..].fill(0);
        bytes.truncate(20 * UNIT - 512);
        assert_eq!(zeros(&bytes), [(2 * UNIT, 6 * UNIT), (15 * UNIT, 20 * UNIT - 512)]);
    }
}
