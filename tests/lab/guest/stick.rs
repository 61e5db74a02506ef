//! A USB stick as QEMU's command line describes it.

use std::error::Error;
use std::ops::Range;
use std::path::Path;

use serde_json::{Value, json};

use super::backing::{Access, Backing};
use super::drive::Fault;
use super::guardian::Guardian;
use super::qmp::Qmp;
use crate::server::export::Export;

/// How a stick is connected; each is another driver or another geometry in the guest's kernel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bus {
    /// usb-storage, bulk-only.
    Usb,
    /// USB attached SCSI: uas, as fast sticks and enclosures of disks have it.
    Uas,
    /// Bulk-only, with sectors of 4096 bytes. (QEMU's usb-storage itself knows only 512.)
    Bot4096,
    /// A card reader: bulk-only, the file's card in its first slot, and another, `stickNUMBER-slot`, in its second.
    Reader,
}

/// What the host's disk says of a write that fails.
#[derive(Clone, Copy)]
pub enum WriteError {
    /// EIO: sense 0B/00/06.
    Io = 5,
    /// ENOSPC: sense 07/27/07, as a thin-provisioned disk that has run full.
    Full = 28,
}

/// A stick made of a file, which is all that it keeps.
pub struct Stick {
    bus: Bus,
    backing: Backing,
    /// All that follows `emulated:` in the operand of a stick that this process serves.
    served: Option<String>,
    serial: Option<&'static str>,
    removable: bool,
    /// Whether it is in the socket when the machine starts; if not, `host plug` puts it in.
    pub plugged: bool,
}

impl Stick {
    /// A removable stick without faults; its serial number is LAB and its number in four digits.
    pub fn new(bus: Bus, file: &Path) -> Self {
        Self::of(bus, Backing::new(file, false))
    }

    /// An emulated stick of this operand (all that follows `emulated:`), with all its vices; FILE is one of the story's folder.
    /// `sector=4096` needs [`Bus::Bot4096`], and the other way round. Each request that it gets is a line of `/share/stickNUMBER.record`.
    pub fn emulated(bus: Bus, operand: &str) -> Self {
        Self { served: Some(operand.to_owned()), ..Self::of(bus, Backing::served(false)) }
    }

    fn of(bus: Bus, backing: Backing) -> Self {
        Self { bus, backing, served: None, serial: None, removable: true, plugged: true }
    }

    /// Has this serial number.
    pub fn serial(mut self, serial: &'static str) -> Self {
        self.serial = Some(serial);
        self
    }

    /// Says of itself that its medium is fixed, as enclosures do.
    pub fn fixed(mut self) -> Self {
        self.removable = false;
        self
    }

    /// Can't be written.
    pub fn read_only(mut self) -> Self {
        self.backing.read_only();
        self
    }

    /// Takes only so many bytes a second, so that something can happen while a program writes.
    pub fn slow(mut self, bytes_per_second: u64) -> Self {
        self.backing.slow(Access::Write, bytes_per_second);
        self
    }

    /// Fails to write these sectors of 512 bytes.
    pub fn unwritable(mut self, error: WriteError, sectors: Range<u64>) -> Self {
        self.backing.fault(Access::Write, sectors, error as u8);
        self
    }

    /// Takes these sectors of 512 bytes, but fails to read them: medium error, sense 03/11/00.
    pub fn unreadable(mut self, sectors: Range<u64>) -> Self {
        self.backing.fault(Access::Read, sectors, Fault::Medium as u8);
        self
    }

    /// Is still in the drawer when the machine starts.
    pub fn unplugged(mut self) -> Self {
        self.plugged = false;
        self
    }

