//! The GUID partition table (UEFI specification 2.10, chapter 5.3).

use super::Partition;
use super::types::{gpt_kind, utf16};
use crate::image::pages::Pages;
use crate::image::{u16_le, u32_le, u64_le};

/// Sector sizes that tables are written for, whatever the sectors of the medium they were put on.
pub const SECTORS: [u32; 2] = [512, 4096];

/// Bytes of an array of entries, at most: eight times what everybody writes.
const ARRAY: u32 = 128 * 1024;

/// A header, primary or backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The sector size it was written for: numbers below count these.
    pub sector: u32,
    /// Where the other header lies.
    pub alternate: u64,
    /// Where it lies itself.
    lba: u64,
    /// Where the array of entries begins.
    entries: u64,
    count: u32,
    /// Bytes of an entry.
    pub entry: u32,
    crc: u32,
}

impl Header {
    /// The header that lies in sector `lba` of `sector` bytes: one that says so of itself, and whose CRC is right.
    pub fn read(pages: &mut Pages, sector: u32, lba: u64) -> Option<Self> {
        let mut bytes = pages.bytes(lba.checked_mul(u64::from(sector))?, usize::try_from(sector).ok()?)?;
        (bytes.starts_with(b"EFI PART") && u64_le(&bytes, 24) == lba).then_some(())?;
        let (length, crc) = (usize::try_from(u32_le(&bytes, 12)).ok()?, u32_le(&bytes, 16));
        bytes.get_mut(16..20)?.fill(0);
        // libisofs 1.2.4 to 1.2.8 summed up 512 bytes, whatever length they gave: such images are still about.
        let right = |length: usize| bytes.get(..length).is_some_and(|bytes| crc32fast::hash(bytes) == crc);
        (length >= 92 && (right(length) || right(512))).then_some(())?;
        Some(Self {
            sector,
            alternate: u64_le(&bytes, 32),
            lba,
            entries: u64_le(&bytes, 72),
            count: u32_le(&bytes, 80),
            entry: u32_le(&bytes, 84),
            crc: u32_le(&bytes, 88),
        })
    }

    /// The header at LBA 1.
    pub fn primary(pages: &mut Pages, sector: u32) -> Option<Self> {
        Self::read(pages, sector, 1)
    }

    /// The header in the last sector.
    pub fn backup(pages: &mut Pages, sector: u32) -> Option<Self> {
        let last = (pages.size() / u64::from(sector)).checked_sub(1).filter(|&lba| lba > 1)?;
        Self::read(pages, sector, last)
    }

    /// True for the one at the end.
    pub fn is_backup(&self) -> bool {
        self.lba > self.alternate
    }

    /// The byte after the later of both headers.
    pub fn end(&self) -> u64 {
        self.lba.max(self.alternate).saturating_add(1).saturating_mul(u64::from(self.sector))
    }

    /// The array of entries. `None` when it can't be read, or isn't the one that was summed up.
    pub fn array(&self, pages: &mut Pages) -> Option<Vec<u8>> {
        let length = self.count.checked_mul(self.entry).filter(|&length| self.entry >= 128 && length <= ARRAY)?;
        let array = pages.bytes(self.entries.checked_mul(u64::from(self.sector))?, usize::try_from(length).ok()?)?;
        (crc32fast::hash(&array) == self.crc).then_some(array)
    }

    /// The partitions it describes, by number. `None` without its array.
    pub fn partitions(&self, pages: &mut Pages) -> Option<Vec<Partition>> {
        let (array, sector) = (self.array(pages)?, u64::from(self.sector));
        let partition = |(entry, number): (&[u8], u32)| {
            let (first, last) = (u64_le(entry, 32), u64_le(entry, 40));
            let used = entry.get(..16)?.iter().any(|&byte| byte != 0) && first <= last;
            used.then(|| Partition {
                number,
                start: first.saturating_mul(sector),
                bytes: (last - first).saturating_add(1).saturating_mul(sector),
                kind: gpt_kind(&guid(entry)),
                name: entry.get(56..128).and_then(utf16),
            })
        };
        Some(array.chunks_exact(usize::try_from(self.entry).ok()?).zip(1..).filter_map(partition).collect())
    }
}

/// A GUID as it is printed: the first three numbers are little-endian (UEFI specification 2.10, appendix A).
fn guid(bytes: &[u8]) -> String {
    let (first, second, third) = (u32_le(bytes, 0), u16_le(bytes, 4), u16_le(bytes, 6));
    let rest = |range| hex::encode_upper(bytes.get(range).unwrap_or_default());
    format!("{first:08X}-{second:04X}-{third:04X}-{}-{}", rest(8..10), rest(10..16))
}
