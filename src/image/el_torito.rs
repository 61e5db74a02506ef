//! El Torito (Phoenix and IBM, 1995): which images on a disc firmware starts from.

use serde::Serialize;

use super::fat::Fat;
use super::pages::Pages;
use super::{u16_le, u32_le};

/// Bytes of a sector of a disc.
const SECTOR: u64 = 2048;

/// The platform of UEFI (UEFI specification 2.10, 13.3.2.1).
const EFI: u8 = 0xEF;

/// The boot catalog of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Catalog {
    /// Its sector.
    pub lba: u32,
    /// Its checksum is right. Firmware does not look at one whose isn't.
    pub is_valid: bool,
    /// What can be started.
    pub entries: Vec<Entry>,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// For which firmware.
    pub platform: Platform,
    /// False where it is marked as not bootable.
    pub bootable: bool,
    /// As which drive it is shown.
    pub emulation: Emulation,
    /// Its first sector.
    pub lba: u32,
    /// Bytes that firmware loads, or that the drive has that it stands for.
    pub bytes: u64,
}

/// For which firmware an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Platform {
    /// The PC's BIOS.
    Bios,
    /// UEFI.
    Efi,
    /// PowerPC, old Macintoshes, or what nobody defined.
    Other,
}

/// As which drive an image is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Emulation {
    /// As none: it is loaded and started.
    None,
    /// As a floppy disk.
    Floppy,
    /// As a hard disk.
    HardDisk,
}

impl Entry {
    /// Its first byte.
    pub fn start(&self) -> u64 {
        u64::from(self.lba) * SECTOR
    }

    /// The byte after its last one.
    pub fn end(&self) -> u64 {
        self.start() + self.bytes
    }
}

impl Catalog {
    /// That of the session whose first sector is `start`. `None` where there is none, or it can't be read.
    pub fn read(pages: &mut Pages, start: u32) -> Option<Self> {
        let record = (16..32).map(|sector| (u64::from(start) + sector) * SECTOR).find_map(|at| {
            let record = pages.bytes(at, 75)?;
            let is_one = record.starts_with(b"\0CD001\x01EL TORITO SPECIFICATION");
            is_one.then_some(record)
        })?;
        let lba = u32_le(&record, 71);
        let catalog = pages.bytes(u64::from(lba) * SECTOR, 2048)?;
        let validation = catalog.get(..32)?;
        let sum = (0..16).fold(0u16, |sum, word| sum.wrapping_add(u16_le(validation, 2 * word)));
        let is_valid = validation.starts_with(&[1]) && validation.ends_with(&[0x55, 0xAA]) && sum == 0;
        let mut entries = vec![Entry::parse(catalog.get(32..64)?, validation[1], pages)];
        let mut rest = catalog.get(64..)?.chunks_exact(32);
        // A header, 91h for the last one, then its entries; those marked 44h go on with the one before.
        while let Some(header) = rest.next().filter(|header| matches!(header[0], 0x90 | 0x91)) {
            for _ in 0..u16_le(header, 2) {
                let Some(entry) = rest.next() else { break };
                entries.push(Entry::parse(entry, header[1], pages));
                let mut continues = entry[1] & 0x20 != 0;
                while continues {
                    continues = rest.next().is_some_and(|more| more[0] == 0x44 && more[1] & 0x20 != 0);
                }
            }
            if header[0] == 0x91 {
                break;
            }
        }
        entries.retain(|entry| entry.lba > 0);
        Some(Self { lba, is_valid, entries })
    }
}

impl Entry {
    fn parse(entry: &[u8], platform: u8, pages: &mut Pages) -> Self {
        let lba = u32_le(entry, 8);
        let loaded = u64::from(u16_le(entry, 6)) * 512;
        let (emulation, bytes) = match entry[1] & 0x0F {
            1 => (Emulation::Floppy, 1_228_800),
            2 => (Emulation::Floppy, 1_474_560),
            3 => (Emulation::Floppy, 2_949_120),
            4 => (Emulation::HardDisk, loaded),
            _ => (Emulation::None, loaded),
        };
        let platform = match platform {
            0 => Platform::Bios,
            EFI => Platform::Efi,
            _ => Platform::Other,
        };
        // For UEFI the number of sectors is often 0 or 1, or does not fit in 16 bits: the file system knows.
        let fat = if platform == Platform::Efi { Fat::read(pages, u64::from(lba) * SECTOR) } else { None };
        let bytes = bytes.max(fat.map_or(0, |fat| fat.bytes));
        Self { platform, bootable: entry[0] == 0x88, emulation, lba, bytes }
    }
}
