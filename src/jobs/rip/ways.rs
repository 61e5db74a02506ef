//! How a read is carried out: in the way that the planner asks for, as far as this drive has it.

use std::time::Duration;

use crate::event::Event;
use crate::mmc::{CommandError, Extent, ReadEnd};
use crate::rescue::{Ask, Way, run_up};
use crate::sys::Buffer;

use super::reading::Reading;

/// What this drive does not do.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Unsupported {
    fua: bool,
    speed: bool,
}

impl Reading<'_> {
    /// Makes one read. The way that it was made in is kept for the report.
    pub(super) fn carry_out(&mut self, ask: Ask, buffer: &mut Buffer, limit: Duration) -> ReadEnd {
        self.way = self.set_out(ask);
        match self.way {
            Way::Fua => match self.station.drive.read_fua(ask.extent, buffer, limit) {
                ReadEnd::Unsupported(sense) => {
                    self.unsupported.fua = true;
                    self.say(Event::notice(format!(
                        "the drive can't read past its cache (FUA: {sense}); retries of this kind are made as plain ones"
                    )));
                    self.way = Way::Plain;
                    self.station.drive.read(ask.extent, buffer, limit)
                }
                end => end,
            },
            Way::RunUp => match self.run_up(ask.extent, buffer, limit) {
                Ok(()) => self.station.drive.read(ask.extent, buffer, limit),
                Err(end) => end,
            },
            _ => self.station.drive.read(ask.extent, buffer, limit),
        }
    }

    /// Sets the speed, and tells the way that this drive can go.
    fn set_out(&mut self, ask: Ask) -> Way {
        let way = match ask.way {
            Way::Fua if self.unsupported.fua => Way::Plain,
            Way::RunUp if self.run_up_to(ask.extent).is_none() => Way::Plain,
            Way::Slow | Way::Medium | Way::Max if self.unsupported.speed => Way::Plain,
            way => way,
        };
        if self.unsupported.speed {
            return way;
        }
        let family = self.disc.layout.family();
        let speed = if self.is_backing_off { Way::Slow.speed(family) } else { way.speed(family) };
        let before = self.station.speed_set();
        let turned = self.station.turn_to(speed, family);
        if self.station.speed_set() != before {
            // The disc has to come to that speed.
            self.usual.interrupted();
        }
        match turned {
            Err(error @ (CommandError::Refused(_) | CommandError::Transport(_))) => {
                self.unsupported.speed = true;
                self.say(Event::notice(format!("setting the speed: {error}; everything is read at the drive's own")));
                if way.speed(family).is_some() { Way::Plain } else { way }
            }
            // What else is wrong with the drive, the read will show.
            Ok(()) | Err(_) => way,
        }
    }

    /// The good sectors before the damage that `read` lies in. What is zero by definition is no place to begin.
    fn run_up_to(&self, read: Extent) -> Option<Extent> {
        let extent = run_up(self.planner.map(), read.first)?;
        let is_region = self
            .disc
            .layout
            .regions
            .iter()
            .any(|region| region.extent.end() > extent.first && region.extent.first < extent.end());
        let longest = self.station.drive.longest_read();
        (!is_region).then(|| Extent::between(extent.first.max(extent.end().saturating_sub(longest)), extent.end()))
    }

    /// Reads them. If they do not come, the read is made all the same, but for what ends it as well: then that is how it ended.
    fn run_up(&mut self, read: Extent, buffer: &mut Buffer, limit: Duration) -> Result<(), ReadEnd> {
        let Some(extent) = self.run_up_to(read) else { return Ok(()) };
        match self.station.drive.read(extent, buffer, limit) {
            ReadEnd::Good | ReadEnd::Recovered(_) | ReadEnd::Failed(..) | ReadEnd::Unsupported(_) => Ok(()),
            end => Err(end),
        }
    }
}
