//! How a read is made.

use serde::{Deserialize, Serialize};

use crate::mmc::{Extent, Family, Speed};

use super::policy::{MEDIUM_SPEED, RUN_UP, RUN_UP_REACH, SLOW_SPEED};
use super::{Extents, State};

/// Each way has brought back sectors that another one did not. Written in lower case with hyphens everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// One command, as the drive likes it.
    Plain,
    /// After the good sectors before it, so that the drive comes in sequence and does not seek into the damage.
    RunUp,
    /// From the disc itself, whatever the drive's cache holds (FUA).
    Fua,
    /// At low speed.
    Slow,
    /// At medium speed.
    Medium,
    /// As fast as the drive can.
    Max,
}

impl Way {
    /// In the order of the retries: what costs least comes first. Slower is not always better, so each speed has its turn.
    pub const ALL: [Self; 6] = [Self::Plain, Self::RunUp, Self::Fua, Self::Slow, Self::Medium, Self::Max];

    /// The way of this pass of the retries, counted from 1. After the last way the first one comes again.
    pub fn of_retry(pass: u32) -> Self {
        Self::ALL[pass.saturating_sub(1) as usize % Self::ALL.len()]
    }

    /// The speed that belongs to it on such a disc; `None` for the one that was there before.
    pub fn speed(self, family: Family) -> Option<Speed> {
        let times = |(cd, dvd, bd)| match family {
            Family::Cd => cd,
            Family::Dvd => dvd,
            Family::Bd => bd,
        };
        match self {
            Self::Plain | Self::RunUp | Self::Fua => None,
            Self::Slow => Some(Speed::Times(times(SLOW_SPEED))),
            Self::Medium => Some(Speed::Times(times(MEDIUM_SPEED))),
            Self::Max => Some(Speed::Max),
        }
    }

    /// The way in words, for a person.
    pub fn text(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::RunUp => "with a run-up",
            Self::Fua => "past the drive's cache",
            Self::Slow => "at low speed",
            Self::Medium => "at medium speed",
            Self::Max => "at full speed",
        }
    }
}

/// The good sectors that a run-up to `lba` reads: those before the damage that it lies in. `None` where that begins too far away.
pub fn run_up(map: &Extents<State>, lba: u32) -> Option<Extent> {
    let good = map.last_with(State::Finished, lba).filter(|good| lba - good.end() <= RUN_UP_REACH)?;
    Some(Extent::between(good.first.max(good.end().saturating_sub(RUN_UP)), good.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_passes_are_all_different_and_then_they_come_again() {
        let passes: Vec<Way> = (1..=6).map(Way::of_retry).collect();
        assert_eq!(passes, Way::ALL);
        assert_eq!((Way::of_retry(7), Way::of_retry(12)), (Way::Plain, Way::Max));
    }

    #[test]
    fn a_run_up_ends_where_the_damage_begins() {
        let mut map = Extents::new(1000, State::Finished);
        map.set(Extent { first: 200, count: 5 }, State::Bad);
        map.set(Extent { first: 400, count: 300 }, State::Bad);
        map.set(Extent { first: 0, count: 10 }, State::Bad);
        for lba in 200..205 {
            assert_eq!(run_up(&map, lba), Some(Extent { first: 200 - RUN_UP, count: RUN_UP }));
        }
        assert_eq!(run_up(&map, 20), Some(Extent { first: 10, count: 10 }));
        assert_eq!(run_up(&map, 400 + RUN_UP_REACH), Some(Extent { first: 400 - RUN_UP, count: RUN_UP }));
        assert_eq!((run_up(&map, 401 + RUN_UP_REACH), run_up(&map, 5)), (None, None));
    }
}
