//! Which files the holes of an image hit: the trees of names that are in the image, and the map.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::disc::{Hurt, HurtFile, HurtStructure, Track, TrackKind, Unknown};
use crate::image::Sector;
use crate::image::tree::{Entry, Found, Kind, Tree, Trees, Why};
use crate::mmc::{Extent, SECTOR};
use crate::rescue::{Extents, Missing, State};

/// Looks into an image what lies in its holes. `None` when it has none, or can't be opened.
pub(super) fn hurt(image: &Path, map: &Extents<State>, tracks: &[Track]) -> Option<Hurt> {
    // To open a pipe would be to wait for its writer.
    let has_holes = map.count(State::Finished) < map.len() && image.is_file();
    let file = has_holes.then(|| File::open(image).ok())??;
    let mut read = |lba: u32| {
        let mut sector: Sector = [0; SECTOR];
        let is_there = map.get(lba) == Some(State::Finished);
        (is_there && file.read_exact_at(&mut sector, u64::from(lba) * SECTOR as u64).is_ok()).then_some(sector)
    };
    let mut judge = Judge { missing: Missing::of(map), hurt: Hurt::default(), names: HashMap::new(), looked_at: 0 };
    for start in sessions(tracks) {
        let trees = Trees::find(start, map.len(), &mut read);
        judge.hurt.trees = trees.names().collect();
        trees.walk(&mut read, &mut |tree, found| judge.take(tree, found));
        // Where the last session's names can't be read, those of the session before are the best there are.
        if !judge.hurt.trees.is_empty() {
            break;
        }
    }
    Some(judge.end())
}

/// Where the first data track of each session begins, the last session first: it names the files of all, as drivers take it.
pub(in crate::jobs) fn sessions(tracks: &[Track]) -> Vec<u32> {
    let mut starts: Vec<(u16, u32)> = Vec::new();
    for track in tracks.iter().filter(|track| track.kind == TrackKind::Data) {
        if starts.last().is_none_or(|(session, _)| *session != track.session) {
            starts.push((track.session, track.extent.first));
        }
    }
    if starts.is_empty() { vec![0] } else { starts.into_iter().rev().map(|(_, first)| first).collect() }
}

/// Takes what the walks find, and keeps what has holes.
struct Judge {
    missing: Missing,
    hurt: Hurt,
    /// Hurt files by their first sector and length: where they were named first, and how often there.
    names: HashMap<(u32, u64), (Tree, u32)>,
    /// Missing sectors that were looked at.
    looked_at: u64,
}

/// Missing sectors that are looked at. A sector belongs to a file, its hard links, and the same ones in other trees; broken directories may
/// claim the whole disc a million times.
const LOOKS: u64 = 1 << 30;

impl Judge {
    fn take(&mut self, tree: Tree, found: Found<'_>) {
        if self.looked_at > LOOKS {
            if self.hurt.unknown.listed.last().is_none_or(|last| last.why != Why::Excess) {
                self.hurt.unknown.push(Unknown { path: "/".into(), tree, why: Why::Excess });
            }
            return;
        }
        match found {
            Found::Entry(Entry { path, kind: Kind::Directory, pieces, .. }) => {
                for extent in pieces.iter().filter_map(|piece| piece.extent()) {
                    self.structure(tree, "directory", Some(path), extent);
                }
            }
            Found::Entry(file) => self.file(tree, &file),
            Found::Structure(what, extent) => self.structure(tree, what, None, extent),
            Found::Unknown(path, why) => self.hurt.unknown.push(Unknown { path: path.into(), tree, why }),
        }
    }

    fn file(&mut self, tree: Tree, file: &Entry<'_>) {
        let Some(lba) = file.pieces.iter().find_map(|piece| piece.first) else { return };
        let mut holes = HurtFile { path: String::new(), tree, names: 1, lba, size: file.size, missing: 0, sectors: 0, first: 0 };
        for piece in file.pieces {
            let Some(extent) = piece.extent() else { continue };
            for hole in self.missing.within(extent) {
                let offset = |lba: u32| (u64::from(lba - extent.first) * SECTOR as u64).min(piece.bytes);
                if holes.sectors == 0 {
                    holes.first = hole.first;
                }
                holes.sectors = holes.sectors.saturating_add(hole.count);
                self.looked_at += u64::from(hole.count.min(self.missing.end()));
                holes.missing += offset(hole.end()) - offset(hole.first);
            }
            self.missing.claim(extent);
        }
        if holes.sectors == 0 {
            return;
        }
        let (named_in, names) = self.names.entry((lba, file.size)).or_insert((tree, 0));
        *names += u32::from(*named_in == tree);
        if (*named_in, *names) == (tree, 1) {
            holes.path = file.path.into();
            self.hurt.files.push_in_order(holes, HurtFile::order);
        }
    }

    fn structure(&mut self, tree: Tree, what: &str, path: Option<&str>, extent: Extent) {
        let Some(first) = self.missing.within(extent).next().map(|hole| hole.first) else { return };
        let sectors = self.missing.claim(extent);
        self.looked_at += u64::from(extent.count.min(self.missing.end()));
        if sectors == 0 {
            return;
        }
        // What has no name, as UDF's file entries, is told of by its amount.
        let is_such =
            |other: &&mut HurtStructure| path.is_none() && other.path.is_none() && other.what == what && other.tree == tree;
        if let Some(such) = self.hurt.structures.listed.iter_mut().find(is_such) {
            (such.sectors, such.first) = (such.sectors.saturating_add(sectors), such.first.min(first));
        } else {
            let path = path.map(Into::into);
            self.hurt.structures.push(HurtStructure { what: what.into(), tree, path, sectors, first });
        }
    }

    fn end(self) -> Hurt {
        let Self { missing, mut hurt, names, .. } = self;
        hurt.files.sort(HurtFile::order);
        for file in &mut hurt.files.listed {
            file.names = names.get(&(file.lba, file.size)).map_or(1, |(_, names)| *names);
        }
        hurt.free = missing.unclaimed();
        hurt
    }
}
