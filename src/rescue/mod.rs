//! Which sectors next? Pure: no I/O, no clock.
//!
//! [`Extents`] is the map of the disc, [`mapfile`] its text (GNU ddrescue's), [`Planner`] decides what to read, and [`policy`] holds every number with its reason.

mod extents;
pub mod mapfile;
mod planner;
pub mod policy;
mod way;

pub use extents::{Extents, Run};
pub use planner::{Ask, Direction, Geometry, Order, Outcome, Phase, Planner, Resume};
pub use way::Way;

/// What is known of a sector, in ddrescue's order: from less to more processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// `?` never asked for.
    NonTried,
    /// `*` a command that covered it failed.
    NonTrimmed,
    /// `/` the read of its ECC block failed.
    NonScraped,
    /// `-` failed alone.
    Bad,
    /// `+` read, or defined as zero.
    Finished,
}
