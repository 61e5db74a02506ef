//! Reads that failed before the planner asked for any.

use super::{Order, Planner, Resume, UNSETTLED};
use crate::mmc::{Class, Extent};
use crate::rescue::State;

impl Planner {
    /// Tells of a read that failed before the first one was asked for; true if that was news. A sector that failed alone is bad. A longer
    /// read counts where nothing is known yet of the disc: the first pass goes on from there, as if it had asked for it.
    pub fn told(&mut self, read: Extent, class: Class, named: Option<u32>) -> bool {
        let is_within = self.range.first <= read.first && read.end() <= self.range.end();
        let left = UNSETTLED.iter().map(|state| self.map.count_in(read, *state)).sum::<u32>();
        if self.order == Order::InSequence || !is_within || left < read.count {
            return false;
        }
        let is_doubted = self.doubted.is_some_and(|doubted| doubted.first == read.first);
        let is_first = self.stood.is_none() && self.position() == Resume::START;
        match read.count {
            1 if is_doubted => self.failed(read, class, named),
            1 => {
                self.map.set(read, State::Bad);
                self.classes.set(read, Some(class));
            }
            _ if is_first => self.failed(read, class, named),
            _ => return false,
        }
        true
    }
}
