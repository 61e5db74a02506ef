//! Which optical drives this machine has, and how to know one again.

use std::fs;
use std::path::{Path, PathBuf};

use super::serial::{unit_serial, usb_serial};
use super::sysfs::{by_id, is_number, names, text};
use super::{DeviceNumber, Sysfs};

/// The smallest page; a buffer may lie in as many pieces.
const PAGE: u64 = 4096;

/// An optical drive. Its strings come from the device: escape them before a terminal sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The node that udev makes, `/dev/srN`.
    pub node: PathBuf,
    /// Its number.
    pub number: DeviceNumber,
    /// The same drive's `/dev/sgN`, when the sg module is loaded.
    pub sg: Option<PathBuf>,
    /// The number of `sg`.
    pub sg_number: Option<DeviceNumber>,
    /// A name that stays, `/dev/disk/by-id/…`.
    pub by_id: Option<PathBuf>,
    /// Vendor, from INQUIRY.
    pub vendor: String,
    /// Model, from INQUIRY.
    pub model: String,
    /// Firmware revision, from INQUIRY.
    pub revision: String,
    /// Unit serial number: vital product data page 80h, else that of the USB device it is.
    pub serial: Option<String>,
    /// Bytes that the queue takes in one SG_IO command; unknown where /sys has no `queue` folder.
    pub longest: Option<u64>,
    /// Where it is plugged in: the device's path without numbers that change when it comes back.
    seat: PathBuf,
}

impl Sysfs {
    /// The optical drives, sorted by number. None where /sys can't be read.
    pub fn drives(&self) -> Vec<Found> {
        let names = names(&self.path("block"));
        let mut drives: Vec<Found> = names.iter().filter_map(|name| self.drive(name)).collect();
        drives.sort_by_key(|drive| drive.number);
        drives
    }

    fn drive(&self, name: &str) -> Option<Found> {
        name.strip_prefix("sr")?.parse::<u32>().ok()?;
        let block = self.path("block").join(name);
        let device = fs::canonicalize(block.join("device")).ok()?;
        let sg = names(&device.join("scsi_generic")).into_iter().next();
        let attribute = |name: &str| text(&device.join(name)).unwrap_or_default();
        Some(Found {
            node: self.node(name),
            number: text(&block.join("dev"))?.parse().ok()?,
            sg_number: sg.as_ref().and_then(|sg| text(&device.join("scsi_generic").join(sg).join("dev"))?.parse().ok()),
            sg: sg.map(|sg| self.node(&sg)),
            by_id: by_id(&self.node("disk/by-id"), name),
            vendor: attribute("vendor"),
            model: attribute("model"),
            revision: attribute("rev"),
            serial: unit_serial(&device).or_else(|| usb_serial(&device)),
            longest: longest(&block.join("queue")),
            seat: seat(&device),
        })
    }
}

impl Found {
    /// True when `other` is this drive, perhaps under another node: same make, and the same serial number; where one of them tells
    /// none, plugged in at the same place.
    pub fn is_same_drive(&self, other: &Self) -> bool {
        let same_make = self.vendor == other.vendor && self.model == other.model;
        same_make
            && match (&self.serial, &other.serial) {
                (Some(ours), Some(theirs)) => ours == theirs,
                _ => self.is_same_seat(other),
            }
    }

    /// True when both are plugged in at the same place: decides between drives whose maker gave them all one serial number.
    pub fn is_same_seat(&self, other: &Self) -> bool {
        self.seat == other.seat
    }
}

/// SG_IO takes up to `max_hw_sectors_kb`, whatever `max_sectors_kb` says, in at most `max_segments` pieces.
fn longest(queue: &Path) -> Option<u64> {
    let number = |name| text(&queue.join(name)).and_then(|text| text.parse::<u64>().ok());
    let bytes = number("max_hw_sectors_kb")?.saturating_mul(1024);
    let pieces = number("max_segments").filter(|pieces| *pieces > 0);
    Some(pieces.map_or(bytes, |pieces| bytes.min(pieces.saturating_mul(PAGE))))
}

