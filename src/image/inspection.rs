//! All that an image tells of itself.

#[cfg(test)]
mod tests;

use serde::Serialize;

use super::Sector;
use super::boot::{self, Answer, Row, Tables};
use super::class::{Class, Looks};
use super::el_torito::Catalog;
use super::fat::Fat;
use super::length::{self, Claim, Length, Verdict, Weight};
use super::names::{Descriptors, Names};
use super::packed::Packed;
use super::pages::{Pages, Read};
use super::partitions::{Partition, gpt::SECTORS};
use super::signature::{self, Kind, Signature};
use super::tree::survey::{Difference, Summary, Survey};
use super::tree::{Trees, Why};

/// Bytes of a sector of a disc.
const SECTOR: u64 = 2048;

/// What begins a raw sector of a CD (ECMA-130, 14.2).
const SYNC: [u8; 12] = [0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0];

/// All that an image tells of itself. Names in it are from outside: escape them before a terminal sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// What kind of image it is.
    pub class: Class,
    /// How it is packed.
    pub packed: Option<&'static str>,
    /// How long it is.
    pub length: Length,
    /// What boots from it.
    pub boot: Vec<Row>,
    /// El Torito's catalog.
    pub catalog: Option<Catalog>,
    /// Partitions: of a hybrid those of both tables.
    pub partitions: Vec<Partition>,
    /// Bytes of the sectors that tables and file systems were made for, where they say so.
    pub sector: Option<u32>,
    /// What else says of itself what it is.
    pub signatures: Vec<Signature>,
    /// First sector of each session.
    pub sessions: Vec<u32>,
    /// What it calls itself.
    pub names: Names,
    /// Its trees of names.
    pub trees: Vec<Summary>,
    /// In what the trees differ.
    pub differences: Vec<Difference>,
    /// Checksums that lie in it, by name: what they say is not looked at.
    pub checksums: Vec<String>,
    /// Where it contradicts itself.
    pub contradictions: Vec<String>,
}

impl Inspection {
    /// Looks at `size` bytes in sectors of `sector` bytes (1 for a file), which `read` brings as [`signature::find`] asks for them. It
    /// takes some hundred reads, the trees as many as they have directories. `listed` are the first sectors of the sessions that a disc
    /// lists; without any, each is looked for where the one before ends.
    pub fn of(size: u64, sector: u32, listed: &[u32], read: Read) -> Self {
        let signatures = signature::find(size, sector, read);
        let sessions = sessions(size, sector, listed, read);
        let session = sessions.last().copied().unwrap_or(0);
        let survey = Survey::of(&trees_of(session, size, sector, read), &mut sectors(size, sector, read));
        let is_windows = survey.is_windows();
        let by_el_torito = if is_windows { Answer::No } else { Answer::Depends };
        let (mut tables, mut claims, mut boot, mut found, mut made_for) = Default::default();
        let (mut packed, mut is_raw) = (None, false);
        if let Some(mut pages) = Pages::thorough(size, sector, read) {
            tables = Tables::read(&mut pages, session);
            claims = length::claims(&mut pages, &tables, &sessions);
            boot = boot::matrix(&mut pages, &tables, by_el_torito);
            found = Descriptors::read(&mut pages, session);
            made_for = sector_of(&mut pages, &tables);
            packed = pages.bytes(0, 8).and_then(|head| Packed::find(&head)).map(|packed| packed.name);
            is_raw = pages.has(0, &SYNC);
        }
        claims.extend(survey.last.as_ref().map(|(_, end)| Claim {
            what: "the file that lies last".into(),
            end: *end,
            weight: Weight::Needs,
        }));
        let Descriptors { names, mut contradictions, checksums } = found;
        contradictions.extend(contradicted(&tables, &signatures, &survey));
        let has = |kinds: &[Kind]| signatures.iter().any(|signature| kinds.contains(&signature.kind));
        let looks = Looks {
            is_packed: packed.is_some(),
            is_raw,
            is_windows,
            has_volume: has(&[Kind::Iso9660, Kind::Udf]),
            has_partitions: !tables.partitions.is_empty(),
            has_signature: !signatures.is_empty() || !claims.is_empty(),
            boot: &boot,
        };
        Self {
            class: looks.class(),
            packed,
            length: Length::of(claims, size, sector, read),
            boot,
            catalog: tables.catalog,
            partitions: tables.partitions,
            sector: made_for,
            signatures,
            sessions,
            names,
            trees: survey.trees,
            differences: survey.differences,
            checksums: checksums.iter().chain(&survey.checksums).map(ToString::to_string).collect(),
            contradictions,
        }
    }

