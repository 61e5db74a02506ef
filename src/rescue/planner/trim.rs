//! Trimming: an ECC block failed, or its first sector ahead of it.

use super::Planner;
use crate::mmc::Extent;
use crate::rescue::State;

impl Planner {
    /// A sector failed alone in the blocks phase: the first of its block, and the rest of that is no better.
    pub(super) fn mark_suspect(&mut self, read: Extent) {
        self.mark(read, State::Bad);
        let rest = self.next_with(State::NonTrimmed, read.end()).filter(|rest| rest.first == read.end());
        if let Some(rest) = rest.filter(|rest| !rest.first.is_multiple_of(self.geometry.block)) {
            self.mark(self.rest_of_block(rest, self.geometry.block), State::NonScraped);
        }
    }

    pub(super) fn mark(&mut self, read: Extent, state: State) {
        self.map.set(read, state);
        if !self.trim_back {
            self.pass_over(read);
        }
    }
}
