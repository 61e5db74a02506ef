//! An optical drive as QEMU's command line describes it.

use std::ops::Range;
use std::path::Path;

use serde_json::json;

use super::backing::{Access, Backing};

/// How a drive is connected; each is another driver and another path of errors in the guest's kernel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bus {
    /// virtio-scsi: the SCSI commands as they are.
    Scsi,
    /// AHCI: ATAPI through libata.
    Sata,
    /// xHCI: usb-storage, bulk-only.
    Usb,
}

/// What the host's disk says of an unreadable sector; QEMU makes sense data of it, always without an LBA.
#[derive(Clone, Copy)]
pub enum Fault {
    /// ENODATA: sense 03/11/00 by SCSI, but 05/21/00 by AHCI.
    Medium = 61,
    /// EIO: sense 0B/00/06 by SCSI.
    Io = 5,
}

/// A drive with a disc in it.
pub struct Drive {
    /// How it is connected.
    pub bus: Bus,
    disc: Backing,
}

impl Drive {
    /// A drive without faults.
    pub fn new(bus: Bus, image: &Path) -> Self {
        Self { bus, disc: Backing::new(image, true) }
    }

    /// Makes sectors (of 2048 bytes) unreadable.
    pub fn unreadable(mut self, fault: Fault, sectors: &[Range<u64>]) -> Self {
        self.disc.fault(Access::Read, sectors.iter().cloned().flatten().map(|lba| lba * 4), fault as u8);
        self
    }

    /// Makes it slow, so that something can happen while a program reads.
    pub fn slow(mut self, bytes_per_second: u64) -> Self {
        self.disc.slow(Access::Read, bytes_per_second);
        self
    }

    /// QEMU's arguments for the drive `cdNUMBER`.
    pub fn arguments(&self, number: usize) -> Vec<String> {
        let mut arguments = self.disc.arguments(&format!("disc{number}"));
        let id = format!("cd{number}");
        let (driver, bus) = match self.bus {
            Bus::Scsi => ("scsi-cd", "scsi.0".to_owned()),
            Bus::Sata => ("ide-cd", format!("ide.{number}")),
            Bus::Usb => ("scsi-cd", format!("{id}-usb.0")),
        };
        if self.bus == Bus::Usb {
            let bridge = json!({"driver": "usb-bot", "id": format!("{id}-usb"), "bus": "xhci.0", "attached": false});
            arguments.extend(["-device".to_owned(), bridge.to_string()]);
        }
        let device = json!({"driver": driver, "id": id, "bus": bus, "drive": format!("disc{number}"), "rerror": "report"});
        arguments.extend(["-device".to_owned(), device.to_string()]);
        arguments
    }
}
