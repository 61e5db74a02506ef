//! The image while it is being written.

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use crate::mmc::SECTOR;

/// How long the lock of an image is waited for, and how often it is tried.
const LOCK_WAIT: Duration = Duration::from_millis(200);
const LOCK_POLL: Duration = Duration::from_millis(5);

/// An image that is open for writing, and locked.
#[derive(Debug)]
pub struct Output {
    file: File,
    kind: OutputKind,
    /// Nothing was ever written to it: what is not written now reads as zero.
    is_fresh: bool,
}

/// What the image is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputKind {
    /// A regular file: any order, can be read again, can be resumed.
    File,
    /// /dev/null: any order, gone for good. A surface scan.
    Null,
    /// A pipe or a device: from the first byte to the last.
    Stream,
}

/// Why an image can't be written.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // the fields' names say it
pub enum OutputError {
    /// A disk.
    #[error("{}: this is a disk; discrip writes image files, and never to a disk", path.display())]
    Disk { path: PathBuf },
    /// Another process holds the lock.
    #[error("{}: another program is working on this image; wait for it to end", path.display())]
    Locked { path: PathBuf },
    /// A pipe that nobody reads.
    #[error("{}: nobody reads this pipe; start its reader first", path.display())]
    NoReader { path: PathBuf },
    /// The system says no.
    #[error("opening {}: {source}; look at its permissions, or choose another name", path.display())]
    System { path: PathBuf, source: io::Error },
}

/// Takes the lock. Whoever asks where the image stands shares it for a moment.
fn lock(file: &File) -> Result<(), TryLockError> {
    let begin = Instant::now();
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if begin.elapsed() < LOCK_WAIT => sleep(LOCK_POLL),
            other => return other,
        }
    }
}

impl OutputKind {
    /// What lies at `path`; something that does not exist yet will be a file. Errors: a disk; a folder that can't be looked into.
    pub fn of(path: &Path) -> Result<Self, OutputError> {
        let system = |source| OutputError::System { path: path.into(), source };
        let meta = match std::fs::metadata(path) {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::File),
            Err(source) => return Err(system(source)),
        };
        let kind = meta.file_type();
        match () {
            () if kind.is_block_device() => Err(OutputError::Disk { path: path.into() }),
            () if kind.is_dir() => Err(system(io::ErrorKind::IsADirectory.into())),
            // Linux: character device 1:3 is /dev/null (Documentation/admin-guide/devices.txt).
            () if kind.is_char_device() && (nix::sys::stat::major(meta.rdev()), nix::sys::stat::minor(meta.rdev())) == (1, 3) => {
                Ok(Self::Null)
            }
            () if kind.is_file() => Ok(Self::File),
            () => Ok(Self::Stream),
        }
    }
}

impl Output {
    /// Opens `path`, and locks it if it is a file. A file is made when it is missing; what is in it stays.
    pub fn open(path: &Path) -> Result<Self, OutputError> {
        let kind = OutputKind::of(path)?;
        let system = |source| OutputError::System { path: path.into(), source };
        let is_file = kind == OutputKind::File;
        // A pipe without a reader would hold the program here for ever; with O_NONBLOCK it is told (ENXIO).
        let flags = if kind == OutputKind::Stream { libc::O_NONBLOCK } else { 0 };
        let options = File::options().read(is_file).write(true).create(is_file).truncate(false).custom_flags(flags).open(path);
        let file = options.map_err(|source| match source.raw_os_error() {
            Some(libc::ENXIO) if kind == OutputKind::Stream => OutputError::NoReader { path: path.into() },
            _ => system(source),
        })?;
        if kind == OutputKind::Stream {
            fcntl(&file, FcntlArg::F_SETFL(OFlag::empty())).map_err(|errno| system(errno.into()))?;
        }
        if is_file {
            match lock(&file) {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(OutputError::Locked { path: path.into() }),
                // File systems without locks exist (some network ones); their users know.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
                Err(TryLockError::Error(source)) => return Err(system(source)),
            }
        }
        let is_fresh = is_file && file.metadata().map_err(system)?.len() == 0;
        Ok(Self { file, kind, is_fresh })
    }

    /// The standard output, as a stream.
    pub fn stdout() -> io::Result<Self> {
        Ok(Self { file: io::stdout().as_fd().try_clone_to_owned()?.into(), kind: OutputKind::Stream, is_fresh: false })
    }

    /// What it is.
    pub fn kind(&self) -> OutputKind {
        self.kind
    }

    /// Gives a file its length; bytes that were not written are zero. A file that has it already is not touched, and there is
    /// nothing to do for others.
    pub fn set_sectors(&self, sectors: u32) -> io::Result<()> {
        let length = u64::from(sectors) * SECTOR as u64;
        match self.kind {
            OutputKind::File if self.file.metadata()?.len() != length => self.file.set_len(length),
            _ => Ok(()),
        }
    }

    /// Writes whole sectors at `lba`. To a stream they must come in order.
    pub fn write_at(&self, bytes: &[u8], lba: u32) -> io::Result<()> {
        match self.kind {
            // A hole reads as zeros too, and takes neither time nor space.
            OutputKind::File if self.is_fresh && bytes.iter().all(|byte| *byte == 0) => Ok(()),
            OutputKind::File => self.file.write_all_at(bytes, u64::from(lba) * SECTOR as u64),
            OutputKind::Null | OutputKind::Stream => (&self.file).write_all(bytes),
        }
    }

    /// Reads whole sectors back from a file.
    pub fn read_at(&self, bytes: &mut [u8], lba: u32) -> io::Result<()> {
        match self.kind {
            OutputKind::File => self.file.read_exact_at(bytes, u64::from(lba) * SECTOR as u64),
            OutputKind::Null | OutputKind::Stream => Err(io::ErrorKind::NotSeekable.into()),
        }
    }

    /// Returns once everything written is on the disk. Latent write errors show here.
    pub fn settle(&self) -> io::Result<()> {
        match self.kind {
            OutputKind::File => self.file.sync_data(),
            OutputKind::Null | OutputKind::Stream => Ok(()),
        }
    }
}
