//! Copying: what is healthy first, and around damage before into it.
//!
//! | pass | reads | at damage |
//! | --- | --- | --- |
//! | 1 | onwards, in long commands | goes on behind it; if that fails soon as well, jumps, twice as far each time |
//! | 2 | the areas that were jumped over, from their other end | leaves the rest of the area |
//! | 3 | what is left, in single sectors while damage is near | goes on behind it; leaves out where a [`Forecast`] sees more |
//! | 4 | what is left of that, from its other end | leaves the rest of the area |
//! | 5 | what is left of that | goes on |

use super::forecast::Forecast;
use super::naming::{Named, Naming};
use super::{Direction, Planner, Singles};
use crate::mmc::{Class, Extent};
use crate::rescue::State;
use crate::rescue::policy::{FIRST_COMMAND, LONGEST_SKIP_SHARE};

/// The last pass around damage.
pub(super) const AROUND: u32 = 2;

/// The last pass.
pub(super) const SWEEP: u32 = 5;

/// The pass that takes what was left out from its other end, up to the first failure: a forecast leaves a margin.
pub(super) const OTHER_ENDS: u32 = 4;

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

/// Damage is dense if less than this part of the longest skip lies between two failures.
const SPARSE: u32 = 8;

/// Dead sectors in a row behind which reading no longer goes on next to them.
const IN_A_ROW: u32 = 4;

/// What the passes over the damage know.
#[derive(Debug, Default, Clone)]
pub(super) struct Inside {
    forecast: Option<Forecast>,
    /// Damage before this LBA is not forecast from: a forecast failed there.
    since: u32,
    /// Spots left out since the last one that was looked at.
    unseen: u32,
    /// Single sectors that have a dead one before them in their ECC block, and those that have none.
    after_dead: Sample,
    after_good: Sample,
    /// First sectors of ECC blocks that have a good block before them, and of those that have one before the last.
    next_to_good: Sample,
    second_to_good: Sample,
}

/// How many sectors were asked for, and how many of them were dead.
#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    asked: u32,
    dead: u32,
}

impl Sample {
    fn add(&mut self, dead: u32) {
        self.asked += 1;
        self.dead += dead;
    }

    /// Nothing is known at first: then it is low.
    fn rate(self) -> f64 {
        f64::from(self.dead) / f64::from(self.asked + 3)
    }
}

/// A part that is read before the pass goes on elsewhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Detour {
    /// It ends here …
    until: u32,
    /// … and here the pass goes on.
    then: u32,
}

impl Planner {
    pub(super) fn next_copy(&mut self) -> Option<Extent> {
        if let Some(doubted) = self.doubted {
            return Some(Extent { first: doubted.first, count: 1 });
        }
        // What is left then are whole blocks: they have no margin.
        if self.pass == OTHER_ENDS && self.blocks_die_whole() {
            return None;
        }
        loop {
            let area = match self.direction {
                Direction::Forwards => self.next_with(State::NonTried, self.cursor),
                Direction::Backwards => self.last_with(State::NonTried, self.cursor),
            };
            if let Some(detour) = self.detour {
                let is_over = area.is_none_or(|area| match self.direction {
                    Direction::Forwards => area.first >= detour.until,
                    Direction::Backwards => area.end() <= detour.until,
                });
                if is_over {
                    self.cursor = detour.then;
                    self.detour = None;
                    continue;
                }
            }
            let mut area = area?;
            if let Some(detour) = self.detour.filter(|_| self.direction == Direction::Backwards) {
                area = Extent::between(area.first.max(detour.until), area.end());
            }
            return Some(match (self.pass, self.direction) {
                (1 | 2, Direction::Forwards) => self.long_command(area),
                (1 | 2, Direction::Backwards) => self.long_command_at_end(area),
                _ => match self.inner_command(area) {
                    Some(read) => read,
                    None => continue,
                },
            });
        }
    }

    /// A command inside of damage: single sectors, as long as that costs less than one more failing read. `None` where the cursor moved.
    fn inner_command(&mut self, area: Extent) -> Option<Extent> {
        if self.pass == OTHER_ENDS {
            return Some(self.last_command(area));
        }
        let mut end = area.end();
        let spot = self.inside.forecast.filter(|_| self.pass < SWEEP).and_then(|forecast| forecast.next(area.first));
        if let Some(spot) = spot.map(|spot| self.widened(spot)) {
            if spot.first <= area.first && self.inside.unseen < UNSEEN {
                self.inside.unseen += 1;
                self.cursor = spot.end();
                return None;
            }
            if spot.end() <= area.first.saturating_add(1) && self.inside.unseen >= UNSEEN {
                // It was looked at, and there was nothing.
                (self.inside.forecast, self.inside.since, self.inside.unseen) = (None, area.first, 0);
            }
            end = end.min(spot.first.max(area.first + 1));
        }
        if self.is_next_best(area.first) {
            self.cursor = self.end_of_block(area.first);
            return None;
        }
        let is_near = self.clean < self.costs.singles_for_a_failure();
        let end = match (is_near, self.singles) {
            (true, Singles::Asked) => area.first + 1,
            (true, Singles::Spared) => end.min(self.end_of_block(area.first)),
            (false, _) => end,
        };
        Some(self.long_command(Extent::between(area.first, end)))
    }

