//! What an image is, and what lies in it.

use std::path::PathBuf;

use serde::Serialize;

use crate::image::inspection::Inspection;
use crate::image::tree::Tree;
use crate::medium::Spans;

use super::result::shown;

/// What came of looking into an image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InspectOutcome {
    /// Its name.
    pub image: String,
    /// Bytes of the file or medium.
    pub bytes: u64,
    /// All that it tells of itself; `None` when files were listed or extracted.
    #[serde(flatten)]
    pub inspection: Option<Inspection>,
    /// What was extracted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extracted: Option<Extracted>,
    /// Bytes that were asked for and could not be read, or that were never read.
    pub unreadable: Spans,
}

/// A file that was extracted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Extracted {
    /// Its path in the image.
    pub path: String,
    /// Whose name that is.
    pub tree: Tree,
    /// The file that holds it now; `None` for stdout.
    #[serde(serialize_with = "shown")]
    pub file: Option<PathBuf>,
    /// Its length in bytes.
    pub size: u64,
    /// Bytes of it that are zero because nobody could read them.
    pub missing: u64,
}

/// A file or directory of an image. Paths are from outside: escape them before a terminal sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedFile {
    /// Its path.
    pub path: String,
    /// Whose name that is.
    pub tree: Tree,
    /// `file`, `directory`, `link`.
    pub kind: &'static str,
    /// Bytes.
    pub size: u64,
    /// Its first sector; `None` for one that needs none.
    pub lba: Option<u32>,
    /// Where a link leads.
    pub target: Option<String>,
    /// Bytes of it that are known to be missing: never read, or beyond the end.
    pub missing: u64,
}
