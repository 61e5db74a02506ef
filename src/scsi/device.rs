//! An open node of the kernel's as a [`Transport`].

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use super::{Cdb, Completion, Data, Transport, TransportError};
use crate::sys::sg;

/// What every kernel path and USB bridge takes, in bytes. Beyond it, EINVAL, EIO and ENOMEM are about length.
const SAFE_TRANSFER: usize = 64 * 1024;
/// The most that a single command is worth: 8 ECC blocks of a BD, and far less than any drive's cache (2 MB and up).
const WORTHWHILE_TRANSFER: usize = 512 * 1024;

/// A drive that takes commands through SG_IO.
#[derive(Debug)]
pub(super) struct SgDevice {
    node: File,
    /// Held open so that nobody mounts the disc: O_EXCL on sg says nothing to mount(2).
    _sibling: Option<File>,
    longest: usize,
}

impl SgDevice {
    /// Takes an open node, a sibling to hold open beside it, and how many bytes the queue takes in a command, if that is known.
    pub(super) fn new(node: File, sibling: Option<File>, queue: Option<u64>) -> Self {
        let queue = queue.map_or(SAFE_TRANSFER, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        // Whole sectors, and never none.
        let longest = (queue.min(WORTHWHILE_TRANSFER) / 2048 * 2048).max(2048);
        Self { node, _sibling: sibling, longest }
    }
}

impl Transport for SgDevice {
    fn execute(&mut self, cdb: &Cdb, data: Data<'_>, limit: Duration) -> Result<Completion, TransportError> {
        let length = data.len();
        let buffer = match data {
            Data::None => None,
            Data::In(buffer) => Some(buffer),
        };
        sg::execute(self.node.as_fd(), cdb.bytes(), buffer, limit).map_err(|error| failure(&error, length, self.longest))
    }

    fn max_transfer(&self) -> usize {
        self.longest
    }
}

/// What an error of SG_IO means. The kernel gives no status with it, so nothing is known of the command.
fn failure(error: &io::Error, length: usize, longest: usize) -> TransportError {
    match error.raw_os_error() {
        Some(libc::ENODEV | libc::ENXIO | libc::ESHUTDOWN) => TransportError::Gone,
        Some(libc::EPERM | libc::EACCES) => TransportError::NotAllowed,
        // sr says EIO, sg EINVAL, and either ENOMEM where it finds no pages to copy through.
        Some(libc::EINVAL | libc::EIO | libc::ENOMEM) if length > longest.min(SAFE_TRANSFER) => TransportError::TooLong(length),
        _ => TransportError::System(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(queue: Option<u64>) -> SgDevice {
        SgDevice::new(tempfile::tempfile().unwrap(), None, queue)
    }

    #[test]
    fn transfers_are_whole_sectors_that_the_queue_takes() {
        let longest = |queue| device(queue).max_transfer();
        assert_eq!(longest(None), 65_536);
        assert_eq!(longest(Some(120 * 1024)), 120 * 1024);
        assert_eq!(longest(Some(33_000)), 32_768);
        assert_eq!(longest(Some(32 << 20)), 524_288);
        assert_eq!(longest(Some(0)), 2048);
    }

    #[test]
    fn errors_are_told_apart() {
        let of = |errno, length| failure(&io::Error::from_raw_os_error(errno), length, 524_288);
        for errno in [libc::ENODEV, libc::ENXIO, libc::ESHUTDOWN] {
            assert_eq!(of(errno, 2048), TransportError::Gone);
        }
        assert_eq!(of(libc::EPERM, 0), TransportError::NotAllowed);
        for errno in [libc::EINVAL, libc::EIO, libc::ENOMEM] {
            assert_eq!(of(errno, 131_072), TransportError::TooLong(131_072));
            assert!(matches!(of(errno, 65_536), TransportError::System(_)));
        }
        let small_queue = failure(&io::Error::from_raw_os_error(libc::EIO), 40_960, 32_768);
        assert_eq!(small_queue, TransportError::TooLong(40_960));
    }

    #[test]
    fn a_node_that_takes_no_commands_fails_as_a_system_call() {
        let result = device(None).execute(&Cdb::test_unit_ready(), Data::None, Duration::from_secs(1));
        assert!(matches!(result, Err(TransportError::System(_))), "{result:?}");
    }
}
