//! Reading around what can't be read, and writing around what can't be written.

use std::io;

use super::{Medium, Spans, Writable};

/// Bytes that are tried at once where a longer read failed: 32 sectors of a disc, and what a USB bridge takes in one command.
const PIECE: usize = 64 << 10;

/// After so many bad bytes they are counted by the piece, no longer by the sector: a stick that is dead in large parts takes
/// seconds for each read that fails.
const PATIENCE: u64 = 4 << 20;

/// Fills `buffer` from byte `offset`; where nothing can be read it becomes zero, and `unreadable` learns of it, to the sector. Both are
/// multiples of `medium`'s sector.
///
/// # Errors
/// ENODEV: the medium is gone. `UnexpectedEof`: it ends before the buffer does. An error without a number of the system's: what the medium
/// says of itself as a whole.
pub fn read_around(medium: &dyn Medium, buffer: &mut [u8], offset: u64, unreadable: &mut Spans) -> io::Result<()> {
    let finer = finer(medium, buffer.len(), unreadable);
    match medium.read_at(buffer, offset) {
        Err(error) if is_of_the_medium(&error) && finer < buffer.len() => {
            let mut at = offset;
            for part in buffer.chunks_mut(finer) {
                read_around(medium, part, at, unreadable)?;
                at += part.len() as u64;
            }
            Ok(())
        }
        Err(error) if is_of_the_medium(&error) => {
            buffer.fill(0);
            unreadable.push(offset, buffer.len() as u64);
            Ok(())
        }
        other => other,
    }
}

/// Writes `buffer` at byte `offset`; `unwritable` learns of what is not taken, to the sector. Both are multiples of `medium`'s sector.
///
/// # Errors
/// ENODEV: the medium is gone. EROFS, EPERM and EACCES: nothing of it can be written.
pub fn write_around(medium: &dyn Writable, buffer: &[u8], offset: u64, unwritable: &mut Spans) -> io::Result<()> {
    let finer = finer(medium, buffer.len(), unwritable);
    let Err(error) = medium.write_at(buffer, offset) else { return Ok(()) };
    if !is_of_the_medium(&error.cause) || matches!(error.cause.raw_os_error(), Some(libc::EROFS | libc::EPERM | libc::EACCES)) {
        return Err(error.cause);
    }
    if finer == buffer.len() {
        unwritable.push(offset, buffer.len() as u64);
        return Ok(());
    }
    let mut parts = buffer.chunks(finer).zip((offset..).step_by(finer));
    parts.try_for_each(|(part, at)| write_around(medium, part, at, unwritable))
}

/// The length of the parts in which a length is tried again; the same length where there is no sense in that.
fn finer(medium: &(impl Medium + ?Sized), length: usize, bad: &Spans) -> usize {
    let sector = (medium.geometry().sector as usize).max(512);
    match length {
        length if length > PIECE => PIECE,
        length if length > sector && bad.bytes() < PATIENCE => sector,
        _ => length,
    }
}

/// True for an error of some sectors; false once there is nothing to read at all.
fn is_of_the_medium(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|number| number != libc::ENODEV)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::medium::Geometry;

    /// Every byte is its sector's number; these sectors can't be read.
    struct Bad(std::ops::Range<u64>);

    impl Medium for Bad {
        fn geometry(&self) -> Geometry {
            Geometry { bytes: 64 << 20, sector: 512 }
        }

        fn read_some(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            let sectors = offset / 512..(offset + buffer.len() as u64).div_ceil(512);
            if sectors.start < self.0.end && self.0.start < sectors.end {
                return Err(io::Error::from_raw_os_error(libc::EIO));
            }
            for (sector, bytes) in sectors.zip(buffer.chunks_mut(512)) {
                bytes.fill(sector as u8 | 1);
            }
            Ok(buffer.len())
        }
    }

    #[test]
    fn bad_sectors_are_named_and_zero_and_their_neighbours_are_read() {
        let mut buffer = vec![0xee; 4 << 20];
        let mut unreadable = Spans::default();
        read_around(&Bad(8300..8303), &mut buffer, 4 << 20, &mut unreadable).unwrap();
        assert_eq!(unreadable.iter().map(|s| (s.offset, s.length)).collect::<Vec<_>>(), [(8300 * 512, 3 * 512)]);
        let zeros = buffer.iter().filter(|byte| **byte == 0).count();
        assert_eq!((zeros, buffer[(8299 - 8192) * 512]), (3 * 512, 8299u64 as u8 | 1));
    }

    #[test]
    fn a_dead_medium_is_not_asked_for_every_sector() {
        struct Counting(Bad, std::sync::atomic::AtomicU64);
        impl Medium for Counting {
            fn geometry(&self) -> Geometry {
                self.0.geometry()
            }
            fn read_some(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
                self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                self.0.read_some(buffer, offset)
            }
        }
        let dead = Counting(Bad(0..u64::MAX), 0.into());
        let mut buffer = vec![0; 32 << 20];
        let mut unreadable = Spans::default();
        read_around(&dead, &mut buffer, 0, &mut unreadable).unwrap();
        assert_eq!(unreadable.bytes(), 32 << 20);
        assert!(dead.1.into_inner() < 10_000);
    }
}
