//! Passes over the disc: what comes next in each phase.

use super::{Order, Phase, Planner};
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
            let found = match (self.phase, self.pass) {
                (Phase::Copy, 1) => self.next_with(State::NonTried, self.cursor).map(|area| self.long_command(area)),
                (Phase::Copy, _) => self.last_with(State::NonTried, self.cursor).map(|area| self.long_command_at_end(area)),
                (Phase::Trim, _) => self.next_with(State::NonTrimmed, self.cursor).map(|area| self.block_of(area)),
                (Phase::Scrape, _) => self.next_sector(State::NonScraped),
                (Phase::Retry, _) => self.next_sector(State::Bad),
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

    /// Whether sectors in this state may be asked for.
    pub(super) fn has(&self, state: State) -> bool {
        self.next_with(state, 0).is_some()
    }

    /// Turns to the next pass or phase; false when all is done.
    pub(super) fn next_pass(&mut self) -> bool {
        let again = std::mem::take(&mut self.left_behind);
        self.trim_back = false;
        (self.phase, self.pass) = match (self.phase, self.pass) {
            (Phase::Copy, 1) => (Phase::Copy, 2),
            // Copying may have begun in the middle, resumed from a map that another program left.
            (Phase::Copy, _) if self.has(State::NonTried) => (Phase::Copy, 1),
            (Phase::Copy, _) => (Phase::Trim, 1),
            (Phase::Trim, pass) if again && self.has(State::NonTrimmed) => (Phase::Trim, pass + 1),
            (Phase::Trim, _) => (Phase::Scrape, 1),
            (Phase::Scrape, pass) if again && self.has(State::NonScraped) => (Phase::Scrape, pass + 1),
            (Phase::Scrape, _) if self.retries > 0 => (Phase::Retry, 1),
            (Phase::Retry, pass) if pass < self.retries => (Phase::Retry, pass + 1),
            _ => return false,
        };
        self.cursor = if (self.phase, self.pass) == (Phase::Copy, 2) { self.map.len() } else { 0 };
        true
    }

    /// Moves the cursor behind a read.
    pub(super) fn pass_over(&mut self, read: Extent) {
        if self.order == Order::EasyFirst {
            self.cursor = if (self.phase, self.pass) == (Phase::Copy, 2) { read.first } else { read.end() };
        }
    }
}
