//! Whoever judges what was read: by the image, by a ledger, by a block map, by the length that a file system claims, by the reading before.

use crate::image::bmap::{Bmap, Checks};
use crate::image::{Sector, Volumes};
use crate::medium::{Span, Spans};
use crate::mmc::SECTOR;
use crate::pipeline::CHUNK;
use crate::sys::Stop;
use crate::trust::{Algorithm, Digests, Ledger, Sums};

use super::Failure;
use super::original::{Coming, comparable};
use super::pass::Part;

/// Compares with an image, to the sector.
pub(super) struct ByImage<'a> {
    pub(super) coming: &'a mut Coming,
    /// What the image does not have.
    pub(super) holes: &'a Spans,
    /// Bytes of a sector.
    pub(super) sector: u32,
    pub(super) stop: &'a Stop,
    pub(super) differences: Spans,
    /// Bytes that were compared.
    pub(super) compared: u64,
}

impl ByImage<'_> {
    pub(super) fn judge(&mut self, part: &Part<'_>) -> Result<(), Failure> {
        let image = self.coming.next(self.stop)?.unwrap_or_default();
        // The medium may end before the image does, never after.
        let shared = Span { offset: part.offset, length: (image.len() as u64).min(part.span().length) };
        for run in comparable(shared, self.holes, part.unreadable).iter() {
            self.compared += run.length;
            let from = (run.offset - part.offset) as usize;
            let expected = &image[from..from + run.length as usize];
            push_differences(&mut self.differences, part.at(run), expected, run.offset, self.sector);
        }
        self.coming.give_back(image);
        Ok(())
    }
}

/// Adds the sectors that differ, cut to the run that begins at `offset`, which may begin within a sector.
fn push_differences(differences: &mut Spans, found: &[u8], expected: &[u8], offset: u64, sector: u32) {
    let head = ((offset.next_multiple_of(u64::from(sector)) - offset) as usize).min(found.len());
    differences.push_differences(&found[..head], &expected[..head], offset, sector);
    differences.push_differences(&found[head..], &expected[head..], offset + head as u64, sector);
}

/// Compares with a ledger, by its chunks.
pub(super) struct ByLedger {
    ledger: Ledger,
    sums: Sums,
    /// Chunks that are done.
    done: usize,
    /// Part of the present chunk can't be read: its digest says nothing.
    is_hurt: bool,
    pub(super) differences: Spans,
    /// Chunks that could not be compared.
    pub(super) holes: Spans,
    pub(super) compared: u64,
}

impl ByLedger {
    pub(super) fn new(ledger: Ledger) -> Self {
        let sums = Sums::new([Algorithm::Sha256]);
        Self { ledger, sums, done: 0, is_hurt: false, differences: Spans::default(), holes: Spans::default(), compared: 0 }
    }

    pub(super) fn judge(&mut self, part: &Part<'_>) {
        let mut at = part.offset;
        while at < part.span().end() {
            let chunk = self.chunk();
            let run = Span { offset: at, length: chunk.end().min(part.span().end()).saturating_sub(at) };
            if chunk.length == 0 || run.length == 0 {
                return;
            }
            self.sums.update(part.at(run));
            self.is_hurt |= part.unreadable.within(run).next().is_some();
            at = run.end();
            if at == chunk.end() {
                self.close(chunk);
            }
        }
    }

    /// The present chunk.
    fn chunk(&self) -> Span {
        let offset = self.done as u64 * u64::from(self.ledger.chunk);
        Span { offset, length: u64::from(self.ledger.chunk).min(self.ledger.size.saturating_sub(offset)) }
    }

    fn close(&mut self, chunk: Span) {
        let sums = std::mem::replace(&mut self.sums, Sums::new([Algorithm::Sha256]));
        let digest = sums.finish().remove(&Algorithm::Sha256);
        let is_equal = digest.as_ref() == self.ledger.chunks.get(self.done);
        match (std::mem::take(&mut self.is_hurt), is_equal) {
            (true, _) => self.holes.push(chunk.offset, chunk.length),
            (false, true) => self.compared += chunk.length,
            (false, false) => {
                self.compared += chunk.length;
                self.differences.push(chunk.offset, chunk.length);
            }
        }
        self.done += 1;
    }

