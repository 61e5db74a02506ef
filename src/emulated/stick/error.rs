//! Why there is no such emulated stick.

use std::path::PathBuf;

use crate::emulated::grammar::GrammarError;

/// Why there is no such emulated stick.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // the fields' names say it
pub enum StickError {
    /// The words of the operand.
    #[error(transparent)]
    Grammar(#[from] GrammarError),
    /// The demo, which is a disc.
    #[error(
        "emulated: demo is a disc, and a stick is wanted here; write emulated:FILE (emulated:./demo for a file of that name)"
    )]
    Demo,
    /// Options that contradict each other or the file.
    #[error("emulated: {why}")]
    Impossible { why: String },
    /// There is no such file, and nothing says how long it is to be.
    #[error("emulated: {} does not exist; create it, or let size=N do so", path.display())]
    Missing { path: PathBuf },
    /// A folder, a device, a pipe.
    #[error("emulated: {} is not a regular file, and a stick is made of nothing else", path.display())]
    NotAFile { path: PathBuf },
    /// A file that is there, of another length than `size=` says.
    #[error("emulated: {} has {length} bytes, where size= says {size}; leave size= out, or name a new file", path.display())]
    OtherLength { path: PathBuf, length: u64, size: u64 },
    /// The file can't be looked at, made or opened.
    #[error("emulated: {doing} {} failed: {why}", path.display())]
    Unusable { doing: &'static str, path: PathBuf, why: String },
}
