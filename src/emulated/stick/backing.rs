//! FILE, which the stick is made of: looked at first, opened for writing or made with the first write. Who only reads a stick leaves no
//! trace.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::error::StickError;
use super::operand::Operand;

/// Whether FILE is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Whole,
    /// There, and empty: `mktemp` leaves such files.
    Empty,
    Missing,
}

/// FILE.
#[derive(Debug)]
pub(super) struct Backing {
    path: PathBuf,
    /// How many bytes the stick claims to hold.
    pub(super) bytes: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    /// There, and open for reading.
    Read(File),
    /// Open for writing.
    Written(File),
    /// Not there yet, or empty: all zeros.
    Blank(Found),
}

impl Backing {
    /// Looks at FILE once all of the operand proved to make sense. Nothing is made, and nothing opened for writing.
    pub(super) fn look_at(operand: &Operand) -> Result<Self, StickError> {
        let path = operand.file.as_path();
        let (found, bytes) = look(path, operand.size)?;
        // As with a loop device, what does not fill a sector is no part of it.
        let bytes = bytes - bytes % u64::from(operand.sector);
        operand.check_against(bytes)?;
        let state = match found {
            Found::Whole => State::Read(File::open(path).map_err(|error| unusable("opening", path, &error))?),
            Found::Missing | Found::Empty => State::Blank(found),
        };
        Ok(Self { path: path.into(), bytes, state })
    }

    /// Fills `buffer` from byte `at`.
    pub(super) fn read(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        match &self.state {
            State::Read(file) | State::Written(file) => file.read_exact_at(buffer, at).map_err(|error| match error.kind() {
                // Somebody cut FILE off: no stick has an end there.
                io::ErrorKind::UnexpectedEof => Errno::EIO.into(),
                _ => error,
            }),
            State::Blank(_) => {
                buffer.fill(0);
                Ok(())
            }
        }
    }

    /// Writes at byte `at`.
    pub(super) fn write(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.writable()?.write_all_at(bytes, at)
    }

    /// Onto its disk with what was written.
    pub(super) fn settle(&self) -> io::Result<()> {
        match &self.state {
            State::Written(file) => file.sync_data(),
            State::Read(_) | State::Blank(_) => Ok(()),
        }
    }

    fn writable(&mut self) -> io::Result<&File> {
        if !matches!(self.state, State::Written(_)) {
            let is_new = matches!(self.state, State::Blank(Found::Missing));
            let file = OpenOptions::new().read(true).write(true).create_new(is_new).open(&self.path)?;
            // Another one may lie there by now.
            if !file.metadata()?.is_file() {
                return Err(Errno::ENODEV.into());
            }
            if matches!(self.state, State::Blank(_)) {
                file.set_len(self.bytes)?;
            }
            self.state = State::Written(file);
        }
        match &self.state {
            State::Written(file) => Ok(file),
            State::Read(_) | State::Blank(_) => Err(Errno::ENODEV.into()),
        }
    }
}

/// What is there, and the length that it has or is to have.
fn look(path: &Path, size: Option<u64>) -> Result<(Found, u64), StickError> {
    let about = match (fs::metadata(path), size) {
        (Ok(about), _) => about,
        (Err(error), Some(size)) if error.kind() == io::ErrorKind::NotFound => return Ok((Found::Missing, size)),
        (Err(error), None) if error.kind() == io::ErrorKind::NotFound => return Err(StickError::Missing { path: path.into() }),
        (Err(error), _) => return Err(unusable("looking at", path, &error)),
    };
    if !about.is_file() {
        return Err(StickError::NotAFile { path: path.into() });
    }
    match (about.len(), size) {
        (0, Some(size)) => Ok((Found::Empty, size)),
        (length, Some(size)) if length != size => Err(StickError::OtherLength { path: path.into(), length, size }),
        (length, _) => Ok((Found::Whole, length)),
    }
}

fn unusable(doing: &'static str, path: &Path, error: &io::Error) -> StickError {
    StickError::Unusable { doing, path: path.into(), why: error.to_string() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    fn attempt(text: &str) -> Result<u64, String> {
        let operand = Operand::parse(text).map_err(|error| error.to_string())?;
        let mut backing = Backing::look_at(&operand).map_err(|error| error.to_string())?;
        // Whatever is made is made now.
        backing.write(&[], 0).map_err(|error| error.to_string())?;
        Ok(backing.bytes)
    }

    #[test]
    fn who_only_reads_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stick");
        let operand = Operand::parse(&format!("{},size=1M", path.display())).unwrap();
        let mut buffer = [1; 512];
        Backing::look_at(&operand).unwrap().read(&mut buffer, 4096).unwrap();
        assert_eq!((buffer, path.exists()), ([0; 512], false));
    }

    #[test]
    fn a_missing_file_is_made_sparse_once_its_size_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stick");
        let name = path.display();
        assert!(attempt(&format!("{name}")).unwrap_err().contains("let size=N do so"));
        assert!(attempt(&format!("{name},size=64G,flip=64G")).unwrap_err().contains("past the end"));
        assert!(!path.exists(), "nothing is made for an operand that makes no sense");
        assert_eq!(attempt(&format!("{name},size=64G")), Ok(64 << 30));
        let about = fs::metadata(&path).unwrap();
        assert_eq!((about.len(), about.blocks()), (64 << 30, 0));
        assert_eq!(attempt(&format!("{name},size=64G")), Ok(64 << 30), "and taken as it is the next time");
        assert!(attempt(&format!("{name},size=32G")).unwrap_err().contains("68719476736 bytes"));
        assert!(attempt(&format!("{name}/stick,size=1M")).unwrap_err().contains("looking at"));
    }

    #[test]
    fn the_length_of_the_file_is_the_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stick");
        let name = path.display();
        fs::write(&path, [1; 10_000]).unwrap();
        assert_eq!(attempt(&format!("{name}")), Ok(9728));
        assert_eq!(attempt(&format!("{name},sector=4096")), Ok(8192));
        assert!(attempt(&format!("{name},real=9K,wrap")).is_ok());
        assert!(attempt(&format!("{name},real=10K,wrap")).unwrap_err().contains("claims"));
        fs::write(&path, [1; 511]).unwrap();
        assert!(attempt(&format!("{name}")).unwrap_err().contains("no whole sector"));
        fs::write(&path, "").unwrap();
        assert_eq!(attempt(&format!("{name},size=1M")), Ok(1 << 20));
        assert_eq!(fs::metadata(&path).unwrap().len(), 1 << 20);
    }

    #[test]
    fn what_is_no_regular_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        symlink("/dev/null", &link).unwrap();
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for path in [folder.path(), &link, &pipe, Path::new("/dev/zero")] {
            for options in ["", ",size=1M", ",readonly"] {
                let told = attempt(&format!("{}{options}", path.display())).unwrap_err();
                assert!(told.contains("not a regular file"), "{told}");
            }
        }
        let good = folder.path().join("good");
        fs::write(&good, [0; 512]).unwrap();
        symlink(&good, folder.path().join("alias")).unwrap();
        assert_eq!(attempt(&folder.path().join("alias").display().to_string()), Ok(512));
    }
}
