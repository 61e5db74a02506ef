//! Which sectors to read next.
//!
//! The disc may be dying, so what reads easily is read first and nothing is asked for twice in vain:
//!
//! 1. **copy**: long commands over what is healthy; around damage first, then into it, by single sectors (`copy` has the passes). Where the
//!    drive names the sector that failed, that one is `/`, and the rest of its command stays `?`; else the command is `*`.
//! 2. **trim**: the `*` areas by ECC block. A block that fails becomes `/`. Behind one that failed, the next one's first sector goes
//!    ahead alone: if it is dead as well, the block need not fail as a whole.
//! 3. **scrape**: the `/` areas sector by sector. One that fails alone is `-`.
//! 4. **retry**: the `-` sectors, as often as the person asked for, each time the other way round and in another [`Way`].
//!
//! Areas that are no data or are protected ([`Class::is_region`]) are only trimmed, in each retry as well: sector by sector from both
//! edges inwards, up to the first failure.
//!
//! Of all this, what lies outside of the planner's range is not asked for, and keeps its state.

mod ask;
mod command;
mod copy;
mod cost;
mod forecast;
mod geometry;
mod hearsay;
mod inside;
mod naming;
mod passes;
mod phase;
mod region;
mod resume;
mod sample;
mod setback;
mod trim;

use std::time::Duration;

use crate::mmc::{Class, Extent};

use super::policy::{FIRST_COMMAND, TRANSPORT_TRIES};
use super::{Extents, State, Way};
pub use ask::{Ask, Outcome};
use copy::Detour;
use cost::Costs;
pub use geometry::Geometry;
use inside::Inside;
use naming::Naming;
pub use phase::{Direction, Order, Phase};
pub use resume::Resume;

/// Whether the sectors of a failed ECC block are asked for one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Singles {
    Asked,
    Spared,
}

/// A command covers at most such a part of what was read since the last failure: where damage is near, a failing one costs less so.
const CLEAN_COMMANDS: u32 = 64;

/// What a read may still change, besides what failed alone.
const UNSETTLED: [State; 3] = [State::NonTried, State::NonTrimmed, State::NonScraped];

/// The state machine: [`Planner::ask`] asks for one read, [`Planner::answer`] takes its outcome.
#[derive(Debug, Clone)]
pub struct Planner {
    map: Extents<State>,
    classes: Extents<Option<Class>>,
    geometry: Geometry,
    order: Order,
    retries: u32,
    /// The sectors that may be asked for.
    range: Extent,
    /// Sectors that are not asked for any more.
    aside: Extents<bool>,
    /// Where the reading of the whole disc stands, while a part of it is read out of turn.
    stood: Option<Resume>,
    phase: Phase,
    pass: u32,
    /// Where the pass stands: next LBA forwards, end of what is left backwards.
    cursor: u32,
    /// Sectors of the next command, and the most it may grow to.
    command: u32,
    ceiling: u32,
    failures_in_a_row: u32,
    /// Sectors read since the last failure.
    clean: u32,
    costs: Costs,
    naming: Naming,
    /// A command whose first sector was named, to be read alone.
    doubted: Option<Extent>,
    detour: Option<Detour>,
    inside: Inside,
    /// The last failure came soon after the one before.
    is_dense: bool,
    /// The last jump, and where it led.
    jumped: u32,
    landed: u32,
    transport_tries: u32,
    /// Of the first pass, and of the present one: it stays as it was when the pass began, whatever the drive says meanwhile.
    first_direction: Direction,
    direction: Direction,
    singles: Singles,
    /// The edge of a region that is being trimmed: its last sector comes next.
    trim_back: bool,
    /// A time-out made the pass leave sectors behind.
    left_behind: bool,
    asked: Option<Ask>,
}

