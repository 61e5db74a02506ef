//! What boots from an image, where, and why: each firmware, from a disc and from a stick.

mod code;
mod esp;

use serde::Serialize;

use super::el_torito::{Catalog, Emulation, Platform};
use super::pages::Pages;
use super::partitions::gpt::{Header, SECTORS};
use super::partitions::mbr::Mbr;
use super::partitions::{Partition, types};
use esp::Esp;

/// The firmware of a computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Firmware {
    /// BIOS of a PC, or UEFI that plays one.
    Bios,
    /// UEFI on 64-bit PCs.
    UefiX64,
    /// UEFI on 32-bit PCs.
    UefiIa32,
    /// UEFI on 64-bit ARM.
    UefiAa64,
    /// UEFI on 64-bit RISC-V.
    UefiRiscv64,
}

impl Firmware {
    /// All that are told of.
    pub const ALL: [Self; 5] = [Self::Bios, Self::UefiX64, Self::UefiIa32, Self::UefiAa64, Self::UefiRiscv64];

    /// Its name for a person.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bios => "BIOS",
            Self::UefiX64 => "UEFI x64",
            Self::UefiIa32 => "UEFI ia32",
            Self::UefiAa64 => "UEFI aa64",
            Self::UefiRiscv64 => "UEFI riscv64",
        }
    }
}

/// Whether it boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// It does not.
    No,
    /// With some firmware.
    Depends,
    /// All is there that has to be.
    Yes,
}

/// One answer, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// Whether it boots.
    pub answer: Answer,
    /// What was found, or is missing. Nothing in it is from outside.
    pub evidence: String,
}

impl Cell {
    fn new(answer: Answer, evidence: impl Into<String>) -> Self {
        Self { answer, evidence: evidence.into() }
    }
}

/// What one firmware makes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Which.
    pub firmware: Firmware,
    /// When it is burnt to a disc.
    pub disc: Cell,
    /// When it is written to a stick as it is.
    pub stick: Cell,
}

/// The tables and the catalog that firmware looks at.
#[derive(Debug, Clone, Default)]
pub(super) struct Tables {
    pub(super) catalog: Option<Catalog>,
    pub(super) mbr: Option<Mbr>,
    /// A header that is whole.
    pub(super) gpt: Option<Header>,
    /// What a GPT lists, or else the MBR; of a hybrid both.
    pub(super) partitions: Vec<Partition>,
}

impl Tables {
    /// Reads them. `session` is the first sector of the session that counts.
    pub(super) fn read(pages: &mut Pages, session: u32) -> Self {
        let catalog = Catalog::read(pages, session);
        let boots = super::signature::boot::find(pages).is_some();
        let mbr = if boots { None } else { Mbr::read(pages) };
        let headers = [Header::primary, Header::backup];
        let gpt = headers.into_iter().find_map(|header| SECTORS.into_iter().find_map(|sector| header(pages, sector)));
        let sector = gpt.map_or(SECTORS[0], |gpt| gpt.sector);
        let mut partitions = gpt.and_then(|gpt| gpt.partitions(pages)).unwrap_or_default();
        let listed = mbr.map(|mbr| mbr.partitions(pages, sector)).unwrap_or_default();
        for partition in listed.into_iter().filter(|partition| partition.kind != types::PROTECTIVE) {
            if !partitions.iter().any(|known| (known.start, &known.kind) == (partition.start, &partition.kind)) {
                partitions.push(partition);
            }
        }
        Self { catalog, mbr, gpt, partitions }
    }
}

/// Looks what boots. `by_el_torito` is what to expect of firmware that finds on a stick nothing but El Torito's catalog.
pub(super) fn matrix(pages: &mut Pages, tables: &Tables, by_el_torito: Answer) -> Vec<Row> {
    let (discs, sticks) = (esps_of_disc(pages, tables), esps_of_stick(pages, tables, by_el_torito));
    let rows = Firmware::ALL.into_iter().map(|firmware| match firmware {
        Firmware::Bios => Row { firmware, disc: bios_disc(pages, tables), stick: code::bios_stick(pages, tables) },
        _ => Row {
            firmware,
            disc: esp::cell(firmware, &discs, "no El Torito entry for UEFI"),
            stick: esp::cell(firmware, &sticks, "no EFI system partition"),
        },
    });
    rows.collect()
}

/// A BIOS starts what El Torito's catalog has for it.
fn bios_disc(pages: &mut Pages, tables: &Tables) -> Cell {
    let Some(catalog) = &tables.catalog else { return Cell::new(Answer::No, "no El Torito catalog") };
    if !catalog.is_valid {
        return Cell::new(Answer::No, "the checksum of El Torito's catalog is wrong");
    }
    let entry = catalog.entries.iter().find(|entry| entry.platform == Platform::Bios && entry.bootable);
    let Some(entry) = entry else { return Cell::new(Answer::No, "no El Torito entry for BIOS") };
    let how = match entry.emulation {
        Emulation::None => "",
        Emulation::Floppy => ", as a floppy disk",
        Emulation::HardDisk => ", as a hard disk",
    };
    let evidence = format!("El Torito, sector {}{how}", entry.lba);
    match pages.bytes(entry.start(), 512) {
        _ if entry.end() > pages.size() => Cell::new(Answer::No, format!("{evidence}, which is cut off")),
        None => Cell::new(Answer::Depends, format!("{evidence}, which can't be read")),
        Some(code) if code.iter().all(|&byte| byte == 0) => Cell::new(Answer::No, format!("{evidence}, where nothing is")),
        Some(_) => Cell::new(Answer::Yes, evidence),
    }
}

/// Where UEFI looks on a disc.
fn esps_of_disc(pages: &mut Pages, tables: &Tables) -> Vec<Esp> {
    let Some(catalog) = tables.catalog.as_ref().filter(|catalog| catalog.is_valid) else { return Vec::new() };
    let entries = catalog.entries.iter().filter(|entry| entry.platform == Platform::Efi && entry.bootable);
    let esp = |entry: &super::el_torito::Entry| {
        let place = format!("El Torito's image at sector {}", entry.lba);
        Esp::read(pages, entry.start()..entry.end(), place, Answer::Yes)
    };
    entries.map(esp).collect()
}

/// Where UEFI looks on a stick: a system partition, then any other with a FAT, then, some of it, where it would on a disc.
fn esps_of_stick(pages: &mut Pages, tables: &Tables, by_el_torito: Answer) -> Vec<Esp> {
    let mut esps = Vec::new();
    for partition in &tables.partitions {
        let is_esp = partition.kind == types::ESP;
        let range = partition.start..partition.start.saturating_add(partition.bytes);
        let (trust, kind) = if is_esp { (Answer::Yes, "EFI system") } else { (Answer::Depends, "not marked as EFI system") };
        let esp = Esp::read(pages, range, format!("partition {} ({kind})", partition.number), trust);
        esps.extend(Some(esp).filter(|esp| is_esp || esp.has_programs()));
    }
    if tables.mbr.is_none() && tables.gpt.is_none() {
        let esp = Esp::read(pages, 0..pages.size(), "the file system without partitions".into(), Answer::Yes);
        esps.extend(Some(esp).filter(Esp::has_programs));
    }
    let discs = esps_of_disc(pages, tables).into_iter();
    esps.extend(discs.map(|esp| esp.trusted(by_el_torito, " alone, where not all firmware looks on a stick")));
    esps
}
