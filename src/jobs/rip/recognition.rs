//! Is it still the same disc? Asked whenever the drive was reset, vanished, fell silent, or says that the medium may have changed.

use crate::disc::{Facts, Layout, Sameness, SystemArea};

use super::RipError;
use super::look::{first_data, read_system_area};
use super::reading::Reading;

/// Why the disc is looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// The drive says, or may not have been able to say, that the medium changed.
    MediumChange,
    /// It did not answer for a while.
    Silence,
}

impl Reading<'_> {
    /// Is it still the same disc? Nothing is written before that is known.
    pub(super) fn recognise(&mut self, doubt: Doubt) -> Result<(), RipError> {
        self.station.settle()?;
        self.station.restore();
        // Whatever was heard of until now is answered by this look; what comes up during it will be by the next.
        let doubt = if self.station.drive.take_medium_change() { Doubt::MediumChange } else { doubt };
        let sameness = self.look_again(doubt)?;
        match (sameness, doubt) {
            (Sameness::Other(why), _) => Err(RipError::Stopped(format!(
                "another disc is in the drive ({why}); put back the first one, and the same command goes on"
            ))),
            // Without samples nothing was read that another disc could be mixed with.
            (Sameness::CantTell, Doubt::MediumChange) if !self.request.same_disc && !self.samples.is_empty() => {
                Err(RipError::Stopped(
                    "the disc may have been exchanged, and nothing that can be read tells whether it is the same; \
                 if it is, the same command with --same-disc goes on"
                        .into(),
                ))
            }
            _ => Ok(()),
        }
    }

    fn look_again(&mut self, doubt: Doubt) -> Result<Sameness, RipError> {
        let drive = &mut self.station.drive;
        let facts = Facts::gather(drive).map_err(|error| RipError::drive(&error))?;
        let before = &self.disc.facts;
        // What it does not say this time proves nothing.
        let lengths = facts.capacity.zip(before.capacity).filter(|(now, then)| now != then);
        if let Some((now, then)) = lengths {
            return Ok(Sameness::Other(format!("it has {} sectors, the first one {}", now.sectors, then.sectors)));
        }
        if facts.toc.as_ref().zip(before.toc.as_ref()).is_some_and(|(now, then)| now != then) {
            return Ok(Sameness::Other("it has another table of contents".into()));
        }
        if let Err(refusal) = Layout::decide(&facts) {
            return Ok(Sameness::Other(refusal.to_string()));
        }
        let drive = &mut self.station.drive;
        if doubt == Doubt::Silence {
            return Ok(self.samples.compare(drive, 1).verdict());
        }
        let area = read_system_area(drive, first_data(&self.disc.layout), &mut Vec::new());
        let area = SystemArea(area.iter().map(|sector| sector.as_ref().map(|sector| SystemArea::digest(sector))).collect());
        // Equal system areas may be two discs of one series, or two pressings: all that was sampled is compared as well.
        let area = area.compare(&self.disc.identity.system_area, first_data(&self.disc.layout));
        Ok(area.and(self.samples.compare(drive, usize::MAX)).verdict())
    }
}
