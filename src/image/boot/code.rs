//! What a BIOS starts from a stick: the code in its first sector.

use super::{Answer, Cell, Tables};
use crate::image::el_torito::Platform;
use crate::image::pages::Pages;
use crate::image::{u32_le, u64_le};

/// Bytes of code before a disk's number and its table (the PC's MBR).
const CODE: usize = 440;

/// Where hybrid MBRs keep the place of their loader, in sectors of 512 bytes (libisofs, doc/boot_sectors.txt; syslinux, isohybrid).
const LOADER: usize = 0x1B0;

/// What mkfs.fat puts in place of code (dosfstools, src/mkfs.fat.c).
const DUMMY: &[u8] = b"This is not a bootable disk";

/// What the first sector does.
pub(super) fn bios_stick(pages: &mut Pages, tables: &Tables) -> Cell {
    let none = || Cell::new(Answer::No, "no boot code in the first sector");
    let Some(sector) = pages.bytes(0, 512) else {
        let unread = Cell::new(Answer::Depends, "the first sector can't be read");
        return if pages.size() < 512 { none() } else { unread };
    };
    let signed = sector.ends_with(&[0x55, 0xAA]);
    if !signed || sector.iter().take(CODE).all(|&byte| byte == 0) {
        return none();
    }
    let Some(mbr) = &tables.mbr else {
        let is_dummy = sector.windows(DUMMY.len()).any(|window| window == DUMMY);
        let dummy = Cell::new(Answer::No, "the file system's boot sector only says that it does not boot");
        return if is_dummy { dummy } else { Cell::new(Answer::Depends, "boot sector of a file system, without an MBR") };
    };
    let loaders = tables.catalog.iter().flat_map(|catalog| &catalog.entries).filter(|entry| entry.platform == Platform::Bios);
    for loader in loaders.map(|entry| entry.lba) {
        let isolinux = sector.windows(8).any(|window| window == b"isolinux") && u32_le(&sector, LOADER) / 4 == loader;
        // The MBR itself stands for the first block of GRUB's, of four sectors.
        let grub = u64_le(&sector, LOADER) == u64::from(loader) * 4 + 4;
        if isolinux || grub {
            let name = if isolinux { "ISOLINUX" } else { "GRUB" };
            return Cell::new(Answer::Yes, format!("hybrid MBR of {name}, loader at sector {loader}"));
        }
    }
    match mbr.active() {
        Some(number) => Cell::new(Answer::Yes, format!("boot code in the MBR, partition {number} is active")),
        None => Cell::new(Answer::Depends, "boot code in the MBR, but no partition is active"),
    }
}
