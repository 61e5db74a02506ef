//! A disk of this machine, past the page cache.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::scsi::cdb::Lock;
use crate::scsi::{Cdb, Ending};
use crate::sys::{DeviceNumber, disk, sg};

use super::regular_file::punch_hole;
use super::{Geometry, Medium, Writable};

/// udev and others that look at a disk hold its lock for a moment.
const LOCK_WAIT: Duration = Duration::from_secs(10);
/// Who tries to mount a disk that holds nothing he knows has it for less than this.
const BUSY_WAIT: Duration = Duration::from_secs(1);
const LOCK_POLL: Duration = Duration::from_millis(50);
/// A stick that stops has nothing left to write.
const EJECT_LIMIT: Duration = Duration::from_secs(30);

/// An open disk. One descriptor, from before the first byte until the last was read back.
#[derive(Debug)]
pub struct BlockDevice {
    file: File,
    number: DeviceNumber,
    geometry: Geometry,
    sequence: Option<u64>,
}

/// How much of a disk is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Reading, beside whoever else uses it.
    Shared,
    /// Reading, and nobody else may hold it: neither a mount nor a volume.
    ExclusiveToRead,
    /// Writing, and nobody else may hold it. Locked (flock), so that udev does not look at it meanwhile.
    ExclusiveToWrite,
}

/// Why a disk can't be opened, and what the person can do now.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// It is gone, or another disk answers to the name now, or the node is none of a disk.
    #[error("it is gone, or another disk is there now; plug it in again, and run this command again")]
    Changed,
    /// A card reader without a card, or a drive without a disk.
    #[error("there is no medium in it; put a card or a disk in, and run this command again")]
    Empty,
    /// Something holds it: a mount, a volume, another program.
    #[error("it is in use; end that, and run this command again")]
    Busy,
    /// It can't be written.
    #[error("it is write-protected; look for its switch, or take another")]
    ReadOnly,
    /// The person may not.
    #[error("permission denied; run this as root (docs/permissions.md says how else)")]
    Denied,
    /// Anything else.
    #[error("{0}; plug it in again, or take another")]
    System(#[from] io::Error),
}

impl BlockDevice {
    /// Opens the disk with this number, at a node that should lead to it.
    ///
    /// # Errors
    /// Each says why it is not open; nothing was written then.
    pub fn open(node: &Path, number: DeviceNumber, claim: Claim) -> Result<Self, DiskError> {
        let exclusive = if claim == Claim::Shared { 0 } else { libc::O_EXCL };
        let mut options = OpenOptions::new();
        options.read(true).write(claim == Claim::ExclusiveToWrite).custom_flags(libc::O_DIRECT | exclusive);
        let file = open_in_time(&options, node)?;
        let facts = file.metadata()?;
        if !facts.file_type().is_block_device() || DeviceNumber::from(facts.rdev()) != number {
            return Err(DiskError::Changed);
        }
        if claim == Claim::ExclusiveToWrite {
            lock(&file)?;
            if disk::is_read_only(&file)? {
                return Err(DiskError::ReadOnly);
            }
        }
        let geometry = Geometry { bytes: disk::size(&file)?, sector: disk::sector(&file)? };
        let sequence = disk::sequence(&file);
        Ok(Self { file, number, geometry, sequence })
    }

    /// The number that the kernel knows it by.
    pub fn number(&self) -> DeviceNumber {
        self.number
    }

    /// The number that changes with the disk, and with the card in a reader. `None` before Linux 5.15.
    pub fn sequence(&self) -> Option<u64> {
        self.sequence
    }

    /// True while the same medium is still there, as large as it was.
    pub fn is_unchanged(&self) -> bool {
        disk::size(&self.file).is_ok_and(|bytes| bytes == self.geometry.bytes) && disk::sequence(&self.file) == self.sequence
    }

    /// The file that a loop device is made of; `None` for any other disk.
    pub fn loop_file(&self) -> Option<disk::LoopFile> {
        disk::loop_file(&self.file)
    }

