//! Copying: long commands, and how far to skip where they fail.

use super::{Order, Planner};
use crate::mmc::{Class, Extent};
use crate::rescue::State;
use crate::rescue::policy::{FIRST_COMMAND, LONGEST_SKIP_SHARE};

impl Planner {
    /// Marks a failed command of the copying, and skips.
    pub(super) fn mark_command(&mut self, read: Extent, outcome: State, skip: u32) {
        self.mark(read, outcome);
        if self.order == Order::InSequence {
            return;
        }
        if self.pass == 1 {
            self.cursor = read.end().saturating_add(skip).next_multiple_of(self.geometry.block).min(self.map.len());
        } else if let Some(rest) = self.last_with(State::NonTried, read.first).filter(|rest| rest.end() == read.first) {
            self.map.set(rest, State::NonTrimmed);
            self.classes.set(rest, self.classes.get(read.first).flatten());
        }
    }

    /// Spares the read of an ECC block that the drive has named already.
    pub(super) fn take_hint(&mut self, read: Extent, class: Class, at: Option<u32>) {
        let block = self.geometry.block;
        let Some(at) = at.filter(|at| block > 1 && !class.is_region() && (read.first..read.end()).contains(at)) else { return };
        let named = Extent::between((at - at % block).max(read.first), (at - at % block).saturating_add(block).min(read.end()));
        self.map.set(named, State::NonScraped);
    }

    /// Sectors to skip after a failed command: 64 KiB, doubled at each further failure.
    pub(super) fn skip(&self) -> u32 {
        (FIRST_COMMAND << self.failures_in_a_row.saturating_sub(1).min(20)).min(self.longest_skip())
    }

    pub(super) fn longest_skip(&self) -> u32 {
        (self.map.len() / LONGEST_SKIP_SHARE).max(FIRST_COMMAND)
    }
}
