//! One block device, as /sys describes it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::{fs, str};

use crate::sys::serial::{unit_serial, usb_serial};
use crate::sys::sysfs::{by_id, is_number, is_numbered, names, text};
use crate::sys::{DeviceNumber, Sysfs};

/// /sys tells sizes and places in these, whatever the device's own sectors are (`SECTOR_SIZE` in the kernel's blk_types.h).
const UNIT: u64 = 512;

/// A disk, a partition, or whatever else has blocks. Its strings come from the device: escape them before a terminal sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What tells it from others.
    pub number: DeviceNumber,
    /// The kernel's name, `sdb1`.
    pub name: String,
    /// The node that udev makes, `/dev/sdb1`.
    pub node: PathBuf,
    /// What it is made of.
    pub kind: Kind,
    /// Bytes. 0 where there is no medium.
    pub size: u64,
    /// Bytes of a logical sector.
    pub sector: u32,
    /// The byte of the whole disk where this partition begins; 0 for what is none.
    pub start: u64,
    /// Can't be written.
    pub is_read_only: bool,
    /// Counts up with each disk that comes and each change of medium, since Linux 5.15. A partition has its disk's.
    pub disk_sequence: Option<u64>,
    /// Vendor, where the device names one.
    pub vendor: Option<String>,
    /// Model.
    pub model: Option<String>,
    /// Serial number of the unit.
    pub serial: Option<String>,
    /// A name that stays, `/dev/disk/by-id/…`.
    pub by_id: Option<PathBuf>,
    /// The disk that this is a partition of.
    pub whole: Option<DeviceNumber>,
    /// The file or device that a loop device is made of, or that zram writes back to.
    pub backing: Option<PathBuf>,
}

/// What a block device is made of, or how it is attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A part of another one.
    Partition,
    /// Anything behind USB: sticks, card readers, disks in enclosures, whatever they say of being removable.
    Usb,
    /// SD card in a reader that is not on USB.
    Card,
    /// Flash memory soldered to the board.
    Emmc,
    /// SATA, SAS, and other SCSI disks.
    Sata,
    /// NVMe.
    Nvme,
    /// Disk of a virtual machine (virtio, Xen).
    Virtio,
    /// Disk on another machine, by NBD.
    Nbd,
    /// A file shown as a disk.
    Loop,
    /// Device mapper: LVM, LUKS and others.
    Mapper {
        /// Its name in /dev/mapper.
        name: String,
        /// Begins with the maker's mark: `LVM-`, `CRYPT-LUKS2-`.
        uuid: String,
    },
    /// Array of several disks.
    Md,
    /// Compressed memory.
    Zram,
    /// Memory.
    Ram,
    /// CD, DVD or Blu-ray drive, also on USB.
    Optical,
    /// Cached disk.
    Bcache,
    /// Volume of a ZFS pool.
    Zvol,
    /// None of these.
    Other,
}

impl Kind {
    /// Its name for a person.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Partition => "partition",
            Self::Usb => "USB",
            Self::Card => "SD card",
            Self::Emmc => "eMMC",
            Self::Sata => "SATA or SCSI",
            Self::Nvme => "NVMe",
            Self::Virtio => "virtual disk",
            Self::Nbd => "network disk",
            Self::Loop => "loop device",
            Self::Mapper { .. } => "device mapper",
            Self::Md => "array",
            Self::Zram => "compressed memory",
            Self::Ram => "memory",
            Self::Optical => "optical drive",
            Self::Bcache => "bcache",
            Self::Zvol => "ZFS volume",
            Self::Other => "unknown",
        }
    }

    /// True for what belongs to this machine, or lies on another: what `--allow-fixed` is for.
    pub fn is_fixed(&self) -> bool {
        matches!(self, Self::Sata | Self::Nvme | Self::Virtio | Self::Nbd | Self::Emmc)
    }
}

impl Block {
    /// Every block device; without loop and network ones that nothing is attached to.
    pub(super) fn all(sysfs: &Sysfs) -> io::Result<Vec<Self>> {
        let folders = folders(sysfs)?;
        let mut blocks: Vec<Self> = folders.iter().filter_map(|(name, folder)| Self::read(sysfs, name, folder)).collect();
        blocks.retain(|block| !(matches!(block.kind, Kind::Loop | Kind::Nbd) && block.size == 0 && block.backing.is_none()));
        let disks: HashMap<_, _> = blocks.iter().map(|block| (block.name.clone(), (block.number, block.disk_sequence))).collect();
        for part in blocks.iter_mut().filter(|block| block.kind == Kind::Partition) {
            // The folder of a partition lies in that of its disk.
            let disk = folders.get(&part.name).and_then(|folder| disks.get(folder.parent()?.file_name()?.to_str()?));
            part.whole = disk.map(|(number, _)| *number);
            part.disk_sequence = disk.and_then(|(_, sequence)| *sequence);
        }
        blocks.sort_by_key(|block| block.number);
        Ok(blocks)
    }

