//! The drive on its bus: takes a command, lets a fault rule have its way, answers, and lets the time pass that it took.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::dice::{self, Topic};
use super::disc::SECTOR;
use super::faults::Faults;
use super::operand::{Operand, OperandError, Source};
use super::rule::{Action, Format, Hit, Lapse, NextDisc, Spoil};
use super::timing::Mechanics;
use super::unit::{Answer, Unit};
use crate::scsi::cdb::Lock;
use crate::scsi::{Cdb, Clock, Completion, Data, Sense, TransportError};

/// Longest transfer of one command, in bytes: 256 sectors.
pub(super) const LONGEST_TRANSFER: usize = 512 << 10;

const CHECK_CONDITION: u8 = 0x02;
const DID_TIME_OUT: u16 = 0x03;
const DID_ERROR: u16 = 0x07;
const DRIVER_SENSE: u16 = 0x08;
/// Sense key of a command that succeeded after some trouble: its data comes.
const RECOVERED: u8 = 0x01;
const MEDIUM_ERROR: u8 = 0x03;

/// What a wedged drive says to every read.
const INTERNAL_FAILURE: Sense = Sense { key: 4, asc: 0x44, ascq: 0, information: None, deferred: false };

/// How often the drive came onto the bus; who opened it before it vanished does not reach it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Connection(u64);

/// The drive, its faults and its time.
pub(super) struct Drive {
    operand: Operand,
    unit: Unit,
    faults: Option<Faults>,
    clock: Arc<dyn Clock>,
    bus: Bus,
    connection: Connection,
    wedge: Option<Wedge>,
    /// Sectors spoiled by `random` so far.
    spoiled: u64,
}

/// The firmware is stuck: every read fails at once.
enum Wedge {
    Until(Duration),
    Forever,
}

enum Bus {
    Attached,
    GoneUntil(Duration),
    GoneForever,
}

impl Drive {
    pub(super) fn new(operand: Operand, clock: Arc<dyn Clock>) -> Result<Self, OperandError> {
        let mechanics = Mechanics::new(operand.model, operand.seed);
        Ok(Self {
            unit: Unit::new(operand.disc()?, mechanics, operand.capacity, operand.serial.clone()),
            faults: operand.faults.as_deref().map(Faults::load).transpose()?,
            operand,
            clock,
            bus: Bus::Attached,
            connection: Connection(0),
            wedge: None,
            spoiled: 0,
        })
    }

    /// None while the drive is off the bus.
    pub(super) fn connect(&mut self) -> Option<Connection> {
        match self.bus {
            Bus::GoneUntil(back) if self.clock.now() >= back => self.bus = Bus::Attached,
            Bus::GoneUntil(_) | Bus::GoneForever => return None,
            Bus::Attached => {}
        }
        Some(self.connection)
    }

    /// The node is closed: the kernel unlocks the tray then.
    pub(super) fn disconnect(&mut self, connection: Connection) {
        if connection == self.connection {
            self.unit.lock = Lock::Open;
        }
    }

    /// One command, as [`crate::scsi::Transport::execute`] has it.
    pub(super) fn execute(
        &mut self,
        from: Connection,
        cdb: &Cdb,
        data: Data<'_>,
        limit: Duration,
    ) -> Result<Completion, TransportError> {
        if data.len() > LONGEST_TRANSFER {
            return Err(TransportError::TooLong(data.len()));
        }
        if self.connect() != Some(from) {
            return Err(TransportError::Gone);
        }
        let Hit { action, sectors } = self.fault(cdb)?;
        if let Some(next) = &action.disc {
            self.change_disc(next)?;
        }
        if let Some(absence) = action.gone {
            self.vanish(absence);
            return Err(TransportError::Gone);
        }
        let is_wedged = cdb.sectors_read().is_some() && self.is_wedged();
        let silent = action.stale || action.host.is_some() || action.driver.is_some() || action.status.is_some();
        let asked_for = action.sense(sectors.as_ref());
        let (answer, own_time) = match asked_for {
            _ if is_wedged => (Err(INTERNAL_FAILURE), self.unit.mechanics.command()),
            Some(sense) if sense.key != RECOVERED => (Err(sense), self.fault_time(sense)),
            _ if silent => (Ok(Answer::Done), self.unit.mechanics.command()),
            _ => self.unit.answer(cdb),
        };
        let time = action.hang.max(action.delay).unwrap_or(own_time);
        let took = time.min(limit);
        self.clock.sleep(took);
        if let Some(lapse) = action.wedge {
            self.wedge = Some(match lapse {
                Lapse::For(time) => Wedge::Until(self.clock.now().saturating_add(time)),
                Lapse::Forever => Wedge::Forever,
            });
        }
        if time > limit {
            return Ok(Completion { host_status: DID_TIME_OUT, took, ..Completion::default() });
        }
        let mut completion = Completion { took, ..Completion::default() };
        if !silent {
            let buffer = match data {
                Data::None => &mut [][..],
                Data::In(buffer) => buffer,
            };
            match answer.as_ref().map_or(Ok(Some(0)), |answer| self.deliver(answer, buffer, &action, sectors.as_ref()))? {
                Some(moved) => completion.residual = (buffer.len() - moved) as i32,
                None => completion.host_status = DID_ERROR,
            }
        }
        if let Some(sense) = answer.err().or(asked_for) {
            completion.status = CHECK_CONDITION;
            completion.driver_status = DRIVER_SENSE;
            completion.sense = match action.format {
                Format::Fixed => sense.to_fixed(),
                Format::Descriptor => sense.to_descriptor(),
            };
        }
        completion.host_status = action.host.unwrap_or(completion.host_status);
        completion.driver_status = action.driver.unwrap_or(completion.driver_status);
        completion.status = action.status.unwrap_or(completion.status);
        Ok(completion)
    }

