//! A disk of this machine as a target: looked at, judged by the guard, unmounted if the person wants it, and opened as the one that was
//! shown.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::event::{Event, MediumCard, Observer};
use crate::jobs::{Answer, Ask, Failure, Question, cards};
use crate::medium::{BlockDevice, Claim, DiskError};
use crate::sys::topology::{Block, Standing, Use};
use crate::sys::{DeviceNumber, Sysfs, Topology, holders, unmount, users_of, writers};

use super::judged::Judged;
use super::{Load, Terms};

/// A disk that was looked at.
pub(in crate::jobs) struct Disk {
    /// The node or the link by which it was named.
    given: PathBuf,
    pub(in crate::jobs) block: Block,
    pub(in crate::jobs) judged: Judged,
    /// Where it is mounted, in order of mounting.
    points: Vec<Point>,
}

/// A folder that a file system of the disk is mounted on.
struct Point {
    folder: PathBuf,
    /// What is mounted there: the disk, or a partition of it.
    node: PathBuf,
}

impl Disk {
    /// Looks at the disk behind a node. It is opened for reading only when nothing but a mount speaks against it.
    pub(in crate::jobs) fn examine(node: &Path, load: &Load<'_>, terms: &Terms) -> Result<Self, Failure> {
        let name = node.display();
        let meta = std::fs::metadata(node).map_err(|error| Failure::failed(format!("looking at {name}: {error}")))?;
        let number = DeviceNumber::from(meta.rdev());
        let topology = Topology::read(&Sysfs::default()).map_err(|error| Failure::failed(error.to_string()))?;
        let block = topology.find(number).cloned().ok_or_else(|| {
            Failure::failed(format!("{name}: no disk answers there; is it plugged in? `isoflash --list` shows those there are"))
        })?;
        let numbers: Vec<DeviceNumber> =
            std::iter::once(number).chain(topology.partitions_of(number).iter().map(|part| part.number)).collect();
        let writers = writers(&numbers);
        let points = points(&topology, &block);
        let judged = Judged::judge(&topology, &block, &writers, (load, terms), |judged| {
            let claim = if judged.is_mounted() { Claim::Shared } else { Claim::ExclusiveToRead };
            let device = open(node, &block, claim)?;
            let file = device.loop_file();
            Ok((Arc::new(device), file))
        })?;
        Ok(Self { given: node.into(), block, judged, points })
    }

    /// Who it is.
    pub(in crate::jobs) fn card(&self) -> MediumCard {
        MediumCard { contents: self.judged.lines.clone(), ..cards::of(&self.block) }
    }

    /// The file that a loop device is made of.
    pub(in crate::jobs) fn backing(&self) -> Option<&Path> {
        self.block.backing.as_deref()
    }

    /// True when it was named by a link that is made of its identity.
    pub(in crate::jobs) fn is_named_by_id(&self) -> bool {
        self.given.parent() == Some(Path::new("/dev/disk/by-id"))
    }

    /// May it be unmounted?
    pub(in crate::jobs) fn permit_unmount(&self, terms: &Terms, ask: &mut Ask<'_>) -> Result<(), Failure> {
        if !self.judged.is_mounted() || terms.unmount {
            return Ok(());
        }
        let (name, shown) = (self.given.display(), self.shown_points());
        match ask(&Question::permission(format!("{name} is mounted on {shown}. Unmount it and go on?"))) {
            Answer::Yes => Ok(()),
            // `--yes` answers the last question, and this is not the last.
            Answer::Assumed | Answer::No | Answer::Choice(_) | Answer::Nobody => Err(Failure::refused(format!(
                "{name} is mounted on {shown}; unmount it (umount {shown}), or let isoflash do it (--unmount)"
            ))),
            Answer::Unasked => {
                Err(Failure::usage(format!("{name} is mounted on {shown}, and --json asks no questions: say --unmount")))
            }
        }
    }

    /// The same disk once the person has answered: unmounted, if it was mounted, and judged again. An answer takes as long as it takes, and
    /// the claim on the disk does not keep off who only writes to it, nor what makes a loop device of it. It must be the disk of the card,
    /// and hold what the card said.
    pub(in crate::jobs) fn again(self, load: &Load<'_>, terms: &Terms, observer: &mut dyn Observer) -> Result<Self, Failure> {
        if self.judged.is_mounted() {
            self.unmount(observer)?;
        }
        if !self.is_there() {
            return Err(another(&self.given));
        }
        let now = Self::examine(&self.given, load, terms)?;
        // The node, or a link to it, may lead elsewhere by now.
        if identity(&now.block) != identity(&self.block) {
            return Err(another(&self.given));
        }
        now.judged.refuse(terms)?;
        if now.judged.is_mounted() {
            return Err(Failure::refused(format!(
                "{} was mounted meanwhile, on {}; stop what does that, and run the command again",
                self.given.display(),
                now.shown_points()
            )));
        }
        // A card does not show every partition, but asks for a word because of any.
        if now.judged.lines != self.judged.lines || now.judged.unusual() != self.judged.unusual() {
            return Err(Failure::refused(format!(
                "{} holds something else now than what was shown; nothing was written to it; run the command again",
                self.given.display()
            )));
        }
        Ok(now)
    }

