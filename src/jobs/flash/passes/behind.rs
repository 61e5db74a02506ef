//! What is written behind the image, and read back as the image is.

use crate::jobs::Failure;
use crate::jobs::flash::after::Piece;
use crate::medium::{Poison, Spans, read_around};
use crate::status::Status;
use crate::sys::Buffer;

use super::Passes;

impl Passes<'_> {
    /// Writes these pieces, and flushes them.
    pub(in crate::jobs::flash) fn write_behind(&mut self, pieces: &[Piece]) -> Result<(), Failure> {
        for piece in pieces {
            self.write(&piece.bytes, piece.offset)?;
        }
        if pieces.is_empty() { Ok(()) } else { self.settle() }
    }

    /// Reads them back, and compares: before the head is written, and once more after that, as a fake stick may have put it there.
    pub(in crate::jobs::flash) fn prove_behind(&mut self, pieces: &[Piece]) -> Result<(), Failure> {
        let sector = self.medium.geometry().sector.max(512);
        let (mut differences, mut unreadable) = (Spans::default(), Spans::default());
        let mut poison = Poison::new();
        for piece in pieces {
            let mut back = Buffer::new(piece.bytes.len());
            poison.fill(&mut back);
            let read = read_around(&*self.medium, &mut back, piece.offset, &mut unreadable);
            if let Err(error) = read {
                let failure = self.reading_failed(&error, piece.offset);
                return Err(self.withdraw_head(failure));
            }
            differences.push_differences(&piece.bytes, &back, piece.offset, sector);
        }
        if differences.is_empty() && unreadable.is_empty() {
            return Ok(());
        }
        let failure = Failure::new(
            Status::Different,
            format!(
                "{} does not hold what was written behind the image: {} bytes came back different, the first of them byte {}; it may hold less than it claims; take another stick, what is on this one does not boot",
                self.outcome.medium,
                differences.bytes(),
                differences.iter().next().map_or(0, |span| span.offset)
            ),
        );
        (self.outcome.differences, self.outcome.unreadable) = (differences, unreadable);
        Err(self.withdraw_head(failure))
    }
}