    /// Begins to serve the stick `stickNUMBER` of a story's folder, if it is one that is served; QEMU looks for it when it starts.
    pub fn export(&self, number: usize, guardian: &Guardian) -> Result<Option<Export>, Box<dyn Error>> {
        let Some(operand) = &self.served else { return Ok(None) };
        let folder = guardian.folder();
        // FILE is whatever the folder's name makes of it: a comma in it would end it.
        let folder_as_word = folder.display().to_string().replace('\\', "\\\\").replace(',', "\\,");
        let operand = format!("{folder_as_word}/{operand}");
        let export =
            Export::start(&operand, &guardian.sockets().join(node(number)), &folder.join(format!("stick{number}.record")))?;
        let (sector, fits) = (export.geometry.sector, if self.bus == Bus::Bot4096 { 4096 } else { 512 });
        if sector != fits {
            return Err(format!("{operand}: sectors of {sector} bytes on a bus with {fits}").into());
        }
        Ok(Some(export))
    }

    /// Once QEMU runs: its plug comes out when the stick leaves the bus.
    pub fn watch(number: usize, export: &Export, sockets: &Path) -> Result<(), Box<dyn Error>> {
        let mut monitor = Qmp::connect(&sockets.join(monitor(number)))?;
        export.when_gone(move || {
            if let Err(error) = monitor.execute("device_del", json!({"id": format!("stick{number}-usb")})) {
                eprintln!("lab: stick{number} is gone: {error}");
            }
        });
        Ok(())
    }

    /// QEMU's arguments for the file behind the stick `stickNUMBER`, in the socket or not.
    pub fn arguments(&self, number: usize) -> Vec<String> {
        let mut arguments = self.backing.arguments(&node(number));
        if self.served.is_some() {
            arguments.extend(["-qmp".to_owned(), format!("unix:{},server=on,wait=off", monitor(number))]);
        }
        if self.bus == Bus::Reader {
            let card = json!({"driver": "null-co", "node-name": format!("stick{number}-card"), "size": 64 << 20});
            arguments.extend(["-blockdev".to_owned(), card.to_string()]);
        }
        arguments
    }

    /// What QEMU adds when the stick is plugged in: first `stickNUMBER-usb`, and what hangs on it.
    pub fn devices(&self, number: usize) -> Vec<Value> {
        let id = format!("stick{number}");
        let plug = format!("{id}-usb");
        let serial = self.serial.map_or_else(|| format!("LAB{number:04}"), str::to_owned);
        let usb = |driver| json!({"driver": driver, "id": plug, "bus": "xhci.0", "serial": serial});
        let disk = json!({"drive": node(number), "removable": self.removable, "serial": serial,
            "werror": "report", "rerror": "report", "write-cache": "on"});
        let scsi =
            json!({"driver": "scsi-hd", "id": id, "bus": format!("{plug}.0"), "lun": 0, "vendor": "LAB", "product": "Stick"});
        match self.bus {
            Bus::Usb => vec![all_of([usb("usb-storage"), disk])],
            Bus::Uas => vec![usb("usb-uas"), all_of([scsi, disk])],
            Bus::Reader => {
                let slot = json!({"driver": "scsi-hd", "id": format!("{id}-slot"), "bus": format!("{plug}.0"), "lun": 1,
                    "vendor": "LAB", "product": "Slot", "drive": format!("{id}-card"), "removable": true});
                vec![usb("usb-bot"), all_of([scsi, disk]), slot]
            }
            Bus::Bot4096 => {
                let sectors = json!({"logical_block_size": 4096, "physical_block_size": 4096});
                vec![usb("usb-bot"), all_of([scsi, disk, sectors])]
            }
        }
    }
}

/// QEMU's block node behind a stick.
fn node(number: usize) -> String {
    format!("stick{number}-file")
}

/// The socket at which QEMU listens for a stick that leaves the bus.
fn monitor(number: usize) -> String {
    format!("stick{number}-qmp")
}

fn all_of(parts: impl IntoIterator<Item = Value>) -> Value {
    parts.into_iter().filter_map(|part| part.as_object().cloned()).flatten().collect()
}
