//! Switching a USB stick off, as udisks does (its `power-off`: src/udiskslinuxdrive.c): the kernel takes the device from the bus, and the
//! port's power goes where the hub can do that.

use std::fs;
use std::path::PathBuf;

use super::sysfs::{is_numbered, names, text};
use super::{DeviceNumber, Sysfs};

/// The class of interfaces that are disks ("Universal Serial Bus Mass Storage Class Specification Overview").
const MASS_STORAGE: &str = "08";

/// The attribute of a USB device that takes it from the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PowerSwitch(PathBuf);

/// Why a disk has none of its own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoSwitch {
    /// It is not on USB, or the kernel tells nothing of it.
    #[error("it is no USB device")]
    NotUsb,
    /// Other slots, disks or devices would go with it.
    #[error("{0} hangs on the same USB device")]
    Shared(String),
}

impl PowerSwitch {
    /// The switch of the USB device that is this disk, and nothing besides.
    ///
    /// # Errors
    /// There is none, or more than this disk hangs on it.
    pub fn of(sysfs: &Sysfs, disk: DeviceNumber) -> Result<Self, NoSwitch> {
        let device = sysfs.path(&format!("dev/block/{}:{}/device", disk.major, disk.minor));
        let device = fs::canonicalize(device).map_err(|_| NoSwitch::NotUsb)?;
        let usb =
            device.ancestors().find(|folder| folder.join("bInterfaceClass").exists()).and_then(|interface| interface.parent());
        // A hub that is part of the machine is called `usbN`.
        let is_root = |name: &str| is_numbered(name, "usb");
        let usb = usb.filter(|usb| usb.file_name().and_then(|name| name.to_str()).is_some_and(|name| !is_root(name)));
        let usb = usb.filter(|usb| usb.join("remove").exists()).ok_or(NoSwitch::NotUsb)?;
        let class = |name: &String| text(&usb.join(name).join("bInterfaceClass"));
        if let Some(other) = names(usb).iter().find(|name| class(name).is_some_and(|class| class != MASS_STORAGE)) {
            return Err(NoSwitch::Shared(format!("something else than a disk (interface {other})")));
        }
        let block = sysfs.path("class/block");
        for name in names(&block) {
            let folder = fs::canonicalize(block.join(&name)).unwrap_or_default();
            let is_partition = folder.join("partition").exists();
            let number = text(&folder.join("dev")).and_then(|number| number.parse::<DeviceNumber>().ok());
            if folder.starts_with(usb) && !is_partition && number != Some(disk) {
                return Err(NoSwitch::Shared(name));
            }
        }
        Ok(Self(usb.join("remove")))
    }

    /// Switches it off.
    ///
    /// # Errors
    /// Those of writing to /sys: only root may.
    pub fn off(&self) -> std::io::Result<()> {
        fs::write(&self.0, "1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::machine::Machine;

    const USB: &str = "devices/pci0/usb1/1-1";

    /// A USB device with a disk on each of these units.
    fn machine(units: &[(&str, &str, &str)]) -> Machine {
        let machine = Machine::new();
        machine.write(&format!("sys/{USB}/remove"), "");
        machine.write(&format!("sys/{USB}/1-1:1.0/bInterfaceClass"), "08\n");
        for (unit, name, number) in units {
            machine.disk(&format!("{USB}/1-1:1.0/host6/target6:0:0/{unit}"), name, number, 1 << 20);
            machine.link(&format!("sys/dev/block/{number}"), machine.root().join(format!("sys/class/block/{name}")));
        }
        machine
    }

    const STICK: DeviceNumber = DeviceNumber { major: 8, minor: 16 };

    #[test]
    fn a_stick_is_switched_off_and_nothing_else_with_it() {
        let stick = machine(&[("6:0:0:0", "sdb", "8:16")]);
        stick.partition("sdb", "sdb1", "8:17", 2048, 1 << 19);
        stick.disk("devices/pci0/usb1/1-2/1-2:1.0/host7/7:0:0:0", "sdc", "8:32", 1 << 20);
        let switch = PowerSwitch::of(&stick.sysfs(), STICK).unwrap();
        switch.off().unwrap();
        assert_eq!(fs::read_to_string(stick.root().join(format!("sys/{USB}/remove"))).unwrap(), "1");
    }

    #[test]
    fn what_else_hangs_on_the_device_keeps_its_power() {
        let reader = machine(&[("6:0:0:0", "sdb", "8:16"), ("6:0:0:1", "sdc", "8:32")]);
        assert_eq!(PowerSwitch::of(&reader.sysfs(), STICK), Err(NoSwitch::Shared("sdc".into())));
        let keyboard = machine(&[("6:0:0:0", "sdb", "8:16")]);
        keyboard.write(&format!("sys/{USB}/1-1:1.1/bInterfaceClass"), "03\n");
        assert!(matches!(PowerSwitch::of(&keyboard.sysfs(), STICK), Err(NoSwitch::Shared(_))));
        let sata = Machine::new();
        sata.disk("devices/pci0/ata1/host0/0:0:0:0", "sda", "8:0", 1 << 20);
        assert_eq!(PowerSwitch::of(&sata.sysfs(), DeviceNumber { major: 8, minor: 0 }), Err(NoSwitch::NotUsb));
    }
}