    /// `None` for what went away meanwhile, and for what has no number (hidden paths of NVMe multipath).
    fn read(sysfs: &Sysfs, name: &str, folder: &Path) -> Option<Self> {
        let attribute = |name: &str| text(&folder.join(name));
        let number = |name: &str| attribute(name).and_then(|text| text.parse::<u64>().ok());
        let kind = kind(sysfs, name, folder);
        let device = fs::canonicalize(folder.join("device")).ok().filter(|_| kind != Kind::Partition);
        let of_device = |name: &str| device.as_ref().and_then(|device| text(&device.join(name)));
        let serial = || {
            let device = device.as_ref()?;
            unit_serial(device).or_else(|| usb_serial(device)).or_else(|| of_device("serial"))
        };
        Some(Self {
            number: attribute("dev")?.parse().ok()?,
            name: name.to_owned(),
            // A slash in a name is written `!` in /sys.
            node: sysfs.node(&name.replace('!', "/")),
            size: number("size").unwrap_or(0).saturating_mul(UNIT),
            sector: sector(folder).unwrap_or(512),
            start: number("start").unwrap_or(0).saturating_mul(UNIT),
            is_read_only: number("ro") == Some(1),
            disk_sequence: number("diskseq"),
            // "ATA" is the kernel's word where there is no vendor, and virtio's are numbers.
            vendor: of_device("vendor").filter(|vendor| vendor != "ATA" && !vendor.starts_with("0x")),
            model: of_device("model").or_else(|| of_device("name")),
            serial: serial().or_else(|| attribute("serial")),
            by_id: by_id(&sysfs.node("disk/by-id"), name),
            whole: None,
            backing: backing(folder),
            kind,
        })
    }
}

/// The folder of each block device, links resolved. A captured tree may lack one of the two lists.
fn folders(sysfs: &Sysfs) -> io::Result<HashMap<String, PathBuf>> {
    let [class, disks] = ["class/block", "block"].map(|below| sysfs.path(below));
    let (listed, also) = (fs::read_dir(&class), fs::read_dir(&disks));
    if let (Err(error), Err(_)) = (&listed, &also) {
        return Err(io::Error::new(error.kind(), format!("reading {}: {error}", class.display())));
    }
    let mut found = HashMap::new();
    for entry in listed.into_iter().chain(also).flatten() {
        let path = entry?.path();
        let Ok(folder) = fs::canonicalize(&path) else { continue };
        for part in names(&folder) {
            if folder.join(&part).join("partition").exists() {
                found.insert(part.clone(), folder.join(&part));
            }
        }
        if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
            found.insert(name.to_owned(), folder);
        }
    }
    Ok(found)
}

fn kind(sysfs: &Sysfs, name: &str, folder: &Path) -> Kind {
    let lettered =
        |prefix: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_lowercase()));
    let has = |below: &str| folder.join(below).exists();
    if has("partition") {
        return Kind::Partition;
    }
    if has("dm") {
        let attribute = |name: &str| text(&folder.join("dm").join(name)).unwrap_or_default();
        return Kind::Mapper { name: attribute("name"), uuid: attribute("uuid") };
    }
    match name {
        _ if has("md") || name.starts_with("md") => Kind::Md,
        _ if is_numbered(name, "loop") => Kind::Loop,
        _ if is_numbered(name, "zram") => Kind::Zram,
        _ if is_numbered(name, "ram") => Kind::Ram,
        _ if is_numbered(name, "sr") => Kind::Optical,
        _ if is_numbered(name, "bcache") => Kind::Bcache,
        _ if is_numbered(name, "zd") => Kind::Zvol,
        _ if is_numbered(name, "nbd") => Kind::Nbd,
        _ if is_usb(sysfs, folder) => Kind::Usb,
        _ if name.starts_with("mmcblk") => match card_type(folder).as_deref() {
            Some("SD") => Kind::Card,
            _ => Kind::Emmc,
        },
        _ if name.starts_with("nvme") => Kind::Nvme,
        _ if lettered("vd") || lettered("xvd") => Kind::Virtio,
        _ if lettered("sd") || lettered("hd") => Kind::Sata,
        _ => Kind::Other,
    }
}

/// Every USB device hangs from a root hub, whose folder is called `usbN`.
fn is_usb(sysfs: &Sysfs, folder: &Path) -> bool {
    let root = fs::canonicalize(sysfs.root()).unwrap_or_default();
    let below = folder.strip_prefix(root).unwrap_or(folder);
    below.iter().filter_map(|part| part.to_str()).any(|part| is_numbered(part, "usb"))
}

/// `SD`, `MMC` or `SDIO`: from the card's folder, which also that of a boot partition of an eMMC lies in.
fn card_type(folder: &Path) -> Option<String> {
    let is_card = |folder: &&Path| folder.file_name().and_then(|name| name.to_str()).is_some_and(is_card_name);
    text(&folder.ancestors().find(is_card)?.join("type"))
}

/// `mmc0:aaaa`
fn is_card_name(name: &str) -> bool {
    name.strip_prefix("mmc").and_then(|rest| rest.split_once(':')).is_some_and(|(host, _)| is_number(host))
}

/// A partition has its disk's queue, a folder above.
fn sector(folder: &Path) -> Option<u32> {
    let queues = [Some(folder), folder.parent()];
    queues.into_iter().flatten().find_map(|folder| text(&folder.join("queue/logical_block_size"))?.parse().ok())
}

/// Paths may hold anything but are followed by one line feed.
fn backing(folder: &Path) -> Option<PathBuf> {
    let mut path = fs::read(folder.join("loop/backing_file")).or_else(|_| fs::read(folder.join("backing_dev"))).ok()?;
    path.pop_if(|last| *last == b'\n');
    path.starts_with(b"/").then(|| OsString::from_vec(path).into())
}