    /// The last chunk of a medium that is too short has no whole digest.
    pub(super) fn end(&mut self, bytes: u64) {
        let chunk = self.chunk();
        self.holes.push(chunk.offset, bytes.saturating_sub(chunk.offset).min(chunk.length));
    }
}

/// Compares with a block map, by its ranges.
pub(super) struct ByBmap {
    checks: Checks,
    unreadable: Spans,
    pub(super) differences: Spans,
    /// Ranges that could not be compared.
    pub(super) holes: Spans,
    pub(super) compared: u64,
}

impl ByBmap {
    pub(super) fn new(bmap: &Bmap) -> Self {
        let none = Spans::default;
        Self { checks: bmap.checks(), unreadable: none(), differences: none(), holes: none(), compared: 0 }
    }

    pub(super) fn judge(&mut self, part: &Part<'_>) {
        part.unreadable.iter().for_each(|span| self.unreadable.push(span.offset, span.length));
        self.checks.take(part.offset, part.bytes, |range, computed| {
            let span = Span { offset: range.bytes.start, length: range.bytes.end - range.bytes.start };
            if computed.is_none() || self.unreadable.within(span).next().is_some() {
                self.holes.push(span.offset, span.length);
                return;
            }
            self.compared += span.length;
            if computed != range.digest.as_deref() {
                self.differences.push(span.offset, span.length);
            }
        });
    }
}

/// Digests of as many bytes as the file systems of a medium claim.
pub(super) struct ByVolume {
    algorithms: Vec<Algorithm>,
    /// Bytes, once they are known, and the digests so far.
    claimed: Option<(u64, Sums)>,
}

impl ByVolume {
    pub(super) fn new(algorithms: Vec<Algorithm>) -> Self {
        Self { algorithms, claimed: None }
    }

    pub(super) fn judge(&mut self, part: &Part<'_>) {
        if part.offset == 0 {
            // ISO 9660 and UDF describe themselves in sectors 16 and 256; what lies past the first chunk is not looked for.
            let sector = |lba: u32| -> Option<Sector> {
                let from = lba as usize * SECTOR;
                part.bytes.get(from..from + SECTOR)?.try_into().ok()
            };
            let end = Volumes::find(0, sector).end.map(|sectors| u64::from(sectors) * SECTOR as u64);
            self.claimed = end.filter(|end| *end > 0).map(|end| (end, Sums::new(self.algorithms.iter().copied())));
        }
        if let Some((end, sums)) = &mut self.claimed {
            let length = end.saturating_sub(part.offset).min(part.span().length);
            sums.update(part.at(Span { offset: part.offset, length }));
        }
    }

    /// The length that is claimed and the digests of it, if so many bytes came.
    pub(super) fn finish(self, came: u64) -> Option<(u64, Digests)> {
        self.claimed.filter(|(end, _)| *end < came).map(|(end, sums)| (end, sums.finish()))
    }
}

/// Remembers a CRC-32 of each sector, to tell at the next reading which of them came out different.
pub(super) struct ByReading {
    grain: u32,
    sums: Vec<u32>,
    pub(super) unsteady: Spans,
}

impl ByReading {
    /// Sums that are kept: 64 MiB of them, up to 64 TiB. Of a larger medium, several sectors have one sum.
    const MOST: u64 = 16 << 20;

    /// For so many bytes in sectors of `sector` bytes.
    pub(super) fn new(bytes: u64, sector: u32) -> Self {
        let mut grain = sector;
        // A grain never outgrows a chunk, whatever a medium says of its size.
        while bytes.div_ceil(u64::from(grain)) > Self::MOST && (grain as usize) < CHUNK {
            grain *= 2;
        }
        Self { grain, sums: Vec::new(), unsteady: Spans::default() }
    }

    /// The first reading.
    pub(super) fn learn(&mut self, part: &Part<'_>) {
        self.sums.extend(part.bytes.chunks(self.grain as usize).map(crc32fast::hash));
    }

