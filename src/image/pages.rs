//! What was read of a medium so far: each page is read once, and not more of them than a glance may cost.

use std::collections::BTreeMap;
use std::ops::Range;

/// Reads `len` bytes at a byte offset: both whole sectors, at most 64 KiB. `None` where it can't be read.
pub type Read<'a> = &'a mut dyn FnMut(u64, usize) -> Option<Vec<u8>>;

/// Bytes of a page, unless sectors are larger: what headers lie in, mostly alone.
const PAGE: u32 = 4096;

/// Bytes of one read, at most: what readers are promised.
const AT_ONCE: u64 = 64 * 1024;

/// Reads, at most, whatever the bytes say. Real media need about 10, with UDF 20, and one for each logical partition.
const READS: u32 = 160;

/// The same where boot code, file systems and their programs are looked into as well: real images need about 60.
const THOROUGH: u32 = 1000;

/// Reads that failed, at most: each can take a drive half a minute, and a person waits.
const FAILURES: u32 = 16;

/// The pages of one medium.
pub struct Pages<'a> {
    read: Read<'a>,
    /// Bytes of the medium, whole sectors only.
    size: u64,
    page: u64,
    known: BTreeMap<u64, Option<Vec<u8>>>,
    /// Reads that are left.
    left: u32,
    failures: u32,
}

impl<'a> Pages<'a> {
    /// A medium of `size` bytes in sectors of `sector` bytes. `None` for sectors that no medium has.
    pub fn new(size: u64, sector: u32, read: Read<'a>) -> Option<Self> {
        let usable = sector.is_power_of_two() && u64::from(sector) <= AT_ONCE;
        // The kernel's offsets have a sign: nothing is larger, and pages can be counted without care.
        let size = size.min(i64::MAX.unsigned_abs());
        let size = usable.then(|| size - size % u64::from(sector))?;
        Some(Self { read, size, page: u64::from(PAGE.max(sector)), known: BTreeMap::new(), left: READS, failures: 0 })
    }

    /// The same for whoever looks at more than headers.
    pub fn thorough(size: u64, sector: u32, read: Read<'a>) -> Option<Self> {
        Some(Self { left: THOROUGH, ..Self::new(size, sector, read)? })
    }

    /// Bytes of the medium, whole sectors only.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The `len` bytes at `offset`. `None` when not all of them lie on the medium, can be read, and may still be.
    pub fn bytes(&mut self, offset: u64, len: usize) -> Option<Vec<u8>> {
        let end = offset.checked_add(u64::try_from(len).ok()?).filter(|&end| end <= self.size)?;
        let pages = offset / self.page..end.div_ceil(self.page);
        self.learn(pages.clone());
        let mut bytes = Vec::with_capacity(len);
        for page in pages {
            let known = self.known.get(&page)?.as_ref()?;
            let within = |at: u64| usize::try_from(at.saturating_sub(page * self.page)).ok().map(|at| at.min(known.len()));
            bytes.extend_from_slice(known.get(within(offset)?..within(end)?)?);
        }
        (bytes.len() == len).then_some(bytes)
    }

    /// True if the medium has these bytes at `offset`.
    pub fn has(&mut self, offset: u64, magic: &[u8]) -> bool {
        self.bytes(offset, magic.len()).is_some_and(|bytes| bytes == magic)
    }

    /// Reads what isn't known yet of `pages`: as much at once as may be, and page by page where that fails.
    fn learn(&mut self, pages: Range<u64>) {
        let mut first = pages.start;
        while first < pages.end {
            let most = (first + AT_ONCE / self.page).min(pages.end);
            let end = (first..most).find(|page| self.known.contains_key(page)).unwrap_or(most);
            if end > first && !self.fetch(first..end) && end - first > 1 {
                for page in first..end {
                    self.fetch(page..page + 1);
                }
            }
            first = end.max(first + 1);
        }
    }

    /// Reads pages by one read, and tells whether that went well. One page alone is known afterwards to be unreadable.
    fn fetch(&mut self, pages: Range<u64>) -> bool {
        if self.left == 0 || self.failures == FAILURES {
            return false;
        }
        self.left -= 1;
        let offset = pages.start * self.page;
        let len = usize::try_from((pages.end * self.page).min(self.size).saturating_sub(offset)).unwrap_or(0);
        let bytes = (self.read)(offset, len).filter(|bytes| bytes.len() == len && len > 0);
        let Some(bytes) = bytes else {
            self.failures += 1;
            if pages.end - pages.start == 1 {
                self.known.insert(pages.start, None);
            }
            return false;
        };
        let page = usize::try_from(self.page).unwrap_or(len);
        self.known.extend(pages.zip(bytes.chunks(page).map(|bytes| Some(bytes.to_vec()))));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_is_read_once_and_an_unreadable_one_hides_no_other() {
        let mut asked = Vec::new();
        let mut read = |offset: u64, len: usize| {
            asked.push((offset, len));
            let bad = 8192..12288;
            let wanted = offset..offset + len as u64;
            (wanted.end <= bad.start || wanted.start >= bad.end).then(|| vec![7; len])
        };
        let mut pages = Pages::new(20_000, 512, &mut read).unwrap();
        assert_eq!(pages.size(), 19_968);
        assert_eq!(pages.bytes(0, 16_384), None);
        assert_eq!(pages.bytes(4000, 200), Some(vec![7; 200]));
        assert_eq!(pages.bytes(8192, 512), None, "known to be unreadable");
        assert_eq!(pages.bytes(12_288, 7680), Some(vec![7; 7680]));
        assert_eq!(pages.bytes(19_968, 1), None);
        assert_eq!(pages.bytes(u64::MAX, 2), None);
        drop(pages);
        assert_eq!(asked, [(0, 16_384), (0, 4096), (4096, 4096), (8192, 4096), (12_288, 4096), (16_384, 3584)]);
    }

    #[test]
    fn no_read_is_larger_than_64_kib_and_a_dead_medium_is_given_up() {
        let mut largest = 0;
        let mut read = |_: u64, len: usize| {
            largest = largest.max(len);
            Some(vec![0; len])
        };
        assert!(Pages::new(1 << 20, 4096, &mut read).unwrap().bytes(100, 200_000).is_some());
        assert_eq!(largest, 65_536);
        let mut reads = 0;
        let mut dead = |_: u64, _: usize| {
            reads += 1;
            None
        };
        let mut pages = Pages::new(1 << 30, 512, &mut dead).unwrap();
        for place in 0..1000 {
            assert_eq!(pages.bytes(place * 4096, 1), None);
        }
        drop(pages);
        assert_eq!(reads, FAILURES);
        assert!(Pages::new(1 << 20, 0, &mut |_, _| None).is_none());
    }
}
