//! The image that is written: a file, or a stream.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::event::SourceSummary;
use crate::image::packed::Packed;
use crate::jobs::Failure;
use crate::jobs::bmap::BmapOperand;
use crate::jobs::holes::Holes;
use crate::jobs::stick::Load;
use crate::pipeline::{Again, Spool};

use super::journal::Origin;
use super::mapping::Mapping;

/// The image as it was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageOperand {
    /// `-`.
    Stdin,
    /// A file, or a pipe.
    Path(PathBuf),
}

/// An image that is open for reading.
pub(super) struct Source {
    name: String,
    path: Option<PathBuf>,
    /// Where it lies, as far as that is known: stdin may be a file, too.
    place: Option<PathBuf>,
    file: Arc<File>,
    /// `None` for a stream: it ends when it ends.
    stamp: Option<Stamp>,
    pub(super) holes: Holes,
    pub(super) mapping: Mapping,
}

/// A file as it was at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        Self { bytes: meta.len(), changed: (meta.mtime(), meta.mtime_nsec()) }
    }
}

impl Source {
    /// Opens the image, and the block map that is to be used.
    pub(super) fn open(operand: &ImageOperand, bmap: Option<&BmapOperand>) -> Result<Self, Failure> {
        let mut source = Self::open_image(operand)?;
        if let Some(bmap) = bmap {
            source.mapping = Mapping::open(bmap, source.path(), source.bytes())?;
        }
        Ok(source)
    }

