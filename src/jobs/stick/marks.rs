//! Whether addresses of a medium meet. The place of what is withheld is marked, each sector with its own offset, and the marks are looked
//! for elsewhere: where one comes back that was not written there, two addresses are one. Nothing but the medium is asked, so that it does
//! not matter what the image holds, nor whether it can be read again.

use std::io;

use crate::medium::{Poison, Writable};
use crate::sys::Buffer;

/// What became of the marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::jobs) struct Echo {
    /// The distance at which marks came back from where they were not written, twice: addresses begin anew after so many bytes.
    pub(in crate::jobs) period: Option<u64>,
    /// Bytes from the beginning, up to the end of the last mark that is where it was written.
    pub(in crate::jobs) kept: u64,
}

/// Sectors that can't be read before the search is given up: each may take a dying stick half a minute.
const PATIENCE: usize = 8;

/// Marks the first `marked` bytes, and looks for the marks up to byte `end`: both are whole sectors. One sector in each run of `marked` bytes
/// is enough, as no echo is shorter. `go_on` is told where it looks. The marks are left behind, and boot nowhere: they are no boot sector and
/// no table. `None` when `go_on` says no, when too much can't be read, and when an echo does not come a second time.
pub(in crate::jobs) fn echo(
    medium: &dyn Writable,
    marked: u64,
    end: u64,
    mut go_on: impl FnMut(u64) -> bool,
) -> io::Result<Option<Echo>> {
    let sector = medium.geometry().sector as usize;
    let (mut marks, mut poison) = (Buffer::new(marked as usize), Poison::new());
    let key = write_marks(medium, &mut marks, &mut poison)?;

    let (mut kept, mut met) = (0, None);
    marks.fill(0);
    medium.read_at(&mut marks, 0)?;
    for (place, at) in marks.chunks(sector).zip((0..).step_by(sector)) {
        let from = marked_from(place, key);
        if from == Some(at) {
            kept = at + place.len() as u64;
        }
        let meeting = from.filter(|from| *from != at).map(|from| Meeting { from, at });
        met = met.into_iter().chain(meeting).min_by_key(Meeting::distance);
    }
    let step = usize::try_from(marked).unwrap_or(usize::MAX);
    let places = (marked..end).step_by(step).chain(end.checked_sub(sector as u64).filter(|last| *last >= marked));
    let (mut buffer, mut unreadable) = (Buffer::new(sector), 0);
    for at in places {
        if met.is_some() {
            break;
        }
        if unreadable >= PATIENCE || !go_on(at) {
            return Ok(None);
        }
        buffer.fill(0);
        match medium.read_at(&mut buffer, at) {
            Ok(()) => met = marked_from(&buffer, key).map(|from| Meeting { from, at }),
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => return Err(error),
            // No echo comes from what can't be read.
            Err(_) => unreadable += 1,
        }
    }
    let Some(meeting) = met else { return Ok(Some(Echo { period: None, kept })) };
    // A cable, or a reader that keeps what it sent last, may bring a mark from elsewhere once. New ones nobody has read yet.
    let key = write_marks(medium, &mut marks, &mut poison)?;
    buffer.fill(0);
    medium.read_at(&mut buffer, meeting.at)?;
    let is_echo = marked_from(&buffer, key) == Some(meeting.from);
    Ok(is_echo.then(|| Echo { period: Some(meeting.distance()), kept }))
}

/// A mark that came back from byte `at`, where it was not written.
#[derive(Debug)]
struct Meeting {
    from: u64,
    at: u64,
}

impl Meeting {
    fn distance(&self) -> u64 {
        self.from.abs_diff(self.at)
    }
}

/// Fills the beginning with marks that were never used before. Returns what tells them.
fn write_marks(medium: &dyn Writable, marks: &mut Buffer, poison: &mut Poison) -> io::Result<[u8; 8]> {
    let sector = medium.geometry().sector as usize;
    let mut key = [0; 8];
    poison.fill(&mut key);
    for (place, at) in marks.chunks_mut(sector).zip((0..).step_by(sector)) {
        mark(place, key, at);
    }
    medium.write_at(marks, 0).map_err(|error| error.cause)?;
    medium.settle()?;
    Ok(key)
}

