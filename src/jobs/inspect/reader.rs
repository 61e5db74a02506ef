//! Reads what is asked for, and bears what can't be read.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::jobs::Failure;
use crate::jobs::holes::Holes;
use crate::jobs::verify::{Specimen, SpecimenKind};
use crate::medium::{Medium, Span, Spans, read_around};
use crate::mmc::SECTOR;
use crate::sys::{Buffer, Stop};

/// Bytes that are read at once: directories lie together.
const BLOCK: u64 = 64 * 1024;

/// Blocks that are kept.
const KEPT: usize = 64;

/// Reads that failed, after which a medium is only asked for what is extracted: each can take a drive half a minute, and a person waits.
const FAILURES: u32 = 64;

/// Bytes of one read of a file's content.
pub(super) const CHUNK: usize = 1 << 20;

/// What is looked into.
pub(super) struct Reader {
    medium: Arc<dyn Medium>,
    sessions: Vec<u32>,
    /// Bytes that its map says were never read.
    holes: Holes,
    stop: Stop,
    kept: VecDeque<(u64, Vec<u8>)>,
    failures: u32,
    unreadable: Spans,
}

impl Reader {
    /// Of a file, with the map beside it.
    pub(super) fn new(specimen: &Specimen, stop: &Stop) -> Result<Self, Failure> {
        let holes = match specimen.kind {
            SpecimenKind::File(_) => Holes::beside(specimen.name.as_ref(), specimen.bytes())?,
            SpecimenKind::Medium | SpecimenKind::Emulated => Holes::default(),
        };
        let (medium, sessions) = (Arc::clone(&specimen.medium), specimen.sessions.clone());
        let (kept, unreadable) = (VecDeque::new(), Spans::default());
        Ok(Self { medium, sessions, holes, stop: stop.clone(), kept, failures: 0, unreadable })
    }

    /// Bytes in all.
    pub(super) fn bytes(&self) -> u64 {
        self.medium.geometry().bytes
    }

    /// Bytes of a sector; 1 where any place will do.
    pub(super) fn sector(&self) -> u32 {
        self.medium.geometry().sector
    }

    /// The first sector of each session, where a disc lists them.
    pub(super) fn sessions(&self) -> &[u32] {
        &self.sessions
    }

    /// What could not be read so far, or never was.
    pub(super) fn unreadable(&self) -> &Spans {
        &self.unreadable
    }

    /// What is known to be missing without reading.
    pub(super) fn known(&self) -> Known {
        Known { holes: self.holes.clone(), bytes: self.bytes() }
    }

    /// Ends what takes long.
    ///
    /// # Errors
    /// A signal came.
    pub(super) fn heed_stop(&self) -> Result<(), Failure> {
        let stopped = || Failure::stopped("as asked, before the end; what was extracted so far is removed");
        self.stop.requested().map_or(Ok(()), |_| Err(stopped()))
    }

    /// `len` bytes; `None` where not all of them can be read.
    pub(super) fn read(&mut self, offset: u64, len: usize) -> Option<Vec<u8>> {
        let span = Span { offset, length: len as u64 };
        if len == 0 || span.end() > self.bytes() || self.stop.requested().is_some() {
            return None;
        }
        if self.holes.spans().within(span).next().is_some() {
            self.lost(span);
        }
        if self.unreadable.within(span).next().is_some() {
            return None;
        }
        let mut bytes = Vec::with_capacity(len);
        let mut at = offset;
        while at < span.end() {
            let first = at - at % BLOCK;
            let skip = (at - first) as usize;
            let wanted = (span.end().min(first + BLOCK) - first) as usize;
            match self.block(first) {
                Some(block) => bytes.extend_from_slice(block.get(skip..wanted)?),
                None => bytes.extend_from_slice(&self.alone(at, wanted - skip)?),
            }
            at = first + BLOCK;
        }
        Some(bytes)
    }

    /// A block that was kept, or is now.
    fn block(&mut self, first: u64) -> Option<&[u8]> {
        if let Some(place) = self.kept.iter().position(|(known, _)| *known == first) {
            return self.kept.get(place).map(|(_, bytes)| bytes.as_slice());
        }
        let whole = Span { offset: first, length: BLOCK.min(self.bytes() - first) };
        if self.unreadable.within(whole).next().is_some() {
            return None;
        }
        let bytes = self.fetch(first, whole.length as usize)?;
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((first, bytes));
        self.kept.back().map(|(_, bytes)| bytes.as_slice())
    }

    /// A part of a block that can't be read as a whole: by the sector, so that each is asked for once.
    fn alone(&mut self, at: u64, len: usize) -> Option<Vec<u8>> {
        let unit = u64::from(self.sector()).max(SECTOR as u64);
        let first = at - at % unit;
        let end = (at + len as u64).next_multiple_of(unit).min(self.bytes());
        let mut bytes = Vec::new();
        let mut from = first;
        while from < end {
            let length = unit.min(end - from);
            match self.fetch(from, length as usize) {
                Some(sector) => bytes.extend_from_slice(&sector),
                None => self.lost(Span { offset: from, length }),
            }
            from += length;
        }
        let skip = (at - first) as usize;
        bytes.get(skip..skip + len).filter(|_| bytes.len() as u64 == end - first).map(<[u8]>::to_vec)
    }

    fn fetch(&mut self, at: u64, len: usize) -> Option<Vec<u8>> {
        if self.failures == FAILURES {
            return None;
        }
        let mut buffer = Buffer::new(len);
        let read = self.medium.read_at(&mut buffer, at);
        self.failures += u32::from(read.is_err());
        read.ok().map(|()| buffer.to_vec())
    }

    fn lost(&mut self, span: Span) {
        let mut one = Spans::default();
        one.push(span.offset, span.length);
        self.unreadable = self.unreadable.union(&one);
    }

    /// The next `len` bytes of a file's content, at most [`CHUNK`]: zeros where they can't be read, and how many those are.
    ///
    /// # Errors
    /// The medium is gone.
    pub(super) fn content(&mut self, offset: u64, len: usize) -> Result<(Vec<u8>, u64), Failure> {
        let sector = u64::from(self.sector());
        let from = offset - offset % sector;
        let skip = (offset - from) as usize;
        let there = self.bytes().saturating_sub(offset).min(len as u64) as usize;
        let mut buffer = Buffer::new((skip + there).next_multiple_of(sector as usize));
        let mut unreadable = Spans::default();
        if there > 0 {
            read_around(&*self.medium, &mut buffer, from, &mut unreadable)
                .map_err(|error| Failure::stopped(format!("reading at byte {from}: {error}; look at its cable and power")))?;
        }
        let span = Span { offset, length: there as u64 };
        let lost = unreadable.union(self.holes.spans());
        let mut bytes = buffer[skip..skip + there].to_vec();
        for hole in lost.within(span) {
            let at = (hole.offset - offset) as usize;
            bytes[at..at + hole.length as usize].fill(0);
            self.lost(hole);
        }
        let missing = lost.within(span).map(|hole| hole.length).sum::<u64>() + (len - there) as u64;
        bytes.resize(len, 0);
        Ok((bytes, missing))
    }
}

/// What is known to be missing without reading: never read, or beyond the end.
pub(super) struct Known {
    holes: Holes,
    bytes: u64,
}

impl Known {
    /// How many of these bytes.
    pub(super) fn missing(&self, span: Span) -> u64 {
        let beyond = span.end().saturating_sub(self.bytes.max(span.offset));
        let holes: u64 = self.holes.spans().within(span).map(|hole| hole.length).sum();
        holes + beyond
    }
}
