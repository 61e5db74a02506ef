//! Whether addresses of a medium meet. The place of what is withheld is marked, each sector with its own offset, and the marks are looked
//! for elsewhere: where one comes back that was not written there, two addresses are one. Nothing but the medium is asked, so that it does
//! not matter what the image holds, nor whether it can be read again.

use std::io;

use crate::medium::{Poison, Writable};
use crate::sys::Buffer;

/// What became of the marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Echo {
    /// The distance at which a mark came back a second time: addresses begin anew after so many bytes.
    pub(super) period: Option<u64>,
    /// Bytes from the beginning, up to the end of the last mark that is where it was written.
    pub(super) kept: u64,
}

/// Marks the first `marked` bytes, and looks for the marks up to byte `end`: both are whole sectors. One sector in each run of `marked` bytes
/// is enough, as no echo is shorter. `go_on` is told where it looks. The marks are left behind, and boot nowhere: they are no boot sector and
/// no table. `None` when `go_on` says no.
pub(super) fn echo(medium: &dyn Writable, marked: u64, end: u64, mut go_on: impl FnMut(u64) -> bool) -> io::Result<Option<Echo>> {
    let sector = medium.geometry().sector as usize;
    let mut key = [0; 8];
    Poison::new().fill(&mut key);
    let mut marks = Buffer::new(marked as usize);
    for (place, at) in marks.chunks_mut(sector).zip((0..).step_by(sector)) {
        mark(place, key, at);
    }
    medium.write_at(&marks, 0).map_err(|error| error.cause)?;
    medium.settle()?;

    let mut echo = Echo { period: None, kept: 0 };
    marks.fill(0);
    medium.read_at(&mut marks, 0)?;
    for (place, at) in marks.chunks(sector).zip((0..).step_by(sector)) {
        let from = marked_from(place, key);
        if from == Some(at) {
            echo.kept = at + place.len() as u64;
        }
        let distance = from.map(|from| from.abs_diff(at)).filter(|distance| *distance > 0);
        echo.period = echo.period.into_iter().chain(distance).min();
    }
    let step = usize::try_from(marked).unwrap_or(usize::MAX);
    let places = (marked..end).step_by(step).chain(end.checked_sub(sector as u64).filter(|last| *last >= marked));
    let mut buffer = Buffer::new(sector);
    for at in places {
        if echo.period.is_some() {
            break;
        }
        if !go_on(at) {
            return Ok(None);
        }
        buffer.fill(0);
        match medium.read_at(&mut buffer, at) {
            Ok(()) => echo.period = marked_from(&buffer, key).map(|from| at - from),
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => return Err(error),
            // No echo comes from what can't be read.
            Err(_) => {}
        }
    }
    Ok(Some(echo))
}

/// Marks the sector at byte `at`. The offset is last, and far from filling its eight bytes: no sector ends in the signature of one that boots.
fn mark(sector: &mut [u8], key: [u8; 8], at: u64) {
    let at = at.to_le_bytes();
    sector.chunks_mut(key.len()).enumerate().for_each(|(place, part)| {
        let from = if place % 2 == 0 { &key } else { &at };
        part.copy_from_slice(&from[..part.len()]);
    });
}

/// The offset that a sector was marked with.
fn marked_from(sector: &[u8], key: [u8; 8]) -> Option<u64> {
    let at = u64::from_le_bytes(sector.get(8..16)?.try_into().ok()?);
    let mut right = vec![0; sector.len()];
    mark(&mut right, key, at);
    (*sector == *right).then_some(at)
}
