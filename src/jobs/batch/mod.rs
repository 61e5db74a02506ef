//! Disc after disc into one folder, with a row for each.
//!
//! [`station`] is one drive: it waits for a disc, images it ([`crate::jobs::rip`]), writes its row, opens the tray, and waits for the next.
//! [`supervise`] is several of them, each a process of its own: a drive that hangs holds its process in the kernel, and no other.

mod lent;
mod rows;
mod station;
mod supervisor;

pub use station::{Batch, station};
pub use supervisor::{Said, Show, supervise};
