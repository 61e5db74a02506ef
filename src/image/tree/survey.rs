//! What the trees hold in all, in what they differ, and which limits they reach.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use super::{Entry, Found, Kind, Read, Tree, Trees, Why};

/// Files of one tree that are compared with those of others. More would take hundreds of megabytes.
const COMPARED: usize = 200_000;

/// Bytes of one record of ISO 9660 and less: larger files need several.
const ONE_PART: u64 = u32::MAX as u64;

/// One tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Whose names.
    pub tree: Tree,
    /// Files, links among them.
    pub files: u64,
    /// Directories, the root among them.
    pub directories: u64,
    /// Bytes of all files, those with several names as often.
    pub bytes: u64,
    /// Directories in each other, at most; the root is 1.
    pub depth: usize,
    /// Characters of the longest name.
    pub longest: usize,
    /// Files in several parts.
    pub in_parts: u64,
    /// Files of 4 GiB and more.
    pub large: u64,
    /// Limits that it goes beyond: not everybody can read what lies there.
    pub limits: Vec<&'static str>,
    /// Directories and files that are not known whole, by the reason.
    pub unknown: Vec<(Why, u64)>,
}

/// Files that one tree names and another does not, by where they lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The tree that has them.
    pub tree: Tree,
    /// The one that has not.
    pub other: Tree,
    /// How many.
    pub files: u64,
    /// How many the other one has with another length.
    pub lengths: u64,
    /// The first of them, by its path. From outside: escape it before a terminal sees it.
    pub example: String,
}

/// All trees of a session.
#[derive(Debug, Default)]
pub struct Survey {
    /// Each tree, best names first.
    pub trees: Vec<Summary>,
    /// In what they differ.
    pub differences: Vec<Difference>,
    /// The file that ends last: its path, and the byte after it.
    pub last: Option<(String, u64)>,
    /// Lists of checksums in it.
    pub checksums: BTreeSet<&'static str>,
    /// What a Windows installer has.
    windows: BTreeSet<&'static str>,
}

/// Files of a Windows installer: its boot manager, and images that it starts or installs (Rufus, `iso.c`).
const WINDOWS: [&str; 6] =
    ["/bootmgr", "/bootmgr.efi", "/sources/boot.wim", "/sources/install.wim", "/sources/install.esd", "/sources/install.swm"];

/// Lists of checksums, as distributions put them in their images.
const CHECKSUMS: [&str; 7] =
    ["/md5sum.txt", "/sha256sum.txt", "/MD5SUMS", "/SHA256SUMS", "/CHECKSUMS", "/.treeinfo", "/arch/x86_64/airootfs.sha512"];

/// Files of one tree by their first sector: length and path.
type Files = HashMap<u32, (u64, Box<str>)>;

impl Survey {
    /// Goes through all trees once.
    pub fn of(trees: &Trees, read: Read<'_>) -> Self {
        let mut survey = Self { trees: trees.names().map(Summary::new).collect(), ..Self::default() };
        let mut files: HashMap<Tree, Files> = HashMap::new();
        trees.walk(read, &mut |tree, found| survey.take(tree, &found, files.entry(tree).or_default()));
        let whole = |tree: &Tree| files.get(tree).filter(|files| files.len() < COMPARED);
        let names: Vec<Tree> = trees.names().collect();
        for (tree, other) in names.iter().flat_map(|tree| names.iter().map(move |other| (tree, other))) {
            if let (Some(ours), Some(theirs)) = (whole(tree), whole(other)) {
                survey.differences.extend(Difference::between((*tree, ours), (*other, theirs)));
            }
        }
        survey.trees.iter_mut().for_each(Summary::reach);
        survey
    }

    /// True for a Windows installer: it has a boot manager, and something that this starts or installs.
    pub fn is_windows(&self) -> bool {
        let has = |start: &str| self.windows.iter().any(|path| path.starts_with(start));
        has("/bootmgr") && has("/sources/")
    }

