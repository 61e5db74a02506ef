//! Which disks this machine has, and what lies on what: partitions, volumes, arrays, loop devices, mounts, swaps. All by device numbers
//! and whole names: `sda` is never taken for `sdaa`. A snapshot; nothing is opened, and no file is looked at but those of /sys and /proc.

mod block;
mod standing;
#[cfg(test)]
mod tests;
mod ties;

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Component, Path, PathBuf, absolute};
use std::{fs, io};

pub use block::{Block, Kind};
pub use standing::{Standing, Use};

use super::mounts::Mount;
use super::sysfs::names;
use super::{DeviceNumber, Sysfs};
use ties::Tie;

/// Links that are followed before they count as a circle, as in the kernel (`MAXSYMLINKS`).
const MOST_LINKS: usize = 40;

/// What the machine is made of, at one moment.
#[derive(Debug, Clone)]
pub struct Topology {
    /// The folder that stands for `/`.
    root: PathBuf,
    blocks: Vec<Block>,
    mounts: Vec<Mount>,
    swaps: Vec<PathBuf>,
    arrays: Vec<Array>,
    zfs_pools: Vec<String>,
    ties: Vec<Tie>,
}

/// A btrfs that is mounted somewhere.
#[derive(Debug, Clone)]
struct Array {
    uuid: String,
    members: Vec<DeviceNumber>,
}

impl Topology {
    /// Looks around.
    ///
    /// # Errors
    /// Those of reading /sys and the tables of mounts and swaps: without them nothing is safe.
    pub fn read(sysfs: &Sysfs) -> io::Result<Self> {
        let told = |what: &'static str| move |error: io::Error| io::Error::new(error.kind(), format!("reading {what}: {error}"));
        let mut topology = Self {
            root: sysfs.root().to_owned(),
            blocks: Block::all(sysfs)?,
            mounts: sysfs.mounts().map_err(told("/proc/self/mountinfo"))?,
            swaps: sysfs.swaps().map_err(told("/proc/swaps"))?,
            arrays: Vec::new(),
            zfs_pools: Vec::new(),
            ties: Vec::new(),
        };
        topology.arrays = topology.arrays(sysfs);
        topology.zfs_pools = topology.pools(sysfs);
        topology.ties = topology.ties(sysfs);
        Ok(topology)
    }

    /// All of them, sorted by number.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// What is mounted, in order of mounting.
    pub fn mounts(&self) -> &[Mount] {
        &self.mounts
    }

    /// The device with this number.
    pub fn find(&self, number: DeviceNumber) -> Option<&Block> {
        self.blocks.iter().find(|block| block.number == number)
    }

    /// The device that the kernel calls so: `sdb1`.
    pub fn named(&self, name: &str) -> Option<&Block> {
        self.blocks.iter().find(|block| block.name == name)
    }

    /// The disk that this is a partition of, else itself.
    pub fn whole_of<'a>(&'a self, block: &'a Block) -> &'a Block {
        block.whole.and_then(|whole| self.find(whole)).unwrap_or(block)
    }

    /// The partitions of a disk, in the order in which they lie on it.
    pub fn partitions_of(&self, disk: DeviceNumber) -> Vec<&Block> {
        let mut partitions: Vec<_> = self.blocks.iter().filter(|block| block.whole == Some(disk)).collect();
        partitions.sort_by_key(|block| (block.start, block.number));
        partitions
    }

    /// ZFS pools that are imported. The kernel doesn't tell which disks they lie on.
    pub fn zfs_pools(&self) -> &[String] {
        &self.zfs_pools
    }

    /// The device that a node is of, or a link to one: by names, and by links below /dev. No other folder is looked at: a link on a
    /// dead network mount would hang.
    pub fn at_node(&self, path: &Path) -> Option<&Block> {
        // The kernel says so of a node that is gone; udev may have made it anew.
        let known = path.to_str().and_then(|path| path.strip_suffix(" (deleted)"));
        let mut path = known.map_or(path, Path::new).to_owned();
        for _ in 0..MOST_LINKS {
            let below = path.strip_prefix("/dev").ok()?;
            if let Some(block) = self.by_node_name(below) {
                return Some(block);
            }
            let target = fs::read_link(self.in_tree(&path)).ok()?;
            path = plain(&path.parent()?.join(target));
        }
        None
    }

