//! A look at single places: it shows most fakes soon, and never that a stick is real.

use crate::event::Defect;
use crate::medium::{Span, Spans};
use crate::sys::Buffer;

use super::{HEAD, Probe, marks};
use crate::jobs::Failure;

/// Places that are written and read: the end of what is real lies between two of them, a 256th of the stick apart.
const PLACES: u64 = 256;

/// So many of the last places must be lost before it is said that all between them is: one or two may be bad cells.
const LOST: usize = 3;

impl Probe<'_> {
    /// What is wrong with the stick, where single places show it.
    pub(super) fn glance(&mut self) -> Result<Option<Defect>, Failure> {
        let defect = self.look_for_echo()?;
        if defect.is_some() { Ok(defect) } else { self.look_for_loss() }
    }

    /// Do addresses begin anew? The first MiB is marked, and looked for in each MiB that follows.
    fn look_for_echo(&mut self) -> Result<Option<Defect>, Failure> {
        let bytes = self.geometry.bytes;
        let echo = marks::echo(self.medium, bytes.min(HEAD), bytes, |at| {
            self.telling.progress(at, bytes);
            self.stop.requested().is_none()
        });
        self.go_on()?;
        match echo {
            Ok(echo) => Ok(echo.and_then(|echo| echo.period).map(|holds| Defect::Wraps { holds })),
            Err(error) => self.excuse(&error),
        }
    }

    /// A place that fails now is found again, and named, when everything is written and read.
    fn excuse(&self, error: &std::io::Error) -> Result<Option<Defect>, Failure> {
        match error.raw_os_error() {
            Some(libc::ENODEV) => Err(self.claimed.gone()),
            Some(libc::EROFS | libc::EPERM | libc::EACCES) => Err(self.write_protected()),
            _ => Ok(None),
        }
    }

    /// Is everything lost from some byte on? Then that byte is found: all between the last place that was kept and the first that was not
    /// is written and read.
    fn look_for_loss(&mut self) -> Result<Option<Defect>, Failure> {
        let (sector, bytes) = (u64::from(self.geometry.sector), self.geometry.bytes);
        let place = |number: u64| (u128::from(bytes - sector) * u128::from(number) / u128::from(PLACES)) as u64 / sector * sector;
        let mut places: Vec<u64> = (0..=PLACES).map(place).collect();
        places.dedup();
        let mut one = Buffer::new(sector as usize);
        for at in &places {
            self.go_on()?;
            marks::mark(&mut one, self.key, *at);
            if let Err(error) = self.medium.write_at(&one, *at) {
                return self.excuse(&error.cause);
            }
        }
        self.settle()?;
        let mut is_kept = Vec::new();
        for at in &places {
            self.go_on()?;
            self.poison.fill(&mut one);
            if let Err(error) = self.medium.read_at(&mut one, *at) {
                return self.excuse(&error);
            }
            is_kept.push(marks::marked_from(&one, self.key) == Some(*at));
        }
        let lost = is_kept.iter().rev().take_while(|is_kept| !**is_kept).count();
        if lost < LOST {
            return Ok(None);
        }
        let first = places.len() - lost;
        let (from, to) = (first.checked_sub(1).map_or(0, |kept| places[kept] + sector), places[first]);
        self.first_lost(from, to)
    }

    /// The byte from which on nothing of this run came back. Its end is lost.
    fn first_lost(&mut self, from: u64, to: u64) -> Result<Option<Defect>, Failure> {
        let chunks: Vec<Span> = Self::chunks(from, to).collect();
        for span in &chunks {
            self.go_on()?;
            self.mark(*span);
            if let Err(error) = self.medium.write_at(&self.marks[..span.length as usize], span.offset) {
                return self.excuse(&error.cause);
            }
        }
        self.settle()?;
        let (sector, mut first, mut unreadable) = (self.geometry.sector as usize, from, Spans::default());
        for span in chunks {
            self.go_on()?;
            self.read_back(span, &mut unreadable)?;
            let places = self.back[..span.length as usize].chunks(sector).zip((span.offset..).step_by(sector));
            let kept = places.filter(|(place, at)| marks::marked_from(place, self.key) == Some(*at)).last();
            first = kept.map_or(first, |(_, at)| at + sector as u64);
        }
        Ok(Some(Defect::Loses { from: first }))
    }
}
