//! What the medium holds, seen as the image: without what is written there on purpose, and without what is not written at all.

use std::io;
use std::sync::Arc;

use crate::jobs::flash::after::Gpt;
use crate::medium::{Span, Spans, Writable, read_around};

use super::Passes;

/// A medium seen as the image.
pub(super) struct View {
    medium: Arc<dyn Writable>,
    left_out: Spans,
    gpt: Gpt,
}

impl View {
    /// Reads whole sectors from byte `offset` on, but for what the block map leaves out.
    pub(super) fn read(&self, buffer: &mut [u8], offset: u64, unreadable: &mut Spans) -> io::Result<()> {
        let all = Span { offset, length: buffer.len() as u64 };
        for part in self.left_out.gaps(all).sectors(self.medium.geometry().sector).iter() {
            let from = (part.offset - offset) as usize;
            read_around(&*self.medium, &mut buffer[from..from + part.length as usize], part.offset, unreadable)?;
        }
        Ok(())
    }

    /// Makes what was read what the image has, where that is how it should be: the GPT as it was, zeros for what the block map leaves out.
    pub(super) fn restore(&self, buffer: &mut [u8], offset: u64) {
        self.gpt.undo(buffer, offset);
        self.left_out.blank(buffer, offset);
    }
}

impl Passes<'_> {
    /// The medium, seen as the image.
    pub(super) fn view(&self) -> View {
        View { medium: Arc::clone(&self.medium), left_out: self.source.mapping.left_out.clone(), gpt: self.gpt.clone() }
    }
}
