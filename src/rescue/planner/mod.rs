//! Which sectors to read next.
//!
//! The disc may be dying, so what reads easily is read first and nothing is asked for twice in vain:
//!
//! 1. **copy**: forwards in long commands. A failed command is marked `*` as a whole, and reading goes on behind it with a skip
//!    that doubles at each failure and is reset by a good read. Then the skipped areas backwards, each up to its first failure;
//!    what is left of it lies between two failures and becomes `*` unread.
//! 2. **trim**: the `*` areas by ECC block. A block that fails becomes `/`, and so does, unread, the one that the drive named when a
//!    command failed. Behind a block that failed, the next one's first sector goes ahead alone: if it is dead as well, the block
//!    need not fail as a whole.
//! 3. **scrape**: the `/` areas sector by sector. One that fails alone is `-`.
//! 4. **retry**: the `-` sectors, as often as the person asked for.
//!
//! Areas that are no data or are protected ([`Class::is_region`]) are only trimmed, in each retry as well: sector by sector from both
//! edges inwards, up to the first failure.
//!
//! Of all this, what lies outside of the planner's range is not asked for, and keeps its state.

use std::time::Duration;

use crate::mmc::{Class, Extent};

use super::policy::{FIRST_COMMAND, LONGEST_SKIP_SHARE, TRANSPORT_TRIES};
use super::{Extents, State, Way};

/// What the planner must know of the disc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Geometry {
    /// Sectors of an ECC block: CD 1, DVD 16, BD 32. Reads are aligned to it.
    pub block: u32,
    /// LBAs that no command crosses, in order: where tracks and regions begin, and the last two blocks of CD tracks.
    pub borders: Vec<u32>,
    /// Sectors of the longest command that the node takes.
    pub longest: u32,
}

/// In which order sectors are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// What reads easily first.
    EasyFirst,
    /// From the first to the last, each settled before the next: for pipes.
    InSequence,
}

/// Where the reading stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Long commands over what was not tried.
    Copy,
    /// ECC blocks where a command failed.
    Trim,
    /// Single sectors where a block failed.
    Scrape,
    /// Sectors that failed alone.
    Retry,
}

/// A place to go on at, kept in the mapfile's status line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    /// LBA; the end of the area in a backward pass.
    pub at: u32,
    /// The phase.
    pub phase: Phase,
    /// Pass of the phase, from 1. Copy: 1 forwards, 2 backwards.
    pub pass: u32,
}

impl Resume {
    /// Where a disc that nothing is known of begins.
    pub const START: Self = Self { at: 0, phase: Phase::Copy, pass: 1 };
}

/// A read that is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Its sectors, in one command.
    pub extent: Extent,
    /// How.
    pub way: Way,
}

/// How a read ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All its sectors are there.
    Read,
    /// The drive could not read it; the LBA that it named, if it did.
    Failed(Class, Option<u32>),
    /// The drive did not answer: an event of the drive, not of a sector.
    TimedOut,
    /// The command or its data was lost on the way.
    Transport,
    /// The command was not carried out (unit attention, not ready): ask again.
    NotTried,
}

/// What a read may still change, besides what failed alone.
const UNSETTLED: [State; 3] = [State::NonTried, State::NonTrimmed, State::NonScraped];

