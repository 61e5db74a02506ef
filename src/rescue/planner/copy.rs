//! Copying: what is healthy first, and around damage before into it.
//!
//! `--reverse` turns all of them round. What is said of a forecast holds for a pass that goes forwards.
//!
//! | pass | reads | at damage |
//! | --- | --- | --- |
//! | 1 | onwards, in long commands | goes on behind it; if that fails soon as well, jumps, twice as far each time |
//! | 2 | the areas that were jumped over, from their other end | leaves the rest of the area |
//! | 3 | what is left, in single sectors while damage is near | goes on behind it; leaves out where a [`Forecast`](super::forecast::Forecast) sees more |
//! | 4 | what is left of that, from its other end | leaves the rest of the area |
//! | 5 | what is left of that | goes on |

use super::naming::{Named, Naming};
use super::{Direction, Planner, Singles};
use crate::mmc::{Class, Extent};
use crate::rescue::State;
use crate::rescue::policy::{FIRST_COMMAND, LONGEST_SKIP_SHARE};

/// The last pass around damage.
pub(super) const AROUND: u32 = 2;

/// The pass into damage that leaves out where more of it is likely.
pub(super) const INTO: u32 = 3;

/// The last pass.
pub(super) const SWEEP: u32 = 5;

/// The pass that takes what was left out from its other end, up to the first failure: a forecast leaves a margin.
pub(super) const OTHER_ENDS: u32 = 4;

/// Damage is dense if less than this part of the longest skip lies between two failures.
const SPARSE: u32 = 8;

/// Dead sectors in a row behind which reading no longer goes on next to them.
const IN_A_ROW: u32 = 4;

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
            let area = self.ahead(State::NonTried, self.cursor);
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
                (..=AROUND, Direction::Forwards) => self.long_command(area),
                (..=AROUND, Direction::Backwards) => self.long_command_at_end(area),
                _ => match self.inner_command(area) {
                    Some(read) => read,
                    None => continue,
                },
            });
        }
    }

    /// A command inside of damage: single sectors, as long as that costs less than one more failing read. `None` where the cursor moved.
    fn inner_command(&mut self, mut area: Extent) -> Option<Extent> {
        if self.pass == INTO && self.direction == Direction::Forwards {
            area = Extent::between(area.first, self.free_of_spots(area)?);
            if self.is_next_best(area.first) {
                self.cursor = self.end_of_block(area.first);
                return None;
            }
        }
        if self.clean < self.costs.singles_for_a_failure() {
            let first = match (self.direction, self.singles) {
                (Direction::Forwards, _) => area.first,
                (Direction::Backwards, Singles::Asked) => area.end() - 1,
                (Direction::Backwards, Singles::Spared) => {
                    let last = area.end() - 1;
                    area.first.max(last - last % self.geometry.block)
                }
            };
            let end = if self.singles == Singles::Asked { first + 1 } else { self.end_of_block(first).min(area.end()) };
            area = Extent::between(first, end);
        }
        Some(match self.direction {
            Direction::Forwards => self.long_command(area),
            Direction::Backwards => self.long_command_at_end(area),
        })
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
        if is_slow && self.pass <= AROUND && self.detour.is_none() {
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
        if self.pass <= AROUND {
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
            let damage = if self.blocks_die() { self.leave_block(damage) } else { damage };
            self.leave_area(damage);
        }
    }

    /// Whether what follows damage in its ECC block is left for the end.
    fn leaves_blocks(&self) -> bool {
        self.pass <= AROUND || self.singles == Singles::Spared
    }

    pub(super) fn end_of_block(&self, lba: u32) -> u32 {
        (lba - lba % self.geometry.block).saturating_add(self.geometry.block)
    }

    /// A sector failed alone.
    fn dead_alone(&mut self, read: Extent) {
        self.sample(read, 1);
        self.map.set(read, State::Bad);
        let damage = if self.leaves_blocks() || self.blocks_die() { self.leave_block(read) } else { read };
        match self.pass {
            ..=AROUND => return self.go_around(damage, damage.end()),
            OTHER_ENDS => return self.leave_area(damage),
            _ => self.pass_over(damage),
        }
        if self.pass == INTO {
            self.look_ahead();
            let steps = self.failures_in_a_row.saturating_sub(IN_A_ROW + 1);
            if self.failures_in_a_row > IN_A_ROW {
                let block = self.geometry.block;
                let skip = block.checked_shl(steps).unwrap_or(u32::MAX).min(self.longest_skip());
                self.cursor = match self.direction {
                    Direction::Forwards => damage.end().saturating_add(skip).next_multiple_of(block).min(self.map.len()),
                    Direction::Backwards => {
                        let end = damage.first.saturating_sub(skip);
                        end - end % block
                    }
                };
            }
        }
    }

    /// Leaves what lies behind damage in its ECC block for the end. All that is left behind then.
    fn leave_block(&mut self, damage: Extent) -> Extent {
        let Some(rest) = self.rest_of_its_block(damage, State::NonTried) else { return damage };
        self.map.set(rest, State::NonScraped);
        self.classes.set(rest, Some(Class::Medium));
        Extent::between(damage.first.min(rest.first), damage.end().max(rest.end()))
    }

    /// The other end of an area was dead here: what lies behind is left for the last pass.
    fn leave_area(&mut self, damage: Extent) {
        let area = self.right_behind(damage, State::NonTried).unwrap_or(damage);
        self.pass_over(area);
    }

    /// Leaves damage behind: jumps, or leaves what was jumped over. `end`: of the command that met it.
    fn go_around(&mut self, damage: Extent, end: u32) {
        let rest = self.right_behind(Extent::between(damage.first, end), State::NonTried);
        let far = match (self.pass, self.direction) {
            (1, Direction::Forwards) => end.saturating_add(self.jump(damage.first)).next_multiple_of(self.geometry.block),
            (1, Direction::Backwards) => damage.first.saturating_sub(self.jump(damage.end())),
            (2, Direction::Forwards) if self.is_dense => rest.map_or(end, Extent::end),
            (2, Direction::Backwards) if self.is_dense => rest.map_or(damage.first, |rest| rest.first),
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
        let rest = self.right_behind(read, State::NonTried);
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
