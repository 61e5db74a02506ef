//! One disc: where its bytes come from, its tracks, and which of its sectors can't be read.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::unistd::{Whence, lseek};

use super::areas::Areas;
use super::layout::{Kind, Track};
use super::profile::Profile;

/// Bytes in a sector of data.
pub(super) const SECTOR: u32 = crate::mmc::SECTOR as u32;

/// A disc that can lie in the drive.
#[derive(Debug)]
pub(super) struct Disc {
    pub(super) profile: Profile,
    /// Ascending. None: the disc is blank.
    pub(super) tracks: Vec<Track>,
    pub(super) store: Store,
    pub(super) trouble: TroubleSpots,
}

/// Where the bytes come from; what lies past their end is zero.
#[derive(Debug)]
pub(super) enum Store {
    /// A file and its length in bytes when it was opened.
    File(File, u64),
    Memory(Vec<u8>),
}

/// Sectors that make trouble, apart from what the tracks say.
#[derive(Debug, Default)]
pub(super) struct TroubleSpots {
    /// Never come back.
    pub(super) dead: Areas,
    /// Fail in each command that reads more than one sector. This needs no memory, so that a run that was killed meets the
    /// same disc again.
    pub(super) flaky: Areas,
    /// Take longer.
    pub(super) weak: Areas,
}

/// Why a sector can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    Unreadable,
    /// Not a sector of data.
    OffTrack,
    Protected,
}

impl Disc {
    /// Sectors of the disc, gaps between sessions included: the last LBA plus one.
    pub(super) fn sectors(&self) -> u32 {
        self.tracks.last().map_or(0, Track::end)
    }

    /// The first sector of `range` that can't be read in one command, and why.
    pub(super) fn first_trouble(&self, range: &Range<u32>) -> Option<(u32, Trouble)> {
        let alone = range.end.saturating_sub(range.start) == 1;
        let flaky = if alone { None } else { self.trouble.flaky.first_in(range) };
        let unreadable = [self.trouble.dead.first_in(range), flaky].into_iter().flatten().min();
        let off_track = self.first_off_track(range);
        // Where no data is, there is nothing to be damaged.
        [off_track, unreadable.map(|lba| (lba, Trouble::Unreadable))].into_iter().flatten().min_by_key(|&(lba, _)| lba)
    }

    fn first_off_track(&self, range: &Range<u32>) -> Option<(u32, Trouble)> {
        let mut at = range.start;
        while at < range.end {
            let next = self.tracks.partition_point(|track| track.end() <= at);
            match self.tracks.get(next).filter(|track| track.first <= at) {
                Some(track) if track.kind == Kind::Css => return Some((at, Trouble::Protected)),
                Some(track) if at < track.readable_end() => at = track.readable_end(),
                _ => return Some((at, Trouble::OffTrack)),
            }
        }
        None
    }

    /// Fills `buffer` with the sectors from `lba` on.
    pub(super) fn read(&self, lba: u32, buffer: &mut [u8]) -> io::Result<()> {
        let start = u64::from(lba) * u64::from(SECTOR);
        let length = match &self.store {
            Store::File(_, length) => *length,
            Store::Memory(bytes) => bytes.len() as u64,
        };
        let there = usize::try_from(length.saturating_sub(start)).unwrap_or(usize::MAX).min(buffer.len());
        let (data, past_end) = buffer.split_at_mut(there);
        past_end.fill(0);
        match &self.store {
            // A file that shrank since is an error, not zeros.
            Store::File(file, _) if is_hole(file, start, data.len()) => {
                data.fill(0);
                Ok(())
            }
            Store::File(file, _) => file.read_exact_at(data, start),
            Store::Memory(bytes) => {
                data.copy_from_slice(bytes.get(start as usize..).and_then(|rest| rest.get(..there)).unwrap_or(&[]));
                Ok(())
            }
        }
    }
}

