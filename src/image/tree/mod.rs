//! The trees of names that the file systems of a disc hold: which file lies in which sectors.
//!
//! [`Trees::find`] looks for them in a track, [`Trees::walk`] goes through them and keeps nothing, so that a disc of a million files takes
//! no more memory than a small one. Both live with sectors that were not read: what is lost by that is told, and the rest is found.

mod iso9660;
mod rock_ridge;
pub mod survey;
#[cfg(test)]
mod tests;
mod udf;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::Sector;
use crate::mmc::{Extent, SECTOR};

/// Gives a sector by its LBA; `None` where it was not read.
pub type Read<'a> = &'a mut dyn FnMut(u32) -> Option<Sector>;

/// Takes what a walk finds.
pub type Visit<'a> = &'a mut dyn FnMut(Tree, Found<'_>);

/// Sectors that one walk may read, whatever the bytes say: a million files need one each in UDF, and some for their directories.
const READS: u32 = 4_000_000;

/// Files and directories that one walk tells of. The largest collections on a BD have some 100,000.
const ENTRIES: u32 = 2_000_000;

/// Directories in each other. ISO 9660 allows 8 (ECMA-119, 6.8.2.1); with a path of 1023 bytes UDF can't have many more than this.
const DEPTH: usize = 128;

/// Bytes of a path: Linux has none that are longer (PATH_MAX).
const PATH: usize = 4096;

/// Whose names they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tree {
    /// UDF.
    Udf,
    /// ISO 9660 with Rock Ridge.
    RockRidge,
    /// Joliet.
    Joliet,
    /// ISO 9660 alone.
    Iso9660,
}

impl Tree {
    /// Its name for a person.
    pub fn name(self) -> &'static str {
        match self {
            Self::Udf => "UDF",
            Self::RockRidge => "Rock Ridge",
            Self::Joliet => "Joliet",
            Self::Iso9660 => "ISO 9660",
        }
    }
}

/// Something that a walk found. Names are from outside: escape them before a terminal sees them.
#[derive(Debug)]
pub enum Found<'a> {
    /// A file or a directory.
    Entry(Entry<'a>),
    /// Sectors that the file system needs for itself, other than its directories.
    Structure(&'static str, Extent),
    /// What lies at or below this path is not known, or not all of it.
    Unknown(&'a str, Why),
}

/// A file or a directory.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Its path from the root, which is `/`. A slash within a name is shown as `_`.
    pub path: &'a str,
    /// What it is.
    pub kind: Kind,
    /// Where its bytes lie, in order. None for a file that is empty, or so small that it lies in its own entry.
    pub pieces: &'a [Piece],
    /// The bytes of such a small one.
    pub inline: &'a [u8],
    /// Bytes.
    pub size: u64,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A file, or what else has bytes.
    File,
    /// A symbolic link to this path.
    Link(String),
}

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// First LBA; `None` for zeros that take no sector.
    pub first: Option<u32>,
    /// Bytes, from the beginning of that sector.
    pub bytes: u64,
}

impl Piece {
    /// The sectors it lies in, the last one perhaps in part.
    pub fn extent(self) -> Option<Extent> {
        Some(Extent { first: self.first?, count: sectors(self.bytes) })
    }
}

/// Why something is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The sectors that tell it were not read.
    Unread,
    /// What they say makes no sense.
    Nonsense,
    /// Its files are interleaved, or the partition is of a kind that is not read here.
    NotCovered,
    /// A directory that was seen before, nesting without end, or more than any disc has.
    Excess,
}

/// The trees of one session.
#[derive(Debug, Default)]
pub struct Trees {
    /// Best names first.
    volumes: Vec<Volume>,
    structures: Vec<(Tree, &'static str, Extent)>,
    unknown: Vec<(Tree, Why)>,
}

#[derive(Debug)]
enum Volume {
    Iso9660(iso9660::Volume),
    Udf(udf::Volume),
}

impl Trees {
    /// Looks for trees in the session whose first track begins at `start`, on a disc of `end` sectors.
    pub fn find(start: u32, end: u32, read: Read<'_>) -> Self {
        let mut trees = Self::default();
        let mut source = Source { read, left: READS };
        udf::find(start, end, &mut source, &mut trees);
        iso9660::find(start, &mut source, &mut trees);
        trees.volumes.sort_by_key(|volume| match volume.tree() {
            Tree::Udf => 0,
            Tree::RockRidge => 1,
            Tree::Joliet => 2,
            Tree::Iso9660 => 3,
        });
        trees
    }

    /// Those that were found, best names first.
    pub fn names(&self) -> impl Iterator<Item = Tree> + '_ {
        self.volumes.iter().map(Volume::tree)
    }

