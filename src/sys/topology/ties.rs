//! What lies directly on what.

use std::ffi::{OsStr, OsString};
use std::mem;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::Topology;
use crate::sys::mounts::Mount;
use crate::sys::sysfs::names;
use crate::sys::{DeviceNumber, Sysfs};

/// Something that lies on something, or that something lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Thing {
    /// A block device.
    Block(DeviceNumber),
    /// A btrfs of several devices, by its place among the arrays.
    Array(usize),
    /// A mount, by its place in the table.
    Mount(usize),
    /// A swap, by its place in the table.
    Swap(usize),
}

/// `above` lies on `below`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tie {
    pub(super) below: Thing,
    pub(super) above: Thing,
}

impl Topology {
    pub(super) fn ties(&self, sysfs: &Sysfs) -> Vec<Tie> {
        let mut ties = Vec::new();
        self.ties_of_blocks(sysfs, &mut ties);
        for (place, mount) in self.mounts.iter().enumerate() {
            let above = Thing::Mount(place);
            let mut below = self.below_mount(mount);
            below.retain(|thing| *thing != above);
            ties.extend(below.into_iter().map(|below| Tie { below, above }));
        }
        for (place, array) in self.arrays.iter().enumerate() {
            let above = Thing::Array(place);
            let is_seen = ties.iter().any(|tie| {
                matches!(tie.above, Thing::Mount(_)) && array.members.iter().any(|member| tie.below == Thing::Block(*member))
            });
            if !is_seen {
                ties.extend(array.members.iter().map(|member| Tie { below: Thing::Block(*member), above }));
            }
        }
        for (place, swap) in self.swaps.iter().enumerate() {
            let above = Thing::Swap(place);
            ties.extend(self.at_path(swap).map(|below| Tie { below, above }));
        }
        ties
    }

    fn ties_of_blocks(&self, sysfs: &Sysfs, ties: &mut Vec<Tie>) {
        for block in &self.blocks {
            let this = Thing::Block(block.number);
            let folder = sysfs.path("class/block").join(&block.name);
            let folder = if folder.exists() { folder } else { sysfs.path("block").join(&block.name) };
            let listed = |list: &str| {
                names(&folder.join(list)).into_iter().filter_map(|name| Some(Thing::Block(self.named(&name)?.number)))
            };
            ties.extend(block.whole.map(|whole| Tie { below: Thing::Block(whole), above: this }));
            ties.extend(listed("slaves").map(|below| Tie { below, above: this }));
            ties.extend(listed("holders").map(|above| Tie { below: this, above }));
            ties.extend(
                block.backing.as_deref().and_then(|backing| self.at_path(backing)).map(|below| Tie { below, above: this }),
            );
        }
        let mut known: Vec<Tie> = Vec::with_capacity(ties.len());
        ties.retain(|tie| {
            let is_new = !known.contains(tie);
            known.push(*tie);
            is_new
        });
    }

    /// A node is its device; any other path lies on the mount that covers it.
    fn at_path(&self, path: &Path) -> Option<Thing> {
        let node = self.at_node(path).map(|block| Thing::Block(block.number));
        node.or_else(|| self.covering(path).map(Thing::Mount))
    }

    /// The mount that shows this path: the longest mount point above it, of several on one point the last.
    pub(super) fn covering(&self, path: &Path) -> Option<usize> {
        let places = self.mounts.iter().enumerate().filter(|(_, mount)| path.starts_with(&mount.point));
        places.max_by_key(|(_, mount)| mount.point.components().count()).map(|(place, _)| place)
    }

