//! The partition table of the PC: four entries in sector 0, and logical partitions chained in an extended one.

use super::Partition;
use super::types::mbr_kind;
use crate::image::pages::Pages;
use crate::image::u32_le;

/// What stands for a GPT.
pub const PROTECTIVE: u8 = 0xEE;

/// Extended partitions: of DOS, of Windows 95, of Linux.
const EXTENDED: [u8; 3] = [0x05, 0x0F, 0x85];

/// Logical partitions that are followed: chains can be long, or run in a circle.
const LOGICAL: u32 = 32;

/// One of the four entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    flag: u8,
    kind: u8,
    /// First sector.
    first: u32,
    /// Sectors.
    count: u32,
}

impl Entry {
    fn used(&self) -> bool {
        self.count > 0
    }
}

/// A sector that ends in 55 AA and whose entries make sense. The boot sector of a file system can look the same: ask it first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mbr([Entry; 4]);

impl Mbr {
    /// The table in sector 0.
    pub fn read(pages: &mut Pages) -> Option<Self> {
        Self::parse(&pages.bytes(0, 512)?)
    }

    fn parse(sector: &[u8]) -> Option<Self> {
        (sector.get(510..512)? == [0x55, 0xAA]).then_some(())?;
        let entry = |number: usize| {
            let at = 446 + 16 * number;
            let byte = |offset: usize| sector.get(at + offset).copied().unwrap_or(0);
            Entry { flag: byte(0), kind: byte(4), first: u32_le(sector, at + 8), count: u32_le(sector, at + 12) }
        };
        let entries = [entry(0), entry(1), entry(2), entry(3)];
        // Boot code fills the whole sector in file systems that don't keep room for a table.
        entries.iter().all(|entry| entry.flag & 0x7F == 0).then_some(Self(entries))
    }

    /// True if it says that the table to be believed is a GPT: Linux asks only for one such entry (block/partitions/efi.c).
    pub fn is_protective(&self) -> bool {
        self.0.iter().any(|entry| entry.kind == PROTECTIVE)
    }

    /// True if no entry of it is used.
    pub fn is_empty(&self) -> bool {
        !self.0.iter().any(Entry::used)
    }

    /// True if it has entries beside a protective one.
    pub fn has_partitions(&self) -> bool {
        self.0.iter().any(|entry| entry.used() && entry.kind != PROTECTIVE)
    }

    /// The number of the partition that is marked to be started.
    pub fn active(&self) -> Option<usize> {
        self.0.iter().position(|entry| entry.flag == 0x80).map(|place| place + 1)
    }

    /// Its partitions, the logical ones from number 5 on, in sectors of `sector` bytes.
    pub fn partitions(&self, pages: &mut Pages, sector: u32) -> Vec<Partition> {
        let bytes = |sectors: u64| sectors.saturating_mul(u64::from(sector));
        let partition = |number: u32, base: u64, entry: &Entry| Partition {
            number,
            start: bytes(base.saturating_add(u64::from(entry.first))),
            bytes: bytes(u64::from(entry.count)),
            kind: mbr_kind(entry.kind),
            name: None,
        };
        let used = self.0.iter().zip(1..).filter(|(entry, _)| entry.used());
        let mut partitions: Vec<_> = used.map(|(entry, number)| partition(number, 0, entry)).collect();
        let extended = self.0.iter().find(|entry| entry.used() && EXTENDED.contains(&entry.kind));
        let Some(outer) = extended.map(|entry| u64::from(entry.first)).filter(|&first| first > 0) else { return partitions };
        // Each link has a partition, counted from itself, and where the next link is, counted from the extended partition.
        let mut link = outer;
        for number in 5..5 + LOGICAL {
            let Some(table) = pages.bytes(bytes(link), 512).as_deref().and_then(Self::parse) else { break };
            let logical = table.0.iter().find(|entry| entry.used() && !EXTENDED.contains(&entry.kind));
            partitions.extend(logical.map(|entry| partition(number, link, entry)));
            let next = table.0.iter().find(|entry| entry.used() && EXTENDED.contains(&entry.kind));
            let Some(next) = next.map(|entry| outer + u64::from(entry.first)).filter(|&next| next > link) else { break };
            link = next;
        }
        partitions
    }
}