    /// Shows the kernel the new partition table.
    ///
    /// # Errors
    /// Those of BLKRRPART: EINVAL for a disk that has no partitions.
    pub fn reread_partitions(&self) -> io::Result<()> {
        disk::reread_partitions(&self.file)
    }

    /// Ejects it: a stick goes off, a card can be taken out.
    ///
    /// # Errors
    /// ENOTTY and EINVAL where the device takes no SCSI commands, EIO where it refuses.
    pub fn eject(&self) -> io::Result<()> {
        for cdb in [Cdb::prevent_removal(Lock::Open), Cdb::eject()] {
            let ending = sg::execute(self.file.as_fd(), cdb.bytes(), None, EJECT_LIMIT)?.ending();
            // A stick without a lock is none the worse.
            if cdb == Cdb::eject() && ending != Ending::Good {
                return Err(io::Error::from_raw_os_error(libc::EIO));
            }
        }
        Ok(())
    }

    /// What an error means: once the disk is gone the kernel says ENOSPC, EIO or ENXIO, and its size is 0.
    fn meaning(&self, error: io::Error) -> io::Error {
        let is_gone = matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ENXIO | libc::ESHUTDOWN | libc::ENOMEDIUM));
        if is_gone || !self.is_unchanged() { io::Error::from_raw_os_error(libc::ENODEV) } else { error }
    }
}

/// Opens it, also when somebody just looks at it.
fn open_in_time(options: &OpenOptions, node: &Path) -> Result<File, DiskError> {
    let begin = Instant::now();
    loop {
        match options.open(node) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) && begin.elapsed() < BUSY_WAIT => sleep(LOCK_POLL),
            opened => return opened.map_err(refused),
        }
    }
}

fn lock(file: &File) -> Result<(), DiskError> {
    let begin = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if begin.elapsed() < LOCK_WAIT => sleep(LOCK_POLL),
            Err(TryLockError::WouldBlock) => return Err(DiskError::Busy),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
    }
}

fn refused(error: io::Error) -> DiskError {
    match error.raw_os_error() {
        Some(libc::EBUSY) => DiskError::Busy,
        Some(libc::EROFS) => DiskError::ReadOnly,
        Some(libc::EACCES | libc::EPERM) => DiskError::Denied,
        Some(libc::ENOMEDIUM) => DiskError::Empty,
        Some(libc::ENOENT | libc::ENXIO | libc::ENODEV) => DiskError::Changed,
        _ => DiskError::System(error),
    }
}

impl Medium for BlockDevice {
    fn geometry(&self) -> Geometry {
        self.geometry
    }

    fn read_some(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset).map_err(|error| self.meaning(error))
    }
}

impl Writable for BlockDevice {
    fn write_some(&self, buffer: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_at(buffer, offset).map_err(|error| self.meaning(error))
    }

    fn punch(&self, offset: u64, length: u64) -> io::Result<()> {
        // On a disk this zeroes without a fallback, or says EOPNOTSUPP (block/fops.c, blkdev_fallocate).
        punch_hole(&self.file, offset, length).map_err(|error| self.meaning(error))
    }

    fn settle(&self) -> io::Result<()> {
        // A disk that is gone has nothing left to flush, and the kernel then says that all is well.
        self.file.sync_all().map_err(|error| self.meaning(error))?;
        if self.is_unchanged() { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::ENODEV)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_without_a_card_is_not_another_disk_and_every_error_says_what_to_do() {
        let error = |errno| refused(io::Error::from_raw_os_error(errno)).to_string();
        assert!(error(libc::ENOMEDIUM).starts_with("there is no medium in it; "));
        assert!(error(libc::ENXIO).contains("another disk"));
        for errno in [libc::ENOMEDIUM, libc::ENXIO, libc::EBUSY, libc::EROFS, libc::EACCES, libc::EIO] {
            assert!(error(errno).contains("; "), "{}", error(errno));
        }
    }
}
