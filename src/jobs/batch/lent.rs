//! A port that is lent to one run after the other: each closes the drive, and the next one opens the same.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::scsi::{Clock, OpenError, Opened, Port};

/// One of the owners of a port.
#[derive(Clone)]
pub(super) struct Lent(Arc<Mutex<Box<dyn Port>>>);

impl Lent {
    pub(super) fn new(port: Box<dyn Port>) -> Self {
        Self(Arc::new(Mutex::new(port)))
    }

    /// A port has no half-done changes, so that a panic elsewhere does not spoil it.
    fn port(&self) -> MutexGuard<'_, Box<dyn Port>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Port for Lent {
    fn name(&self) -> String {
        self.port().name()
    }

    fn open(&mut self) -> Result<Opened, OpenError> {
        self.port().open()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.port().clock()
    }

    fn unmount(&mut self) -> Result<(), OpenError> {
        self.port().unmount()
    }

    fn backing(&self) -> Option<PathBuf> {
        self.port().backing()
    }
}
