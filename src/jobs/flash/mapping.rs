//! What of the image is written: all of it, or what its block map says.

use std::io;
use std::path::{Path, PathBuf};

use crate::event::{Event, Observer};
use crate::image::bmap::{Bmap, Checks};
use crate::jobs::Failure;
use crate::jobs::bmap::{BmapOperand, beside_image, mapped};
use crate::medium::{Span, Spans, show_size};
use crate::status::Status;

use super::passes::HEAD;

/// The block map that is used, and what it leaves out.
#[derive(Default)]
pub(super) struct Mapping {
    bmap: Option<(PathBuf, Bmap)>,
    /// What is neither written nor read back. The first MiB never belongs to it, as that has to be zero at first; nor does the last byte, so
    /// that a medium that ends too early shows it, and a file gets its length.
    pub(super) left_out: Spans,
}

impl Mapping {
    /// Reads the block map of an image with this name and length, where that is known.
    pub(super) fn open(operand: &BmapOperand, image: Option<&Path>, bytes: Option<u64>) -> Result<Self, Failure> {
        let (path, bmap) = operand.open(image)?;
        if bytes.is_some_and(|bytes| bytes != bmap.bytes) {
            let why = length_differs(&bmap, bytes.unwrap_or_default());
            return Err(Failure::new(Status::Corrupt, format!("the block map {}: {why}; get both anew", path.display())));
        }
        let always = [Span { offset: 0, length: HEAD as u64 }, Span { offset: bmap.bytes.saturating_sub(1), length: 1 }];
        let always = always.into_iter().map(|span| Spans::from_iter([span]));
        let written = always.fold(mapped(&bmap), |written, span| written.union(&span));
        let left_out = written.gaps(Span { offset: 0, length: u64::MAX });
        Ok(Self { bmap: Some((path, bmap)), left_out })
    }

    /// Bytes of an image of this length that are written; `None` without a block map.
    pub(super) fn written(&self, bytes: u64) -> Option<u64> {
        self.bmap.as_ref().map(|_| self.left_out.gaps(Span { offset: 0, length: bytes }).bytes())
    }

    /// For the card.
    pub(super) fn described(&self) -> Option<String> {
        let (path, bmap) = self.bmap.as_ref()?;
        let written = show_size(self.written(bmap.bytes).unwrap_or_default());
        Some(format!("of it {written}, as {} maps it; what lies between keeps what is there now", path.display()))
    }

    /// Says what a person should know of the block map that is used, or of one that is not.
    pub(super) fn tell(&self, image: Option<&Path>, observer: &mut dyn Observer) {
        match (&self.bmap, image.and_then(beside_image)) {
            (None, Some(path)) => observer.event(&Event::notice(format!(
                "{} lies beside the image: with --bmap only what it maps is written",
                path.display()
            ))),
            (Some((path, bmap)), _) if !bmap.is_checked() => observer.event(&Event::notice(format!(
                "{} has no checksums, or not of every range: whether the image is the one it was made of can't be told by them",
                path.display()
            ))),
            _ => {}
        }
    }

    /// Begins to compare the image with the block map, as it is read.
    pub(super) fn comparison(&self) -> Option<Comparison> {
        self.bmap.as_ref().map(|(_, bmap)| Comparison { checks: bmap.checks(), bmap: bmap.clone() })
    }
}

/// An image that is compared with its block map.
pub(super) struct Comparison {
    checks: Checks,
    bmap: Bmap,
}

impl Comparison {
    /// Takes what was read of the image from byte `offset` on; the image ends there when fewer than `wanted` bytes came.
    ///
    /// # Errors
    /// `InvalidData`: it is not the image that the block map was made of.
    pub(super) fn take(&mut self, offset: u64, bytes: &[u8], wanted: usize) -> io::Result<()> {
        let mut wrong = None;
        self.checks.take(offset, bytes, |range, computed| {
            if let (Some(expected), Some(computed)) = (&range.digest, computed.filter(|it| range.digest.as_deref() != Some(it))) {
                let (first, last) = (range.bytes.start, range.bytes.end - 1);
                wrong.get_or_insert(format!(
                    "bytes {first} to {last} have the checksum {computed}, and the block map says {expected}"
                ));
            }
        });
        let end = offset + bytes.len() as u64;
        if end > self.bmap.bytes || bytes.len() < wanted && end < self.bmap.bytes {
            wrong.get_or_insert(length_differs(&self.bmap, end));
        }
        wrong.map_or(Ok(()), |wrong| Err(io::Error::new(io::ErrorKind::InvalidData, wrong)))
    }
}

fn length_differs(bmap: &Bmap, bytes: u64) -> String {
    let more = if bytes > bmap.bytes { " or more" } else { "" };
    format!("it is of an image of {} bytes, and this one has {bytes}{more}", bmap.bytes)
}
