//! How far one command reaches.

use super::Planner;
use crate::mmc::Extent;
use crate::rescue::State;

impl Planner {
    /// A command of the present length at the front of `area`, ending at an ECC block's border if it can.
    pub(super) fn long_command(&self, area: Extent) -> Extent {
        let end = area.first.saturating_add(self.command);
        let aligned = end - end % self.geometry.block;
        let end = if aligned > area.first { aligned } else { end };
        Extent::between(area.first, end.min(area.end()).min(self.border_after(area.first)))
    }

    /// The same at the end of `area`.
    pub(super) fn long_command_at_end(&self, area: Extent) -> Extent {
        let end = area.end();
        let first = end.saturating_sub(self.command);
        let aligned = first.next_multiple_of(self.geometry.block);
        let first = if aligned < end { aligned } else { first };
        Extent::between(first.max(area.first).max(self.border_before(end)), end)
    }

    /// The part of `area` in its first ECC block, or only its first sector when the block before failed. Regions have larger grain:
    /// nothing in them can be brought back.
    pub(super) fn block_of(&self, area: Extent) -> Extent {
        let block = self.geometry.block;
        let is_region = self.is_region(area.first);
        let rest = self.rest_of_block(area, if is_region { block.max(16) } else { block });
        let before = area.first.checked_sub(1).and_then(|lba| self.map.get(lba));
        let is_suspect = area.first.is_multiple_of(block) && matches!(before, Some(State::NonScraped | State::Bad));
        if is_suspect && !is_region { Extent { count: 1, ..rest } } else { rest }
    }

    /// The same from the end of `area`, where there are no regions.
    pub(super) fn block_at_end(&self, area: Extent) -> Extent {
        let (block, end) = (self.geometry.block, area.end());
        let first = (end - 1) - (end - 1) % block;
        let rest = Extent::between(first.max(area.first).max(self.border_before(end)), end);
        let is_suspect = end.is_multiple_of(block) && matches!(self.map.get(end), Some(State::NonScraped | State::Bad));
        if is_suspect { Extent { first: end - 1, count: 1 } } else { rest }
    }

    /// From the front of `area` to the end of its block, of the area, or of what one command may cover.
    pub(super) fn rest_of_block(&self, area: Extent, block: u32) -> Extent {
        let end = (area.first - area.first % block).saturating_add(block);
        Extent::between(area.first, end.min(area.end()).min(self.border_after(area.first)))
    }

    pub(super) fn border_after(&self, lba: u32) -> u32 {
        let borders = &self.geometry.borders;
        borders.get(borders.partition_point(|border| *border <= lba)).copied().unwrap_or(u32::MAX)
    }

    pub(super) fn border_before(&self, end: u32) -> u32 {
        let borders = &self.geometry.borders;
        borders.partition_point(|border| *border < end).checked_sub(1).and_then(|i| borders.get(i)).copied().unwrap_or(0)
    }
}
