//! Which partitions a medium has, for whoever is asked whether it may be erased.

pub(super) mod gpt;
pub(super) mod mbr;
pub mod relocation;
#[cfg(test)]
mod tests;
pub(super) mod types;

use super::pages::{Pages, Read};
use super::signature::boot;
use gpt::{Header, SECTORS};
use mbr::Mbr;
use serde::Serialize;

/// A partition table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// Its scheme.
    pub scheme: Scheme,
    /// Bytes of the sectors it was written for: not always those of the medium it lies on. An MBR doesn't say; the medium's are
    /// taken.
    pub sector: u32,
    /// Its partitions, by number.
    pub partitions: Vec<Partition>,
}

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// GUID partition table.
    Gpt,
    /// The PC's four entries, and logical ones.
    Mbr,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// From 1; logical ones from 5.
    pub number: u32,
    /// Its first byte. What a table says can lie beyond the medium's end.
    pub start: u64,
    /// Its length in bytes.
    pub bytes: u64,
    /// The type the table gives it, in a few words: what is in it can be something else.
    pub kind: String,
    /// The name that a GPT gives it. From outside: escape it before a terminal sees it.
    pub name: Option<String>,
}

/// The byte where the first volume descriptor of ISO 9660 lies (ECMA-119, 6.2.1).
const ISO: u64 = 16 * 2048;

/// Reads the table of a medium of `size` bytes and `sector` bytes a sector. A GPT counts where Linux would believe it, or where
/// there is no other table; a damaged one gives way to its backup. `None` when there is none, also on a medium that is one file
/// system from its first sector on. `read` is asked as by [`super::signature::find`].
pub fn read(size: u64, sector: u32, read: Read) -> Option<Table> {
    let mut pages = Pages::new(size, sector, read)?;
    let mbr = if boot::find(&mut pages).is_some() { None } else { Mbr::read(&mut pages).filter(|mbr| !mbr.is_empty()) };
    // Hybrid images carry a GPT for some firmware, and an MBR without a protective entry for the rest, Linux among it.
    let believed = mbr.is_none_or(|mbr| mbr.is_protective() || !mbr.has_partitions());
    let gpt = if believed { gpt(&mut pages, sector) } else { None };
    let mut table = gpt.or_else(|| {
        let partitions = mbr?.partitions(&mut pages, sector);
        Some(Table { scheme: Scheme::Mbr, sector, partitions })
    })?;
    if pages.has(ISO + 1, b"CD001") {
        let holds_it = |it: &&mut Partition| it.start <= ISO && it.start.saturating_add(it.bytes) > ISO;
        for partition in table.partitions.iter_mut().filter(holds_it).filter(|it| it.kind != types::PROTECTIVE) {
            partition.kind = "ISO 9660 (isohybrid)".to_string();
        }
    }
    Some(table)
}

/// The first GPT whose array is whole: the primary before its backup, for the medium's own sectors before others.
fn gpt(pages: &mut Pages, sector: u32) -> Option<Table> {
    let mut sizes = SECTORS;
    sizes.sort_by_key(|&size| size != sector);
    for header in [Header::primary, Header::backup] {
        for size in sizes {
            let Some(header) = header(pages, size) else { continue };
            let Some(partitions) = header.partitions(pages) else { continue };
            return Some(Table { scheme: Scheme::Gpt, sector: size, partitions });
        }
    }
    None
}
