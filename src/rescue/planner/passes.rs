//! Passes over the disc: what comes next in each phase.

use super::{Direction, Order, Phase, Planner, Singles, copy};
use crate::mmc::Extent;
use crate::rescue::State;

impl Planner {
    pub(super) fn next_in_sequence(&mut self) -> Option<Extent> {
        loop {
            let run = self.map.run_at(self.cursor).filter(|_| self.cursor < self.range.end())?;
            let rest = Extent::between(self.cursor, run.extent.end().min(self.range.end()));
            return Some(match run.value {
                State::Bad | State::Finished => {
                    self.cursor = rest.end();
                    continue;
                }
                State::NonTried => self.in_phase(Phase::Copy, self.long_command(rest)),
                State::NonTrimmed => self.in_phase(Phase::Trim, self.block_of(rest)),
                State::NonScraped => self.in_phase(Phase::Scrape, Extent { count: 1, ..rest }),
            });
        }
    }

    pub(super) fn in_phase(&mut self, phase: Phase, read: Extent) -> Extent {
        self.phase = phase;
        read
    }

    pub(super) fn next_easy(&mut self) -> Option<Extent> {
        loop {
            let found = match self.phase {
                Phase::Copy => self.next_copy(),
                Phase::Trim => self.next_block(),
                Phase::Scrape => self.next_sector(State::NonScraped),
                Phase::Retry => self.next_sector(State::Bad),
            };
            if found.is_some() {
                return found;
            }
            if !self.next_pass() {
                return None;
            }
        }
    }

    /// The first sectors in this state, at or after `from`, that may be asked for.
    pub(super) fn next_with(&self, state: State, from: u32) -> Option<Extent> {
        let mut from = from.max(self.range.first);
        loop {
            let area = self.map.next_with(state, from).filter(|area| area.first < self.range.end())?;
            let free = self.aside.next_with(false, area.first)?;
            let end = area.end().min(self.range.end()).min(free.end());
            if free.first < end {
                return Some(Extent::between(free.first, end));
            }
            from = free.first;
        }
    }

    /// The last ones before `end`.
    pub(super) fn last_with(&self, state: State, end: u32) -> Option<Extent> {
        let mut end = end.min(self.range.end());
        loop {
            let area = self.map.last_with(state, end).filter(|area| area.end() > self.range.first)?;
            let free = self.aside.last_with(false, area.end())?;
            let first = area.first.max(self.range.first).max(free.first);
            if first < free.end() {
                return Some(Extent::between(first, free.end()));
            }
            end = free.end();
        }
    }

    /// The sectors in this state that the pass comes to first, from `from` on.
    pub(super) fn ahead(&self, state: State, from: u32) -> Option<Extent> {
        match self.direction {
            Direction::Forwards => self.next_with(state, from),
            Direction::Backwards => self.last_with(state, from),
        }
    }

    /// Those of them that lie right behind what the pass has just met.
    pub(super) fn right_behind(&self, met: Extent, state: State) -> Option<Extent> {
        match self.direction {
            Direction::Forwards => self.next_with(state, met.end()).filter(|rest| rest.first == met.end()),
            Direction::Backwards => self.last_with(state, met.first).filter(|rest| rest.end() == met.first),
        }
    }

    /// Whether sectors in this state may be asked for.
    pub(super) fn has(&self, state: State) -> bool {
        self.next_with(state, 0).is_some()
    }

    /// Turns to the next pass or phase; false when all is done.
    pub(super) fn next_pass(&mut self) -> bool {
        let again = std::mem::take(&mut self.left_behind);
        self.trim_back = false;
        self.detour = None;
        let (phase, pass) = match (self.phase, self.pass) {
            (Phase::Copy, pass) if pass < copy::SWEEP => (Phase::Copy, pass + 1),
            // Copying may have begun in the middle, resumed from a map that another program left.
            (Phase::Copy, _) if self.has(State::NonTried) => (Phase::Copy, 1),
            (Phase::Copy, _) => (Phase::Trim, 1),
            (Phase::Trim, pass) if again && self.has(State::NonTrimmed) => (Phase::Trim, pass + 1),
            (Phase::Trim, _) if self.singles == Singles::Spared => return false,
            (Phase::Trim, _) => (Phase::Scrape, 1),
            (Phase::Scrape, pass) if again && self.has(State::NonScraped) => (Phase::Scrape, pass + 1),
            (Phase::Scrape, _) if self.retries > 0 => (Phase::Retry, 1),
            (Phase::Retry, pass) if pass < self.retries => (Phase::Retry, pass + 1),
            _ => return false,
        };
        self.turn_to(phase, pass);
        true
    }

    /// Begins a pass. Where nothing but edges is read, both of them are reached forwards.
    pub(super) fn turn_to(&mut self, phase: Phase, pass: u32) {
        let alternates = matches!(phase, Phase::Copy | Phase::Retry) && pass.is_multiple_of(2);
        let is_turned = alternates != (self.first_direction == Direction::Backwards);
        let reaches_edges_only = phase > Phase::Copy && self.has_regions();
        (self.phase, self.pass) = (phase, pass);
        self.direction = if is_turned && !reaches_edges_only { Direction::Backwards } else { Direction::Forwards };
        self.cursor = self.beginning();
    }

    /// Where the present pass begins.
    pub(super) fn beginning(&self) -> u32 {
        match self.direction {
            Direction::Forwards => self.range.first,
            Direction::Backwards => self.range.end(),
        }
    }

    /// Moves the cursor behind a read.
    pub(super) fn pass_over(&mut self, read: Extent) {
        if self.order == Order::EasyFirst {
            self.cursor = match self.direction {
                Direction::Forwards => read.end(),
                Direction::Backwards => read.first,
            };
        }
    }
}
