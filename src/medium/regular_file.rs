//! A regular file as a medium: read and written through its file system.

use std::fs::{File, TryLockError};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::fcntl::{FallocateFlags, PosixFadviseAdvice, fallocate, posix_fadvise};

use super::{Geometry, Medium, Writable};

/// A file. Any offset and length will do.
#[derive(Debug)]
pub struct RegularFile {
    file: File,
    /// It is being written, and grows.
    grows: bool,
    /// It holds what was there before: the first write empties it.
    is_old: AtomicBool,
}

/// What becomes of what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Nothing may be there.
    Refuse,
    /// It is cut to nothing by the first write.
    Replace,
}

impl RegularFile {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// Those of open(2), and `InvalidInput` for what is no regular file.
    pub fn open(path: &Path) -> io::Result<Self> {
        // O_NONBLOCK: a pipe without a writer must not hold the program here.
        let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        Ok(Self { file, grows: false, is_old: AtomicBool::new(false) })
    }

    /// Opens a file for writing, and locks it. An existing one is emptied by the first write: until then
    /// there may be nothing to replace it with.
    ///
    /// # Errors
    /// Those of open(2) and flock(2): `WouldBlock` when another program works on it, `InvalidInput` for what is no regular file.
    pub fn create(path: &Path, existing: Existing) -> io::Result<Self> {
        let mut options = File::options();
        options.read(true).write(true).custom_flags(libc::O_NONBLOCK);
        match existing {
            Existing::Refuse => options.create_new(true),
            Existing::Replace => options.create(false),
        };
        let file = options.open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        match file.try_lock() {
            // File systems without locks exist (some network ones); their users know.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            other => other?,
        }
        Ok(Self { file, grows: true, is_old: AtomicBool::new(existing == Existing::Replace) })
    }

    /// Gives up what this machine has in memory of the file, so that the next read comes from the disk where the file system lets it.
    pub fn forget_cached(&self) {
        // Only a hint, and some file systems know none.
        let _ = posix_fadvise(self.file.as_fd(), 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
    }
}

/// Zeros that take no room.
///
/// # Errors
/// Those of fallocate(2): EOPNOTSUPP where the file system, or the disk, does not guarantee zeros.
pub(super) fn punch_hole(file: &File, offset: u64, length: u64) -> io::Result<()> {
    let far = |_| io::Error::from(io::ErrorKind::FileTooLarge);
    let (offset, length) = (i64::try_from(offset).map_err(far)?, i64::try_from(length).map_err(far)?);
    let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    Ok(fallocate(file, flags, offset, length)?)
}

impl Medium for RegularFile {
    fn geometry(&self) -> Geometry {
        let length = || self.file.metadata().map_or(0, |meta| meta.len());
        Geometry { bytes: if self.grows { u64::MAX } else { length() }, sector: 1 }
    }

    fn read_some(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }
}

impl Writable for RegularFile {
    fn write_some(&self, buffer: &[u8], offset: u64) -> io::Result<usize> {
        if self.is_old.swap(false, Ordering::Relaxed) {
            self.file.set_len(0)?;
        }
        self.file.write_at(buffer, offset)
    }

    /// A hole: what was never written reads as zeros, and needs no room.
    fn punch(&self, offset: u64, length: u64) -> io::Result<()> {
        if self.is_old.swap(false, Ordering::Relaxed) {
            self.file.set_len(0)?;
        }
        let end = offset.saturating_add(length);
        let old = self.file.metadata()?.len();
        if old < end {
            self.file.set_len(end)?;
        }
        if old <= offset { Ok(()) } else { punch_hole(&self.file, offset, length) }
    }

    /// The pages are on the disk then, and are given up.
    fn settle(&self) -> io::Result<()> {
        self.file.sync_all()?;
        self.forget_cached();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_use_or_in_the_way_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.img");
        std::fs::write(&path, b"old").unwrap();
        assert_eq!(RegularFile::create(&path, Existing::Refuse).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let other = File::open(&path).unwrap();
        other.lock().unwrap();
        assert_eq!(RegularFile::create(&path, Existing::Replace).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        drop(other);
        let file = RegularFile::create(&path, Existing::Replace).unwrap();
        file.write_at(b"new bytes", 3).unwrap();
        file.settle().unwrap();
        let mut back = [0xee; 9];
        file.read_at(&mut back, 3).unwrap();
        assert_eq!(&back, b"new bytes");
        assert_eq!(file.read_at(&mut back, 4).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(RegularFile::open(folder.path()).is_err());
        assert_eq!(RegularFile::open(&path).unwrap().geometry(), Geometry { bytes: 12, sector: 1 });
    }
}