/// True when nothing is stored there. Asking costs a moment, while reading a hole makes the kernel fill its cache with zeros:
/// that is most of the time when a large sparse disc is read. Asked each time, as the file may change.
fn is_hole(file: &File, start: u64, length: usize) -> bool {
    let Ok(from) = i64::try_from(start) else { return false };
    match lseek(file, from, Whence::SeekData) {
        Ok(data) => data.saturating_sub(from) >= length as i64,
        // No data up to the end, which may have come nearer since: then it is for the read to fail.
        Err(Errno::ENXIO) => file.metadata().is_ok_and(|about| about.len() >= start + length as u64),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulated::layout;

    fn disc(tracks: &str, dead: Range<u32>, bytes: usize) -> Disc {
        Disc {
            profile: Profile::CdRom,
            tracks: layout::parse(tracks).unwrap(),
            store: Store::Memory((0..bytes).map(|i| (i / 2048 + 1) as u8).collect()),
            trouble: TroubleSpots { dead: Areas::new(vec![dead]), flaky: Areas::new(vec![5..6, 7..8]), weak: Areas::default() },
        }
    }

    #[test]
    fn the_first_trouble_is_the_one_that_counts() {
        let disc = disc("data@0+10:audio@10+5::tao@20+10", 8..12, 0);
        assert_eq!(disc.sectors(), 30);
        assert_eq!(disc.first_trouble(&(0..5)), None);
        assert_eq!(disc.first_trouble(&(5..6)), None, "flaky sectors come back alone");
        assert_eq!(disc.first_trouble(&(4..10)), Some((5, Trouble::Unreadable)));
        assert_eq!(disc.first_trouble(&(8..9)), Some((8, Trouble::Unreadable)));
        assert_eq!(disc.first_trouble(&(10..11)), Some((10, Trouble::OffTrack)), "audio is no damage");
        assert_eq!(disc.first_trouble(&(16..17)), Some((16, Trouble::OffTrack)), "gap");
        assert_eq!(disc.first_trouble(&(20..30)), Some((28, Trouble::OffTrack)), "run-out");
        assert_eq!(disc.first_trouble(&(20..28)), None);
        assert_eq!(disc.first_trouble(&(3..3)), None);
    }

    #[test]
    fn scrambled_sectors_are_protected() {
        let disc = Disc { profile: Profile::DvdRom, ..disc("data@0+10:css@10+5", 0..0, 0) };
        assert_eq!(disc.first_trouble(&(9..12)), Some((10, Trouble::Protected)));
    }

    #[test]
    fn a_file_that_shrank_is_an_error_and_a_hole_is_zeros() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 20).unwrap();
        file.write_all_at(&[7; 2048], 8 * 2048).unwrap();
        let disc = Disc { store: Store::File(file.try_clone().unwrap(), 1 << 20), ..disc("data@0+512", 0..0, 0) };
        let mut buffer = [0xee; 4 * 2048];
        disc.read(7, &mut buffer).unwrap();
        assert!(buffer[..2048].iter().all(|&byte| byte == 0) && buffer[2048..4096].iter().all(|&byte| byte == 7));
        for lba in [0, 300, 508] {
            buffer.fill(0xee);
            disc.read(lba, &mut buffer).unwrap();
            assert!(buffer.iter().all(|&byte| byte == 0), "{lba}");
        }
        file.set_len(100 * 2048).unwrap();
        assert!(disc.read(98, &mut buffer).is_err());
        assert!(disc.read(300, &mut buffer).is_err());
    }

    #[test]
    fn the_end_of_the_file_is_padded_with_zeros() {
        let mut buffer = [0xee; 3 * 2048];
        disc("data@0+3", 0..0, 2048 + 100).read(0, &mut buffer).unwrap();
        assert!(buffer[..2048].iter().all(|&byte| byte == 1));
        assert!(buffer[2048..2148].iter().all(|&byte| byte == 2));
        assert!(buffer[2148..].iter().all(|&byte| byte == 0));
        disc("data@0+9", 0..0, 2048).read(5, &mut buffer).unwrap();
        assert!(buffer.iter().all(|&byte| byte == 0));
    }
}
