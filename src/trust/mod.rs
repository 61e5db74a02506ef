//! Digests, and what publishers say they should be. Pure.

mod checksum;
mod digests;
mod ledger;

pub use checksum::{ChecksumError, Expectation, Expected};
pub use digests::{Algorithm, Digests, Sums, UnknownAlgorithm, sha256};
pub use ledger::{Ledger, LedgerError};
