//! The GPT of an image on a larger medium: its backup belongs in the last sector, and the image has it where the image ends.

use crate::event::MovedGpt;
use crate::image::partitions::relocation::{Relocation, Unmoved};
use crate::jobs::Failure;
use crate::medium::Geometry;

use super::super::Request;
use super::super::passes::HEAD;
use super::super::source::Source;
use super::super::target::Target;

/// What becomes of the image's GPT.
#[derive(Debug, Clone, Default)]
pub(in crate::jobs::flash) enum Gpt {
    /// It stays as the image has it.
    #[default]
    Stays,
    /// It is to be moved, as soon as it is seen.
    Wanted,
    /// It was moved.
    Moved(Relocation),
    /// It was to be moved, and nothing is to be done.
    Unmoved(String),
}

impl Gpt {
    /// Decides about the GPT of an image that begins with `head`.
    ///
    /// # Errors
    /// It is asked for, and can't be done.
    pub(in crate::jobs::flash) fn decide(&mut self, head: &[u8], geometry: Geometry) -> Result<(), Failure> {
        if !matches!(self, Self::Wanted) {
            return Ok(());
        }
        // A file ends where the image does.
        if geometry.bytes == u64::MAX {
            *self = Self::Unmoved("a file ends where the image does".into());
            return Ok(());
        }
        *self = match Relocation::plan(head, geometry.bytes, geometry.sector) {
            Ok(relocation) => Self::Moved(relocation),
            Err(why @ (Unmoved::NoGpt | Unmoved::Fits)) => Self::Unmoved(why.to_string()),
            Err(why) => return Err(refused(&why.to_string())),
        };
        Ok(())
    }

    /// Makes the beginning of the image what it is to be on the medium.
    pub(in crate::jobs::flash) fn apply(&self, head: &mut [u8]) {
        if let Self::Moved(relocation) = self {
            relocation.apply(head);
        }
    }

    /// Puts the image's own bytes back in what was read from byte `offset` of the medium.
    pub(in crate::jobs::flash) fn undo(&self, bytes: &mut [u8], offset: u64) {
        if let Self::Moved(relocation) = self {
            relocation.undo(bytes, offset);
        }
    }

    /// For the result.
    pub(in crate::jobs::flash) fn moved(&self) -> Option<MovedGpt> {
        if let Self::Moved(relocation) = self { Some(relocation.into()) } else { None }
    }

    /// What a person should know of it.
    pub(in crate::jobs::flash) fn told(&self) -> Option<String> {
        match self {
            Self::Stays | Self::Wanted => None,
            Self::Moved(relocation) => Some(format!(
                "the backup GPT is at the end of the medium, from byte {} on; for that {} of the image's sectors are others (isoverify knows them)",
                relocation.array,
                relocation.changes.len()
            )),
            Self::Unmoved(why) => Some(format!("--fix-gpt: {why}; nothing was to be done")),
        }
    }
}

/// Before anything is asked or written: can the GPT of this file be moved to the end of this medium? A stream shows it when it comes.
pub(in crate::jobs::flash) fn check(request: &Request, source: &Source, target: &Target<'_>) -> Result<(), Failure> {
    let (Some(image), Some(bytes), Target::Disk(_) | Target::Given(..)) = (source.bytes(), target.card().bytes, target) else {
        return Ok(());
    };
    let sector = target.card().sector;
    let mut head = vec![0; image.min(HEAD as u64) as usize];
    if !request.fix_gpt || source.read_again(&mut head, 0).is_none() {
        return Ok(());
    }
    let mut gpt = Gpt::Wanted;
    gpt.decide(&head, Geometry { bytes, sector })?;
    match gpt {
        Gpt::Moved(moved) => room(&moved, image),
        _ => Ok(()),
    }
}

/// The backup must not lie in the image.
pub(super) fn room(moved: &Relocation, end: u64) -> Result<(), Failure> {
    if moved.array >= end {
        return Ok(());
    }
    Err(refused(&format!(
        "a backup GPT at the end of the medium would begin at byte {}, and the image goes on to byte {end}",
        moved.array
    )))
}

fn refused(why: &str) -> Failure {
    Failure::refused(format!("--fix-gpt: {why}; without --fix-gpt the image is written as it is"))
}
