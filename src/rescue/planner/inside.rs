//! What the passes over damage learn of it, and leave out for later by that.

use super::copy::OTHER_ENDS;
use super::forecast::Forecast;
use super::sample::Sample;
use super::{Direction, Planner};
use crate::mmc::Extent;
use crate::rescue::State;

/// Damaged areas that a forecast looks at.
const REMEMBERED: usize = 80;

/// Spots that are left out after one another on the strength of a forecast, before one is looked at.
const UNSEEN: u32 = 12;

/// The rest of an ECC block is left for the end if sectors behind a dead one die more often than this, and more than others do.
const DIES: f64 = 0.15;

/// Neighbours that a scratch takes together are no sign of that: a dead sector counts from so far before on.
const APART: u32 = 2;

/// ECC blocks die as a whole, or nearly so, if sectors behind a dead one die more often than this. Damage is then known by blocks.
const DIES_WHOLE: f64 = 0.25;

/// A block next to a good one is left for later if such blocks die so many times as often as those one farther on.
const WORSE: f64 = 1.3;

/// What the passes over the damage know.
#[derive(Debug, Default, Clone)]
pub(super) struct Inside {
    forecast: Option<Forecast>,
    /// Damage before this LBA is not forecast from: a forecast failed there.
    since: u32,
    /// Spots left out since the last one that was looked at.
    unseen: u32,
    /// Single sectors that the pass met a dead one before in their ECC block, and those that have none.
    after_dead: Sample,
    after_good: Sample,
    /// First sectors of ECC blocks that have a good block before them, and of those that have one before the last.
    next_to_good: Sample,
    second_to_good: Sample,
}

impl Planner {
    /// Up to where no forecast spot lies in this area. `None` where one begins at once: it is left out, and the cursor stands behind it.
    pub(super) fn free_of_spots(&mut self, area: Extent) -> Option<u32> {
        let spot = self.inside.forecast.and_then(|forecast| forecast.next(area.first));
        let Some(spot) = spot.map(|spot| self.widened(spot)) else { return Some(area.end()) };
        if spot.first <= area.first && self.inside.unseen < UNSEEN {
            self.inside.unseen += 1;
            self.cursor = spot.end();
            return None;
        }
        if spot.end() <= area.first.saturating_add(1) && self.inside.unseen >= UNSEEN {
            // It was looked at, and there was nothing.
            (self.inside.forecast, self.inside.since, self.inside.unseen) = (None, area.first, 0);
        }
        Some(area.end().min(spot.first.max(area.first + 1)))
    }

    /// Where ECC blocks die as a whole, a spot takes all that it touches.
    fn widened(&self, spot: Extent) -> Extent {
        let block = self.geometry.block;
        if !self.blocks_die_whole() {
            return spot;
        }
        Extent::between(spot.first - spot.first % block, spot.end().next_multiple_of(block))
    }

    /// Whether this ECC block is left for the last pass: it has a good one before it, and such blocks die more often than those behind them.
    pub(super) fn is_next_best(&self, lba: u32) -> bool {
        let (next, second) = (self.inside.next_to_good.rate(), self.inside.second_to_good.rate());
        let before = lba.checked_sub(1).and_then(|before| self.map.get(before));
        lba.is_multiple_of(self.geometry.block)
            && before == Some(State::Finished)
            && next > DIES
            && next > WORSE * second
            && self.blocks_die()
    }

    /// Whether what follows a dead sector in its ECC block is left for the end: it is worse than the rest, and no forecast tells more.
    pub(super) fn blocks_die(&self) -> bool {
        let (dead, good) = (self.inside.after_dead.rate(), self.inside.after_good.rate());
        dead > DIES && dead > 3.0 * good && (self.inside.forecast.is_none() || self.blocks_die_whole())
    }

    /// Whether the rest of a block goes with a dead sector, so that damage is known by blocks.
    pub(super) fn blocks_die_whole(&self) -> bool {
        self.inside.after_dead.rate() > DIES_WHOLE
    }

    /// Notes what became of a sector that was read alone.
    pub(super) fn sample(&mut self, read: Extent, dead: u32) {
        let (lba, block) = (read.first, self.geometry.block);
        if read.count > 1 || block == 1 || self.pass == OTHER_ENDS {
            return;
        }
        let is_good = |blocks: u32| {
            let before = lba.checked_sub((blocks - 1) * block + 1).and_then(|lba| self.map.get(lba));
            lba.is_multiple_of(block) && before == Some(State::Finished)
        };
        if is_good(1) {
            self.inside.next_to_good.add(dead);
        }
        if is_good(2) {
            self.inside.second_to_good.add(dead);
        }
        let has_dead = match self.direction {
            Direction::Forwards => {
                let bad = self.map.last_with(State::Bad, lba.saturating_sub(APART - 1));
                bad.is_some_and(|bad| bad.end() > lba - lba % block)
            }
            Direction::Backwards => {
                let bad = self.map.next_with(State::Bad, lba.saturating_add(APART));
                bad.is_some_and(|bad| bad.first < self.end_of_block(lba))
            }
        };
        let sample = if has_dead { &mut self.inside.after_dead } else { &mut self.inside.after_good };
        sample.add(dead);
    }

    /// Makes the forecast anew after the damage that was just met. The turns of a spiral grow outwards: it only looks that way.
    pub(super) fn look_ahead(&mut self) {
        if self.direction == Direction::Backwards {
            return;
        }
        let mut damage = Vec::new();
        let mut end = self.cursor;
        while damage.len() < REMEMBERED {
            let last = [State::Bad, State::NonScraped].into_iter().filter_map(|state| self.map.last_with(state, end));
            let Some(area) = last.max_by_key(|area| area.end()).filter(|area| area.first >= self.inside.since) else { break };
            // Of a block that was left unread its first sector is known to be dead.
            let is_known = self.blocks_die_whole() || self.map.get(area.first) == Some(State::Bad);
            damage.push(if is_known { area } else { Extent { count: 1, ..area } });
            end = area.first;
        }
        damage.reverse();
        let turn = self.inside.forecast.map(|forecast| forecast.turn());
        let grain = if self.blocks_die_whole() { self.geometry.block } else { 1 };
        self.inside.forecast = Forecast::of(&damage, grain, turn);
        self.inside.unseen = 0;
    }
}
