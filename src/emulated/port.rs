//! Where the emulated drive is attached: opens it, loses it, finds it again.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::drive::{Connection, Drive, LONGEST_TRANSFER};
use super::operand::{Operand, OperandError, Source, Time};
use super::timing::VirtualClock;
use crate::scsi::{Access, Cdb, Clock, Completion, Data, OpenError, Opened, Port, RealClock, Transport, TransportError};

/// One drive, and all the ways to it.
struct EmulatedPort {
    name: String,
    backing: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    drive: Arc<Mutex<Drive>>,
}

/// An open node. It goes on to exist when the drive vanishes, and stays dead after that, as a node of the kernel does.
struct EmulatedTransport {
    drive: Arc<Mutex<Drive>>,
    connection: Connection,
}

/// The drive of this operand: everything that follows `emulated:`.
pub(super) fn attach(text: &str) -> Result<Box<dyn Port>, OperandError> {
    let operand = Operand::parse(text)?;
    let backing = match &operand.source {
        Source::File(path) => Some(path.clone()),
        Source::Demo { .. } => None,
    };
    let clock: Arc<dyn Clock> = match operand.time {
        Time::Virtual => Arc::new(VirtualClock::default()),
        Time::Real => Arc::new(RealClock::new()),
    };
    let drive = Arc::new(Mutex::new(Drive::new(operand, Arc::clone(&clock))?));
    Ok(Box::new(EmulatedPort { name: format!("emulated:{text}"), backing, clock, drive }))
}

/// The drive's state has no half-done changes, so that a panic elsewhere does not spoil it.
fn lock(drive: &Mutex<Drive>) -> MutexGuard<'_, Drive> {
    drive.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Port for EmulatedPort {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn open(&mut self) -> Result<Opened, OpenError> {
        let missing = || OpenError::Missing { node: self.name.clone(), why: "it is gone from the bus".into() };
        let connection = lock(&self.drive).connect().ok_or_else(missing)?;
        let transport = Box::new(EmulatedTransport { drive: Arc::clone(&self.drive), connection });
        Ok(Opened { transport, access: Access::Full, node: self.name.clone() })
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    fn unmount(&mut self) -> Result<(), OpenError> {
        Ok(())
    }

    fn backing(&self) -> Option<PathBuf> {
        self.backing.clone()
    }
}

impl Transport for EmulatedTransport {
    fn execute(&mut self, cdb: &Cdb, data: Data<'_>, limit: Duration) -> Result<Completion, TransportError> {
        lock(&self.drive).execute(self.connection, cdb, data, limit)
    }

    fn max_transfer(&self) -> usize {
        LONGEST_TRANSFER
    }
}

impl Drop for EmulatedTransport {
    fn drop(&mut self) {
        lock(&self.drive).disconnect(self.connection);
    }
}
