//! Every sector, written and read.

use std::collections::BTreeMap;

use crate::event::{Defect, TransferPhase};
use crate::jobs::Failure;
use crate::medium::{Spans, write_around};

use super::{Probe, Symptoms, marks};
use crate::jobs::stick::marks::Echo;

/// What some fakes keep of what was written last, whatever becomes of it then: their controllers have that much memory at most. The
/// beginning is written once more, to push it out.
const KEPT: u64 = 64 << 20;

/// Places that are named to the sector. Of a stick that is wrong in more of them, chunks say enough, and take no memory.
const NAMED: usize = 10_000;

impl Probe<'_> {
    /// Writes every sector's mark, in order, and flushes. What can't be written is noted.
    pub(super) fn write_all(&mut self) -> Result<(), Failure> {
        self.telling.phase(TransferPhase::Write);
        let bytes = self.geometry.bytes;
        let again = KEPT.min(bytes / 2);
        let (mut done, mut unwritable) = (0, Spans::default());
        for span in Self::chunks(0, bytes).chain(Self::chunks(0, again)) {
            self.go_on()?;
            self.mark(span);
            // The second time nothing new is learnt of what can't be written.
            let known = if done < bytes { &mut unwritable } else { &mut Spans::default() };
            let written = write_around(self.medium, &self.marks[..span.length as usize], span.offset, known);
            written.map_err(|error| match error.raw_os_error() {
                Some(libc::ENODEV) => self.claimed.gone(),
                Some(libc::EROFS | libc::EPERM | libc::EACCES) => self.write_protected(),
                _ => {
                    Failure::failed(format!("writing {} at byte {}: {error}; take another stick", self.claimed.node, span.offset))
                }
            })?;
            done += span.length;
            self.telling.progress(done, bytes + again);
        }
        self.outcome.unwritable = unwritable;
        self.telling.phase(TransferPhase::Flush);
        self.settle()
    }

    pub(super) fn write_protected(&self) -> Failure {
        Failure::refused(format!("{} is write-protected; look for its switch, or take another stick", self.claimed.node))
    }

    /// Reads everything, the oldest first: a stick that still has what came last in a cache has lost what came first. Says what is wrong,
    /// if that is proved.
    pub(super) fn read_all(&mut self) -> Result<Option<Defect>, Failure> {
        self.telling.phase(TransferPhase::Verify);
        let (sector, bytes) = (self.geometry.sector, self.geometry.bytes);
        let (mut symptoms, mut distances, mut unreadable) = (Symptoms::default(), BTreeMap::new(), Spans::default());
        for span in Self::chunks(0, bytes) {
            self.go_on()?;
            let before = unreadable.bytes();
            self.read_back(span, &mut unreadable)?;
            self.mark(span);
            let length = span.length as usize;
            if unreadable.bytes() > before {
                symptoms.unclear();
                for hole in unreadable.within(span) {
                    let (from, to) = ((hole.offset - span.offset) as usize, (hole.end() - span.offset) as usize);
                    self.back[from..to].copy_from_slice(&self.marks[from..to]);
                }
            }
            let (marked, back) = (&self.marks[..length], &self.back[..length]);
            symptoms.look(marked, back, span.offset, sector);
            if marked != back {
                if self.outcome.differences.iter().len() < NAMED {
                    self.outcome.differences.push_differences(marked, back, span.offset, sector);
                } else {
                    self.outcome.differences.push(span.offset, span.length);
                }
                for (place, at) in back.chunks(sector as usize).zip((span.offset..).step_by(sector as usize)) {
                    let distance = marks::marked_from(place, self.key).map(|from| from.abs_diff(at));
                    if let Some(distance) = distance.filter(|distance| *distance > 0 && distances.len() < NAMED) {
                        *distances.entry(distance).or_insert(0u64) += 1;
                    }
                }
            }
            self.outcome.tested = span.end();
            self.telling.progress(span.end(), bytes);
        }
        self.outcome.unreadable = unreadable;
        if !self.outcome.unwritable.is_empty() {
            symptoms.unclear();
        }
        // A cable may bring one sector from elsewhere.
        let period = distances.into_iter().find(|(_, times)| *times > 1).map(|(distance, _)| distance);
        Ok(symptoms.finding(Echo { period, kept: 0 }, 0))
    }
}
