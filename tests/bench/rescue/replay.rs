//! The drive that both read: asked what it refuses, and reads played through it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use discsmith::emulated;
use discsmith::mmc::{Extent, SECTOR};
use discsmith::rescue::mapfile::{self, Position};
use discsmith::rescue::policy::{LONGEST_COMMAND, READ_LIMIT};
use discsmith::rescue::{Extents, State};
use discsmith::scsi::{Cdb, Clock, Data, Ending, Transport};

use crate::Result;

/// An emulated drive with its own clock, at standstill at first.
pub struct Drive {
    transport: Box<dyn Transport>,
    clock: Arc<dyn Clock>,
    buffer: Vec<u8>,
}

impl Drive {
    /// The drive of this operand (without `emulated:`).
    pub fn open(operand: &str) -> Result<Self> {
        let mut port = emulated::port(operand)?;
        let transport = port.open()?.transport;
        Ok(Self { transport, clock: port.clock(), buffer: vec![0; LONGEST_COMMAND as usize * SECTOR] })
    }

    /// Reads these sectors in one command. True when they came, false when the drive refused; whatever else happens is no measurement.
    pub fn read(&mut self, sectors: Extent) -> Result<bool> {
        let cdb = Cdb::read_10(sectors.first, u16::try_from(sectors.count)?);
        let buffer = self.buffer.get_mut(..sectors.count as usize * SECTOR).ok_or("a read longer than one command")?;
        match self.transport.execute(&cdb, Data::In(buffer), READ_LIMIT)?.ending() {
            Ending::Good => Ok(true),
            Ending::Check(_) => Ok(false),
            other => Err(format!("{sectors:?}: {other:?}").into()),
        }
    }

    /// Time since it was at standstill.
    pub fn now(&self) -> Duration {
        self.clock.now()
    }
}

/// What the drive refuses: each sector is asked for, alone unless it comes with its neighbours.
pub fn ask(operand: &str, sectors: u32) -> Result<Extents<State>> {
    let mut drive = Drive::open(operand)?;
    let mut disc = Extents::new(sectors, State::Finished);
    for together in commands(Extent::between(0, sectors)) {
        if drive.read(together)? {
            continue;
        }
        for alone in (together.first..together.end()).map(|lba| Extent::between(lba, lba + 1)) {
            if !drive.read(alone)? {
                disc.set(alone, State::Bad);
            }
        }
    }
    Ok(disc)
}

/// These sectors in the longest commands.
pub fn commands(sectors: Extent) -> impl Iterator<Item = Extent> {
    let firsts = (sectors.first..sectors.end()).step_by(LONGEST_COMMAND as usize);
    firsts.map(move |first| Extent::between(first, sectors.end().min(first + LONGEST_COMMAND)))
}

/// A map of damage, for either reader.
pub fn write_map(path: &Path, map: &Extents<State>) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    mapfile::write(&mut file, &[], Position { at: 0, status: '+', pass: 1 }, map)?;
    Ok(file.flush()?)
}
