//! Who a disk is and what is on it, for the person who must recognise it.

use crate::event::MediumCard;
use crate::image::partitions::{self, Scheme, Table};
use crate::image::signature::{self, Kind, Signature};
use crate::medium::Medium;
use crate::sys::Buffer;
use crate::sys::topology::{self, Block};

/// Partitions that are listed: more of them would push the rest of a card off the screen.
const LISTED: usize = 16;

/// Partitions that are looked into, of perhaps a thousand that overlap: as many as a GPT usually has room for. Each takes ten reads or so.
const LOOKED_INTO: usize = 128;

/// What /sys tells of it.
pub fn of(block: &Block) -> MediumCard {
    let model: Vec<&str> = [&block.vendor, &block.model].into_iter().flatten().map(String::as_str).collect();
    MediumCard {
        node: block.node.display().to_string(),
        model: (!model.is_empty()).then(|| model.join(" ")),
        serial: block.serial.clone(),
        bytes: Some(block.size),
        sector: block.sector,
        bus: bus(block),
        contents: Vec::new(),
    }
}

fn bus(block: &Block) -> String {
    match &block.kind {
        topology::Kind::Partition => "partition".into(),
        topology::Kind::Usb => "USB".into(),
        topology::Kind::Card => "SD card".into(),
        topology::Kind::Emmc => "eMMC, built in".into(),
        topology::Kind::Sata => "SATA or SCSI, built in".into(),
        topology::Kind::Nvme => "NVMe, built in".into(),
        topology::Kind::Virtio => "virtual disk".into(),
        topology::Kind::Nbd => "network disk".into(),
        topology::Kind::Loop => {
            block.backing.as_ref().map_or_else(|| "loop device".into(), |file| format!("loop device of {}", file.display()))
        }
        topology::Kind::Mapper { name, .. } => format!("volume {name}"),
        topology::Kind::Md => "array".into(),
        topology::Kind::Zram | topology::Kind::Ram => "memory".into(),
        topology::Kind::Optical => "optical drive".into(),
        topology::Kind::Bcache => "bcache".into(),
        topology::Kind::Zvol => "ZFS volume".into(),
        topology::Kind::Other => "unknown kind".into(),
    }
}

/// What is on a disk, its partitions included: what says so of itself, and the same in lines for a person.
pub fn contents(device: &dyn Medium) -> (Vec<Signature>, Vec<String>) {
    let geometry = device.geometry();
    let sector = u64::from(geometry.sector.max(1));
    let mut read = |offset: u64, length: usize| {
        // A table that was written for smaller sectors has partitions that begin within one.
        let from = offset - offset % sector;
        let skip = (offset - from) as usize;
        let mut buffer = Buffer::new((skip + length).next_multiple_of(sector as usize));
        device.read_at(&mut buffer, from).ok().map(|()| buffer[skip..skip + length].to_vec())
    };
    let mut signatures = signature::find(geometry.bytes, geometry.sector, &mut read);
    let table = partitions::read(geometry.bytes, geometry.sector, &mut read);
    let is_table = |found: &&Signature| matches!(found.kind, Kind::Gpt | Kind::GptBackup | Kind::Mbr);
    let whole: Vec<String> = signatures.iter().filter(|found| !is_table(found)).map(named).collect();
    let mut lines: Vec<String> = table.as_ref().map(partition_line).into_iter().collect();
    let partitions = table.map(|table| table.partitions).unwrap_or_default();
    for (place, partition) in partitions.iter().enumerate().take(LOOKED_INTO) {
        let mut within = |offset: u64, length: usize| read(partition.start.checked_add(offset)?, length);
        let held = signature::find(partition.bytes, geometry.sector, &mut within);
        let name = partition.name.as_ref().map_or_else(String::new, |name| format!(" \"{name}\""));
        if place < LISTED {
            lines.push(format!("partition {}: {}{name}{}", partition.number, partition.kind, held_line(&held)));
        }
        signatures.extend(held.into_iter().map(|found| Signature { offset: partition.start + found.offset, ..found }));
    }
    if partitions.len() > LISTED {
        lines.push(format!("{} more partitions", partitions.len() - LISTED));
    }
    lines.extend(whole);
    (signatures, lines)
}

fn partition_line(table: &Table) -> String {
    let scheme = match table.scheme {
        Scheme::Gpt => "GPT",
        Scheme::Mbr => "MBR",
    };
    match table.partitions.len() {
        0 => format!("{scheme} without partitions"),
        1 => format!("{scheme} with 1 partition"),
        count => format!("{scheme} with {count} partitions"),
    }
}

fn held_line(held: &[Signature]) -> String {
    let names: Vec<String> = held.iter().map(named).collect();
    if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) }
}

/// `ext4 "data"`
pub fn named(signature: &Signature) -> String {
    let label = signature.label.as_ref().map_or_else(String::new, |label| format!(" \"{label}\""));
    format!("{}{label}", signature.kind.name())
}
