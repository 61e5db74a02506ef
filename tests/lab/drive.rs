//! An optical drive as QEMU's command line describes it.

use std::ops::Range;
use std::path::Path;

use serde_json::{Value, json};

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
    image: String,
    unreadable: Vec<u64>,
    fault: Fault,
    bytes_per_second: Option<u64>,
}

impl Drive {
    /// A drive without faults.
    pub fn new(bus: Bus, image: &Path) -> Self {
        let image = image.display().to_string();
        Self { bus, image, unreadable: Vec::new(), fault: Fault::Medium, bytes_per_second: None }
    }

    /// Makes sectors unreadable.
    pub fn unreadable(mut self, fault: Fault, sectors: &[Range<u64>]) -> Self {
        self.fault = fault;
        self.unreadable = sectors.iter().cloned().flatten().collect();
        self
    }

    /// Makes it slow, so that something can happen while a program reads.
    pub fn slow(mut self, bytes_per_second: u64) -> Self {
        self.bytes_per_second = Some(bytes_per_second);
        self
    }

    /// QEMU's arguments for the drive `cdNUMBER`.
    pub fn arguments(&self, number: usize) -> Vec<String> {
        let mut arguments = Vec::new();
        let mut node = json!({"driver": "file", "filename": self.image});
        if !self.unreadable.is_empty() {
            let rules: Vec<Value> = (self.unreadable.iter())
                .map(
                    |lba| json!({"event": "none", "iotype": "read", "sector": lba * 4, "errno": self.fault as u8, "once": false}),
                )
                .collect();
            node = json!({"driver": "blkdebug", "image": node, "inject-error": rules});
        }
        if let Some(rate) = self.bytes_per_second {
            arguments.extend(["-object".to_owned(), format!("throttle-group,id=slow{number},x-bps-read={rate}")]);
            node = json!({"driver": "throttle", "throttle-group": format!("slow{number}"), "file": node});
        }
        let disc = json!({"driver": "raw", "node-name": format!("disc{number}"), "read-only": true, "file": node});
        arguments.extend(["-blockdev".to_owned(), disc.to_string()]);

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