    /// The mounts that may show a layer of the overlay `above`. Where the overlay itself covers the layer, its name is from before the
    /// overlay became `/`, and what was mounted there has moved: `/live/lower` is found as `/run/live/lower`.
    fn showing_layer(&self, layer: &Path, above: &Mount) -> Vec<usize> {
        let covering = self.covering(layer).filter(|place| self.mounts[*place] != *above);
        if let Some(place) = covering {
            return vec![place];
        }
        let names = layer.ancestors().filter_map(|known| known.strip_prefix("/").ok()).filter(|known| known.parent().is_some());
        let moved = names.map(|name| {
            let mounts = self.mounts.iter().enumerate().filter(|(_, mount)| mount.point.ends_with(name));
            mounts.map(|(place, _)| place).collect::<Vec<_>>()
        });
        moved.into_iter().find(|found| !found.is_empty()).unwrap_or_default()
    }

    fn below_mount(&self, mount: &Mount) -> Vec<Thing> {
        let mut below = Vec::new();
        if self.find(mount.device).is_some() {
            below.push(Thing::Block(mount.device));
        } else if mount.fs_type == "btrfs" {
            below = self.below_btrfs(mount);
        } else {
            below.extend(self.named_in_source(&mount.source));
        }
        // A journal, log or real-time part on another device is named in the options: xfs logdev=/dev/sdb1.
        let nodes = mount.settings().filter_map(|(_, value)| self.at_node(Path::new(value)));
        below.extend(nodes.map(|block| Thing::Block(block.number)));
        if mount.fs_type == "overlay" {
            let folders = mount.settings().filter(|(name, _)| is_layer(name)).flat_map(|(_, value)| split(value));
            below.extend(folders.flat_map(|folder| self.showing_layer(&folder, mount)).map(Thing::Mount));
        }
        let shows_a_folder = mount.fs_type.starts_with("fuse") || mount.fs_type == "ecryptfs";
        if below.is_empty() && shows_a_folder && Path::new(&mount.source).is_absolute() {
            below.extend(self.covering(Path::new(&mount.source)).map(Thing::Mount));
        }
        let mut known = Vec::new();
        for thing in below {
            if !known.contains(&thing) {
                known.push(thing);
            }
        }
        known
    }

    /// Of a file system without a device number of its own: the node in its source, or several (bcachefs: `/dev/sda:/dev/sdb`).
    fn named_in_source(&self, source: &OsStr) -> Vec<Thing> {
        let whole = self.at_node(Path::new(source)).map(|block| vec![Thing::Block(block.number)]);
        whole.unwrap_or_else(|| {
            let parts = split(source).filter_map(|part| self.at_node(&part).map(|block| block.number));
            parts.map(Thing::Block).collect()
        })
    }

    /// The source names one member. Where it names none that is known (`/dev/root`), any array may be meant: better too many.
    fn below_btrfs(&self, mount: &Mount) -> Vec<Thing> {
        let member = self.at_node(Path::new(&mount.source)).map(|block| block.number);
        let arrays = self.arrays.iter().enumerate();
        let meant: Vec<_> = arrays.filter(|(_, array)| member.is_none_or(|member| array.members.contains(&member))).collect();
        let mut below: Vec<Thing> = meant
            .into_iter()
            .map(|(place, array)| match array.members[..] {
                [only] => Thing::Block(only),
                _ => Thing::Array(place),
            })
            .collect();
        if below.is_empty() {
            below.extend(member.map(Thing::Block));
        }
        below
    }
}

/// Options of overlayfs that name folders it is made of (the kernel's overlayfs.rst).
fn is_layer(option: &OsStr) -> bool {
    ["lowerdir", "lowerdir+", "datadir+", "upperdir", "workdir"].iter().any(|name| option == *name)
}

/// Splits at colons; a backslash takes the meaning from what follows.
fn split(list: &OsStr) -> impl Iterator<Item = PathBuf> {
    let (mut parts, mut part) = (Vec::new(), Vec::new());
    let mut bytes = list.as_bytes().iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b':' => parts.push(mem::take(&mut part)),
            b'\\' => part.extend(bytes.next()),
            _ => part.push(*byte),
        }
    }
    parts.push(part);
    parts.into_iter().filter(|part| !part.is_empty()).map(|part| OsString::from_vec(part).into())
}
