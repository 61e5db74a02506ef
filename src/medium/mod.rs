//! Where sectors are put and read again.

mod contract;
mod output;
mod saved_file;
mod size;

pub use contract::{Geometry, Medium, Writable, WriteError};
pub use output::{Output, OutputError, OutputKind};
pub use saved_file::{save, temporary};
pub use size::{SizeError, parse_size};
