//! Where sectors are put and read again.

mod around;
mod block_device;
mod contract;
pub mod guard;
mod optical_disc;
mod output;
mod poison;
mod regular_file;
mod saved_file;
mod size;
mod span;

pub use around::{read_around, write_around};
pub use block_device::{BlockDevice, Claim, DiskError};
pub use contract::{Geometry, Medium, Writable, WriteError};
pub use optical_disc::OpticalDisc;
pub use output::{Output, OutputError, OutputKind};
pub use poison::Poison;
pub use regular_file::{Existing, RegularFile};
pub use saved_file::{load, save, temporary};
pub use size::{SizeError, parse_size, show_size};
pub use span::{Span, Spans};
