//! What the jobs that write a stick share: it is found and judged, the person is asked, and it is claimed; what is wrong with one is told
//! from what came back; and at the end it is ejected.

mod claim;
mod defect;
mod disk;
mod eject;
mod judged;
pub(super) mod marks;
pub(super) mod permission;
mod question;
mod symptom;
mod telling;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::medium::Writable;
use crate::sys::topology::Block;

pub(super) use claim::{Claimed, Job, run};
pub(super) use defect::{ADVICE, counted, sentence};
pub(super) use disk::Disk;
pub(super) use eject::{eject, show_partitions};
pub(super) use judged::Judged;
pub(super) use question::exact;
pub(super) use symptom::Symptoms;
pub(super) use telling::Telling;

/// What the person allows, and says of the medium.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// What the medium is.
    pub identity: Identity,
    /// Unmount what is mounted.
    pub unmount: bool,
    /// Disks that are built in may be written.
    pub allow_fixed: bool,
}

/// What the person says the medium is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// Its serial number.
    pub serial: Option<String>,
    /// Its size in bytes.
    pub bytes: Option<u64>,
}

impl Identity {
    /// True when anything is said of it.
    pub(super) fn is_told(&self) -> bool {
        self.serial.is_some() || self.bytes.is_some()
    }
}

/// What is asked for of a stick that gets no image.
#[derive(Debug, Clone)]
pub struct Request {
    /// What is allowed.
    pub terms: Terms,
    /// Eject after success.
    pub eject: bool,
    /// Look, and write nothing.
    pub dry_run: bool,
}

/// The medium as it was named.
#[derive(Debug)]
pub enum TargetOperand {
    /// A node, a link to one, or a file.
    Path(PathBuf),
    /// A medium that the caller made.
    Given(Box<Given>),
}

/// A medium that the caller made.
pub struct Given {
    /// The medium.
    pub medium: Arc<dyn Writable>,
    /// It, as the guard should see it.
    pub block: Block,
}

impl TargetOperand {
    /// As the person named it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Given(given) => given.block.node.display().to_string(),
        }
    }
}

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Given").field("block", &self.block).finish_non_exhaustive()
    }
}

/// What is written, as far as the guard must know. Nothing, where it comes from no file.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Load<'a> {
    /// The file or the disk that it comes from.
    pub(super) place: Option<&'a Path>,
    /// Device and inode of that file.
    pub(super) inode: Option<(u64, u64)>,
    /// How long it is, where that is known.
    pub(super) bytes: Option<u64>,
}