    /// The same for a node in any folder, as mknod makes them. This looks at the file.
    pub fn device_at(&self, path: &Path) -> Option<&Block> {
        self.at_node(path).or_else(|| {
            let file = fs::metadata(self.in_tree(path)).ok()?;
            file.file_type().is_block_device().then(|| self.find(DeviceNumber::from(file.rdev())))?
        })
    }

    /// The devices that a file's file system lies on, with all that they lie on in turn, down to whole disks. A node counts as the
    /// device itself. None for what lies in memory, or on another machine.
    pub fn holding(&self, path: &Path) -> Vec<DeviceNumber> {
        let path = self.canonical(path);
        match self.device_at(&path) {
            Some(block) => self.beneath(block.number),
            None => self.beneath_file(&path),
        }
    }

    /// An absolute path without links, as far as it exists.
    pub fn canonical(&self, path: &Path) -> PathBuf {
        let path = &absolute(path).unwrap_or_else(|_| path.to_owned());
        let root = fs::canonicalize(&self.root).unwrap_or_else(|_| self.root.clone());
        for known in path.ancestors() {
            let Ok(found) = fs::canonicalize(self.in_tree(known)) else { continue };
            // Links of a captured tree may lead out of it.
            let Ok(inside) = found.strip_prefix(&root) else { break };
            let rest = path.strip_prefix(known).unwrap_or(Path::new(""));
            return plain(&Path::new("/").join(inside).join(rest));
        }
        plain(path)
    }

    /// True for one file under two names: the same path, or hard links.
    pub fn is_same_file(&self, one: &Path, other: &Path) -> bool {
        let facts = |path: &Path| fs::metadata(self.in_tree(path)).ok().map(|file| (file.dev(), file.ino()));
        one == other || facts(one).is_some_and(|one| facts(other) == Some(one))
    }

    /// Where a path of that machine lies on this one.
    fn in_tree(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// By the path below /dev: `sdb1`, `cciss/c0d0`, `mapper/NAME`.
    fn by_node_name(&self, below: &Path) -> Option<&Block> {
        if let Ok(mapped) = below.strip_prefix("mapper") {
            let is_it = |kind: &Kind| matches!(kind, Kind::Mapper { name, .. } if Path::new(name) == mapped);
            return self.blocks.iter().find(|block| is_it(&block.kind));
        }
        self.named(&below.to_str()?.replace('/', "!"))
    }

    fn arrays(&self, sysfs: &Sysfs) -> Vec<Array> {
        let folder = sysfs.path("fs/btrfs");
        let array = |uuid: String| {
            let devices = names(&folder.join(&uuid).join("devices"));
            let members: Vec<_> = devices.iter().filter_map(|name| Some(self.named(name)?.number)).collect();
            (!members.is_empty()).then_some(Array { uuid, members })
        };
        names(&folder).into_iter().filter_map(array).collect()
    }

    /// Each imported pool has a folder of statistics, and its file systems are called `pool/…`.
    fn pools(&self, sysfs: &Sysfs) -> Vec<String> {
        let folder = sysfs.proc("spl/kstat/zfs");
        let mut pools = names(&folder);
        pools.retain(|name| folder.join(name).is_dir());
        for mount in self.mounts.iter().filter(|mount| mount.fs_type == "zfs") {
            let source = mount.source.to_string_lossy();
            pools.push(source.split(['/', '@']).next().unwrap_or_default().to_owned());
        }
        pools.sort();
        pools.dedup();
        pools
    }
}

/// Takes `.` and `..` out, by the names alone.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            _ => plain.push(part),
        }
    }
    plain
}
