//! What lies on a medium: partition tables, file systems, members of arrays and encrypted volumes, by the magic bytes they begin
//! with, or end with.

pub(super) mod boot;
mod magics;
mod members;
mod tables;
#[cfg(test)]
mod tests;
pub(super) mod volumes;

use std::ops::Range;

use super::pages::{Pages, Read};
use serde::Serialize;

/// Something that says of itself what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signature {
    /// What it is.
    pub kind: Kind,
    /// The byte where its magic lies.
    pub offset: u64,
    /// Its label, or the name of the array or pool it belongs to: trimmed, never empty, at most 128 characters. From outside:
    /// escape it before a terminal sees it.
    pub label: Option<String>,
}

impl Signature {
    /// The bytes by which systems find what they look for at the end of a disk: a backup GPT, a member of an array or a pool. `None` for what
    /// is found in other ways.
    pub fn at_the_end(&self) -> Option<Range<u64>> {
        match self.kind {
            Kind::GptBackup => Some(self.offset..self.offset + tables::HEADER),
            Kind::Md => Some(self.offset..self.offset + members::MD_SUPERBLOCK),
            // Its uberblocks count by themselves, wherever the label is hurt.
            Kind::Zfs => self.offset.checked_sub(members::ZFS_LIST).map(|label| label..label + members::VDEV_LABEL),
            _ => None,
        }
    }
}

/// What can be told by its magic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// GUID partition table, the primary one.
    Gpt,
    /// Its backup at the end.
    GptBackup,
    /// Partition table of the PC. One that only stands for a GPT is part of that.
    Mbr,
    /// Apple partition map.
    Apm,
    /// ISO 9660, with or without extensions.
    Iso9660,
    /// UDF.
    Udf,
    /// FAT with 12 bits an entry.
    Fat12,
    /// FAT with 16 bits an entry.
    Fat16,
    /// FAT with 32 bits an entry.
    Fat32,
    /// exFAT.
    ExFat,
    /// NTFS.
    Ntfs,
    /// ext2: no journal.
    Ext2,
    /// ext3: a journal, and nothing that is newer.
    Ext3,
    /// ext4.
    Ext4,
    /// A journal of ext3 or ext4 on a device of its own.
    ExtJournal,
    /// XFS.
    Xfs,
    /// btrfs, one device or many.
    Btrfs,
    /// F2FS.
    F2fs,
    /// bcachefs, one device or many.
    Bcachefs,
    /// SquashFS.
    Squashfs,
    /// APFS container.
    Apfs,
    /// HFS+ and HFSX.
    HfsPlus,
    /// HFS.
    Hfs,
    /// Linux swap, also with a sleeping system in it.
    Swap,
    /// Volume encrypted by LUKS 1 or 2.
    Luks,
    /// Volume encrypted by BitLocker.
    BitLocker,
    /// Physical volume of LVM 2.
    Lvm,
    /// Member of a Linux RAID (md).
    Md,
    /// Member of a ZFS pool. Each of four labels is one signature, two at the beginning, two at the end.
    Zfs,
    /// Backing or cache device of bcache.
    Bcache,
}

impl Kind {
    /// Its name for a person.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gpt => "GPT",
            Self::GptBackup => "backup GPT",
            Self::Mbr => "MBR",
            Self::Apm => "Apple partition map",
            Self::Iso9660 => "ISO 9660",
            Self::Udf => "UDF",
            Self::Fat12 => "FAT12",
            Self::Fat16 => "FAT16",
            Self::Fat32 => "FAT32",
            Self::ExFat => "exFAT",
            Self::Ntfs => "NTFS",
            Self::Ext2 => "ext2",
            Self::Ext3 => "ext3",
            Self::Ext4 => "ext4",
            Self::ExtJournal => "ext journal",
            Self::Xfs => "XFS",
            Self::Btrfs => "btrfs",
            Self::F2fs => "F2FS",
            Self::Bcachefs => "bcachefs",
            Self::Squashfs => "SquashFS",
            Self::Apfs => "APFS",
            Self::HfsPlus => "HFS+",
            Self::Hfs => "HFS",
            Self::Swap => "swap",
            Self::Luks => "LUKS",
            Self::BitLocker => "BitLocker",
            Self::Lvm => "LVM",
            Self::Md => "Linux RAID",
            Self::Zfs => "ZFS",
            Self::Bcache => "bcache",
        }
    }

    /// True for what is a part of something larger, or hides what is in it: nobody can tell from outside what would be lost.
    pub fn is_member(self) -> bool {
        matches!(self, Self::ExtJournal | Self::Luks | Self::BitLocker | Self::Lvm | Self::Md | Self::Zfs | Self::Bcache)
    }
}

/// Names everything that lies on a disk or partition of `size` bytes and `sector` bytes a sector, by offset.
///
/// `read` is given a byte offset and a length, both multiples of `sector`, at most 64 KiB: all these bytes, or `None`. Real media
/// cost about ten reads, and no medium more than 160. What can't be read is asked for again in single pages, and hides nothing that
/// lies elsewhere; after 16 reads that failed, no more are tried.
pub fn find(size: u64, sector: u32, read: Read) -> Vec<Signature> {
    let Some(mut pages) = Pages::new(size, sector, read) else { return Vec::new() };
    // Most headers lie here: one read instead of fifteen.
    pages.bytes(0, usize::try_from(pages.size().min(64 * 1024)).unwrap_or(0));
    let mut found = Vec::new();
    let boot = boot::find(&mut pages);
    tables::find(&mut pages, boot.is_some(), &mut found);
    found.extend(boot);
    magics::find(&mut pages, &mut found);
    volumes::find(&mut pages, &mut found);
    members::find(&mut pages, &mut found);
    found.sort_by_key(|signature| (signature.offset, signature.kind));
    found.dedup();
    found
}

/// Those that lie at byte `end` or after it: what an image of that length leaves on a longer medium.
pub fn beyond(signatures: &[Signature], end: u64) -> impl Iterator<Item = &Signature> {
    signatures.iter().filter(move |signature| signature.offset >= end)
}

/// A label as it may be shown, once it is escaped: up to its end, without the padding, not longer than a line.
fn label(bytes: &[u8]) -> Option<String> {
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    cut(&String::from_utf8_lossy(text))
}

/// The same of little-endian UTF-16.
fn label_utf16(bytes: &[u8]) -> Option<String> {
    let units = bytes.chunks_exact(2).map(|unit| super::u16_le(unit, 0)).take_while(|&unit| unit != 0);
    cut(&String::from_utf16_lossy(&units.collect::<Vec<_>>()))
}

/// The same of text. What comes with a zero in it ends there.
fn cut(text: &str) -> Option<String> {
    let text: String = text.trim_matches([' ', '\0']).chars().take(128).collect();
    Some(text.trim().to_string()).filter(|text| !text.is_empty())
}