    fn take(&mut self, tree: Tree, found: &Found<'_>, files: &mut Files) {
        if let Found::Structure(..) = found {
            return;
        }
        if !self.trees.iter().any(|summary| summary.tree == tree) {
            self.trees.push(Summary::new(tree));
        }
        let Some(summary) = self.trees.iter_mut().find(|summary| summary.tree == tree) else { return };
        match found {
            Found::Entry(entry) => {
                summary.take(entry);
                if entry.kind != Kind::Directory {
                    self.file(entry, files);
                }
            }
            Found::Unknown(_, why) => match summary.unknown.iter_mut().find(|(known, _)| known == why) {
                Some((_, count)) => *count += 1,
                None => summary.unknown.push((*why, 1)),
            },
            Found::Structure(..) => {}
        }
    }

    fn file(&mut self, entry: &Entry<'_>, files: &mut Files) {
        let is_it = |known: &&str| entry.path.eq_ignore_ascii_case(known);
        self.checksums.extend(CHECKSUMS.into_iter().find(is_it));
        self.windows.extend(WINDOWS.into_iter().find(is_it));
        let Some(first) = entry.pieces.first().and_then(|piece| piece.first).filter(|_| entry.size > 0) else { return };
        let ends = entry.pieces.iter().filter_map(|piece| Some(u64::from(piece.first?) * 2048 + piece.bytes));
        let end = ends.max().unwrap_or(0);
        if self.last.as_ref().is_none_or(|(_, last)| end > *last) {
            self.last = Some((entry.path.into(), end));
        }
        if files.len() < COMPARED {
            files.entry(first).or_insert_with(|| (entry.size, entry.path.into()));
        }
    }
}

impl Summary {
    fn new(tree: Tree) -> Self {
        let (files, directories, bytes, depth, longest) = (0, 0, 0, 0, 0);
        Self { tree, files, directories, bytes, depth, longest, in_parts: 0, large: 0, limits: Vec::new(), unknown: Vec::new() }
    }

    fn take(&mut self, entry: &Entry<'_>) {
        let is_directory = entry.kind == Kind::Directory;
        let parts = entry.path.split('/').skip(1).filter(|part| !part.is_empty()).count();
        self.depth = self.depth.max(parts + usize::from(is_directory));
        let name = entry.path.rsplit('/').next().unwrap_or_default();
        self.longest = self.longest.max(name.chars().count());
        if is_directory {
            self.directories += 1;
            return;
        }
        self.files += 1;
        self.bytes = self.bytes.saturating_add(entry.size);
        self.in_parts += u64::from(entry.pieces.len() > 1);
        self.large += u64::from(entry.size > ONE_PART);
    }
}

impl Summary {
    /// Compares it with what its standard has room for.
    fn reach(&mut self) {
        // ECMA-119, 6.8.2.1 and 7.5.1 (a name and its version, at level 2); Joliet Specification 1995, "Allowed lengths".
        let limits = [
            (matches!(self.tree, Tree::Iso9660 | Tree::Joliet) && self.depth > 8, "more than 8 directories in each other"),
            (self.tree == Tree::Iso9660 && self.longest > 31, "names of more than 31 characters"),
            (self.tree == Tree::Joliet && self.longest > 64, "names of more than 64 characters"),
            (self.tree != Tree::Udf && self.large > 0, "files of 4 GiB and more, in parts (level 3)"),
        ];
        self.limits = limits.into_iter().filter(|(is_beyond, _)| *is_beyond).map(|(_, limit)| limit).collect();
    }
}

impl Difference {
    /// What `ours` has and `theirs` has not, if anything.
    fn between((tree, ours): (Tree, &Files), (other, theirs): (Tree, &Files)) -> Option<Self> {
        let mut differ: Vec<(&str, bool)> = Vec::new();
        for (first, (size, path)) in ours {
            match theirs.get(first) {
                Some((theirs, _)) if theirs == size => {}
                known => differ.push((path, known.is_some())),
            }
        }
        let example = differ.iter().map(|(path, _)| *path).min()?.to_string();
        let lengths = differ.iter().filter(|(_, is_known)| *is_known).count() as u64;
        Some(Self { tree, other, files: differ.len() as u64 - lengths, lengths, example })
    }
}
