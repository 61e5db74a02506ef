//! File systems whose first sector is a boot sector: FAT, exFAT, NTFS, BitLocker.

use super::{Kind, Signature, label, label_utf16};
use crate::image::fat::Fat;
use crate::image::pages::Pages;
use crate::image::{u16_le, u32_le, u64_le};

/// The GUID of BitLocker To Go, which looks like FAT32 (libbde, documentation/BitLocker Drive Encryption (BDE) format.asciidoc).
const TO_GO: [u8; 16] = [0x3B, 0xD6, 0x67, 0x49, 0x29, 0x2E, 0xD8, 0x4A, 0x83, 0x99, 0xF6, 0xA3, 0x39, 0xE3, 0xD0, 0x01];

/// The one that begins in sector 0.
pub fn find(pages: &mut Pages) -> Option<Signature> {
    let boot = pages.bytes(0, 512)?;
    let named = |name: &[u8]| boot.get(3..11) == Some(name);
    let (kind, offset, label) = if named(b"-FVE-FS-") {
        (Kind::BitLocker, 3, None)
    } else if named(b"MSWIN4.1") && boot.get(424..440) == Some(&TO_GO) {
        (Kind::BitLocker, 424, None)
    } else if named(b"EXFAT   ") {
        (Kind::ExFat, 3, exfat_label(pages, &boot))
    } else if named(b"NTFS    ") {
        (Kind::Ntfs, 3, ntfs_label(pages, &boot))
    } else {
        let fat = Fat::parse(&boot)?;
        (fat.kind, fat.magic, fat_label(&fat, pages, &boot))
    };
    Some(Signature { kind, offset, label })
}

/// FAT's label in the root directory, else the copy in the boot sector.
fn fat_label(fat: &Fat, pages: &mut Pages, boot: &[u8]) -> Option<String> {
    // The label is nearly always the first entry: more than a page isn't worth a walk along the chain.
    let (first, length) = fat.root;
    let root = pages.bytes(first, usize::try_from(length.min(4096)).ok()?).unwrap_or_default();
    let mut entries = root.chunks_exact(32).take_while(|entry| entry.first() != Some(&0));
    // 08h is a volume's label; 0Fh, which has that bit too, a part of a long name; E5h a deleted entry.
    let entry = entries
        .find(|entry| entry.first() != Some(&0xE5) && entry.get(11).is_some_and(|kind| kind & 0x3F != 0x0F && kind & 0x18 == 8));
    let copy = || {
        let signed = boot.get(fat.copy - 5) == Some(&0x29);
        boot.get(fat.copy..fat.copy + 11).filter(|text| signed && *text != b"NO NAME    ")
    };
    label(entry.and_then(|entry| entry.get(..11)).or_else(copy)?)
}

/// exFAT's label: an entry of type 83h in the root directory (Microsoft, exFAT file system specification, 3.1 and 7.3).
fn exfat_label(pages: &mut Pages, boot: &[u8]) -> Option<String> {
    let shift = |at: usize| boot.get(at).copied().filter(|shift| *shift <= 25).map(u32::from);
    let (sector, cluster) = (shift(108)?, shift(109)?);
    let within = u64::from(u32_le(boot, 96)).checked_sub(2)? << cluster;
    let root = pages.bytes((u64::from(u32_le(boot, 88)) + within).checked_mul(1 << sector)?, 512)?;
    let mut entries = root.chunks_exact(32).take_while(|entry| entry.first() != Some(&0));
    let entry = entries.find(|entry| entry.first() == Some(&0x83))?;
    let length = usize::from(*entry.get(1)?).min(11);
    label_utf16(entry.get(2..2 + 2 * length)?)
}

/// NTFS' label: attribute 60h of the fourth record of the master file table (Linux, fs/ntfs3/ntfs.h).
fn ntfs_label(pages: &mut Pages, boot: &[u8]) -> Option<String> {
    let byte = |at: usize| boot.get(at).copied().unwrap_or(0);
    // Both sizes are numbers of units, or, from 80h on, the negative power of two.
    let power = |byte: u8| 1u64.checked_shl(256 - u32::from(byte));
    let sectors = if byte(13) > 0x80 { power(byte(13))? } else { u64::from(byte(13)) };
    let cluster = u64::from(u16_le(boot, 11)).checked_mul(sectors)?;
    let length = if byte(64) >= 0x80 { power(byte(64))? } else { cluster.checked_mul(u64::from(byte(64)))? };
    let table = u64_le(boot, 48).checked_mul(cluster)?;
    ((512..=4096).contains(&length)).then_some(())?;
    let mut record = pages.bytes(table.checked_add(3 * length)?, usize::try_from(length).ok()?)?;
    record.starts_with(b"FILE").then_some(())?;
    // The last two bytes of each 512 were moved to a list, to tell torn writes.
    let (list, count) = (usize::from(u16_le(&record, 4)), usize::from(u16_le(&record, 6)));
    for block in 1..count.min(9) {
        let saved = record.get(list + 2 * block..list + 2 * block + 2)?.to_vec();
        record.get_mut(512 * block - 2..512 * block)?.copy_from_slice(&saved);
    }
    let mut at = usize::from(u16_le(&record, 20));
    for _ in 0..32 {
        let length = usize::try_from(u32_le(&record, at + 4)).ok().filter(|&length| length >= 24)?;
        if u32_le(&record, at) == 0x60 && record.get(at + 8) == Some(&0) {
            let (size, text) = (usize::try_from(u32_le(&record, at + 16)).ok()?, usize::from(u16_le(&record, at + 20)));
            return label_utf16(record.get(at + text..(at + text).checked_add(size)?)?);
        }
        at = at.checked_add(length).filter(|&at| at < record.len())?;
    }
    None
}
