//! What UEFI starts: programs of a fixed name in a FAT (UEFI specification 2.10, 3.5.1.1), made for its processor.

use std::ops::Range;

use super::{Answer, Cell, Firmware};
use crate::image::fat::Fat;
use crate::image::pages::Pages;
use crate::image::{u16_le, u32_le};

/// Bytes of a program that are looked at: its header lies behind a stub for DOS, or more.
const HEADER: usize = 4096;

/// A place where UEFI looks, and what is there.
pub(super) struct Esp {
    /// For a person.
    place: String,
    /// The answer where the right program is in it.
    trust: Answer,
    /// Why that is not a yes; empty where it is.
    doubt: &'static str,
    programs: Programs,
}

enum Programs {
    Found(Vec<(Firmware, Machine)>),
    /// It lies, at least in part, beyond the end.
    CutOff,
    /// No FAT, or one that can't be read.
    Unreadable,
}

/// For which processor a program was made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Machine {
    /// That of the firmware that would start it.
    Right,
    /// Another one: its number (PE/COFF specification, "Machine Types").
    Other(u16),
    /// It is no program, or can't be read.
    Unknown,
}

/// The name that a firmware looks for, and the machine of what it can run.
fn program(firmware: Firmware) -> Option<(&'static str, u16)> {
    match firmware {
        Firmware::Bios => None,
        Firmware::UefiX64 => Some(("BOOTX64.EFI", 0x8664)),
        Firmware::UefiIa32 => Some(("BOOTIA32.EFI", 0x014C)),
        Firmware::UefiAa64 => Some(("BOOTAA64.EFI", 0xAA64)),
        Firmware::UefiRiscv64 => Some(("BOOTRISCV64.EFI", 0x5064)),
    }
}

impl Esp {
    /// Looks into the file system in these bytes.
    pub(super) fn read(pages: &mut Pages, range: Range<u64>, place: String, trust: Answer) -> Self {
        let programs = match Self::programs(pages, range.start) {
            Some(found) => Programs::Found(found),
            None if range.end > pages.size() => Programs::CutOff,
            None => Programs::Unreadable,
        };
        Self { place, trust, doubt: "", programs }
    }

    fn programs(pages: &mut Pages, at: u64) -> Option<Vec<(Firmware, Machine)>> {
        let fat = Fat::read(pages, at)?;
        let entries = fat.list(pages, at, &["EFI", "BOOT"])?;
        let mut found = Vec::new();
        for firmware in Firmware::ALL {
            let Some((name, right)) = program(firmware) else { continue };
            let Some(entry) = entries.iter().find(|entry| entry.name.eq_ignore_ascii_case(name)) else { continue };
            let header = fat.head(pages, at, entry, HEADER).unwrap_or_default();
            found.push((
                firmware,
                match machine(&header) {
                    Some(machine) if machine == right => Machine::Right,
                    Some(machine) => Machine::Other(machine),
                    None => Machine::Unknown,
                },
            ));
        }
        Some(found)
    }

    /// True when a firmware would find something to start.
    pub(super) fn has_programs(&self) -> bool {
        matches!(&self.programs, Programs::Found(found) if !found.is_empty())
    }

    /// The same place where it is trusted less, and why.
    pub(super) fn trusted(self, trust: Answer, doubt: &'static str) -> Self {
        Self { trust, doubt, ..self }
    }

    fn cell(&self, firmware: Firmware, name: &str) -> Cell {
        let place = &self.place;
        let found = match &self.programs {
            Programs::Found(found) => found.iter().find(|(its, _)| *its == firmware),
            Programs::CutOff => return Cell::new(Answer::No, format!("{place} is cut off")),
            Programs::Unreadable => return Cell::new(self.trust.min(Answer::Depends), format!("{place} can't be read")),
        };
        match found {
            Some((_, Machine::Right)) => Cell::new(self.trust, format!("{name} in {place}{}", self.doubt)),
            Some((_, Machine::Other(machine))) => {
                Cell::new(Answer::No, format!("{name} in {place} is for another processor ({machine:04X}h)"))
            }
            Some((_, Machine::Unknown)) => {
                Cell::new(self.trust.min(Answer::Depends), format!("{name} in {place} is no program that can be read"))
            }
            None => Cell::new(Answer::No, format!("no {name} in {place}")),
        }
    }
}

/// The best of several places; `none` where there is no place at all.
pub(super) fn cell(firmware: Firmware, esps: &[Esp], none: &str) -> Cell {
    let Some((name, _)) = program(firmware) else { return Cell::new(Answer::No, none) };
    let mut cells = esps.iter().map(|esp| esp.cell(firmware, name));
    let first = cells.next().unwrap_or_else(|| Cell::new(Answer::No, none));
    cells.fold(first, |best, cell| if cell.answer > best.answer { cell } else { best })
}

/// The machine word of a program (PE/COFF specification, "MS-DOS Stub" and "COFF File Header").
fn machine(header: &[u8]) -> Option<u16> {
    let at = usize::try_from(u32_le(header, 0x3C)).ok().filter(|_| header.starts_with(b"MZ"))?;
    header.get(at..at.checked_add(6)?)?.strip_prefix(b"PE\0\0").map(|machine| u16_le(machine, 0))
}
