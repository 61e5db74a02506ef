//! Where whole sectors are put and read again.

mod output;
mod saved_file;

pub use output::{Output, OutputError, OutputKind};
pub use saved_file::{save, temporary};