    /// Unmounts it, properly.
    fn unmount(&self, observer: &mut dyn Observer) -> Result<(), Failure> {
        // What was mounted last may lie on top of the others.
        for point in self.points.iter().rev() {
            unmount(&point.folder, &point.node).map_err(|why| {
                let users = users_of(&point.folder);
                let users = if users.is_empty() { String::new() } else { format!(", in use by {}", users.join(", ")) };
                Failure::refused(format!(
                    "unmounting {}: {why}{users}; close what uses it and run this command again",
                    point.folder.display()
                ))
            })?;
        }
        observer.event(&Event::notice(format!("unmounted {}", self.shown_points())));
        Ok(())
    }

    /// True when a file system of it is mounted above this folder.
    pub(in crate::jobs) fn shows(&self, folder: &Path) -> bool {
        self.points.iter().any(|point| folder.starts_with(&point.folder))
    }

    fn shown_points(&self) -> String {
        self.points.iter().map(|point| point.folder.display().to_string()).collect::<Vec<_>>().join(", ")
    }

    /// Opens it for writing: the disk of the card, which must be the one that is there now.
    pub(in crate::jobs) fn open(&self) -> Result<BlockDevice, Failure> {
        let device = open(&self.given, &self.block, Claim::ExclusiveToWrite)?;
        if self.is_same(&device) { Ok(device) } else { Err(another(&self.given)) }
    }

    /// True while the disk that is open is the one of the card: by number in the kernel's count, by size, and by serial number.
    pub(in crate::jobs) fn is_same(&self, device: &BlockDevice) -> bool {
        device.is_unchanged()
            && self.block.disk_sequence.is_none_or(|sequence| device.sequence() == Some(sequence))
            && crate::medium::Medium::geometry(device).bytes == self.block.size
            && self.is_there()
    }

    /// True while the disk of the card has its number.
    fn is_there(&self) -> bool {
        let now = Topology::read(&Sysfs::default()).ok();
        let now = now.as_ref().and_then(|topology| topology.find(self.block.number));
        now.is_some_and(|now| identity(now) == identity(&self.block))
    }
}

/// Where a disk is mounted, in order of mounting.
fn points(topology: &Topology, disk: &Block) -> Vec<Point> {
    let uses = topology.standing_on(disk.number);
    let point = |found: &Use| {
        let Standing::Mount(folder) = &found.standing else { return None };
        let partition = found.on.iter().find_map(|below| match uses[*below].standing {
            Standing::Partition(number) => topology.find(number),
            _ => None,
        });
        Some(Point { folder: folder.clone(), node: partition.unwrap_or(disk).node.clone() })
    };
    uses.iter().filter_map(point).collect()
}

fn another(node: &Path) -> Failure {
    Failure::refused(format!(
        "{} is gone, or another disk than the one that was shown; nothing was written to it; run the command again",
        node.display()
    ))
}

fn open(node: &Path, block: &Block, claim: Claim) -> Result<BlockDevice, Failure> {
    let name = node.display();
    BlockDevice::open(node, block.number, claim).map_err(|error| match error {
        DiskError::Busy => {
            let holders = holders(Some(block.number), None);
            let by = if holders.is_empty() { String::new() } else { format!(" by {}", holders.join(", ")) };
            Failure::refused(format!("{name} is in use{by}; end that and run this command again"))
        }
        DiskError::Changed | DiskError::Empty | DiskError::ReadOnly => Failure::refused(format!("opening {name}: {error}")),
        DiskError::Denied | DiskError::System(_) => Failure::failed(format!("opening {name}: {error}")),
    })
}

/// What tells a disk from the next one that gets its name.
fn identity(block: &Block) -> (DeviceNumber, Option<u64>, Option<&str>, u64) {
    (block.number, block.disk_sequence, block.serial.as_deref(), block.size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::machine::Machine;

    #[test]
    fn what_is_unmounted_is_the_partition_that_lies_there() {
        let machine = Machine::new();
        machine.disk("devices/usb1/1-1/host6/6:0:0:0", "sdb", "8:16", 1 << 20);
        machine.partition("sdb", "sdb1", "8:17", 2048, 1 << 19);
        machine.mount("8:17 / /media/part vfat /dev/sdb1 rw");
        machine.mount("8:16 / /media/whole vfat /dev/sdb rw");
        let topology = Topology::read(&machine.sysfs()).unwrap();
        let points = points(&topology, topology.named("sdb").unwrap());
        let mut names: Vec<_> =
            points.iter().map(|point| (point.folder.to_str().unwrap(), point.node.file_name().unwrap())).collect();
        names.sort();
        assert_eq!(names, [("/media/part", "sdb1".as_ref()), ("/media/whole", "sdb".as_ref())]);
    }
}
