//! Partition tables: GPT, MBR, Apple's.

use super::{Kind, Signature};
use crate::image::pages::Pages;
use crate::image::partitions::gpt::{Header, SECTORS};
use crate::image::partitions::mbr::Mbr;
use crate::image::u16_be;

/// Bytes of a GPT's header, at most: it lies in one sector, of 512 bytes or more.
pub const HEADER: u64 = 512;

/// Finds them. A medium whose first sector is the boot sector of a file system (`boots`) has no MBR: code may lie where it would
/// be.
pub fn find(pages: &mut Pages, boots: bool, found: &mut Vec<Signature>) {
    let table = |kind, offset| Signature { kind, offset, label: None };
    let before = found.len();
    for sector in SECTORS {
        let bytes = u64::from(sector);
        // Named also when its sum is wrong: there was a table, and the backup may be whole.
        if pages.has(bytes, b"EFI PART") {
            found.push(table(Kind::Gpt, bytes));
        }
        let primary = Header::primary(pages, sector);
        let last = Header::backup(pages, sector).map(|_| pages.size() / bytes - 1);
        // A short image on a long stick has its backup in the middle: only the primary knows where.
        let told = primary.map(|header| header.alternate).filter(|&lba| lba > 1 && Some(lba) != last);
        let told = told.filter(|&lba| Header::read(pages, sector, lba).is_some());
        found.extend([last, told].into_iter().flatten().map(|lba| table(Kind::GptBackup, lba * bytes)));
    }
    let gpt = found.len() > before;
    // Boot code alone ends in 55 AA, too, and a protective entry is part of the GPT where there is one.
    let is_table = |mbr: Mbr| mbr.has_partitions() || (!mbr.is_empty() && !gpt);
    if !boots && Mbr::read(pages).is_some_and(is_table) {
        found.push(table(Kind::Mbr, 510));
    }
    // Block 0 says how long blocks are, and the first entry of the map lies in block 1; hybrid images write nonsense there
    // (libisofs, doc/boot_sectors.txt), and have their maps at 512 or 2048 bytes.
    for block in [512, 2048, 4096] {
        let first = pages.bytes(block, 8).is_some_and(|bytes| bytes.starts_with(b"PM\0\0") && bytes.get(4..) != Some(&[0; 4]));
        if first && pages.bytes(0, 2).is_some_and(|bytes| u16_be(&bytes, 0) == 0x4552) {
            found.push(table(Kind::Apm, block));
            // Images for discs and sticks have one map for each length of blocks, with the same in them.
            break;
        }
    }
}
