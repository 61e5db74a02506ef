//! A named pipe that an image comes from.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::sys::Stop;

use super::Failure;

/// Opens a pipe, and waits until somebody writes to it, or a signal comes: open(2) by itself would not hear one.
///
/// # Errors
/// Those of the system; "stopped" for a signal.
pub fn open(path: &Path, stop: &Stop) -> Result<File, Failure> {
    let failed = |error: io::Error| Failure::failed(format!("opening the image {}: {error}", path.display()));
    let pipe = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(failed)?;
    loop {
        if stop.requested().is_some() {
            return Err(Failure::stopped(format!("as asked; nothing came from {}", path.display())));
        }
        // Until somebody has opened it for writing there is neither data nor an end.
        match poll(&mut [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)], PollTimeout::from(100u8)) {
            Ok(0) | Err(nix::errno::Errno::EINTR) => {}
            Ok(_) => break,
            Err(error) => return Err(failed(error.into())),
        }
    }
    fcntl(&pipe, FcntlArg::F_SETFL(OFlag::empty())).map_err(|error| failed(error.into()))?;
    Ok(pipe)
}
