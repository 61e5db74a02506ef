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
use crate::curve::{Curve, Read};

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

    /// Reads the one after the other; what does not come belongs to it.
    fn play(&mut self, commands: impl IntoIterator<Item = Extent>) -> Result<Vec<Read>> {
        let read = |sectors| Ok(Read { sectors, good: self.read(sectors)?, ended: self.now() });
        commands.into_iter().map(read).collect()
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
        for alone in singles(together) {
            if !drive.read(alone)? {
                disc.set(alone, State::Bad);
            }
        }
    }
    Ok(disc)
}

/// How long the drive takes for as many sectors as can be recovered, if nothing is wrong with them: the measure of overhead.
pub fn clean(whole: &str, recoverable: u32) -> Result<Curve> {
    let mut drive = Drive::open(whole)?;
    let reads = drive.play(commands(Extent::between(0, recoverable)))?;
    Ok(Curve::new(reads, drive.now(), &Extents::new(recoverable, State::Finished))?)
}

/// The rescue of one who knows the damage: first all that comes, in the longest commands, and then each dead sector once, alone. Nobody who
/// gives no sector up untried can do with less.
pub fn floor(damaged: &str, disc: &Extents<State>) -> Result<Curve> {
    let mut drive = Drive::open(damaged)?;
    let with = |state| disc.iter().filter(move |run| run.value == state).map(|run| run.extent);
    let dead = with(State::Bad).flat_map(singles);
    let reads = drive.play(with(State::Finished).flat_map(commands).chain(dead))?;
    Ok(Curve::new(reads, drive.now(), disc)?)
}

/// These sectors, each alone.
fn singles(sectors: Extent) -> impl Iterator<Item = Extent> {
    (sectors.first..sectors.end()).map(|lba| Extent::between(lba, lba + 1))
}

/// These sectors in the longest commands.
fn commands(sectors: Extent) -> impl Iterator<Item = Extent> {
    let firsts = (sectors.first..sectors.end()).step_by(LONGEST_COMMAND as usize);
    firsts.map(move |first| Extent::between(first, sectors.end().min(first + LONGEST_COMMAND)))
}

/// A map of damage, for either reader.
pub fn write_map(path: &Path, map: &Extents<State>) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    mapfile::write(&mut file, &[], Position { at: 0, status: '+', pass: 1 }, map)?;
    Ok(file.flush()?)
}
