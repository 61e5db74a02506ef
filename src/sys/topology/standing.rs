//! What stands on a disk, and by which chain.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

use super::ties::Thing;
use super::{Block, Kind, Topology};
use crate::sys::DeviceNumber;

/// Something that stands on a disk, and would fall with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// What it is.
    pub standing: Standing,
    /// How it gets there, from below: `["sdb3", "dm-0 (LUKS cryptroot)", "/home"]`. One way of perhaps several.
    pub chain: Vec<String>,
    /// What it lies on directly, as places in the list that this is from; none for what lies on the disk itself.
    pub on: Vec<usize>,
}

/// What can stand on a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// A partition of it.
    Partition(DeviceNumber),
    /// A loop device, volume, array or other device that is made of it or of a file on it.
    Device(DeviceNumber),
    /// A btrfs of several devices, or one that is mounted where this process can't see it.
    Array {
        /// Its folder's name in /sys/fs/btrfs.
        uuid: String,
    },
    /// A file system that lies on this disk, or on partitions of it, and nowhere else: unmounted, it is closed.
    Mount(PathBuf),
    /// A mounted file system that something else lies between, or that lies on other disks as well.
    DistantMount(PathBuf),
    /// A swap partition, or a swap file on a file system of it.
    Swap(PathBuf),
}

impl fmt::Display for Use {
    /// `sdb3 → dm-0 (LUKS cryptroot) → /home`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.chain.join(" → "))
    }
}

impl Topology {
    /// Everything that stands on this device, and on what stands on it. Each comes after what it stands on: in reverse order they can
    /// be closed.
    pub fn standing_on(&self, number: DeviceNumber) -> Vec<Use> {
        let start = Thing::Block(number);
        let block = self.find(number);
        let disk = block.map_or(number, |block| self.whole_of(block).number);
        let mut climb = Climb { topology: self, start, disk, seen: HashSet::from([start]), found: Vec::new() };
        let chain: Vec<String> = block.map(label).into_iter().collect();
        climb.from(start, &chain);
        climb.found.reverse();
        let places: HashMap<Thing, usize> = climb.found.iter().enumerate().map(|(place, (thing, _))| (*thing, place)).collect();
        let on = |thing| self.directly_below(thing).filter_map(|below| places.get(&below).copied()).collect();
        climb
            .found
            .iter()
            .map(|(thing, chain)| Use { standing: climb.standing(*thing), chain: chain.clone(), on: on(*thing) })
            .collect()
    }

    /// This device, and all that it lies on, down to whole disks.
    pub fn beneath(&self, number: DeviceNumber) -> Vec<DeviceNumber> {
        self.dig(Thing::Block(number))
    }

    /// All that the file system of this file lies on.
    pub(super) fn beneath_file(&self, path: &Path) -> Vec<DeviceNumber> {
        self.covering(path).map(|place| self.dig(Thing::Mount(place))).unwrap_or_default()
    }

    fn dig(&self, start: Thing) -> Vec<DeviceNumber> {
        let mut seen = vec![start];
        let mut next = 0;
        while let Some(thing) = seen.get(next).copied() {
            for below in self.directly_below(thing) {
                if !seen.contains(&below) {
                    seen.push(below);
                }
            }
            next += 1;
        }
        seen.into_iter().filter_map(|thing| if let Thing::Block(number) = thing { Some(number) } else { None }).collect()
    }

    fn directly_below(&self, thing: Thing) -> impl Iterator<Item = Thing> {
        self.ties.iter().filter(move |tie| tie.above == thing).map(|tie| tie.below)
    }

    fn directly_above(&self, thing: Thing) -> Vec<Thing> {
        self.ties.iter().filter(|tie| tie.below == thing).map(|tie| tie.above).collect()
    }

    fn is_partition(&self, thing: Thing) -> bool {
        matches!(thing, Thing::Block(number) if self.find(number).is_some_and(|block| block.kind == Kind::Partition))
    }
}

/// The way up from a device.
struct Climb<'a> {
    topology: &'a Topology,
    start: Thing,
    /// The whole disk that it began at.
    disk: DeviceNumber,
    seen: HashSet<Thing>,
    found: Vec<(Thing, Vec<String>)>,
}

impl Climb<'_> {
    /// Depth first, and each thing is noted after all above it: so the list, reversed, has each one after what it stands on.
    fn from(&mut self, thing: Thing, chain: &[String]) {
        for above in self.topology.directly_above(thing).into_iter().rev() {
            if !self.seen.insert(above) {
                continue;
            }
            // The name of a partition tells its disk.
            let below = if thing == self.start && self.topology.is_partition(above) { &[] } else { chain };
            let chain: Vec<String> = below.iter().cloned().chain([self.name(above)]).collect();
            self.from(above, &chain);
            self.found.push((above, chain));
        }
    }

    fn standing(&self, thing: Thing) -> Standing {
        match thing {
            Thing::Block(number) if self.topology.is_partition(thing) => Standing::Partition(number),
            Thing::Block(number) => Standing::Device(number),
            Thing::Array(place) => Standing::Array { uuid: self.topology.arrays[place].uuid.clone() },
            Thing::Mount(place) => {
                let point = self.topology.mounts[place].point.clone();
                if self.topology.directly_below(thing).all(|below| self.is_own(below)) {
                    Standing::Mount(point)
                } else {
                    Standing::DistantMount(point)
                }
            }
            Thing::Swap(place) => Standing::Swap(self.topology.swaps[place].clone()),
        }
    }

    /// The disk itself, or a partition of it.
    fn is_own(&self, thing: Thing) -> bool {
        let Thing::Block(number) = thing else { return false };
        self.topology.find(number).is_some_and(|block| self.topology.whole_of(block).number == self.disk)
    }

    fn name(&self, thing: Thing) -> String {
        match thing {
            Thing::Block(number) => self.topology.find(number).map(label).unwrap_or_default(),
            Thing::Array(place) => match self.topology.arrays[place].members.len() {
                1 => "btrfs".to_owned(),
                several => format!("btrfs of {several} devices"),
            },
            Thing::Mount(place) => self.topology.mounts[place].point.display().to_string(),
            Thing::Swap(place) => format!("swap {}", self.topology.swaps[place].display()),
        }
    }
}

/// `sdb1`, `dm-0 (LUKS cryptroot)`
fn label(block: &Block) -> String {
    match &block.kind {
        Kind::Mapper { name, uuid } => {
            let maker = match uuid.split('-').next() {
                Some("CRYPT") => uuid.split('-').nth(1).map(|kind| kind.trim_end_matches(|c: char| c.is_ascii_digit())),
                Some("LVM") => Some("LVM"),
                _ => None,
            };
            let maker = maker.map(|maker| format!("{maker} ")).unwrap_or_default();
            format!("{} ({maker}{name})", block.name)
        }
        _ => block.name.clone(),
    }
}
