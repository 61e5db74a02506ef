//! How a read is made.

/// Each way has brought back sectors that another one did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// One command, as the drive likes it.
    Plain,
}
