//! How a part of an image that went by is read once more, by whoever was not ready for it.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Where it is read from.
#[derive(Debug)]
pub enum Again {
    /// The image's own file.
    Image(Arc<File>),
    /// A copy of what went by.
    Spool(Spool),
    /// Nowhere.
    Never,
}

/// A copy of a stream, in a file without a name: it is gone when the program is, however that ends.
#[derive(Debug)]
pub struct Spool {
    file: File,
    /// Bytes from the beginning that it holds.
    holds: AtomicU64,
    /// Why it holds no more, and was not asked yet.
    broken: Mutex<Option<io::Error>>,
}

impl Spool {
    /// An empty one in this folder.
    ///
    /// # Errors
    /// The folder can't be written, or its file system knows no files without names (`O_TMPFILE`, open(2)).
    pub fn new(folder: &Path) -> io::Result<Self> {
        let file = File::options().read(true).write(true).custom_flags(libc::O_TMPFILE).mode(0o600).open(folder)?;
        Ok(Self { file, holds: AtomicU64::new(0), broken: Mutex::new(None) })
    }

    /// Why it no longer takes what goes by, told once.
    pub fn broken(&self) -> Option<io::Error> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn keep(&self, bytes: &[u8], offset: u64) {
        // A gap would be read as zeros.
        if self.holds.load(Ordering::Acquire) != offset {
            return;
        }
        match self.file.write_all_at(bytes, offset) {
            Ok(()) => self.holds.store(offset + bytes.len() as u64, Ordering::Release),
            Err(error) => *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error),
        }
    }
}

impl Again {
    /// Takes what goes by, in order.
    pub(super) fn keep(&self, bytes: &[u8], offset: u64) {
        if let Self::Spool(spool) = self {
            spool.keep(bytes, offset);
        }
    }

    /// Up to which byte what went by can be had again.
    pub(super) fn reach(&self) -> u64 {
        match self {
            Self::Image(_) => u64::MAX,
            Self::Spool(spool) => spool.holds.load(Ordering::Acquire),
            Self::Never => 0,
        }
    }

    /// Reads a part that is within reach.
    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        match self {
            Self::Image(file) => file.read_exact_at(buffer, offset),
            Self::Spool(spool) => spool.file.read_exact_at(buffer, offset),
            Self::Never => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}
