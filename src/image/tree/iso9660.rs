//! ISO 9660 (ECMA-119), plain, with Rock Ridge, and as Joliet has it.

use super::rock_ridge::{self, RockRidge};
use super::{Kind, Piece, Source, Tree, Trees, Walk, Why, sectors};
use crate::image::iso9660::is_joliet;
use crate::image::{Sector, u16_be, u32_be, u32_le};
use crate::mmc::{Extent, SECTOR};

/// Descriptors that are looked at; real sets have three to six.
const DESCRIPTORS: u32 = 32;

/// One hierarchy.
#[derive(Debug, Clone)]
pub(super) struct Volume {
    pub(super) tree: Tree,
    root: Record,
    /// Added to each LBA: mastered sessions count from their own beginning.
    base: u32,
    /// Bytes of a System Use field that are not Rock Ridge's.
    skipped: usize,
}

/// A directory record (ECMA-119, 9.1).
#[derive(Debug, Clone)]
struct Record {
    lba: u32,
    /// Sectors of the extended attribute record in front of the data.
    attributes: u32,
    size: u32,
    flags: u8,
    is_interleaved: bool,
    name: Vec<u8>,
    system_use: Vec<u8>,
}

/// Flags of a record.
const DIRECTORY: u8 = 0x02;
const CONTINUES: u8 = 0x80;

impl Record {
    /// Parses the record that `bytes` begin with: as long as its first byte says.
    fn parse(bytes: &[u8], base: u32) -> Option<Self> {
        let record = bytes.get(..usize::from(*bytes.first()?))?;
        let name = record.get(33..33 + usize::from(*record.get(32)?))?;
        // A name of even length is followed by a byte of padding.
        let field = 33 + name.len() + (name.len() + 1) % 2;
        Some(Self {
            lba: u32_le(record, 2).checked_add(base)?,
            attributes: record[1].into(),
            size: u32_le(record, 10),
            flags: record[25],
            is_interleaved: record[26] != 0 || record[27] != 0,
            name: name.to_vec(),
            system_use: record.get(field..).unwrap_or_default().to_vec(),
        })
    }

    fn piece(&self) -> Piece {
        Piece { first: Some(self.lba.saturating_add(self.attributes)), bytes: self.size.into() }
    }

    /// The directory itself, and its parent.
    fn is_dot(&self) -> bool {
        matches!(self.name.as_slice(), [0 | 1])
    }
}

/// Looks for the hierarchies of the session at `start`.
pub(super) fn find(start: u32, source: &mut Source<'_>, trees: &mut Trees) {
    let first = start.saturating_add(16);
    let (mut found, mut unread, mut last) = (false, false, first);
    let mut structures = Vec::new();
    for lba in first..first.saturating_add(DESCRIPTORS) {
        let Some(sector) = source.sector(lba) else {
            unread = true;
            continue;
        };
        if &sector[1..6] != b"CD001" {
            break;
        }
        (found, last) = (true, lba);
        match sector[0] {
            0 if sector[7..].starts_with(b"EL TORITO SPECIFICATION") => {
                structures.push(("boot catalog", Extent { first: u32_le(&sector, 71), count: 1 }));
            }
            1 => hierarchy(start, Tree::Iso9660, &sector, source, trees, &mut structures),
            2 if is_joliet(&sector) => {
                hierarchy(start, Tree::Joliet, &sector, source, trees, &mut structures);
            }
            0xff => break,
            _ => {}
        }
    }
    if found {
        structures.push(("volume descriptor", Extent::between(first, last + 1)));
        structures.push(("system area", Extent { first: start, count: 16 }));
    }
    let is_known = |tree| trees.volumes.iter().any(|volume| volume.tree() == tree);
    if unread && !is_known(Tree::Iso9660) && !is_known(Tree::RockRidge) {
        trees.unknown.push((Tree::Iso9660, Why::Unread));
    }
    trees.structures.extend(structures.into_iter().map(|(what, extent)| (Tree::Iso9660, what, extent)));
}