    /// The second one. `unreadable`: what the first one could not read.
    pub(super) fn judge(&mut self, part: &Part<'_>, unreadable: &Spans) {
        let first = (part.offset / u64::from(self.grain)) as usize;
        let pieces = part.bytes.chunks(self.grain as usize).zip(self.sums.get(first..).unwrap_or_default());
        let mut offset = part.offset;
        for (bytes, before) in pieces {
            let span = Span { offset, length: bytes.len() as u64 };
            let was_read = part.unreadable.within(span).next().is_none() && unreadable.within(span).next().is_none();
            if was_read && crc32fast::hash(bytes) != *before {
                self.unsteady.push(span.offset, span.length);
            }
            offset = span.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(spans: &Spans) -> Vec<(u64, u64)> {
        spans.iter().map(|span| (span.offset, span.length)).collect()
    }

    fn part<'a>(offset: u64, bytes: &'a [u8], unreadable: &'a Spans) -> Part<'a> {
        Part { offset, bytes, unreadable }
    }

    #[test]
    fn a_medium_of_any_size_can_be_read_twice() {
        let none = Spans::default();
        let mut readings = ByReading::new(i64::MAX.unsigned_abs(), 512);
        for offset in [0, CHUNK as u64] {
            readings.learn(&part(offset, &vec![1; CHUNK], &none));
        }
        readings.judge(&part(0, &vec![1; CHUNK], &none), &none);
        readings.judge(&part(CHUNK as u64, &vec![2; CHUNK], &none), &none);
        assert_eq!(places(&readings.unsteady), [(CHUNK as u64, CHUNK as u64)]);
    }

    #[test]
    fn differences_are_told_by_the_sectors_of_the_medium_though_a_hole_ends_within_one() {
        let (found, mut expected) = (vec![1u8; 3000], vec![1u8; 3000]);
        for at in [2, 1000, 2000] {
            expected[at] = 0;
        }
        let mut differences = Spans::default();
        push_differences(&mut differences, &found, &expected, 4096 + 100, 512);
        assert_eq!(places(&differences), [(4196, 412), (4096 + 1024, 512), (4096 + 2048, 512)]);
    }

    #[test]
    fn a_ledger_tells_by_chunk_what_differs_and_what_nobody_knows() {
        let image: Vec<u8> = (0..1000u32).map(|i| (i / 7) as u8).collect();
        let digest = |bytes: &[u8]| {
            let mut sums = Sums::new([Algorithm::Sha256]);
            sums.update(bytes);
            sums.finish().remove(&Algorithm::Sha256).unwrap()
        };
        let ledger = Ledger::new(1000, 300, digest(&image), image.chunks(300).map(digest).collect());
        let mut hurt = image.clone();
        hurt[299] ^= 1;
        hurt[950] ^= 1;
        let mut unreadable = Spans::default();
        unreadable.push(599, 1);
        let none = Spans::default();
        let mut judge = ByLedger::new(ledger);
        // Parts end within chunks; what follows the image is nobody's business.
        hurt.resize(1100, 0);
        judge.judge(&part(0, &hurt[..450], &none));
        judge.judge(&part(450, &hurt[450..], &unreadable));
        judge.end(1100);
        assert_eq!(places(&judge.differences), [(0, 300), (900, 100)]);
        assert_eq!((places(&judge.holes), judge.compared), (vec![(300, 300)], 700));
    }

    #[test]
    fn the_chunk_in_which_a_short_medium_ends_is_not_compared() {
        let mut judge = ByLedger::new(Ledger::new(900, 300, "0".repeat(64), vec!["0".repeat(64); 3]));
        judge.judge(&part(0, &[0; 400], &Spans::default()));
        judge.end(400);
        assert_eq!((places(&judge.differences), places(&judge.holes)), (vec![(0, 300)], vec![(300, 100)]));
    }

    #[test]
    fn sectors_that_change_between_readings_are_named_unless_one_could_not_read_them() {
        let mut judge = ByReading::new(5000, 512);
        let (first, mut second) = ([7u8; 5000], [7u8; 5000]);
        let (mut dead, none) = (Spans::default(), Spans::default());
        dead.push(1024, 512);
        judge.learn(&part(0, &first, &dead));
        for at in [513, 1100, 2048, 4999] {
            second[at] = 8;
        }
        let mut dead_now = Spans::default();
        dead_now.push(2048, 512);
        judge.judge(&part(0, &second, &dead_now), &dead);
        assert_eq!(places(&judge.unsteady), [(512, 512), (4608, 392)]);
        assert_eq!(ByReading::new(1 << 40, 512).grain, 65536);
        assert!(none.is_empty());
    }
}
