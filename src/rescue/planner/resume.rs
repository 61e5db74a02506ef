//! Where a rescue stands, from one run to the next.

use super::{Order, Phase, Planner, Singles, UNSETTLED, copy};
use crate::mmc::SECTOR;
use crate::rescue::State;
use crate::rescue::mapfile::Position;

/// A place to go on at, kept in the mapfile's status line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    /// LBA; the end of the area in a backward pass.
    pub at: u32,
    /// The phase.
    pub phase: Phase,
    /// Pass of the phase, from 1.
    pub pass: u32,
}

impl Resume {
    /// Where a disc that nothing is known of begins.
    pub const START: Self = Self { at: 0, phase: Phase::Copy, pass: 1 };

    /// What a mapfile's status line says; `None` where all is finished, or where ddrescue did something that is no rescue.
    pub fn of(position: Position) -> Option<Self> {
        let at = u32::try_from(position.at / SECTOR as u64).ok()?;
        Some(Self { at, phase: Phase::from_symbol(position.status)?, pass: position.pass })
    }

    /// As a mapfile's status line.
    pub fn position(self) -> Position {
        Position { at: u64::from(self.at) * SECTOR as u64, status: self.phase.symbol(), pass: self.pass }
    }
}

impl Planner {
    /// Goes on where an earlier run stood, in its phase and pass: it must not run into the same damage from the front again. A phase
    /// that others come before, or that is not asked for, is begun from the start when its time comes.
    pub fn resume(&mut self, from: Resume) {
        let is_early = UNSETTLED.iter().take(from.phase as usize).any(|state| self.has(*state));
        let is_asked_for = match from.phase {
            Phase::Copy | Phase::Trim => true,
            Phase::Scrape => self.singles == Singles::Asked,
            Phase::Retry => self.singles == Singles::Asked && from.pass <= self.retries,
        };
        if self.order == Order::InSequence || from.at > self.map.len() || is_early || !is_asked_for {
            return;
        }
        let last = if from.phase == Phase::Copy { copy::SWEEP } else { u32::MAX };
        self.turn_to(from.phase, from.pass.clamp(1, last));
        self.cursor = from.at;
        // Whether the pass had done so by then, no map says.
        self.left_behind = true;
    }

    /// Where the reading stands, for people.
    pub fn position(&self) -> Resume {
        Resume { at: self.cursor.min(self.map.len()), phase: self.phase, pass: self.pass }
    }

    /// Where the reading of the whole disc stands, for the mapfile; `None` once it is finished.
    pub fn stand(&self) -> Option<Resume> {
        let stands = self.stood.unwrap_or_else(|| self.position());
        let is_settled = UNSETTLED.iter().all(|state| self.map.count(*state) == 0);
        let has_retries = match self.stood {
            Some(stood) => stood.phase == Phase::Retry && self.map.count(State::Bad) > 0,
            None => self.has_retries(),
        };
        (!is_settled || has_retries).then_some(stands)
    }

    /// Whether a pass of retries has sectors left: the present one, or one that is to come.
    fn has_retries(&self) -> bool {
        let (made, ahead) = match self.phase {
            Phase::Retry => (self.pass, self.ahead(State::Bad, self.cursor)),
            _ => (0, None),
        };
        ahead.is_some() || made < self.retries && self.singles == Singles::Asked && self.has(State::Bad)
    }
}