    /// Bytes that are missing at its end.
    pub fn missing(&self) -> u64 {
        match self.length.verdict {
            Verdict::Truncated { missing } => missing,
            _ => 0,
        }
    }

    /// What a person should know before it is written to a medium with sectors of `sector` bytes, and what to do instead.
    pub fn warnings(&self, sector: u32) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.missing() > 0 {
            warnings.push(format!("it is truncated: {} bytes are missing at its end; get it anew", self.missing()));
        }
        if matches!(self.class, Class::WindowsInstaller | Class::DiscOnly | Class::RawSectors) {
            let advice = self.class.advice().unwrap_or_default();
            warnings.push(format!("{}: {advice}", self.class.name()));
        }
        // A regular file has no sectors.
        if let Some(made_for) = self.sector.filter(|&made_for| made_for != sector && sector > 1) {
            warnings.push(format!(
                "it is made for sectors of {made_for} bytes, and this medium has {sector}: its partitions will not be found; get the image for such media"
            ));
        }
        warnings
    }
}

/// The trees of names of the last session. The arguments are those of [`Inspection::of`].
pub fn trees(size: u64, sector: u32, listed: &[u32], read: Read) -> Trees {
    let last = sessions(size, sector, listed, read).last().copied();
    trees_of(last.unwrap_or(0), size, sector, read)
}

/// The first sector of each session, in order.
fn sessions(size: u64, sector: u32, listed: &[u32], read: Read) -> Vec<u32> {
    let mut sessions = listed.to_vec();
    sessions.sort_unstable();
    if sessions.is_empty()
        && let Some(mut pages) = Pages::thorough(size, sector, read)
    {
        sessions = length::sessions(&mut pages);
    }
    sessions
}

fn trees_of(session: u32, size: u64, sector: u32, read: Read) -> Trees {
    Trees::find(session, u32::try_from(size / SECTOR).unwrap_or(u32::MAX), &mut sectors(size, sector, read))
}

/// Reads sectors of 2048 bytes, as trees count them, of a medium that may have others.
pub fn sectors(size: u64, sector: u32, read: Read) -> impl FnMut(u32) -> Option<Sector> {
    let unit = u64::from(sector.max(1));
    move |lba| {
        let at = u64::from(lba) * SECTOR;
        let skip = at % unit;
        let length = (skip + SECTOR).next_multiple_of(unit);
        let bytes = (at - skip + length <= size).then(|| read(at - skip, length as usize))??;
        bytes.get(skip as usize..)?.first_chunk().copied()
    }
}

/// The sectors that a GPT was made for, or else the first file system that says so.
fn sector_of(pages: &mut Pages, tables: &Tables) -> Option<u32> {
    if let Some(gpt) = tables.gpt {
        return Some(gpt.sector);
    }
    // An MBR counts sectors and does not say how long they are: its partitions begin elsewhere in longer ones.
    let units = u64::from(SECTORS[1] / SECTORS[0]);
    let starts = tables.partitions.iter().flat_map(|partition| [partition.start, partition.start.saturating_mul(units)]);
    std::iter::once(0).chain(starts).find_map(|start| Fat::read(pages, start)).map(|fat| fat.sector)
}

/// Where structures contradict each other.
fn contradicted(tables: &Tables, signatures: &[Signature], survey: &Survey) -> Vec<String> {
    let mut found = Vec::new();
    if tables.catalog.as_ref().is_some_and(|catalog| !catalog.is_valid) {
        found.push("the checksum of El Torito's boot catalog is wrong".into());
    }
    let is_there = |kind| signatures.iter().any(|signature| signature.kind == kind);
    match tables.gpt {
        Some(gpt) if gpt.is_backup() => found.push("the GPT at the beginning is damaged; its backup is whole".into()),
        Some(_) if !is_there(Kind::GptBackup) => found.push("the GPT has no backup where it says, or a damaged one".into()),
        None if is_there(Kind::Gpt) => found.push("the GPT is damaged, and so is its backup".into()),
        _ => {}
    }
    for summary in &survey.trees {
        let nonsense = summary.unknown.iter().filter(|(why, _)| matches!(why, Why::Nonsense | Why::Excess));
        let count: u64 = nonsense.map(|(_, count)| count).sum();
        if count > 0 {
            found.push(format!("{count} directories or files of {} make no sense", summary.tree.name()));
        }
    }
    found
}
