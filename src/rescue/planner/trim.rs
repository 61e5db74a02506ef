//! Trimming: an ECC block failed, or the sector of it that is met first, ahead of it.

use super::{Direction, Planner};
use crate::mmc::Extent;
use crate::rescue::State;

impl Planner {
    pub(super) fn next_block(&self) -> Option<Extent> {
        let area = self.ahead(State::NonTrimmed, self.cursor)?;
        Some(match self.direction {
            Direction::Forwards => self.block_of(area),
            Direction::Backwards => self.block_at_end(area),
        })
    }

    /// A sector failed alone in the blocks phase: the one of its block that is met first, and the rest of that is no better.
    pub(super) fn mark_suspect(&mut self, read: Extent) {
        self.mark(read, State::Bad);
        if let Some(rest) = self.rest_of_its_block(read, State::NonTrimmed) {
            self.mark(rest, State::NonScraped);
        }
    }

    /// What lies right behind a dead sector in its ECC block, and is in this state.
    pub(super) fn rest_of_its_block(&self, dead: Extent, state: State) -> Option<Extent> {
        let rest = self.right_behind(dead, state)?;
        let first = dead.first - dead.first % self.geometry.block;
        let end = first.saturating_add(self.geometry.block);
        let rest = Extent::between(rest.first.max(first), rest.end().min(end));
        (rest.count > 0).then_some(rest)
    }

    pub(super) fn mark(&mut self, read: Extent, state: State) {
        self.map.set(read, state);
        if !self.trim_back {
            self.pass_over(read);
        }
    }
}