    /// A command at the end of damage: single sectors, while that pays.
    fn last_command(&self, area: Extent) -> Extent {
        let is_near = self.clean < self.costs.singles_for_a_failure();
        if is_near && self.singles == Singles::Asked {
            Extent { first: area.end() - 1, count: 1 }
        } else {
            self.long_command_at_end(area)
        }
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
    fn is_next_best(&self, lba: u32) -> bool {
        let (next, second) = (self.inside.next_to_good.rate(), self.inside.second_to_good.rate());
        let before = lba.checked_sub(1).and_then(|before| self.map.get(before));
        self.pass < SWEEP
            && lba.is_multiple_of(self.geometry.block)
            && before == Some(State::Finished)
            && next > DIES
            && next > WORSE * second
            && self.blocks_die()
    }

    /// Whether what follows a dead sector in its ECC block is left for the end: it is worse than the rest, and no forecast tells more.
    fn blocks_die(&self) -> bool {
        let (dead, good) = (self.inside.after_dead.rate(), self.inside.after_good.rate());
        dead > DIES && dead > 3.0 * good && (self.inside.forecast.is_none() || self.blocks_die_whole())
    }

    /// Whether the rest of a block goes with a dead sector, so that damage is known by blocks.
    fn blocks_die_whole(&self) -> bool {
        self.inside.after_dead.rate() > DIES_WHOLE
    }

    /// Sectors came while copying.
    pub(super) fn copied(&mut self, read: Extent, is_slow: bool) {
        if let Some(doubted) = self.doubted.take() {
            // The drive named a sector that can be read.
            self.naming = Naming::Wrong;
            let rest = Extent::between(read.end(), doubted.end());
            self.map.set(rest, State::NonTrimmed);
            self.classes.set(rest, Some(Class::Medium));
            self.go_around(rest, rest.end());
            return;
        }
        self.sample(read, 0);
        self.pass_over(read);
        if is_slow && self.pass <= 2 && self.detour.is_none() {
            self.go_around(Extent { first: read.first, count: 0 }, read.end());
        }
    }

    /// A command failed while copying.
    pub(super) fn copy_failed(&mut self, read: Extent, class: Class, at: Option<u32>) {
        let doubted = self.doubted.take();
        self.is_dense = self.clean < self.longest_skip() / SPARSE;
        if class.is_region() {
            return self.region_begins(read);
        }
        if read.count == 1 {
            if doubted.is_some() {
                self.naming = Naming::Trusted;
            }
            return self.dead_alone(read);
        }
        match self.naming.judge(read, at) {
            Named::Perhaps if self.singles == Singles::Asked => self.doubted = Some(read),
            Named::Sector(lba) => self.named(read, lba, class),
            Named::Perhaps | Named::Nothing => {
                if self.naming == Naming::Trusted && at.is_some() {
                    self.naming = Naming::Wrong;
                }
                self.map.set(read, State::NonTrimmed);
                self.go_around(read, read.end());
            }
        }
    }

    /// A sector of this read failed; those before it can be read.
    fn named(&mut self, read: Extent, lba: u32, class: Class) {
        self.classes.set(read, None);
        let damage = Extent::between(lba, if self.leaves_blocks() { self.end_of_block(lba).min(read.end()) } else { lba + 1 });
        self.map.set(damage, State::NonScraped);
        self.classes.set(damage, Some(class));
        if self.pass <= 2 {
            self.go_around(damage, read.end());
            // Before the pass goes on there, it takes what the drive has just read, if that is worth a jump.
            if lba - read.first > FIRST_COMMAND {
                self.detour = Some(match self.direction {
                    Direction::Forwards => Detour { until: lba, then: self.cursor },
                    Direction::Backwards => Detour { until: read.first, then: self.cursor.min(read.first) },
                });
                self.cursor = if self.direction == Direction::Forwards { read.first } else { lba };
            }
        } else if self.pass == OTHER_ENDS {
            self.leave_area(lba);
        }
    }

    /// Whether what follows damage in its ECC block is left for the end.
    fn leaves_blocks(&self) -> bool {
        self.pass <= 2 || self.singles == Singles::Spared
    }

    fn end_of_block(&self, lba: u32) -> u32 {
        (lba - lba % self.geometry.block).saturating_add(self.geometry.block)
    }

    /// A sector failed alone.
    fn dead_alone(&mut self, read: Extent) {
        let lba = read.first;
        self.sample(read, 1);
        self.map.set(read, State::Bad);
        let mut damage = read;
        if self.leaves_blocks() || self.blocks_die() {
            let rest = self.next_with(State::NonTried, read.end()).filter(|rest| rest.first == read.end());
            let rest = rest.map(|rest| Extent::between(rest.first, rest.end().min(self.end_of_block(lba))));
            if let Some(rest) = rest.filter(|rest| rest.count > 0) {
                self.map.set(rest, State::NonScraped);
                self.classes.set(rest, Some(Class::Medium));
                damage = Extent::between(lba, rest.end());
            }
        }
        if self.pass <= 2 {
            return self.go_around(damage, damage.end());
        }
        if self.pass == OTHER_ENDS {
            return self.leave_area(lba);
        }
        self.cursor = damage.end();
        if self.pass < SWEEP {
            self.look_ahead();
            let steps = self.failures_in_a_row.saturating_sub(IN_A_ROW + 1);
            if self.failures_in_a_row > IN_A_ROW {
                let skip = self.geometry.block.checked_shl(steps).unwrap_or(u32::MAX).min(self.longest_skip());
                self.cursor = damage.end().saturating_add(skip).next_multiple_of(self.geometry.block).min(self.map.len());
            }
        }
    }

    /// The other end of an area was dead here: what lies before is left for the last pass.
    fn leave_area(&mut self, lba: u32) {
        let before = self.last_with(State::NonTried, lba).filter(|before| before.end() == lba);
        self.cursor = before.map_or(lba, |before| before.first);
        if let Some(before) = before.filter(|_| self.blocks_die()) {
            let rest = Extent::between(before.first.max(lba - lba % self.geometry.block), lba);
            self.map.set(rest, State::NonScraped);
            self.classes.set(rest, Some(Class::Medium));
        }
    }

    /// Notes what became of a sector that was read alone.
    fn sample(&mut self, read: Extent, dead: u32) {
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
        let before = lba.saturating_sub(APART - 1);
        let has_dead = self.map.last_with(State::Bad, before).is_some_and(|bad| bad.end() > lba - lba % block);
        let sample = if has_dead { &mut self.inside.after_dead } else { &mut self.inside.after_good };
        sample.add(dead);
    }

    /// Makes the forecast anew after the damage that was just met.
    fn look_ahead(&mut self) {
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

    /// Leaves damage behind: jumps, or leaves what was jumped over. `end`: of the command that met it.
    fn go_around(&mut self, damage: Extent, end: u32) {
        let far = match (self.pass, self.direction) {
            (1, Direction::Forwards) => end.saturating_add(self.jump(damage.first)).next_multiple_of(self.geometry.block),
            (1, Direction::Backwards) => damage.first.saturating_sub(self.jump(damage.first)),
            (2, Direction::Forwards) if self.is_dense => {
                self.next_with(State::NonTried, end).filter(|rest| rest.first == end).map_or(end, Extent::end)
            }
            (2, Direction::Backwards) if self.is_dense => {
                let rest = self.last_with(State::NonTried, damage.first).filter(|rest| rest.end() == damage.first);
                rest.map_or(damage.first, |rest| rest.first)
            }
            (_, Direction::Forwards) => end,
            (_, Direction::Backwards) => damage.first,
        };
        self.cursor = far.min(self.map.len());
        if self.pass == 1 {
            self.landed = self.cursor;
        }
    }

    /// How far to jump from damage. Not at all if it stands alone; far if it goes on where the last jump led; twice as far each time.
    fn jump(&mut self, from: u32) -> u32 {
        let (far, near) = (self.longest_skip(), self.longest_skip() / SPARSE);
        self.jumped = match from.abs_diff(self.landed) {
            0..FIRST_COMMAND => self.jumped.saturating_mul(2).max(far),
            clean if clean < near => self.jumped.saturating_mul(2).max(near),
            _ => 0,
        };
        self.jumped = self.jumped.min((self.map.len() / 8).max(FIRST_COMMAND));
        self.jumped
    }

    /// A region begins, or ends, within this read. It is cut in the trimming.
    fn region_begins(&mut self, read: Extent) {
        let class = self.classes.get(read.first).flatten();
        self.map.set(read, if read.count == 1 { State::Bad } else { State::NonTrimmed });
        if self.pass == 1 {
            return self.go_around(read, read.end());
        }
        let rest = match self.direction {
            Direction::Forwards => self.next_with(State::NonTried, read.end()).filter(|rest| rest.first == read.end()),
            Direction::Backwards => self.last_with(State::NonTried, read.first).filter(|rest| rest.end() == read.first),
        };
        if let Some(rest) = rest {
            self.map.set(rest, State::NonTrimmed);
            self.classes.set(rest, class);
        }
        self.pass_over(read);
    }

    pub(super) fn longest_skip(&self) -> u32 {
        (self.map.len() / LONGEST_SKIP_SHARE).max(FIRST_COMMAND)
    }
}
