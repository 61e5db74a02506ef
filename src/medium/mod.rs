//! Where sectors are put and read again.

mod contract;
pub mod guard;
mod output;
mod saved_file;
mod span;

pub use contract::{Geometry, Medium, Writable, WriteError};
pub use output::{Output, OutputError, OutputKind};
pub use saved_file::{save, temporary};
pub use span::{Span, Spans};
