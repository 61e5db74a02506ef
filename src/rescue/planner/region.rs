//! Parts of a disc that no read brings back: only their edges are asked for.

use super::{Direction, Planner};
use crate::mmc::{Class, Extent};
use crate::rescue::State;

impl Planner {
    /// The first sector of the next area in this state, or the last one of a region whose front edge is known.
    pub(super) fn next_sector(&mut self, state: State) -> Option<Extent> {
        if self.direction == Direction::Backwards {
            let area = self.last_with(state, self.cursor)?;
            return Some(Extent { first: area.end() - 1, count: 1 });
        }
        let area = self.next_with(state, self.cursor)?;
        self.trim_back &= area.first == self.cursor;
        let first = if self.trim_back { self.region_end(area) - 1 } else { area.first };
        Some(Extent { first, count: 1 })
    }

    /// Where the region at the front of `area` ends.
    pub(super) fn region_end(&self, area: Extent) -> u32 {
        self.classes.run_at(area.first).map_or(area.end(), |run| run.extent.end()).min(area.end())
    }

    pub(super) fn has_regions(&self) -> bool {
        [Class::OffTrack, Class::Protected, Class::Blank].iter().any(|class| self.classes.count(Some(*class)) > 0)
    }

    pub(super) fn is_region(&self, lba: u32) -> bool {
        self.classes.get(lba).flatten().is_some_and(Class::is_region)
    }

    /// A region's edge was found; its sectors are in this state. After the front edge comes the back edge; between the two nothing is read.
    /// A pass that met it backwards begins anew, forwards.
    pub(super) fn trim(&mut self, read: Extent, state: State) {
        if self.direction == Direction::Backwards {
            self.map.set(read, State::Bad);
            return self.turn_to(self.phase, self.pass);
        }
        if !self.trim_back {
            self.map.set(read, State::Bad);
            self.cursor = read.end();
            self.trim_back = self.is_region(self.cursor) && self.map.get(self.cursor) == Some(state);
            return;
        }
        self.trim_back = false;
        self.map.set(Extent::between(self.cursor, read.end()), State::Bad);
        self.cursor = read.end();
    }
}
