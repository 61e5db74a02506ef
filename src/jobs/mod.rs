//! Each job's story from top to bottom.

pub mod batch;
mod beside;
pub mod cards;
pub mod drives;
mod failure;
pub mod flash;
pub mod holes;
pub mod inspect;
mod meter;
mod question;
pub mod rip;
pub mod targets;
pub mod verify;
mod worker;

use beside::beside;
pub use failure::Failure;
pub use question::{Answer, Ask, Question, Wanted};
