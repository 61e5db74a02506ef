//! The contract of a medium: what every place has in common where bytes are read, and written, by their offset.

use std::io;

/// How a medium is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Bytes in all. A regular file that is being written has no end: `u64::MAX`.
    pub bytes: u64,
    /// Bytes of a logical sector: offset and length of each access are multiples of it. 1 where any will do.
    pub sector: u32,
}

/// Somewhere bytes can be read by their offset.
pub trait Medium: Send + Sync {
    /// How it is divided.
    fn geometry(&self) -> Geometry;

    /// Reads into `buffer` from byte `offset`, past every cache of this machine where there is one. Returns how many bytes came, 0 at the
    /// end; perhaps fewer than were asked for, always whole sectors. The buffer is a [`crate::sys::Buffer`], or begins at a multiple of 4096.
    ///
    /// # Errors
    /// ENODEV once the medium is gone, whatever the kernel called it; ENODATA and EIO where it can't be read.
    fn read_some(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Reads until the buffer is full.
    ///
    /// # Errors
    /// Those of [`Self::read_some`], and `UnexpectedEof` past the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut done = 0;
        while done < buffer.len() {
            match self.read_some(&mut buffer[done..], offset + done as u64) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(came) => done += came,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// A medium that can be written as well.
pub trait Writable: Medium {
    /// Writes from `buffer` at byte `offset`. Returns how many bytes it took; perhaps fewer than were given, always whole sectors.
    ///
    /// # Errors
    /// ENODEV once the medium is gone, EROFS where it can't be written, ENOSPC at its end, EIO.
    fn write_some(&self, buffer: &[u8], offset: u64) -> io::Result<usize>;

    /// Makes bytes zero without sending them, whole sectors, where it is guaranteed that they read as zeros afterwards.
    ///
    /// # Errors
    /// EOPNOTSUPP where there is no such guarantee; else as [`Self::write_some`]. Nothing is known of the bytes then.
    fn punch(&self, offset: u64, length: u64) -> io::Result<()> {
        let _ = (offset, length);
        Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP))
    }

    /// Returns once everything written is on the medium itself. Latent write errors show here.
    ///
    /// # Errors
    /// As [`Self::write_some`].
    fn settle(&self) -> io::Result<()>;

    /// Writes all of `buffer`.
    ///
    /// # Errors
    /// Where it failed, and why.
    fn write_at(&self, buffer: &[u8], offset: u64) -> Result<(), WriteError> {
        let mut done = 0;
        while done < buffer.len() {
            let at = offset + done as u64;
            match self.write_some(&buffer[done..], at) {
                Ok(0) => return Err(WriteError { at, cause: io::ErrorKind::WriteZero.into() }),
                Ok(took) => done += took,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(WriteError { at, cause }),
            }
        }
        Ok(())
    }
}

/// A write that failed.
#[derive(Debug, thiserror::Error)]
#[error("writing at byte {at}: {cause}")]
pub struct WriteError {
    /// The first byte that was not taken.
    pub at: u64,
    /// Why.
    pub cause: io::Error,
}
