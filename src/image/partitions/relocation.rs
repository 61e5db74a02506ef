//! A GPT that was made for a smaller medium: what is to be written so that its backup lies at the end of this one, as `sgdisk -e` does
//! (UEFI specification 2.10, 5.2.3 and 5.3).

#[cfg(test)]
mod tests;

use super::gpt::{Header, SECTORS};
use super::mbr::PROTECTIVE;
use crate::image::pages::Pages;
use crate::image::{u32_le, u64_le};

/// Bytes that an array of entries has room for, at least, however few it has (UEFI specification 2.10, 5.3.2).
const ROOM: u64 = 16 * 1024;

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relocation {
    /// Sectors of the image that become others: the protective MBR, and the primary header.
    pub changes: Vec<Change>,
    /// The byte of the medium where the backup's array of entries begins.
    pub array: u64,
    /// The byte of the medium where the backup's header begins, in its last sector.
    pub header: u64,
    /// All bytes from `array` to the end of the medium.
    pub backup: Vec<u8>,
}

/// A sector that becomes another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The byte that it begins with.
    pub offset: u64,
    /// As the image has it.
    pub before: Vec<u8>,
    /// As it is to be.
    pub after: Vec<u8>,
}

/// Why there is nothing that could be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unmoved {
    /// There is none.
    #[error("it has no GPT")]
    NoGpt,
    /// It was made for a medium of just this size.
    #[error("its GPT fits this medium already")]
    Fits,
    /// Whoever reads the medium looks for it elsewhere.
    #[error("its GPT is for sectors of {table} bytes, and the medium has sectors of {medium}")]
    Sectors {
        /// Bytes of a sector, as the table counts.
        table: u32,
        /// As the medium does.
        medium: u32,
    },
    /// Its checksums do not hold.
    #[error("its GPT is damaged")]
    Damaged,
    /// What it describes does not end before its new backup.
    #[error("its partitions leave no room for a backup GPT at the end of the medium")]
    NoRoom,
}

impl Relocation {
    /// What moves the GPT of an image that begins with `head` to the end of a medium of `size` bytes in sectors of `sector`.
    ///
    /// # Errors
    /// There is no GPT in `head`, or none that is to be moved.
    pub fn plan(head: &[u8], size: u64, sector: u32) -> Result<Self, Unmoved> {
        let table =
            SECTORS.into_iter().find(|&table| head.get(table as usize..).is_some_and(|rest| rest.starts_with(b"EFI PART")));
        let table = table.ok_or(Unmoved::NoGpt)?;
        if table != sector {
            return Err(Unmoved::Sectors { table, medium: sector });
        }
        let (header, array) = primary(head, sector).ok_or(Unmoved::Damaged)?;
        let bytes = u64::from(sector);
        let last = (size / bytes).saturating_sub(1);
        let sectors = (array.len() as u64).max(ROOM).div_ceil(bytes);
        let entries = last.checked_sub(sectors).filter(|&lba| lba > 1).ok_or(Unmoved::NoRoom)?;
        if header.alternate == last {
            return Err(Unmoved::Fits);
        }
        // Bytes 32 to 40 of an entry in use: its last sector.
        let used = |entry: &&[u8]| entry.iter().take(16).any(|&byte| byte != 0);
        let end = array.chunks_exact(header.entry as usize).filter(used).map(|entry| u64_le(entry, 40)).max();
        if end.is_some_and(|end| end >= entries) {
            return Err(Unmoved::NoRoom);
        }
        let place = |lba: u64| (lba * bytes) as usize..((lba + 1) * bytes) as usize;
        let before = head.get(place(1)).ok_or(Unmoved::Damaged)?;
        let mut primary = before.to_vec();
        put(&mut primary, 32, &last.to_le_bytes());
        put(&mut primary, 48, &(entries - 1).to_le_bytes());
        let mut copy = primary.clone();
        put(&mut copy, 24, &last.to_le_bytes());
        put(&mut copy, 32, &1u64.to_le_bytes());
        put(&mut copy, 72, &entries.to_le_bytes());
        sum_up(&mut primary);
        sum_up(&mut copy);
        let mut backup = array;
        backup.resize((sectors * bytes) as usize, 0);
        backup.extend_from_slice(&copy);
        let mbr = head.get(place(0)).ok_or(Unmoved::Damaged)?;
        let changes = [(0, mbr, protective(mbr, header.alternate, last)), (bytes, before, primary)];
        let changes = changes.into_iter().filter(|(_, before, after)| *before != after.as_slice());
        let changes = changes.map(|(offset, before, after)| Change { offset, before: before.to_vec(), after }).collect();
        Ok(Self { changes, array: entries * bytes, header: last * bytes, backup })
    }

    /// Changes what the image begins with.
    pub fn apply(&self, head: &mut [u8]) {
        for change in &self.changes {
            put(head, change.offset as usize, &change.after);
        }
    }

    /// Puts the image's own sectors back where `bytes`, which begin at byte `offset` of the medium, hold those that were to be written. A sector
    /// that holds anything else stays as it is.
    pub fn undo(&self, bytes: &mut [u8], offset: u64) {
        for change in &self.changes {
            let place =
                change.offset.checked_sub(offset).and_then(|at| bytes.get_mut(at as usize..)?.get_mut(..change.after.len()));
            if let Some(place) = place.filter(|place| **place == change.after[..]) {
                place.copy_from_slice(&change.before);
            }
        }
    }
}

/// The primary header and its array, when both are what they were when they were summed up.
fn primary(head: &[u8], sector: u32) -> Option<(Header, Vec<u8>)> {
    let mut read = |offset: u64, length: usize| Some(head.get(offset as usize..)?.get(..length)?.to_vec());
    let mut pages = Pages::new(head.len() as u64, sector, &mut read)?;
    let header = Header::primary(&mut pages, sector)?;
    Some((header, header.array(&mut pages)?))
}

/// An MBR whose protective entry covers the medium, where it covered the image. The entries of a hybrid image stay as they are, as its boot
/// code does.
fn protective(mbr: &[u8], old: u64, last: u64) -> Vec<u8> {
    let mut mbr = mbr.to_vec();
    let entries = (446..510).step_by(16);
    let used = entries.clone().filter(|&at| u32_le(&mbr, at + 12) > 0).count();
    let covers = |&at: &usize| {
        let (kind, first, count) = (mbr.get(at + 4), u32_le(&mbr, at + 8), u32_le(&mbr, at + 12));
        kind == Some(&PROTECTIVE) && first == 1 && (used == 1 || u64::from(count) == old)
    };
    if let Some(at) = entries.clone().find(covers) {
        put(&mut mbr, at + 5, &cylinder_head_sector(last));
        put(&mut mbr, at + 12, &u32::try_from(last).unwrap_or(u32::MAX).to_le_bytes());
    }
    mbr
}

/// A sector as the BIOS counts them, with 255 heads and 63 sectors a track; ones for what lies beyond.
fn cylinder_head_sector(lba: u64) -> [u8; 3] {
    let (cylinder, head, sector) = (lba / (255 * 63), lba / 63 % 255, lba % 63 + 1);
    if cylinder > 1023 { [0xFF; 3] } else { [head as u8, sector as u8 | (cylinder >> 2) as u8 & 0xC0, cylinder as u8] }
}

/// Puts the checksum of a header into it.
fn sum_up(header: &mut [u8]) {
    put(header, 16, &[0; 4]);
    let length = (u32_le(header, 12) as usize).min(header.len());
    let crc = crc32fast::hash(&header[..length]);
    put(header, 16, &crc.to_le_bytes());
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + what.len()) {
        place.copy_from_slice(what);
    }
}