/// `…/usb2/2-3/2-3:1.0/host6/target6:0:0/6:0:0:0` without the host's number, which counts up each time a drive comes.
fn seat(device: &Path) -> PathBuf {
    let steady = |part: &str| match part.split_once(':') {
        _ if part.strip_prefix("host").is_some_and(is_number) => "host".to_owned(),
        Some((target, rest)) if target.strip_prefix("target").is_some_and(is_number) => format!("target:{rest}"),
        Some((host, rest)) if is_number(host) && rest.split(':').count() == 3 => format!(":{rest}"),
        _ => part.to_owned(),
    };
    device.iter().map(|part| steady(&part.to_string_lossy())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    use crate::sys::machine::Machine;

    const USB: &str = "devices/pci0000:00/0000:00:14.0/usb2/2-3/2-3:1.0/host6/target6:0:0/6:0:0:0";
    const SATA: &str = "devices/pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0";

    impl Machine {
        fn plug(&self, device: &str, minor: u32, model: &str) {
            let device = format!("sys/{device}");
            let attributes = [("vendor", "HL-DT-ST"), ("model", model), ("rev", "1.00"), ("type", "5")];
            for (name, value) in attributes {
                self.write(&format!("{device}/{name}"), format!("{value}      \n"));
            }
            self.write(&format!("{device}/block/sr{minor}/dev"), format!("11:{minor}\n"));
            self.write(&format!("{device}/block/sr{minor}/queue/max_hw_sectors_kb"), "1024\n");
            self.write(&format!("{device}/block/sr{minor}/queue/max_segments"), "128\n");
            let root = self.root();
            let block = root.join(&device).join(format!("block/sr{minor}"));
            symlink(root.join(&device), block.join("device")).unwrap();
            symlink(&block, root.join(format!("sys/block/sr{minor}"))).unwrap();
        }

        fn unplug(&self, device: &str, minor: u32) {
            fs::remove_dir_all(self.root().join("sys").join(device)).unwrap();
            fs::remove_file(self.root().join(format!("sys/block/sr{minor}"))).unwrap();
        }
    }

    #[test]
    fn drives_are_found_and_sorted_by_number_and_disks_are_none() {
        let machine = Machine::new();
        machine.plug("devices/a/host9/target9:0:0/9:0:0:0", 10, "TEN");
        machine.plug(USB, 1, "BD-RE BU40N");
        machine.plug(SATA, 0, "DVDRAM GH24NSD1");
        machine.write("sys/block/sda/dev", "8:0\n");
        machine.write(&format!("sys/{SATA}/scsi_generic/sg2/dev"), "21:2\n");
        machine.write(&format!("sys/{SATA}/vpd_pg80"), b"\x05\x80\x00\x08 K1A2B3\0");
        machine.write("sys/devices/pci0000:00/0000:00:14.0/usb2/2-3/idVendor", "152d\n");
        machine.write("sys/devices/pci0000:00/0000:00:14.0/usb2/2-3/serial", "00A1\n");
        let by_id = machine.root().join("dev/disk/by-id");
        symlink("../../sr10", by_id.join("ata-TEN")).unwrap();
        symlink("../../sr1", by_id.join("usb-HL-DT-ST_BD-RE_00A1-0:0")).unwrap();

        let drives = machine.sysfs().drives();
        let dev = |name: &str| machine.root().join("dev").join(name);
        assert_eq!(drives.iter().map(|d| d.node.clone()).collect::<Vec<_>>(), ["sr0", "sr1", "sr10"].map(dev));
        let [sata, usb, ten] = &drives[..] else { panic!("{drives:?}") };
        assert_eq!((&*sata.vendor, &*sata.model, &*sata.revision), ("HL-DT-ST", "DVDRAM GH24NSD1", "1.00"));
        assert_eq!((sata.serial.as_deref(), sata.sg.clone(), sata.by_id.clone()), (Some("K1A2B3"), Some(dev("sg2")), None));
        assert_eq!(sata.sg_number, Some(DeviceNumber { major: 21, minor: 2 }));
        assert_eq!((usb.serial.as_deref(), usb.sg.clone(), usb.sg_number), (Some("00A1"), None, None));
        assert_eq!(usb.by_id, Some(dev("disk/by-id/usb-HL-DT-ST_BD-RE_00A1-0:0")));
        assert_eq!((ten.serial.as_deref(), ten.longest), (None, Some(512 * 1024)));
    }

    #[test]
    fn without_sysfs_there_are_no_drives() {
        assert_eq!(Sysfs::at("/nonexistent").drives(), []);
    }

    #[test]
    fn a_drive_without_serial_is_known_by_its_seat_though_host_and_node_have_new_numbers() {
        let machine = Machine::new();
        machine.plug(USB, 0, "BD-RE BU40N");
        let before = machine.sysfs().drives().remove(0);
        machine.unplug(USB, 0);
        machine.plug(&USB.replace("host6/target6:0:0/6:", "host7/target7:0:0/7:"), 1, "BD-RE BU40N");
        machine.plug(&USB.replace("2-3", "2-4"), 2, "BD-RE BU40N");
        let [same, other] = &machine.sysfs().drives()[..] else { panic!("two drives") };
        assert!(before.is_same_drive(same) && before.is_same_seat(same));
        assert!(!before.is_same_drive(other));
    }

    #[test]
    fn a_drive_with_serial_is_known_in_another_port_and_another_unit_in_its_port_is_not() {
        let machine = Machine::new();
        machine.plug(USB, 0, "BD-RE BU40N");
        machine.write(&format!("sys/{USB}/vpd_pg80"), b"\x05\x80\x00\x03ONE");
        let before = machine.sysfs().drives().remove(0);
        machine.write(&format!("sys/{USB}/vpd_pg80"), b"\x05\x80\x00\x03TWO");
        let moved = USB.replace("2-3", "2-1");
        machine.plug(&moved, 1, "BD-RE BU40N");
        machine.write(&format!("sys/{moved}/vpd_pg80"), b"\x05\x80\x00\x03ONE");
        let [other, same] = &machine.sysfs().drives()[..] else { panic!("two drives") };
        assert!(before.is_same_drive(same) && !before.is_same_seat(same));
        assert!(!before.is_same_drive(other));
    }

    #[test]
    fn the_type_of_a_generic_node_is_that_of_its_device() {
        let machine = Machine::new();
        machine.plug(SATA, 0, "DVD");
        let sg = machine.root().join("sys").join(SATA).join("scsi_generic/sg4");
        fs::create_dir_all(&sg).unwrap();
        symlink("../..", sg.join("device")).unwrap();
        symlink(&sg, machine.root().join("sys/dev/char/21:4")).unwrap();
        let number = |minor| DeviceNumber { major: 21, minor };
        assert_eq!(machine.sysfs().scsi_type(number(4)), Some(5));
        assert_eq!(machine.sysfs().scsi_type(number(5)), None);
    }
}
