//! Which files the holes of an image hit.

use serde::{Deserialize, Serialize};

use crate::image::tree::{Tree, Why};

/// What lies where sectors are missing. Paths are from outside: escape them before a terminal sees them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hurt {
    /// The trees of names that were found, best names first; none where no file system is known.
    pub trees: Vec<Tree>,
    /// Files that lack bytes, the one that lacks the largest share first.
    pub files: Listed<HurtFile>,
    /// Directories, and what else a file system needs for itself.
    pub structures: Listed<HurtStructure>,
    /// Where there may be files that nobody knows of.
    pub unknown: Listed<Unknown>,
    /// Missing sectors that belong to none of these: free space or padding, unless something is unknown.
    pub free: u32,
}

/// A list that may be cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed<T> {
    /// How many there are.
    pub count: u32,
    /// The first of them.
    pub listed: Vec<T>,
}

/// A file that lacks bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HurtFile {
    /// From the root on.
    pub path: String,
    /// Whose name that is.
    pub tree: Tree,
    /// Names that the file has in this tree: hard links.
    pub names: u32,
    /// Its first sector.
    pub lba: u32,
    /// Bytes of the file.
    pub size: u64,
    /// Bytes of it that are missing.
    pub missing: u64,
    /// Sectors that those lie in.
    pub sectors: u32,
    /// The first of these.
    pub first: u32,
}

/// A part of a file system that lacks sectors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HurtStructure {
    /// What it is: `directory`, `path table`, …
    pub what: String,
    /// Whose it is.
    pub tree: Tree,
    /// The directory's path.
    pub path: Option<String>,
    /// Missing sectors.
    pub sectors: u32,
    /// The first of them.
    pub first: u32,
}

/// A file or directory that can't be looked into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    /// Its path; `/` where a whole tree is meant.
    pub path: String,
    /// The tree.
    pub tree: Tree,
    /// The reason.
    pub why: Why,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { count: 0, listed: Vec::new() }
    }
}

impl<T> Listed<T> {
    /// Lists up to so many items: they are names for people, and held in memory.
    pub const MOST: usize = 10_000;

    /// Counts one more, and lists it while there is room.
    pub fn push(&mut self, item: T) {
        self.count = self.count.saturating_add(1);
        if self.listed.len() < Self::MOST {
            self.listed.push(item);
        }
    }

    /// Counts one more, and lists it if it is among the first in order.
    pub fn push_in_order(&mut self, item: T, order: impl Fn(&T, &T) -> std::cmp::Ordering) {
        self.count = self.count.saturating_add(1);
        self.listed.push(item);
        // Seldom: sorting costs more than holding twice as many.
        if self.listed.len() == 2 * Self::MOST {
            self.sort(order);
        }
    }

    /// Puts the list in order, and cuts it.
    pub fn sort(&mut self, order: impl Fn(&T, &T) -> std::cmp::Ordering) {
        self.listed.sort_by(order);
        self.listed.truncate(Self::MOST);
    }
}

impl HurtFile {
    /// The larger share of missing bytes first, then by name.
    pub fn order(&self, other: &Self) -> std::cmp::Ordering {
        let share = |one: &Self, other: &Self| u128::from(one.missing) * u128::from(other.size);
        share(other, self).cmp(&share(self, other)).then_with(|| self.path.cmp(&other.path))
    }
}