    /// All names that there are, best first: Rock Ridge's files have plain names as well.
    pub fn offers(&self) -> impl Iterator<Item = Tree> + '_ {
        let all = [Tree::Udf, Tree::RockRidge, Tree::Joliet, Tree::Iso9660];
        all.into_iter().filter(|&tree| self.volumes.iter().any(|volume| volume.has(tree)))
    }

    /// Goes through one tree. False when there is no such tree.
    pub fn walk_one(&self, tree: Tree, read: Read<'_>, visit: Visit<'_>) -> bool {
        match self.volumes.iter().find(|volume| volume.has(tree)) {
            Some(Volume::Iso9660(volume)) => Volume::Iso9660(volume.named_by(tree)).walk(read, visit),
            Some(udf) => udf.walk(read, visit),
            None => return false,
        }
        true
    }

    /// Goes through all trees, the one with the best names first. A file that several of them name is found in each.
    pub fn walk(&self, read: Read<'_>, visit: Visit<'_>) {
        for volume in &self.volumes {
            volume.walk(read, visit);
        }
        for &(tree, why) in &self.unknown {
            visit(tree, Found::Unknown("/", why));
        }
        // After the walks: what a directory lies in bears its name, though it lies in one of these as well.
        for &(tree, what, extent) in &self.structures {
            visit(tree, Found::Structure(what, extent));
        }
    }
}

impl Volume {
    /// True when it has names of this tree. What Rock Ridge names has plain names as well.
    fn has(&self, tree: Tree) -> bool {
        self.tree() == tree || (self.tree(), tree) == (Tree::RockRidge, Tree::Iso9660)
    }

    fn walk(&self, read: Read<'_>, visit: Visit<'_>) {
        let mut walk = Walk::new(Source { read, left: READS }, self.tree(), visit);
        match self {
            Self::Iso9660(volume) => volume.walk(&mut walk),
            Self::Udf(volume) => volume.walk(&mut walk),
        }
    }

    fn tree(&self) -> Tree {
        match self {
            Self::Iso9660(volume) => volume.tree,
            Self::Udf(_) => Tree::Udf,
        }
    }
}

/// The disc, and how much of it may still be asked for.
struct Source<'a> {
    read: Read<'a>,
    left: u32,
}

impl Source<'_> {
    fn sector(&mut self, lba: u32) -> Option<Sector> {
        self.left = self.left.checked_sub(1)?;
        (self.read)(lba)
    }

    /// A sector that takes no stack: directories in each other hold one each.
    #[inline(never)]
    fn boxed(&mut self, lba: u32) -> Option<Box<Sector>> {
        self.sector(lba).map(Box::new)
    }
}

/// A walk through one tree.
struct Walk<'a, 'v> {
    source: Source<'a>,
    tree: Tree,
    visit: &'v mut dyn FnMut(Tree, Found<'_>),
    /// Of the directory that is being read; empty for the root.
    path: String,
    depth: usize,
    /// First LBA of each directory, so that none is read twice.
    seen: HashSet<u32>,
    entries: u32,
}

impl<'a, 'v> Walk<'a, 'v> {
    fn new(source: Source<'a>, tree: Tree, visit: &'v mut dyn FnMut(Tree, Found<'_>)) -> Self {
        Self { source, tree, visit, path: String::new(), depth: 0, seen: HashSet::new(), entries: 0 }
    }

    /// Tells of something at the present path.
    fn entry(&mut self, kind: Kind, (pieces, inline): (&[Piece], &[u8]), size: u64) {
        self.entries += 1;
        let path = if self.path.is_empty() { "/" } else { &self.path };
        (self.visit)(self.tree, Found::Entry(Entry { path, kind, pieces, inline, size }));
    }

    fn structure(&mut self, what: &'static str, extent: Extent) {
        (self.visit)(self.tree, Found::Structure(what, extent));
    }

    fn unknown(&mut self, why: Why) {
        let path = if self.path.is_empty() { "/" } else { &self.path };
        (self.visit)(self.tree, Found::Unknown(path, why));
    }

    /// Does something at the path one name below.
    fn below(&mut self, name: &str, work: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push('/');
        self.path.extend(name.chars().map(|c| if c == '/' { '_' } else { c }));
        work(self);
        self.path.truncate(length);
    }

    /// Reads the directory at `lba`, unless that was done, or leads nowhere.
    fn enter(&mut self, lba: u32, work: impl FnOnce(&mut Self)) {
        if self.depth == DEPTH || self.path.len() > PATH || !self.has_room() || !self.seen.insert(lba) {
            return self.unknown(Why::Excess);
        }
        self.depth += 1;
        work(self);
        self.depth -= 1;
    }

    /// False once there was more than any disc has.
    fn has_room(&self) -> bool {
        self.entries < ENTRIES && self.source.left > 0
    }
}

/// Sectors that so many bytes lie in.
fn sectors(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(SECTOR as u64)).unwrap_or(u32::MAX)
}
