//! A file in memory that other programs can open by its name, and that nothing is left of.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::{Whence, lseek};

/// A file of a length, with holes where nothing was written to it: they take no memory.
#[derive(Debug)]
pub struct Scratch(File);

impl Scratch {
    /// A file of `bytes` bytes, one hole.
    ///
    /// # Errors
    /// Those of memfd_create(2) and ftruncate(2).
    pub fn new(bytes: u64) -> io::Result<Self> {
        let file = File::from(memfd_create("discsmith", MFdFlags::MFD_CLOEXEC)?);
        file.set_len(bytes)?;
        Ok(Self(file))
    }

    /// The name that any program of the same user can open it by, as long as this one runs.
    pub fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd()).into()
    }

    /// What was written to it, zeros too, in whole pages: where each run begins, and how long it is. Memory knows nothing of zeros, so that
    /// what is a hole was never written (tmpfs, `SEEK_DATA` of lseek(2)).
    ///
    /// # Errors
    /// Those of lseek(2).
    pub fn written(&self) -> io::Result<Vec<(u64, u64)>> {
        let (mut runs, mut at) = (Vec::new(), 0);
        loop {
            let from = match lseek(&self.0, at, Whence::SeekData) {
                Ok(from) => from,
                Err(Errno::ENXIO) => return Ok(runs),
                Err(error) => return Err(error.into()),
            };
            at = lseek(&self.0, from, Whence::SeekHole)?;
            runs.push((from as u64, (at - from) as u64));
        }
    }

    /// Fills `buffer` from byte `offset`.
    ///
    /// # Errors
    /// Those of pread(2).
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_that_were_written_are_no_hole() {
        let scratch = Scratch::new(1 << 40).unwrap();
        assert_eq!(scratch.written().unwrap(), []);
        let other = File::options().write(true).open(scratch.path()).unwrap();
        other.write_all_at(&[0; 4096], 8192).unwrap();
        other.write_all_at(b"end", (1 << 40) - 3).unwrap();
        assert_eq!(scratch.written().unwrap(), [(8192, 4096), ((1 << 40) - 4096, 4096)]);
        let mut end = [0; 3];
        scratch.read_at(&mut end, (1 << 40) - 3).unwrap();
        assert_eq!(&end, b"end");
    }
}
