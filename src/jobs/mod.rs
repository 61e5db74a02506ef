//! Each job's story from top to bottom.

pub mod drives;
mod meter;
mod question;
pub mod rip;
pub mod verify;
mod worker;

pub use question::{Answer, Ask, Question, Wanted};
