//! The block map of an image: named, or found beside it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::image::bmap::{Bmap, BmapError};
use crate::medium::{Span, Spans, load};
use crate::status::Status;

use super::{Failure, beside};

/// Which block map is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BmapOperand {
    /// The one that lies beside the image.
    Beside,
    /// This file.
    File(PathBuf),
}

impl From<Option<PathBuf>> for BmapOperand {
    /// `--bmap` or `--bmap=FILE`.
    fn from(file: Option<PathBuf>) -> Self {
        file.map_or(Self::Beside, Self::File)
    }
}

impl BmapOperand {
    /// The file that is meant, for an image with this name.
    fn path(&self, image: Option<&Path>) -> Result<PathBuf, Failure> {
        match (self, image) {
            (Self::File(path), _) => Ok(path.clone()),
            (Self::Beside, None) => {
                Err(Failure::usage("there is no file that a block map could lie beside; name it: --bmap=FILE"))
            }
            (Self::Beside, Some(image)) => beside_image(image)
                .ok_or_else(|| Failure::failed(format!("no block map lies beside {}; name it: --bmap=FILE", image.display()))),
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// It is not there, is none, or is not what was written.
    pub fn open(&self, image: Option<&Path>) -> Result<(PathBuf, Bmap), Failure> {
        let path = self.path(image)?;
        let name = path.display();
        let text = load(&path, Bmap::LONGEST).map_err(|error| match error.kind() {
            ErrorKind::FileTooLarge => Failure::refused(format!("{name} is too large for a block map; name another one")),
            _ => Failure::failed(format!("reading the block map {name}: {error}")),
        })?;
        let bmap = Bmap::parse(&text).map_err(|error| match error {
            BmapError::Unknown(_) => Failure::refused(format!("the block map {name}: {error}; write the whole image")),
            _ => Failure::new(Status::Corrupt, format!("the block map {name}: {error}; get it anew")),
        })?;
        Ok((path, bmap))
    }
}

/// The ranges that it maps.
pub(super) fn mapped(bmap: &Bmap) -> Spans {
    let ranges = bmap.ranges.iter().map(|range| &range.bytes);
    ranges.map(|range| Span { offset: range.start, length: range.end - range.start }).collect()
}

/// `image.img.bmap`, or `image.bmap`.
pub(super) fn beside_image(image: &Path) -> Option<PathBuf> {
    [beside(image, "bmap"), image.with_extension("bmap")].into_iter().find(|path| path != image && path.is_file())
}
