//! The files that lie beside an image.

use std::path::{Path, PathBuf};

/// `out.iso.map` of `out.iso`.
pub(super) fn beside(image: &Path, suffix: &str) -> PathBuf {
    let mut name = image.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}
