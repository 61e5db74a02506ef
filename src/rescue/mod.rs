//! Which sectors next? Pure: no I/O, no clock.
//!
//! [`Extents`] is the map of the disc, [`mapfile`] its text (GNU ddrescue's), [`Planner`] decides what to read, [`policy`] holds every number
//! with its reason, [`protection`] knows bad sectors that were made on purpose, and a [`Surface`] shows the map at a glance.

mod extents;
pub mod mapfile;
mod missing;
mod planner;
pub mod policy;
pub mod protection;
mod surface;
mod way;

pub use extents::{Extents, Run};
pub use missing::Missing;
pub use planner::{Ask, Direction, Geometry, Order, Outcome, Phase, Planner, Resume};
pub use surface::Surface;
pub use way::{Way, run_up};

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