/// Marks the sector at byte `at`. The offset is last, and far from filling its eight bytes: no sector ends in the signature of one that boots.
pub(in crate::jobs) fn mark(sector: &mut [u8], key: [u8; 8], at: u64) {
    let at = at.to_le_bytes();
    sector.chunks_mut(key.len()).enumerate().for_each(|(place, part)| {
        let from = if place % 2 == 0 { &key } else { &at };
        part.copy_from_slice(&from[..part.len()]);
    });
}

/// The offset that a sector was marked with.
pub(in crate::jobs) fn marked_from(sector: &[u8], key: [u8; 8]) -> Option<u64> {
    let at = u64::from_le_bytes(sector.get(8..16)?.try_into().ok()?);
    let mut right = vec![0; sector.len()];
    mark(&mut right, key, at);
    (*sector == *right).then_some(at)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::medium::{Geometry, Medium};

    const SECTOR: usize = 512;
    const MARKED: usize = 4 * SECTOR;
    const BYTES: usize = 100 * SECTOR;

    /// What a stick that holds all it claims, or its reader, does wrong.
    enum Quirk {
        /// The first read beyond the marks brings what the read before brought.
        StaleOnce,
        /// The first write of a sector lands elsewhere as well.
        StrayOnce,
        /// Nothing beyond the marks can be read.
        Dead,
    }

    struct Stick {
        quirk: Quirk,
        cells: Mutex<Vec<u8>>,
        /// What was read last, beginning at which byte; reads and writes so far.
        last: Mutex<(Vec<u8>, usize, usize)>,
    }

    impl Stick {
        fn new(quirk: Quirk) -> Self {
            Self { quirk, cells: Mutex::new(vec![0x5a; BYTES]), last: Mutex::default() }
        }
    }

    impl Medium for Stick {
        fn geometry(&self) -> Geometry {
            Geometry { bytes: BYTES as u64, sector: SECTOR as u32 }
        }

        fn read_some(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            let (cells, mut last) = (self.cells.lock().unwrap(), self.last.lock().unwrap());
            last.1 += 1;
            let is_beyond = offset >= MARKED as u64;
            match self.quirk {
                Quirk::Dead if is_beyond => return Err(io::Error::from_raw_os_error(libc::EIO)),
                Quirk::StaleOnce if is_beyond && last.1 == 2 => buffer.copy_from_slice(&last.0[..buffer.len()]),
                _ => buffer.copy_from_slice(&cells[offset as usize..offset as usize + buffer.len()]),
            }
            last.0 = buffer.to_vec();
            Ok(buffer.len())
        }
    }

    impl Writable for Stick {
        fn write_some(&self, buffer: &[u8], offset: u64) -> io::Result<usize> {
            let (mut cells, mut last) = (self.cells.lock().unwrap(), self.last.lock().unwrap());
            last.2 += 1;
            cells[offset as usize..offset as usize + buffer.len()].copy_from_slice(buffer);
            if matches!(self.quirk, Quirk::StrayOnce) && last.2 == 1 {
                cells[2 * MARKED..2 * MARKED + SECTOR].copy_from_slice(&buffer[..SECTOR]);
            }
            Ok(buffer.len())
        }

        fn settle(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_meets_once_is_no_echo() {
        for quirk in [Quirk::StaleOnce, Quirk::StrayOnce] {
            assert_eq!(echo(&Stick::new(quirk), MARKED as u64, BYTES as u64, |_| true).unwrap(), None);
        }
    }

    #[test]
    fn a_dying_stick_is_not_searched_to_its_end() {
        let stick = Stick::new(Quirk::Dead);
        assert_eq!(echo(&stick, MARKED as u64, BYTES as u64, |_| true).unwrap(), None);
        assert_eq!(stick.last.into_inner().unwrap().1, 1 + PATIENCE);
    }

    #[test]
    fn no_sector_of_marks_looks_like_one_that_boots() {
        for size in [512, 4096] {
            let mut sector = vec![0; size];
            mark(&mut sector, [0xaa; 8], (1 << 20) - size as u64);
            assert_ne!(sector[510..512], [0x55, 0xaa]);
            assert_eq!(sector[510..512], [0, 0]);
        }
    }
}