impl Planner {
    /// Plans what `map` lacks. `retries` is the number of passes over sectors that failed alone.
    pub fn new(map: Extents<State>, geometry: Geometry, order: Order, retries: u32) -> Self {
        let classes = Extents::new(map.len(), None);
        let range = Extent::between(0, map.len());
        let aside = Extents::new(map.len(), false);
        let ceiling = geometry.longest.max(1);
        let command = FIRST_COMMAND.min(ceiling);
        Self {
            map,
            classes,
            geometry,
            order,
            retries,
            range,
            aside,
            stood: None,
            phase: Phase::Copy,
            pass: 1,
            cursor: 0,
            command,
            ceiling,
            failures_in_a_row: 0,
            clean: 0,
            costs: Costs::UNKNOWN,
            naming: Naming::Unknown,
            doubted: None,
            detour: None,
            inside: Inside::default(),
            is_dense: false,
            jumped: 0,
            landed: 0,
            first_direction: Direction::Forwards,
            direction: Direction::Forwards,
            singles: Singles::Asked,
            transport_tries: 0,
            trim_back: false,
            left_behind: false,
            asked: None,
        }
    }

    /// A planner of a disc that has nothing left to read: it keeps map and classes.
    pub fn settled(map: Extents<State>) -> Self {
        Self::new(map, Geometry { block: 1, borders: Vec::new(), longest: 1 }, Order::EasyFirst, 0)
    }

    /// Begins at the end: turns every pass round.
    pub fn reverse(&mut self) {
        self.first_direction = Direction::Backwards;
        self.turn_to(self.phase, self.pass);
    }

    /// Leaves what an ECC block that failed holds untried: such sectors stay `/`. A CD's block is a sector, and is tried.
    pub fn spare_singles(&mut self) {
        if self.geometry.block > 1 {
            self.singles = Singles::Spared;
        }
    }

    /// Sectors that are left untried so.
    pub fn spared(&self) -> u32 {
        match self.singles {
            Singles::Asked => 0,
            Singles::Spared => self.left_of(self.range, &[State::NonScraped]),
        }
    }

    /// Asks for no sector outside of `range`, whose states stay as they are. `stood` is where the reading of the whole disc stands, and
    /// stays: what it left behind by then is not what a part of the disc leaves behind.
    pub fn confine(&mut self, range: Extent, stood: Resume) {
        self.range = Extent::between(range.first.min(self.map.len()), range.end().min(self.map.len()));
        self.stood = Some(stood);
        self.cursor = self.beginning();
    }

    /// Tells what an earlier run knew of failed sectors.
    pub fn recall(&mut self, damage: Extent, class: Class) {
        self.classes.set(damage, Some(class));
    }

    /// The map of the disc.
    pub fn map(&self) -> &Extents<State> {
        &self.map
    }

    /// Why the sectors that are not finished could not be read.
    pub fn classes(&self) -> &Extents<Option<Class>> {
        &self.classes
    }

    /// True once everything around damage was asked for.
    pub fn is_among_damage(&self) -> bool {
        self.phase > Phase::Copy || self.pass > copy::AROUND
    }

    /// Sectors of the disc that a read may still change the state of.
    pub fn left(&self) -> u32 {
        self.left_of(Extent::between(0, self.map.len()), &UNSETTLED)
    }

    /// Those of them that may be asked for.
    pub fn left_in_range(&self) -> u32 {
        self.left_of(self.range, &UNSETTLED)
    }

    fn left_of(&self, extent: Extent, states: &[State]) -> u32 {
        let unsettled = |extent: Extent| states.iter().map(|state| self.map.count_in(extent, *state)).sum::<u32>();
        let end = extent.end();
        let set_aside =
            std::iter::successors(self.aside.next_with(true, extent.first), |run| self.aside.next_with(true, run.end()));
        let set_aside = set_aside.take_while(|run| run.first < end).map(|run| Extent::between(run.first, run.end().min(end)));
        unsettled(extent) - set_aside.map(unsettled).sum::<u32>()
    }

