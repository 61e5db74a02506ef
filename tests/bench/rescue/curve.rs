//! What rescues are judged by: how many sectors are there when, and how many reads failed until then. Pure.

use std::time::Duration;

use discsmith::mmc::Extent;
use discsmith::rescue::{Extents, State};

/// Shares of the recoverable sectors, in thousandths.
pub const SHARES: [u32; 5] = [500, 900, 990, 999, 1000];

/// One read of sectors.
pub struct Read {
    pub sectors: Extent,
    pub good: bool,
    /// When it ended, from the moment at which the drive stood still.
    pub ended: Duration,
}

/// A rescue, read by read.
pub struct Curve {
    points: Vec<Point>,
    /// When the last command ended.
    ended: Duration,
}

/// What there is after a read.
struct Point {
    time: Duration,
    recovered: u32,
    bad_reads: u32,
}

impl Curve {
    /// The curve of these reads of a disc, in their order. Fails if the reader's own map leaves a sector unsettled, or knows of others as
    /// recovered than were read.
    pub fn new(reads: Vec<Read>, ended: Duration, map: &Extents<State>) -> Result<Self, String> {
        let mut there = Extents::new(map.len(), State::NonTried);
        let (mut recovered, mut bad_reads) = (0, 0);
        let point = |read: Read| {
            if read.good {
                recovered += there.count_in(read.sectors, State::NonTried);
                there.set(read.sectors, State::Finished);
            } else {
                bad_reads += 1;
            }
            Point { time: read.ended, recovered, bad_reads }
        };
        let points: Vec<Point> = reads.into_iter().map(point).collect();
        let (mapped, bad) = (map.count(State::Finished), map.count(State::Bad));
        if (recovered, recovered + bad) != (mapped, map.len()) {
            return Err(format!("{recovered} of {} sectors were read; the map has {mapped}, and {bad} bad", map.len()));
        }
        Ok(Self { points, ended })
    }

    /// The figures of a rescue, beside a clean read of as many sectors as can be recovered.
    pub fn judge(&self, clean: &Self) -> Figures {
        let recoverable = clean.recovered();
        let mark = |share: u32| {
            let sectors = (u64::from(recoverable) * u64::from(share)).div_ceil(1000) as u32;
            let never = Mark { overhead: f64::INFINITY, bad_reads: f64::INFINITY };
            self.reaches(sectors)
                .map_or(never, |point| Mark { overhead: clean.overhead(sectors, point.time), bad_reads: point.bad_reads.into() })
        };
        let bad_reads = self.points.last().map_or(0, |last| last.bad_reads);
        Figures {
            marks: SHARES.map(mark),
            end: Mark { overhead: clean.overhead(recoverable, self.ended), bad_reads: bad_reads.into() },
            missing: recoverable.saturating_sub(self.recovered()).into(),
            reads: self.points.len() as f64,
        }
    }

    /// The overhead, in seconds, after each read that brought something, and what is missing then of the recoverable, from 1 to 0.
    pub fn overheads(&self, clean: &Self) -> Vec<(f64, f64)> {
        let recoverable = f64::from(clean.recovered().max(1));
        let steps = self.points.chunk_by(|one, next| one.recovered == next.recovered).filter_map(|same| same.first());
        let step = |point: &Point| (clean.overhead(point.recovered, point.time), 1.0 - f64::from(point.recovered) / recoverable);
        steps.map(step).collect()
    }

    /// Sectors recovered in the end.
    fn recovered(&self) -> u32 {
        self.points.last().map_or(0, |last| last.recovered)
    }

    /// The first moment at which there are so many sectors.
    fn reaches(&self, sectors: u32) -> Option<&Point> {
        self.points.get(self.points.partition_point(|point| point.recovered < sectors))
    }

    /// Seconds by which `time` is later than so many sectors are on this, the clean, curve.
    fn overhead(&self, sectors: u32, time: Duration) -> f64 {
        let clean = self.reaches(sectors).map_or(self.ended, |point| point.time);
        time.saturating_sub(clean).as_secs_f64()
    }
}

/// A moment of a rescue.
#[derive(Clone, Copy)]
pub struct Mark {
    /// Seconds beyond the clean read of as many sectors.
    pub overhead: f64,
    /// Reads that failed until then.
    pub bad_reads: f64,
}

/// A rescue in numbers. What was never reached is infinite.
pub struct Figures {
    /// When each of [`SHARES`] was there.
    pub marks: [Mark; SHARES.len()],
    /// When nothing more was read.
    pub end: Mark,
    /// Sectors that could be read, and were not.
    pub missing: f64,
    /// Reads in all.
    pub reads: f64,
}

impl Figures {
    /// The least of each figure: no single one of the rescues need be as good.
    pub fn best(all: &[Self]) -> Self {
        Self::of_each(all, |values| values.into_iter().fold(f64::INFINITY, f64::min))
    }

    /// The median of each figure.
    pub fn median<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        Self::of_each(all, median)
    }

    fn of_each<'a>(all: impl IntoIterator<Item = &'a Self>, judge: impl Fn(Vec<f64>) -> f64) -> Self {
        let all: Vec<&Self> = all.into_iter().collect();
        let figure = |of: &dyn Fn(&Self) -> f64| judge(all.iter().map(|figures| of(figures)).collect());
        let mark = |of: &dyn Fn(&Self) -> Mark| Mark {
            overhead: figure(&|figures| of(figures).overhead),
            bad_reads: figure(&|figures| of(figures).bad_reads),
        };
        Self {
            marks: std::array::from_fn(|share| mark(&|figures| figures.marks[share])),
            end: mark(&|figures| figures.end),
            missing: figure(&|figures| figures.missing),
            reads: figure(&|figures| figures.reads),
        }
    }
}

/// The one in the middle, or the upper one of two; of nothing, NaN.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
