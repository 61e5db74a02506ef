//! Failures that are the drive's, or its cable's, and not the disc's.

use super::{Direction, Order, Phase, Planner};
use crate::mmc::{Class, Extent};
use crate::rescue::policy::FIRST_COMMAND;
use crate::rescue::{Run, State};

impl Planner {
    /// Takes back what failed while nothing that the drive said could be believed: `was` are the runs that failed reads lay in, each as it
    /// was before that read, the oldest first. The pass goes far away, and comes back.
    pub fn take_back(&mut self, was: &[Run<State>]) {
        for run in was.iter().rev() {
            self.map.set(run.extent, run.value);
            self.classes.set(run.extent, None);
        }
        let phase = match was.iter().map(|run| run.value).min() {
            Some(State::NonTried) => Phase::Copy,
            Some(State::NonTrimmed) => Phase::Trim,
            Some(State::NonScraped) => Phase::Scrape,
            Some(State::Bad | State::Finished) | None => Phase::Retry,
        };
        self.break_off();
        self.cursor = match (self.order, self.phase, self.pass) {
            (Order::EasyFirst, later, _) if phase < later => {
                self.turn_to(phase, 1);
                self.cursor
            }
            (Order::InSequence, ..) | (_, Phase::Retry, _) => was.iter().map(|run| run.extent.first).fold(self.cursor, u32::min),
            _ if self.direction == Direction::Backwards => self.cursor.saturating_sub(self.longest_skip()),
            _ => self.cursor.saturating_add(self.longest_skip()).min(self.map.len()),
        };
    }

    /// Each time-out takes the sectors one step down the ladder `?` `*` `/` `-`, so that a run that is resumed gets on, and
    /// sends the pass far away.
    pub(super) fn timed_out(&mut self, read: Extent) {
        self.classes.set(read, Some(Class::TimeOut));
        self.command = FIRST_COMMAND.min(self.ceiling);
        self.trim_back = false;
        match self.phase {
            Phase::Copy => self.mark(read, State::NonTrimmed),
            Phase::Trim => self.mark(read, State::NonScraped),
            Phase::Scrape | Phase::Retry => self.mark(read, State::Bad),
        }
        self.depart(read);
    }

    /// Goes far from a read; what lies between is left for the next pass.
    fn depart(&mut self, read: Extent) {
        self.break_off();
        if self.order == Order::EasyFirst {
            self.cursor = match self.direction {
                Direction::Backwards => read.first.saturating_sub(self.longest_skip()),
                Direction::Forwards => read.end().saturating_add(self.longest_skip()).min(self.map.len()),
            };
        }
    }

    /// Whatever the pass was about to do here is left for the next one.
    fn break_off(&mut self) {
        self.trim_back = false;
        self.left_behind = true;
        self.doubted = None;
        self.detour = None;
    }

    /// Gives up a command that the transport lost again and again. A single sector keeps its state: the disc is not to blame.
    pub(super) fn lost(&mut self, read: Extent) {
        self.classes.set(read, Some(Class::Transport));
        match (self.phase, self.order) {
            (Phase::Copy, _) => {
                self.doubted = None;
                self.mark(read, State::NonTrimmed);
            }
            (Phase::Trim, _) => self.mark(read, State::NonScraped),
            (_, Order::InSequence) => self.mark(read, State::Bad),
            _ => {
                self.trim_back = false;
                self.pass_over(read);
            }
        }
    }
}