    /// A file is locked against programs that would change it meanwhile.
    fn open_image(operand: &ImageOperand) -> Result<Self, Failure> {
        let path = match operand {
            ImageOperand::Stdin => return Self::stdin(),
            ImageOperand::Path(path) => path,
        };
        let name = path.display().to_string();
        let failed = |error: io::Error| Failure::failed(format!("opening the image {name}: {error}"));
        let kind = std::fs::metadata(path).map_err(failed)?.file_type();
        match () {
            () if kind.is_file() || kind.is_fifo() => {}
            () if kind.is_dir() => return Err(Failure::refused(format!("{name} is a folder, not an image"))),
            () => {
                return Err(Failure::refused(format!(
                    "{name} is a device, not an image: the image comes first, then the medium (`discrip` copies a disc into an image)"
                )));
            }
        }
        // Opening a pipe waits for its other end, and signals would wait with it: the reader waits instead.
        let flags = if kind.is_fifo() { libc::O_NONBLOCK } else { 0 };
        let file = File::options().read(true).custom_flags(flags).open(path).map_err(failed)?;
        let meta = file.metadata().map_err(failed)?;
        let stamp = meta.is_file().then(|| Stamp::of(&meta));
        let mut holes = Holes::default();
        if let Some(stamp) = stamp {
            // Kernels and file systems without locks say otherwise; what changes is noticed at the end all the same.
            if matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)) {
                return Err(Failure::refused(format!("another program is working on {name}; wait for it to end")));
            }
            if stamp.bytes == 0 {
                return Err(Failure::refused(format!("{name} is empty: there is nothing to write; get the image anew")));
            }
            let mut head = [0; 8];
            if file.read_exact_at(&mut head, 0).is_ok() {
                refuse_packed(&head, &name)?;
            }
            holes = Holes::beside(path, stamp.bytes)?;
        }
        let (place, mapping) = (Some(path.clone()), Mapping::default());
        Ok(Self { name, path: Some(path.clone()), place, file: Arc::new(file), stamp, holes, mapping })
    }

    fn stdin() -> Result<Self, Failure> {
        let stdin = io::stdin().as_fd().try_clone_to_owned();
        let file = File::from(stdin.map_err(|error| Failure::failed(format!("reading stdin: {error}")))?);
        let is_placed = file.metadata().is_ok_and(|meta| meta.is_file() || meta.file_type().is_block_device());
        let place = if is_placed { std::fs::read_link("/proc/self/fd/0").ok() } else { None };
        Ok(Self {
            name: "stdin".into(),
            path: None,
            place,
            file: Arc::new(file),
            stamp: None,
            holes: Holes::default(),
            mapping: Mapping::default(),
        })
    }

    /// It, as the guard must know it.
    pub(super) fn load(&self) -> Load<'_> {
        Load { place: self.place(), inode: self.inode(), bytes: self.bytes() }
    }

    /// Its path; `None` for stdin.
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The file or the disk that it comes from, also by way of stdin; `None` for a pipe.
    pub(super) fn place(&self) -> Option<&Path> {
        self.place.as_deref()
    }

    /// Its name without folders, as a list of checksums has it.
    pub(super) fn file_name(&self) -> String {
        let name = self.path.as_deref().and_then(Path::file_name);
        name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }

    /// Its name for a person.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Its length in bytes, where that is known before the end.
    pub(super) fn bytes(&self) -> Option<u64> {
        self.stamp.map(|stamp| stamp.bytes)
    }

    /// True when this is the same file, by whatever name.
    pub(super) fn is_file_at(&self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|theirs| self.inode() == Some((theirs.dev(), theirs.ino())))
    }

    /// Device and inode of its file, also by way of stdin; `None` for a pipe.
    pub(super) fn inode(&self) -> Option<(u64, u64)> {
        let ours = self.file.metadata().ok().filter(Metadata::is_file)?;
        Some((ours.dev(), ours.ino()))
    }

    /// What tells it when it is to be written again; `None` for a stream. `digest` is what the person expects of it.
    pub(super) fn origin(&self, digest: Option<String>) -> Option<Origin> {
        let (stamp, (_, inode)) = (self.stamp?, self.inode()?);
        let path = self.path.as_deref()?.canonicalize().ok()?.to_string_lossy().into_owned();
        Some(Origin { path, bytes: stamp.bytes, changed: stamp.changed, inode, digest })
    }

    /// For a person.
    pub(super) fn summary(&self) -> SourceSummary {
        SourceSummary { image: self.name.clone(), bytes: self.bytes(), holes: self.holes.bytes() }
    }

    /// Reads it from the beginning, as [`crate::pipeline::feed`] asks.
    pub(super) fn reader(&self) -> impl FnMut(&mut [u8], u64) -> io::Result<usize> + Send + 'static {
        let (file, end) = (Arc::clone(&self.file), self.bytes());
        let mut is_pipe = self.path.is_some() && end.is_none();
        let mut comparison = self.mapping.comparison();
        move |buffer, offset| {
            if std::mem::take(&mut is_pipe) {
                wait_for_writer(&file)?;
            }
            let room = buffer.len();
            let wanted = end.map_or(buffer.len() as u64, |end| end.saturating_sub(offset).min(buffer.len() as u64));
            let buffer = &mut buffer[..wanted as usize];
            let mut done = 0;
            while done < buffer.len() {
                let came = match end {
                    Some(_) => file.read_at(&mut buffer[done..], offset + done as u64),
                    None => (&*file).read(&mut buffer[done..]),
                };
                match came {
                    Ok(0) if end.is_some() => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter")),
                    Ok(0) => break,
                    Ok(came) => done += came,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            if let Some(comparison) = &mut comparison {
                comparison.take(offset, &buffer[..done], room)?;
            }
            Ok(done)
        }
    }

    /// How those get it again who are slower than others: from its file. Of a stream, a copy is kept in this folder.
    ///
    /// # Errors
    /// The copy can't be made.
    pub(super) fn again(&self, folder: &Path) -> io::Result<Again> {
        match self.stamp {
            Some(_) => Ok(Again::Image(Arc::clone(&self.file))),
            None => Spool::new(folder).map(Again::Spool),
        }
    }

    /// Reads a part of a file once more; `None` for a stream, and where it can't be read.
    pub(super) fn read_again(&self, buffer: &mut [u8], offset: u64) -> Option<()> {
        self.stamp?;
        self.file.read_exact_at(buffer, offset).ok()
    }

    /// True when the file is no longer what it was when it was opened.
    pub(super) fn has_changed(&self) -> bool {
        self.stamp.is_some_and(|before| self.file.metadata().is_ok_and(|meta| Stamp::of(&meta) != before))
    }
}

/// Waits until somebody writes to a pipe that was opened without waiting for that.
fn wait_for_writer(pipe: &File) -> io::Result<()> {
    while let Err(error) = poll(&mut [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE) {
        if error != Errno::EINTR {
            return Err(error.into());
        }
    }
    fcntl(pipe, FcntlArg::F_SETFL(OFlag::empty()))?;
    Ok(())
}

/// A stick with a packed image on it boots nowhere. `head` is what the image begins with.
pub(super) fn refuse_packed(head: &[u8], name: &str) -> Result<(), Failure> {
    match Packed::find(head) {
        Some(packed) => Err(Failure::refused(format!(
            "{name} is packed ({}), and would be written as it is; unpack it first ({}), or on the way: … | isoflash - MEDIUM",
            packed.name, packed.command
        ))),
        None => Ok(()),
    }
}
