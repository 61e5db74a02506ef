//! FAT12, FAT16 and FAT32 (Microsoft, FAT32 File System Specification 1.03): the boot sector, and files by their path.

use super::pages::Pages;
use super::signature::Kind;
use super::{u16_le, u32_le};

/// Bytes of a directory that are looked at: where firmware looks, ten names are many.
const DIRECTORY: usize = 64 * 1024;

/// Attributes of an entry: a volume's label, a directory, a part of a long name.
const LABEL: u8 = 0x08;
const FOLDER: u8 = 0x10;
const LONG: u8 = 0x0F;

/// What a boot sector says of its file system. Places are bytes from that sector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fat {
    /// How many bits an entry of its table has.
    pub kind: Kind,
    /// Where its magic lies.
    pub magic: u64,
    /// Byte and length of the root directory, or of its first cluster.
    pub root: (u64, u64),
    /// Where the boot sector has a label of its own.
    pub copy: usize,
    /// Bytes of the sectors that it was made for.
    pub sector: u32,
    /// Its length in bytes.
    pub bytes: u64,
    /// The first table.
    table: u64,
    /// Cluster 2, which is the first one.
    data: u64,
    /// Bytes of a cluster.
    cluster: u64,
    clusters: u64,
    /// The root's first cluster, where it is a file as others are.
    first: Option<u32>,
}

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The long name, or else the short one.
    pub name: String,
    is_folder: bool,
    first: u32,
}

impl Fat {
    /// A boot sector whose parameters make sense. Most that begin like one are something else's boot code.
    pub fn parse(boot: &[u8]) -> Option<Self> {
        let byte = |at: usize| boot.get(at).copied().unwrap_or(0);
        let text = |at: usize, name: &[u8]| boot.get(at..at + name.len()) == Some(name);
        let (old, new) = (text(54, b"FAT"), text(82, b"FAT32   "));
        let ends = text(510, &[0x55, 0xAA]);
        // OS/2 gave its other file systems the same header.
        let other = text(54, b"JFS     ") || text(54, b"HPFS    ");
        (!other && (old || new || (ends && matches!(byte(0), 0xEB | 0xE9)))).then_some(())?;
        let (sector, cluster) = (u64::from(u16_le(boot, 11)), u64::from(byte(13)));
        let (reserved, tables) = (u64::from(u16_le(boot, 14)), u64::from(byte(16)));
        let sane = sector.is_power_of_two() && (512..=4096).contains(&sector) && cluster.is_power_of_two();
        (sane && reserved > 0 && tables > 0 && (byte(21) >= 0xF8 || byte(21) == 0xF0)).then_some(())?;
        let either = |short: u16, long: u32| if short > 0 { u64::from(short) } else { u64::from(long) };
        let table = either(u16_le(boot, 22), u32_le(boot, 36));
        let entries = u64::from(u16_le(boot, 17));
        let root = reserved + tables * table;
        let data = root + (entries * 32).div_ceil(sector);
        let sectors = either(u16_le(boot, 19), u32_le(boot, 32));
        let clusters = sectors.checked_sub(data)? / cluster;
        (table > 0 && clusters > 0).then_some(())?;
        let wide = u16_le(boot, 22) == 0;
        // Where Windows draws the line by the number of clusters alone, Linux asks first whether there is a 16-bit length.
        let kind = match clusters {
            _ if wide => Kind::Fat32,
            ..4085 => Kind::Fat12,
            4085..65_525 => Kind::Fat16,
            _ => return None,
        };
        let first = wide.then(|| u32_le(boot, 44));
        let root = match first {
            Some(first) => (data + u64::from(first).checked_sub(2)? * cluster, cluster * sector),
            None => (root, entries * 32),
        };
        let magic = match (old, new) {
            (_, true) => 82,
            (true, _) => 54,
            _ => 510,
        };
        Some(Self {
            kind,
            magic,
            root: (root.0 * sector, root.1),
            copy: if wide { 71 } else { 43 },
            sector: u32::try_from(sector).ok()?,
            bytes: sectors * sector,
            table: reserved * sector,
            data: data * sector,
            cluster: cluster * sector,
            clusters,
            first,
        })
    }