    /// These sectors are not asked for any more, in no pass. They keep their state, and count as nothing that is left to read.
    pub fn set_aside(&mut self, extent: Extent) {
        self.aside.set(extent, true);
        self.asked = self.asked.filter(|ask| ask.extent.end() <= extent.first || ask.extent.first >= extent.end());
    }

    /// Takes back sectors whose bytes were read but could not be stored.
    pub fn forget(&mut self, extent: Extent) {
        self.map.set(extent, State::NonTried);
    }

    /// Takes sectors out of the reckoning: they are zero by definition.
    pub fn define_as_zero(&mut self, extent: Extent) {
        self.map.set(extent, State::Finished);
        self.classes.set(extent, None);
    }

    /// Shortens the disc to `len` sectors.
    pub fn truncate(&mut self, len: u32) {
        self.map.truncate(len);
        self.classes.truncate(len);
        self.aside.truncate(len);
    }

    /// The next read, or `None` when there is nothing left to do. The same read until it is answered.
    pub fn ask(&mut self) -> Option<Ask> {
        if self.asked.is_none() {
            let extent = match self.order {
                Order::InSequence => self.next_in_sequence(),
                Order::EasyFirst => self.next_easy(),
            };
            let way = if self.phase == Phase::Retry { Way::of_retry(self.pass) } else { Way::Plain };
            self.asked = extent.map(|extent| Ask { extent, way });
        }
        self.asked
    }

    /// Takes the outcome of the read that [`Planner::ask`] asked for, and what it cost of the drive's time.
    pub fn answer(&mut self, outcome: Outcome, took: Duration) {
        let Some(Ask { extent: read, .. }) = self.asked.take() else { return };
        if outcome != Outcome::Transport {
            self.transport_tries = 0;
        }
        match outcome {
            Outcome::NotTried => {}
            Outcome::Read => self.read(read, took),
            Outcome::Failed(class, at) => {
                self.costs.failed(took);
                self.failed(read, class, at);
            }
            Outcome::TimedOut => self.timed_out(read),
            Outcome::Transport => {
                self.ceiling = (self.ceiling / 2).max(1);
                self.command = (self.command / 2).max(1);
                self.transport_tries += 1;
                if self.transport_tries >= TRANSPORT_TRIES {
                    self.transport_tries = 0;
                    self.lost(read);
                }
            }
        }
    }

    fn read(&mut self, read: Extent, took: Duration) {
        let is_slow = self.costs.read(read, took);
        self.map.set(read, State::Finished);
        self.classes.set(read, None);
        self.failures_in_a_row = 0;
        self.clean = self.clean.saturating_add(read.count);
        let grown = (self.command * 2).min((self.clean / CLEAN_COMMANDS).max(FIRST_COMMAND)).min(self.ceiling);
        self.command = if grown > self.geometry.block { grown - grown % self.geometry.block } else { grown };
        if self.phase == Phase::Copy && self.order == Order::EasyFirst {
            self.copied(read, is_slow);
        } else if !self.trim_back {
            self.pass_over(read);
        }
    }

    fn failed(&mut self, read: Extent, class: Class, at: Option<u32>) {
        self.classes.set(read, Some(class));
        self.failures_in_a_row += 1;
        self.command = FIRST_COMMAND.min(self.ceiling);
        match self.phase {
            Phase::Copy if self.order == Order::EasyFirst => self.copy_failed(read, class, at),
            Phase::Copy => self.mark(read, if read.count == 1 { State::Bad } else { State::NonTrimmed }),
            Phase::Trim if read.count == 1 => self.mark_suspect(read),
            Phase::Trim => self.mark(read, State::NonScraped),
            Phase::Scrape if class.is_region() && self.order == Order::EasyFirst => self.trim(read, State::NonScraped),
            // Whatever the back edge says this time, it is one.
            Phase::Retry if class.is_region() || self.trim_back => self.trim(read, State::Bad),
            Phase::Scrape | Phase::Retry => self.mark(read, State::Bad),
        }
        self.clean = 0;
    }
}

#[cfg(test)]
mod tests;