    /// The rule that acts on this command; without one, an action that does nothing.
    fn fault(&mut self, cdb: &Cdb) -> Result<Hit, TransportError> {
        let Some(faults) = &mut self.faults else { return Ok(Hit::default()) };
        faults.refresh().map_err(|error| TransportError::System(error.to_string()))?;
        Ok(faults.hit(cdb, self.unit.circumstances(cdb)).unwrap_or_default())
    }

    fn is_wedged(&self) -> bool {
        match self.wedge {
            None => false,
            Some(Wedge::Until(end)) => self.clock.now() < end,
            Some(Wedge::Forever) => true,
        }
    }

    /// A medium error by rule takes as long as one by damage.
    fn fault_time(&self, sense: Sense) -> Duration {
        match sense.key {
            MEDIUM_ERROR => self.unit.mechanics.give_up(sense.information.and_then(|lba| lba.try_into().ok()).unwrap_or(0)),
            _ => self.unit.mechanics.command(),
        }
    }

    /// The operand's own FILE comes back with its damage and layout; any other is a disc without flaw.
    fn change_disc(&mut self, next: &NextDisc) -> Result<(), TransportError> {
        let disc = match next {
            NextDisc::None => None,
            NextDisc::File(path) if self.operand.source == Source::File(path.clone()) => Some(self.operand.disc()),
            NextDisc::File(path) => Some(self.operand.plain_disc(path)),
        };
        let disc = disc.transpose().map_err(|error| TransportError::System(error.to_string()))?;
        self.unit.change_disc(disc);
        Ok(())
    }

    /// Off the bus. What comes back has lost what it was told: the tray's lock and the speed.
    fn vanish(&mut self, absence: Lapse) {
        self.bus = match absence {
            Lapse::For(time) => Bus::GoneUntil(self.clock.now().saturating_add(time)),
            Lapse::Forever => Bus::GoneForever,
        };
        self.connection.0 += 1;
        self.wedge = None;
        self.unit.lock = Lock::Open;
        self.unit.mechanics = Mechanics::new(self.operand.model, self.operand.seed);
    }

    /// Moves data into the buffer, and says how many bytes. None: more was due than the buffer holds, which ends as QEMU's
    /// scsi-cd was seen to end it: host_status 7, buffer untouched.
    fn deliver(
        &mut self,
        answer: &Answer,
        buffer: &mut [u8],
        action: &Action,
        hit: Option<&Range<u32>>,
    ) -> Result<Option<usize>, TransportError> {
        let due = match answer {
            Answer::Done => 0,
            Answer::Reply(bytes) => bytes.len(),
            Answer::Sectors(range) => (range.end - range.start) as usize * SECTOR as usize,
        };
        let Some(room) = buffer.get_mut(..due) else { return Ok(None) };
        let arriving = &mut room[..due.min(action.short.unwrap_or(due))];
        match (answer, &self.unit.disc) {
            (Answer::Reply(bytes), _) => arriving.copy_from_slice(&bytes[..arriving.len()]),
            (Answer::Sectors(range), Some(disc)) => {
                disc.read(range.start, arriving)
                    .map_err(|error| TransportError::System(format!("reading the disc's file: {error}")))?;
                if let (Some(spoil), Some(hit)) = (action.spoil, hit) {
                    self.spoil(spoil, range.start, arriving, hit);
                }
            }
            (Answer::Done | Answer::Sectors(_), _) => {}
        }
        Ok(Some(arriving.len()))
    }

    /// Spoils those sectors of the data from `first` on that the rule is about.
    fn spoil(&mut self, how: Spoil, first: u32, data: &mut [u8], hit: &Range<u32>) {
        for (lba, sector) in (first..).zip(data.chunks_exact_mut(SECTOR as usize)).filter(|(lba, _)| hit.contains(lba)) {
            match how {
                Spoil::Flip => {
                    let bit = dice::throw(self.operand.seed, Topic::FlippedBit, lba.into()) as usize % (sector.len() * 8);
                    sector[bit / 8] ^= 1 << (bit % 8);
                }
                Spoil::Random => {
                    self.spoiled += 1;
                    dice::fill(sector, self.operand.seed, Topic::RandomData, self.spoiled);
                }
            }
        }
    }
}