/// The hierarchy of one descriptor, and its path tables.
fn hierarchy(
    start: u32,
    tree: Tree,
    descriptor: &Sector,
    source: &mut Source<'_>,
    trees: &mut Trees,
    structures: &mut Vec<(&'static str, Extent)>,
) {
    let Some(root) = Record::parse(&descriptor[156..190], 0).filter(|root| root.size > 0) else {
        return trees.unknown.push((tree, Why::Nonsense));
    };
    // What lies at a root begins with a record of itself.
    let mut own = |base: u32| {
        let sector = source.sector(root.lba.checked_add(base)?);
        sector.map(|sector| Record::parse(&sector, 0).filter(|own| own.name == [0] && own.lba == root.lba))
    };
    let (absolute, relative) = (own(0), if start > 0 { own(start) } else { None });
    let (base, own) = match (absolute, relative) {
        (Some(Some(own)), _) => (0, Some(own)),
        (_, Some(Some(own))) => (start, Some(own)),
        (None, _) => (0, None),
        (Some(None), _) => return trees.unknown.push((tree, Why::Nonsense)),
    };
    // Where the root's own record was not read, there may be Rock Ridge, and almost always from the first byte on.
    let skipped = own.map_or(Some(0), |own| rock_ridge::skipped(&own.system_use)).filter(|_| tree == Tree::Iso9660);
    let tree = if skipped.is_some() { Tree::RockRidge } else { tree };
    let root = Record { lba: root.lba.saturating_add(base), ..root };
    trees.volumes.push(super::Volume::Iso9660(Volume { tree, root, base, skipped: skipped.unwrap_or(0) }));
    let count = sectors(u32_le(descriptor, 132).into());
    let tables = [u32_le(descriptor, 140), u32_le(descriptor, 144), u32_be(descriptor, 148), u32_be(descriptor, 152)];
    for first in tables.into_iter().filter(|&lba| lba != 0) {
        structures.push(("path table", Extent { first: first.saturating_add(base), count }));
    }
}

impl Volume {
    /// The same files by other names.
    pub(super) fn named_by(&self, tree: Tree) -> Self {
        Self { tree, ..self.clone() }
    }

    pub(super) fn walk(&self, walk: &mut Walk<'_, '_>) {
        self.directory(&self.root, walk);
    }

    fn directory(&self, directory: &Record, walk: &mut Walk<'_, '_>) {
        let piece = directory.piece();
        walk.entry(Kind::Directory, (&[piece], &[]), piece.bytes);
        let Some(extent) = piece.extent() else { return };
        walk.enter(extent.first, |walk| self.records(extent, walk));
    }

    /// Goes through the records of a directory. None of them crosses the border of a sector (ECMA-119, 6.8.1.1).
    fn records(&self, extent: Extent, walk: &mut Walk<'_, '_>) {
        let (mut unread, mut nonsense) = (false, false);
        let mut pieces: Vec<Piece> = Vec::new();
        for lba in extent.first..extent.end() {
            if !walk.has_room() {
                return walk.unknown(Why::Excess);
            }
            let Some(sector) = walk.source.boxed(lba) else {
                unread = true;
                pieces.clear();
                continue;
            };
            let mut at = 0;
            while at < SECTOR && sector[at] != 0 {
                let Some(record) = Record::parse(&sector[at..], self.base) else {
                    nonsense = true;
                    break;
                };
                at += usize::from(sector[at]);
                if record.is_dot() {
                    continue;
                }
                pieces.push(record.piece());
                // A file of several parts has a record for each.
                if record.flags & CONTINUES == 0 {
                    self.record(&record, &pieces, walk);
                    pieces.clear();
                }
            }
        }
        if unread {
            walk.unknown(Why::Unread);
        }
        if nonsense {
            walk.unknown(Why::Nonsense);
        }
    }

    /// Tells of what a record names.
    fn record(&self, record: &Record, pieces: &[Piece], walk: &mut Walk<'_, '_>) {
        let field = record.system_use.get(self.skipped..).filter(|_| self.tree == Tree::RockRidge).unwrap_or_default();
        let posix = RockRidge::parse(field, self.base, &mut walk.source);
        for &extent in &posix.continued {
            walk.structure("Rock Ridge continuation area", extent);
        }
        if posix.is_relocated {
            // It stands where its parent is, and is told of there.
            return walk.structure("relocated directory", Extent { first: record.lba, count: sectors(record.size.into()) });
        }
        let name = posix.name.unwrap_or_else(|| self.plain_name(&record.name));
        walk.below(&name, |walk| {
            if record.attributes > 0 {
                walk.structure("extended attribute record", Extent { first: record.lba, count: record.attributes });
            }
            if let Some(child) = posix.child {
                self.relocated(child, walk);
            } else if record.is_interleaved {
                walk.unknown(Why::NotCovered);
            } else if record.flags & DIRECTORY != 0 {
                self.directory(record, walk);
            } else {
                let kind = posix.link.map_or(Kind::File, Kind::Link);
                walk.entry(kind, (pieces, &[]), pieces.iter().map(|piece| piece.bytes).sum());
            }
        });
    }

    /// A directory of which only its place is known: its own record says how long it is.
    fn relocated(&self, lba: u32, walk: &mut Walk<'_, '_>) {
        match walk.source.boxed(lba).map(|sector| Record::parse(&sector[..], self.base).filter(|own| own.name == [0])) {
            None => {
                walk.structure("relocated directory", Extent { first: lba, count: 1 });
                walk.unknown(Why::Unread);
            }
            Some(Some(own)) if own.lba == lba => self.directory(&own, walk),
            Some(_) => walk.unknown(Why::Nonsense),
        }
    }

    /// The name in a record, without version and the dot of an empty extension.
    fn plain_name(&self, name: &[u8]) -> String {
        let text = match self.tree {
            Tree::Joliet => String::from_utf16_lossy(&name.chunks_exact(2).map(|unit| u16_be(unit, 0)).collect::<Vec<_>>()),
            _ => String::from_utf8_lossy(name).into_owned(),
        };
        let text = text.split(';').next().unwrap_or_default();
        text.strip_suffix('.').unwrap_or(text).to_string()
    }
}
