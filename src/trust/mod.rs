//! Digests, and what publishers say they should be. Pure.

mod checksum;
mod digests;

pub use checksum::{ChecksumError, Expected};
pub use digests::{Algorithm, Digests, Sums, UnknownAlgorithm};