    /// The one that begins at byte `at`.
    pub fn read(pages: &mut Pages, at: u64) -> Option<Self> {
        Self::parse(&pages.bytes(at, 512)?)
    }

    /// The names in a directory of the file system at byte `at`: none where there is no such directory, `None` where that can't be read.
    pub fn list(&self, pages: &mut Pages, at: u64, path: &[&str]) -> Option<Vec<Entry>> {
        let mut names = match self.first {
            Some(first) => self.names(&self.chain(pages, at, first, DIRECTORY)?),
            None => self.names(&pages.bytes(at.checked_add(self.root.0)?, DIRECTORY.min(usize::try_from(self.root.1).ok()?))?),
        };
        for part in path {
            let Some(folder) = names.into_iter().find(|entry| entry.is_folder && entry.name.eq_ignore_ascii_case(part)) else {
                return Some(Vec::new());
            };
            names = self.names(&self.chain(pages, at, folder.first, DIRECTORY)?);
        }
        names.retain(|entry| !matches!(entry.name.as_str(), "." | ".."));
        Some(names)
    }

    /// The first `most` bytes of a file, rounded up to clusters, or what there is of them.
    pub fn head(&self, pages: &mut Pages, at: u64, file: &Entry, most: usize) -> Option<Vec<u8>> {
        self.chain(pages, at, file.first, most)
    }

    /// Follows the table, which may lead in a circle.
    fn chain(&self, pages: &mut Pages, at: u64, first: u32, most: usize) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut cluster = u64::from(first);
        while (2..self.clusters + 2).contains(&cluster) && bytes.len() < most {
            let place = at.checked_add(self.data)?.checked_add((cluster - 2) * self.cluster)?;
            bytes.extend(pages.bytes(place, usize::try_from(self.cluster).ok()?.min(most - bytes.len()))?);
            cluster = self.next(pages, at, cluster)?;
        }
        Some(bytes)
    }

    /// The cluster after this one: any that is none at the end.
    fn next(&self, pages: &mut Pages, at: u64, cluster: u64) -> Option<u64> {
        let mut entry = |within: u64, length| pages.bytes(at.checked_add(self.table)?.checked_add(within)?, length);
        Some(match self.kind {
            Kind::Fat12 => {
                let pair = u64::from(u16_le(&entry(cluster + cluster / 2, 2)?, 0));
                if cluster.is_multiple_of(2) { pair & 0xFFF } else { pair >> 4 }
            }
            Kind::Fat16 => u16_le(&entry(2 * cluster, 2)?, 0).into(),
            _ => (u32_le(&entry(4 * cluster, 4)?, 0) & 0x0FFF_FFFF).into(),
        })
    }

    /// The entries of a directory's bytes.
    fn names(&self, directory: &[u8]) -> Vec<Entry> {
        let mut names = Vec::new();
        let mut long: Vec<u16> = Vec::new();
        for entry in directory.chunks_exact(32).take_while(|entry| entry[0] != 0) {
            match entry[11] & 0x3F {
                // The last part of a long name comes first; each has 13 characters, in three places.
                LONG if entry[0] != 0xE5 && long.len() < 260 => {
                    let units = [1..11, 14..26, 28..32].into_iter().flat_map(|range| entry[range].chunks_exact(2));
                    long.splice(..0, units.map(|unit| u16_le(unit, 0)));
                }
                kind if entry[0] == 0xE5 || kind & LABEL != 0 => long.clear(),
                kind => {
                    let units: Vec<u16> = std::mem::take(&mut long).into_iter().take_while(|&unit| unit != 0).collect();
                    let name = if units.is_empty() { short(&entry[..11]) } else { String::from_utf16_lossy(&units) };
                    let high = if self.kind == Kind::Fat32 { u32::from(u16_le(entry, 20)) << 16 } else { 0 };
                    names.push(Entry { name, is_folder: kind & FOLDER != 0, first: high | u32::from(u16_le(entry, 26)) });
                }
            }
        }
        names
    }
}

/// `BOOTX64.EFI` of `BOOTX64 EFI`.
fn short(name: &[u8]) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_string();
    let (stem, extension) = name.split_at(8);
    if text(extension).is_empty() { text(stem) } else { format!("{}.{}", text(stem), text(extension)) }
}
