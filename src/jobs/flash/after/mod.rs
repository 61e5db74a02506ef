//! What is written besides the image, when that is asked for: the backup GPT at the end of the medium (`gpt`), and zeros over what systems
//! act on behind the image (`signatures`).

mod gpt;
mod signatures;

use crate::jobs::Failure;
use crate::medium::Spans;
use crate::sys::Buffer;

pub(super) use gpt::{Gpt, check};
pub(super) use signatures::LeftBehind;

/// Bytes that belong behind the image.
pub(super) struct Piece {
    pub(super) offset: u64,
    /// Whole sectors.
    pub(super) bytes: Buffer,
}

/// What is to be written behind an image that ends at byte `end`: the backup GPT, and zeros over the rest of `wiped`.
pub(super) fn pieces(gpt: &Gpt, wiped: &Spans, end: u64) -> Result<Vec<Piece>, Failure> {
    let (mut pieces, mut backup) = (Vec::new(), Spans::default());
    if let Gpt::Moved(moved) = gpt {
        gpt::room(moved, end)?;
        let mut bytes = Buffer::new(moved.backup.len());
        bytes.copy_from_slice(&moved.backup);
        backup.push(moved.array, moved.backup.len() as u64);
        pieces.push(Piece { offset: moved.array, bytes });
    }
    for part in wiped.iter().flat_map(|span| backup.gaps(span).iter().collect::<Vec<_>>()) {
        pieces.push(Piece { offset: part.offset, bytes: Buffer::new(part.length as usize) });
    }
    Ok(pieces)
}
