//! Sectors: the unit of everything above a command.

use serde::{Deserialize, Serialize};

/// Bytes of a sector as we read it: user data of a CD-ROM Mode 1 sector, and of every DVD and BD sector.
pub const SECTOR: usize = 2048;

/// A run of sectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// First LBA.
    pub first: u32,
    /// Number of sectors.
    pub count: u32,
}

impl Extent {
    /// The sectors from `first` up to, not including, `end`.
    pub fn between(first: u32, end: u32) -> Self {
        Self { first, count: end.saturating_sub(first) }
    }

    /// The LBA after the last sector.
    pub fn end(self) -> u32 {
        self.first.saturating_add(self.count)
    }
}
