//! Who says where an image ends: each file system, table and catalog in it.

use super::{Claim, Weight};
use crate::image::boot::Tables;
use crate::image::el_torito::Platform;
use crate::image::fat::Fat;
use crate::image::pages::Pages;
use crate::image::signature::volumes::sector;
use crate::image::{iso9660, u16_be, u16_le, u32_be, u32_le, udf};

/// Bytes of a sector of a disc.
const SECTOR: u64 = 2048;

/// Sessions that are followed. A CD has 99 tracks.
const SESSIONS: usize = 99;

/// Sectors by which libburn aligns a session in a file (libisofs, doc/checksums.txt: "rounded up to full 32").
const ALIGNED: u32 = 32;

/// Entries of an Apple partition map.
const MAP: u32 = 64;

/// The first sector of each session that a file shows: each begins where the one before ends.
pub fn sessions(pages: &mut Pages) -> Vec<u32> {
    let mut starts = vec![0];
    while let Some((last, end)) = starts.last().and_then(|&last| Some((last, iso_end(pages, last)?))) {
        let is_one = |start: &u32| {
            let descriptor = sector(pages, u64::from(start.saturating_add(16)) * SECTOR);
            *start > last && descriptor.is_some_and(|descriptor| iso9660::Volume::parse(&descriptor).is_some())
        };
        match [end, end.next_multiple_of(ALIGNED)].into_iter().find(is_one) {
            Some(next) if starts.len() < SESSIONS => starts.push(next),
            _ => break,
        }
    }
    starts
}

/// The sector after the last one that the ISO 9660 of a session claims.
fn iso_end(pages: &mut Pages, start: u32) -> Option<u32> {
    let volume = (16..32).find_map(|offset| {
        let descriptor = sector(pages, u64::from(start.checked_add(offset)?) * SECTOR)?;
        iso9660::Volume::parse(&descriptor)
    })?;
    // xorriso counts from the disc's beginning, mkisofs from the session's, as mastered images do that were put one behind the other: a
    // volume that does not hold its own root directory is counted so.
    Some(if volume.root > start && volume.sectors > volume.root { volume.sectors } else { start.saturating_add(volume.sectors) })
}

/// All claims.
pub fn claims(pages: &mut Pages, tables: &Tables, sessions: &[u32]) -> Vec<Claim> {
    let mut claims = Vec::new();
    let mut needs = |what: String, end: u64| claims.push(Claim { what, end, weight: Weight::Needs });
    for (number, &start) in sessions.iter().enumerate() {
        let Some(end) = iso_end(pages, start) else { continue };
        let session = if sessions.len() > 1 { format!(", session {}", number + 1) } else { String::new() };
        needs(format!("ISO 9660{session}"), u64::from(end) * SECTOR);
    }
    if let Some(end) = high_sierra(pages) {
        needs("High Sierra".into(), end);
    }
    for entry in tables.catalog.iter().flat_map(|catalog| &catalog.entries) {
        let platform = match entry.platform {
            Platform::Bios => "BIOS",
            Platform::Efi => "UEFI",
            Platform::Other => "another platform",
        };
        needs(format!("El Torito image for {platform}"), entry.end());
    }
    for partition in &tables.partitions {
        let end = partition.start.saturating_add(partition.bytes);
        needs(format!("partition {} ({})", partition.number, partition.kind), end);
    }
    if let Some(gpt) = tables.gpt {
        needs("GPT and its backup".into(), gpt.end());
    }
    if let Some(end) = apple_map(pages) {
        needs("Apple partition map".into(), end);
    }
    if let Some((name, end)) = hfs(pages) {
        needs(name.into(), end);
    }
    if let Some(fat) = Fat::read(pages, 0).filter(|_| tables.mbr.is_none()) {
        needs(fat.kind.name().into(), fat.bytes);
    }
    claims.extend(udf_claims(pages));
    claims
}

/// What UDF's anchors say, and where they lie (ECMA-167, 3/8.4.2.1). Blocks are as long as an anchor that knows its place says.
fn udf_claims(pages: &mut Pages) -> Vec<Claim> {
    let mut claims = Vec::new();
    let claim = |what: &str, end: u64, weight| Claim { what: format!("UDF, {what}"), end, weight };
    for block in [2048u32, 512, 4096] {
        let bytes = u64::from(block);
        let blocks = u32::try_from(pages.size() / bytes).unwrap_or(u32::MAX);
        let places = [Some(256), Some(512), blocks.checked_sub(257), blocks.checked_sub(1)];
        for lba in places.into_iter().flatten() {
            let mut read = |lba: u32| sector(pages, u64::from(lba) * bytes);
            if read(lba).is_none_or(|anchor| u32_le(&anchor, 12) != lba) {
                continue;
            }
            let Some(volume) = udf::Volume::at_anchor(block, lba, &mut read) else { continue };
            let end = |lba: u32| u64::from(lba) * bytes;
            let structures = volume.structures.iter().map(|&(what, lba)| claim(what, end(lba), Weight::Needs));
            claims.extend(structures);
            claims.extend(volume.end.map(|lba| claim("partition", end(lba), Weight::Room)));
            claims.push(claim("anchor", end(lba) + bytes, Weight::Needs));
        }
        if !claims.is_empty() {
            break;
        }
    }
    claims.sort_by_key(|claim| (claim.end, claim.what.clone()));
    claims.dedup();
    claims
}

/// High Sierra, before ISO 9660: the same in other places (Linux, include/uapi/linux/iso_fs.h, `hs_primary_descriptor`).
fn high_sierra(pages: &mut Pages) -> Option<u64> {
    let descriptor = pages.bytes(16 * SECTOR, 2048).filter(|sector| sector[8] == 1 && sector[9..].starts_with(b"CDROM"))?;
    Some(u64::from(u32_le(&descriptor, 88)) * u64::from(u16_le(&descriptor, 136)))
}

/// Apple's map: its entries lie in blocks whose length shows in where the first one lies. What hybrid images write in block 0 says
/// nothing (libisofs, doc/boot_sectors.txt).
fn apple_map(pages: &mut Pages) -> Option<u64> {
    pages.has(0, b"ER").then_some(())?;
    let block = [512u64, 2048].into_iter().find(|&block| pages.has(block, b"PM\0\0"))?;
    let entry =
        |pages: &mut Pages, number: u32| pages.bytes(u64::from(number) * block, 80).filter(|entry| entry.starts_with(b"PM"));
    let count = u32_be(&entry(pages, 1)?, 4);
    let entries = (1..=count.min(MAP)).map_while(|number| entry(pages, number));
    let used = entries.filter(|entry| !entry[48..].starts_with(b"Apple_Free"));
    used.map(|entry| (u64::from(u32_be(&entry, 8)) + u64::from(u32_be(&entry, 12))) * block).max()
}

/// HFS and HFS+ without a partition (Apple, Technical Note 1150; Inside Macintosh: Files, "Master Directory Blocks").
fn hfs(pages: &mut Pages) -> Option<(&'static str, u64)> {
    let header = pages.bytes(1024, 512)?;
    match header.get(..2)? {
        b"H+" | b"HX" => Some(("HFS+", u64::from(u32_be(&header, 40)) * u64::from(u32_be(&header, 44)))),
        b"BD" if u32_be(&header, 20).is_multiple_of(512) => {
            let blocks = u64::from(u16_be(&header, 18)) * u64::from(u32_be(&header, 20));
            // Before the blocks lies what counts sectors of 512 bytes, behind them a copy of this header.
            Some(("HFS", u64::from(u16_be(&header, 28)) * 512 + blocks + 1024))
        }
        _ => None,
    }
}
