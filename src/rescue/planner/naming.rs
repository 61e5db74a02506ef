//! Whether the LBA that a drive names for a failed read is the sector that failed.

use crate::mmc::Extent;

/// What is known of this drive. Some drives, and bridges, name the first sector of the command whatever failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    Unknown,
    Trusted,
    /// It named a sector that can be read, or behind sectors that can't.
    Wrong,
}

/// What a name is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// This sector failed, and those before it did not.
    Sector(u32),
    /// Perhaps: the first one is what a drive names that does not know. Read alone, it tells.
    Perhaps,
    /// Nobody knows.
    Nothing,
}

impl Naming {
    /// What it means that a read of several sectors failed, and this LBA was named.
    pub(super) fn judge(&mut self, read: Extent, at: Option<u32>) -> Named {
        match (*self, at.filter(|at| (read.first..read.end()).contains(at))) {
            (Self::Wrong, _) | (_, None) => Named::Nothing,
            (Self::Unknown, Some(at)) if at == read.first => Named::Perhaps,
            (_, Some(at)) => {
                *self = Self::Trusted;
                Named::Sector(at)
            }
        }
    }
}
