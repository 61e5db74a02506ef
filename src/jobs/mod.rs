//! Each job's story from top to bottom.

pub mod list;
pub mod rip;
