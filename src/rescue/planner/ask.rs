//! A read, and how it ended.

use crate::mmc::{Class, Extent};
use crate::rescue::Way;

/// A read that is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Its sectors, in one command.
    pub extent: Extent,
    /// How.
    pub way: Way,
}

/// How a read ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All its sectors are there.
    Read,
    /// The drive could not read it; the LBA that it named, if it did.
    Failed(Class, Option<u32>),
    /// The drive did not answer: an event of the drive, not of a sector.
    TimedOut,
    /// The command or its data was lost on the way.
    Transport,
    /// The command was not carried out (unit attention, not ready): ask again.
    NotTried,
}