/// The state machine: [`Planner::ask`] asks for one read, [`Planner::answer`] takes its outcome.
#[derive(Debug)]
pub struct Planner {
    map: Extents<State>,
    classes: Extents<Option<Class>>,
    geometry: Geometry,
    order: Order,
    retries: u32,
    /// The sectors that may be asked for.
    range: Extent,
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
    transport_tries: u32,
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
        let ceiling = geometry.longest.max(1);
        let command = FIRST_COMMAND.min(ceiling);
        Self {
            map,
            classes,
            geometry,
            order,
            retries,
            range,
            stood: None,
            phase: Phase::Copy,
            pass: 1,
            cursor: 0,
            command,
            ceiling,
            failures_in_a_row: 0,
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

    /// Goes on where an earlier run stood. Only copying cares: it must not run into the same damage from the front again.
    pub fn resume(&mut self, from: Resume) {
        if from.phase == Phase::Copy && self.order == Order::EasyFirst && from.at <= self.map.len() {
            (self.pass, self.cursor) = (from.pass.clamp(1, 2), from.at);
        }
    }

    /// Asks for no sector outside of `range`, whose states stay as they are. `stood` is where the reading of the whole disc stands, and
    /// stays: what it left behind by then is not what a part of the disc leaves behind.
    pub fn confine(&mut self, range: Extent, stood: Resume) {
        self.range = Extent::between(range.first.min(self.map.len()), range.end().min(self.map.len()));
        self.stood = Some(stood);
        self.cursor = self.range.first;
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

    /// Where the reading stands, for people.
    pub fn position(&self) -> Resume {
        Resume { at: self.cursor.min(self.map.len()), phase: self.phase, pass: self.pass }
    }

    /// Where the reading of the whole disc stands, for the mapfile.
    pub fn stand(&self) -> Resume {
        self.stood.unwrap_or_else(|| self.position())
    }

    /// Sectors of the disc that a read may still change the state of.
    pub fn left(&self) -> u32 {
        UNSETTLED.iter().map(|state| self.map.count(*state)).sum()
    }

    /// Those of them that may be asked for.
    pub fn left_in_range(&self) -> u32 {
        UNSETTLED.iter().map(|state| self.map.count_in(self.range, *state)).sum()
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
    }

    /// The next read, or `None` when there is nothing left to do. The same read until it is answered.
    pub fn ask(&mut self) -> Option<Ask> {
        if self.asked.is_none() {
            let extent = match self.order {
                Order::InSequence => self.next_in_sequence(),
                Order::EasyFirst => self.next_easy(),
            };
            self.asked = extent.map(|extent| Ask { extent, way: Way::Plain });
        }
        self.asked
    }

    /// Takes the outcome of the read that [`Planner::ask`] asked for, and what it cost of the drive's time.
    pub fn answer(&mut self, outcome: Outcome, _took: Duration) {
        let Some(Ask { extent: read, .. }) = self.asked.take() else { return };
        if outcome != Outcome::Transport {
            self.transport_tries = 0;
        }
        match outcome {
            Outcome::NotTried => {}
            Outcome::Read => self.read(read),
            Outcome::Failed(class, at) => self.failed(read, class, at),
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

    fn next_in_sequence(&mut self) -> Option<Extent> {
        loop {
            let run = self.map.run_at(self.cursor).filter(|_| self.cursor < self.range.end())?;
            let rest = Extent::between(self.cursor, run.extent.end().min(self.range.end()));
            return Some(match run.value {
                State::Bad | State::Finished => {
                    self.cursor = rest.end();
                    continue;
                }
                State::NonTried => self.in_phase(Phase::Copy, self.long_command(rest)),
                State::NonTrimmed => self.in_phase(Phase::Trim, self.block_of(rest)),
                State::NonScraped => self.in_phase(Phase::Scrape, Extent { count: 1, ..rest }),
            });
        }
    }

    fn in_phase(&mut self, phase: Phase, read: Extent) -> Extent {
        self.phase = phase;
        read
    }

    fn next_easy(&mut self) -> Option<Extent> {
        loop {
            let found = match (self.phase, self.pass) {
                (Phase::Copy, 1) => self.next_with(State::NonTried, self.cursor).map(|area| self.long_command(area)),
                (Phase::Copy, _) => self.last_with(State::NonTried, self.cursor).map(|area| self.long_command_at_end(area)),
                (Phase::Trim, _) => self.next_with(State::NonTrimmed, self.cursor).map(|area| self.block_of(area)),
                (Phase::Scrape, _) => self.next_sector(State::NonScraped),
                (Phase::Retry, _) => self.next_sector(State::Bad),
            };
            if found.is_some() {
                return found;
            }
            if !self.next_pass() {
                return None;
            }
        }
    }

    /// The first sectors in this state, at or after `from`, that may be asked for.
    fn next_with(&self, state: State, from: u32) -> Option<Extent> {
        let area = self.map.next_with(state, from.max(self.range.first)).filter(|area| area.first < self.range.end())?;
        Some(Extent::between(area.first, area.end().min(self.range.end())))
    }

    /// The last ones before `end`.
    fn last_with(&self, state: State, end: u32) -> Option<Extent> {
        let area = self.map.last_with(state, end.min(self.range.end())).filter(|area| area.end() > self.range.first)?;
        Some(Extent::between(area.first.max(self.range.first), area.end()))
    }

    /// Whether sectors in this state may be asked for.
    fn has(&self, state: State) -> bool {
        self.next_with(state, 0).is_some()
    }

    /// Turns to the next pass or phase; false when all is done.
    fn next_pass(&mut self) -> bool {
        let again = std::mem::take(&mut self.left_behind);
        self.trim_back = false;
        (self.phase, self.pass) = match (self.phase, self.pass) {
            (Phase::Copy, 1) => (Phase::Copy, 2),
            // Copying may have begun in the middle, resumed from a map that another program left.
            (Phase::Copy, _) if self.has(State::NonTried) => (Phase::Copy, 1),
            (Phase::Copy, _) => (Phase::Trim, 1),
            (Phase::Trim, pass) if again && self.has(State::NonTrimmed) => (Phase::Trim, pass + 1),
            (Phase::Trim, _) => (Phase::Scrape, 1),
            (Phase::Scrape, pass) if again && self.has(State::NonScraped) => (Phase::Scrape, pass + 1),
            (Phase::Scrape, _) if self.retries > 0 => (Phase::Retry, 1),
            (Phase::Retry, pass) if pass < self.retries => (Phase::Retry, pass + 1),
            _ => return false,
        };
        self.cursor = if (self.phase, self.pass) == (Phase::Copy, 2) { self.map.len() } else { 0 };
        true
    }

    /// A command of the present length at the front of `area`, ending at an ECC block's border if it can.
    fn long_command(&self, area: Extent) -> Extent {
        let end = area.first.saturating_add(self.command);
        let aligned = end - end % self.geometry.block;
        let end = if aligned > area.first { aligned } else { end };
        Extent::between(area.first, end.min(area.end()).min(self.border_after(area.first)))
    }

    /// The same at the end of `area`.
    fn long_command_at_end(&self, area: Extent) -> Extent {
        let end = area.end();
        let first = end.saturating_sub(self.command);
        let aligned = first.next_multiple_of(self.geometry.block);
        let first = if aligned < end { aligned } else { first };
        Extent::between(first.max(area.first).max(self.border_before(end)), end)
    }

    /// The part of `area` in its first ECC block, or only its first sector when the block before failed. Regions have larger grain:
    /// nothing in them can be brought back.
    fn block_of(&self, area: Extent) -> Extent {
        let block = self.geometry.block;
        let is_region = self.is_region(area.first);
        let rest = self.rest_of_block(area, if is_region { block.max(16) } else { block });
        let before = area.first.checked_sub(1).and_then(|lba| self.map.get(lba));
        let is_suspect = area.first.is_multiple_of(block) && matches!(before, Some(State::NonScraped | State::Bad));
        if is_suspect && !is_region { Extent { count: 1, ..rest } } else { rest }
    }

    /// From the front of `area` to the end of its block, of the area, or of what one command may cover.
    fn rest_of_block(&self, area: Extent, block: u32) -> Extent {
        let end = (area.first - area.first % block).saturating_add(block);
        Extent::between(area.first, end.min(area.end()).min(self.border_after(area.first)))
    }

    /// The first sector of the next area in this state, or the last one of a region whose front edge is known.
    fn next_sector(&mut self, state: State) -> Option<Extent> {
        let area = self.next_with(state, self.cursor)?;
        self.trim_back &= area.first == self.cursor;
        let first = if self.trim_back { self.region_end(area) - 1 } else { area.first };
        Some(Extent { first, count: 1 })
    }

    /// Where the region at the front of `area` ends.
    fn region_end(&self, area: Extent) -> u32 {
        self.classes.run_at(area.first).map_or(area.end(), |run| run.extent.end()).min(area.end())
    }

    fn is_region(&self, lba: u32) -> bool {
        self.classes.get(lba).flatten().is_some_and(Class::is_region)
    }

    fn border_after(&self, lba: u32) -> u32 {
        let borders = &self.geometry.borders;
        borders.get(borders.partition_point(|border| *border <= lba)).copied().unwrap_or(u32::MAX)
    }

    fn border_before(&self, end: u32) -> u32 {
        let borders = &self.geometry.borders;
        borders.partition_point(|border| *border < end).checked_sub(1).and_then(|i| borders.get(i)).copied().unwrap_or(0)
    }

    fn read(&mut self, read: Extent) {
        self.map.set(read, State::Finished);
        self.classes.set(read, None);
        self.failures_in_a_row = 0;
        let grown = (self.command * 2).min(self.ceiling);
        self.command = if grown > self.geometry.block { grown - grown % self.geometry.block } else { grown };
        if !self.trim_back {
            self.pass_over(read);
        }
    }

    fn failed(&mut self, read: Extent, class: Class, at: Option<u32>) {
        self.classes.set(read, Some(class));
        self.failures_in_a_row += 1;
        self.command = FIRST_COMMAND.min(self.ceiling);
        match self.phase {
            Phase::Copy if read.count == 1 => self.mark_command(read, State::Bad, self.skip()),
            Phase::Copy => {
                self.mark_command(read, State::NonTrimmed, self.skip());
                self.take_hint(read, class, at);
            }
            Phase::Trim if read.count == 1 => self.mark_suspect(read),
            Phase::Trim => self.mark(read, State::NonScraped),
            Phase::Scrape if class.is_region() && self.order == Order::EasyFirst => self.trim(read, State::NonScraped),
            // Whatever the back edge says this time, it is one.
            Phase::Retry if class.is_region() || self.trim_back => self.trim(read, State::Bad),
            Phase::Scrape | Phase::Retry => self.mark(read, State::Bad),
        }
    }

    /// Each time-out takes the sectors one step down the ladder `?` `*` `/` `-`, so that a run that is resumed gets on, and
    /// sends the pass far away.
    fn timed_out(&mut self, read: Extent) {
        self.classes.set(read, Some(Class::TimeOut));
        self.command = FIRST_COMMAND.min(self.ceiling);
        self.trim_back = false;
        match self.phase {
            Phase::Copy => self.mark_command(read, State::NonTrimmed, self.longest_skip()),
            Phase::Trim => self.mark(read, State::NonScraped),
            Phase::Scrape | Phase::Retry => self.mark(read, State::Bad),
        }
        if self.phase != Phase::Copy && self.order == Order::EasyFirst {
            self.cursor = self.cursor.saturating_add(self.longest_skip()).min(self.map.len());
            self.left_behind = true;
        }
    }

    /// Gives up a command that the transport lost again and again. A single sector keeps its state: the disc is not to blame.
    fn lost(&mut self, read: Extent) {
        self.classes.set(read, Some(Class::Transport));
        match (self.phase, self.order) {
            (Phase::Copy, _) => self.mark_command(read, State::NonTrimmed, self.skip()),
            (Phase::Trim, _) => self.mark(read, State::NonScraped),
            (_, Order::InSequence) => self.mark(read, State::Bad),
            _ => {
                self.trim_back = false;
                self.pass_over(read);
            }
        }
    }

    /// Spares the read of an ECC block that the drive has named already.
    fn take_hint(&mut self, read: Extent, class: Class, at: Option<u32>) {
        let block = self.geometry.block;
        let Some(at) = at.filter(|at| block > 1 && !class.is_region() && (read.first..read.end()).contains(at)) else { return };
        let named = Extent::between((at - at % block).max(read.first), (at - at % block).saturating_add(block).min(read.end()));
        self.map.set(named, State::NonScraped);
    }

    /// A sector failed alone in the blocks phase: the first of its block, and the rest of that is no better.
    fn mark_suspect(&mut self, read: Extent) {
        self.mark(read, State::Bad);
        let rest = self.next_with(State::NonTrimmed, read.end()).filter(|rest| rest.first == read.end());
        if let Some(rest) = rest.filter(|rest| !rest.first.is_multiple_of(self.geometry.block)) {
            self.mark(self.rest_of_block(rest, self.geometry.block), State::NonScraped);
        }
    }

    fn mark(&mut self, read: Extent, state: State) {
        self.map.set(read, state);
        if !self.trim_back {
            self.pass_over(read);
        }
    }

    /// Moves the cursor behind a read.
    fn pass_over(&mut self, read: Extent) {
        if self.order == Order::EasyFirst {
            self.cursor = if (self.phase, self.pass) == (Phase::Copy, 2) { read.first } else { read.end() };
        }
    }

    /// Marks a failed command of the copying, and skips.
    fn mark_command(&mut self, read: Extent, outcome: State, skip: u32) {
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

    /// A region's edge was found; its sectors are in this state. After the front edge comes the back edge; between the two nothing is read.
    fn trim(&mut self, read: Extent, state: State) {
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

    /// Sectors to skip after a failed command: 64 KiB, doubled at each further failure.
    fn skip(&self) -> u32 {
        (FIRST_COMMAND << self.failures_in_a_row.saturating_sub(1).min(20)).min(self.longest_skip())
    }

    fn longest_skip(&self) -> u32 {
        (self.map.len() / LONGEST_SKIP_SHARE).max(FIRST_COMMAND)
    }
}

#[cfg(test)]
mod tests;
