//! A USB stick made of a file, and of whatever sticks do wrong.
//!
//! It is read and written directly, with the kernel's rules for that (`direct`), and is a [`Medium`] like any other: whoever writes it
//! can't tell it from a real one. An access goes through the `faults` first, which make it fail or stop short, then into the `cells`:
//! as much of FILE as is real, behind a volatile `cache`. What the stick does is a function of operand, FILE, seed and what was written
//! since it was opened; how long it takes for it is a matter of its `pace`.

mod backing;
mod cache;
mod cells;
mod direct;
mod error;
mod faults;
mod operand;
mod pace;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;

use self::backing::Backing;
use self::cache::Cache;
use self::cells::Cells;
use self::direct::Asked;
pub use self::error::StickError;
use self::faults::{Access, Faults, Reach};
pub(super) use self::operand::OPTIONS;
use self::operand::{Operand, Punch};
use self::pace::Pace;
use crate::medium::{Geometry, Medium, Writable};
use crate::sys::DeviceNumber;
use crate::sys::topology::{Block, Kind};

/// An emulated stick that is plugged in. Dropped, it forgets what its cache held, as at a power cut.
#[derive(Debug)]
pub struct Stick {
    backing: PathBuf,
    geometry: Geometry,
    /// Its write protection is on: each write fails with EROFS.
    read_only: bool,
    /// How it makes zeros by itself, if it can.
    punch: Option<Punch>,
    faults: Faults,
    pace: Pace,
    /// Held until the time of a request is over, as well: a stick serves one at a time.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    cells: Cells,
    /// Bytes taken since the stick was opened.
    written: u64,
    /// Writes begun since then.
    writes: u64,
    /// Writes of each weak byte since then.
    tries: BTreeMap<u64, u64>,
    /// It left the bus, and never comes back.
    gone: bool,
    violations: Vec<String>,
}

impl Stick {
    /// The stick that an operand describes; `text` is everything that follows `emulated:`.
    pub(super) fn plug_in(text: &str) -> Result<Self, StickError> {
        let operand = Operand::parse(text)?;
        let file = Backing::look_at(&operand)?;
        let bytes = file.bytes;
        let cells = Cells {
            file,
            sector: operand.sector,
            real: operand.real.unwrap_or(bytes),
            beyond: operand.beyond(),
            cache: operand.cache.map(|room| Cache::new(room, operand.sector)),
            flush: operand.flush,
        };
        let gone = operand.faults.gone_after == Some(0);
        Ok(Self {
            backing: operand.file,
            geometry: Geometry { bytes, sector: operand.sector },
            read_only: operand.read_only,
            punch: operand.punch,
            faults: operand.faults,
            pace: operand.pace,
            state: Mutex::new(State { cells, written: 0, writes: 0, tries: BTreeMap::new(), gone, violations: Vec::new() }),
        })
    }

    /// The stick as a disk of this machine would be described, under the name that the person gave it.
    pub fn as_disk(&self, name: &str) -> Block {
        Block {
            number: DeviceNumber { major: 0, minor: 0 },
            name: name.into(),
            node: name.into(),
            // Its rules are those of a file that is shown as a disk.
            kind: Kind::Loop,
            size: self.geometry.bytes,
            sector: self.geometry.sector,
            start: 0,
            is_read_only: self.read_only,
            disk_sequence: None,
            vendor: Some("DISCSMTH".into()),
            // No other stick has this one.
            model: Some("Emulated stick".into()),
            serial: Some("EMUSTICK1".into()),
            by_id: None,
            whole: None,
            backing: std::path::absolute(&self.backing).ok(),
        }
    }

    /// FILE, which the stick is made of, as it was named.
    pub fn backing(&self) -> &Path {
        &self.backing
    }

    /// The accesses so far that broke the rules of O_DIRECT, each in words. Each of them failed with EINVAL.
    pub fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    /// The state has no half-done changes, so that a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stick, if it is still there and the access is one that the kernel passes on to it.
    fn accept(&self, asked: Asked) -> Result<MutexGuard<'_, State>, Errno> {
        let mut state = self.state();
        if let Some(violation) = asked.violation(self.geometry.sector) {
            state.violations.push(violation);
            return Err(Errno::EINVAL);
        }
        if state.gone { Err(Errno::ENODEV) } else { Ok(state) }
    }

    /// How many of `length` bytes at `offset` lie on the stick.
    fn up_to_end(&self, offset: u64, length: usize) -> u64 {
        self.geometry.bytes.saturating_sub(offset).min(length as u64)
    }
}

impl Medium for Stick {
    fn geometry(&self) -> Geometry {
        self.geometry
    }

    fn read_some(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let asked = Asked { access: Access::Reading, address: buffer.as_ptr().addr(), length: buffer.len(), offset };
        if buffer.is_empty() {
            return Ok(0);
        }
        let state = self.accept(asked)?;
        let there = self.up_to_end(offset, buffer.len());
        if there == 0 {
            return Ok(0);
        }
        let _busy = self.pace.busy(Access::Reading, &(offset..offset + there));
        let good = self.faults.before_failure(Access::Reading, offset..offset + there);
        if good == 0 {
            return Err(Errno::EIO.into());
        }
        let buffer = &mut buffer[..good as usize];
        state.cells.read(buffer, offset)?;
        self.faults.spoil(buffer, offset);
        Ok(good as usize)
    }
}

impl Writable for Stick {
    fn write_some(&self, buffer: &[u8], offset: u64) -> io::Result<usize> {
        let asked = Asked { access: Access::Writing, address: buffer.as_ptr().addr(), length: buffer.len(), offset };
        if buffer.is_empty() {
            return Ok(0);
        }
        let mut state = self.accept(asked)?;
        if self.read_only {
            return Err(Errno::EROFS.into());
        }
        let there = self.up_to_end(offset, buffer.len());
        if there == 0 {
            return Err(Errno::ENOSPC.into());
        }
        let _busy = self.pace.busy(Access::Writing, &(offset..offset + there));
        state.writes += 1;
        let share = self.faults.share(state.writes, there);
        let mut taken = self.faults.before_failure(Access::Writing, offset..offset + share);
        if taken == 0 {
            return Err(Errno::EIO.into());
        }
        if let Reach::UntilGone(left) = self.faults.before_gone(state.written, taken) {
            state.gone = true;
            taken = left;
        }
        if taken == 0 {
            return Err(Errno::ENODEV.into());
        }
        let bytes = self.faults.weaken(&buffer[..taken as usize], offset, &mut state.tries);
        state.cells.write(&bytes, offset)?;
        state.written += taken;
        Ok(taken as usize)
    }

    fn punch(&self, offset: u64, length: u64) -> io::Result<()> {
        let Some(punch) = self.punch else { return Err(Errno::EOPNOTSUPP.into()) };
        let mut state = self.state();
        if state.gone {
            return Err(Errno::ENODEV.into());
        }
        if self.read_only {
            return Err(Errno::EROFS.into());
        }
        match punch {
            Punch::Honest => state.cells.zero(offset, length),
            Punch::Ignored => Ok(()),
        }
    }

    fn settle(&self) -> io::Result<()> {
        let mut state = self.state();
        if state.gone {
            return Err(Errno::ENODEV.into());
        }
        state.cells.settle()
    }
}
