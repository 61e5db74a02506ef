//! The way to a device and back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Cdb, Completion};

/// The data phase of one command.
#[derive(Debug)]
pub enum Data<'a> {
    /// No data moves.
    None,
    /// The device fills this buffer; its length in bytes is the transfer length asked for.
    In(&'a mut [u8]),
}

impl Data<'_> {
    /// Bytes asked for.
    pub fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::In(buffer) => buffer.len(),
        }
    }

    /// True when no byte is to move.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The command never came to a status: the fault lies on this side of the device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The node no longer has a device behind it (ENODEV, ENXIO, ESHUTDOWN).
    #[error("the drive is gone from the bus")]
    Gone,
    /// The kernel does not let this command through (EPERM, EACCES): the node is open read-only, or the opcode is filtered.
    #[error("the kernel does not allow this command on this node")]
    NotAllowed,
    /// The kernel does not take a buffer of this length (EINVAL and EIO from SG_IO before anything was sent).
    #[error("the kernel refuses a transfer of {0} bytes")]
    TooLong(usize),
    /// Any other error of the system call.
    #[error("sending the command failed: {0}")]
    System(String),
}

/// Sends one command and reports how it ended. A CHECK CONDITION is an ending, not an `Err`; `Err` means that the transport failed.
pub trait Transport: Send {
    /// Sends `cdb`, moves `data`, and waits for the completion. Past `limit` the transport aborts the command.
    fn execute(&mut self, cdb: &Cdb, data: Data<'_>, limit: Duration) -> Result<Completion, TransportError>;

    /// The longest transfer of one command, in bytes.
    fn max_transfer(&self) -> usize;
}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn execute(&mut self, cdb: &Cdb, data: Data<'_>, limit: Duration) -> Result<Completion, TransportError> {
        (**self).execute(cdb, data, limit)
    }

    fn max_transfer(&self) -> usize {
        (**self).max_transfer()
    }
}

/// The time that a drive lives in. An emulated drive's hour takes a moment.
pub trait Clock: Send + Sync {
    /// Time since the clock was made.
    fn now(&self) -> Duration;
    /// Lets time pass.
    fn sleep(&self, time: Duration);
}

/// The wall's clock.
#[derive(Debug)]
pub struct RealClock(Instant);

impl RealClock {
    /// A clock that begins now.
    pub fn new() -> Self {
        Self(Instant::now())
    }
}

impl Default for RealClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for RealClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// How a node could be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Every command that the job needs is allowed.
    Full,
    /// Read-only node: the tray can't be locked, and the speed can't be set.
    ReadOnly,
}

/// A drive ready for commands.
pub struct Opened {
    /// The way to it.
    pub transport: Box<dyn Transport>,
    /// What the kernel lets us do.
    pub access: Access,
    /// The node that was opened, e.g. `/dev/sr0`; after a drive came back it may have another name.
    pub node: String,
}

/// Why a drive could not be opened. Each message says what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // the fields' names say it
pub enum OpenError {
    /// No such node, or no device behind it.
    #[error("{node}: no such drive ({why}); `discrip --list` shows the drives of this machine")]
    Missing { node: String, why: String },
    /// A node, but not of an optical drive.
    #[error("{node} is not an optical drive: {why}")]
    NotADrive { node: String, why: String },
    /// The disc is mounted there.
    #[error("{node}: the disc is mounted on {}", mount_points.join(", "))]
    Mounted { node: String, mount_points: Vec<String> },
    /// Another program holds the drive.
    #[error("{node} is in use{}; end that program and run this command again, or read anyway with --shared", holder.as_ref().map(|h| format!(" by {h}")).unwrap_or_default())]
    Busy { node: String, holder: Option<String> },
    /// The person may not open it.
    #[error("{node}: permission denied; docs/permissions.md says how to get access (usually: join the group that owns the node)")]
    Denied { node: String },
    /// Anything else.
    #[error("opening {node}: {why}")]
    Failed { node: String, why: String },
}

/// Where a drive is attached: opens it, and finds it again after it vanished.
pub trait Port: Send {
    /// The drive as the person named it.
    fn name(&self) -> String;
    /// Opens the drive. After a drive was `Gone`, finds the same drive again, perhaps under another name; one try, no waiting.
    fn open(&mut self) -> Result<Opened, OpenError>;
    /// The drive's time.
    fn clock(&self) -> Arc<dyn Clock>;
    /// Unmounts the disc from wherever it is mounted.
    fn unmount(&mut self) -> Result<(), OpenError>;
    /// The file that the disc is made of, where it is one: never to be written.
    fn backing(&self) -> Option<std::path::PathBuf>;
}
