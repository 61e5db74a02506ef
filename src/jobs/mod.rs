//! Each job's story from top to bottom.

pub mod batch;
mod beside;
pub mod bmap;
pub mod cards;
pub mod drives;
mod failure;
pub mod flash;
pub mod format;
pub mod holes;
pub mod inspect;
mod meter;
pub mod probe;
mod question;
pub mod rip;
pub mod stick;
pub mod targets;
pub mod verify;
mod worker;

use beside::beside;
pub use failure::Failure;
pub use question::{Answer, Ask, Question, Wanted};
