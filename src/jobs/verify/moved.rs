//! A medium whose backup GPT was moved to its end after the image was written (`isoflash --fix-gpt`, `sgdisk -e`): seen as the image has it.

use std::io;
use std::sync::Arc;

use crate::event::MovedGpt;
use crate::image::partitions::relocation::Relocation;
use crate::medium::{Geometry, Medium};
use crate::sys::Buffer;

use super::original::Original;
use super::specimen::Specimen;

/// What of an image is read to know its GPT: that of every image lies in it, with its array.
const HEAD: usize = 1 << 20;

/// A medium, with the image's own GPT in place of the moved one.
pub(super) struct Unmoved {
    medium: Arc<dyn Medium>,
    relocation: Relocation,
}

impl Unmoved {
    /// `None` unless the medium has all of the moved GPT: both headers, the array, and the protective MBR, just as the image's become when they are
    /// moved.
    pub(super) fn recognise(original: &Original, specimen: &Specimen) -> Option<Self> {
        let geometry = specimen.medium.geometry();
        let head = original.head(HEAD)?;
        // A file has no sectors of its own: those of the table are meant.
        let sectors = if geometry.sector > 1 { vec![geometry.sector] } else { vec![512, 4096] };
        let relocation = sectors.into_iter().find_map(|sector| Relocation::plan(&head, geometry.bytes, sector).ok())?;
        let medium = Arc::clone(&specimen.medium);
        let holds = |bytes: &[u8], offset: u64| {
            let mut there = Buffer::new(bytes.len());
            medium.read_at(&mut there, offset).is_ok_and(|()| *there == *bytes)
        };
        let is_behind = original.bytes.is_some_and(|bytes| bytes <= relocation.array);
        let is_moved = is_behind
            && relocation.changes.iter().all(|change| holds(&change.after, change.offset))
            && holds(&relocation.backup, relocation.array);
        is_moved.then_some(Self { medium, relocation })
    }

    /// For the result.
    pub(super) fn moved(&self) -> MovedGpt {
        (&self.relocation).into()
    }

    /// For a person.
    pub(super) fn told(&self, name: &str) -> String {
        format!(
            "the backup GPT of {name} was moved to its end, and is whole: {} sectors of the image are others for that, and count as the image's",
            self.relocation.changes.len()
        )
    }
}

impl Medium for Unmoved {
    fn geometry(&self) -> Geometry {
        self.medium.geometry()
    }

    fn read_some(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let came = self.medium.read_some(buffer, offset)?;
        self.relocation.undo(&mut buffer[..came], offset);
        Ok(came)
    }
}
