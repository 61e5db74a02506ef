//! What both are judged by: how many sectors are there when, and how many reads failed until then.

use std::time::Duration;

use discsmith::mmc::Extent;
use discsmith::rescue::{Extents, State};

use crate::Result;
use crate::replay::{self, Drive};

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
    pub fn new(reads: Vec<Read>, ended: Duration, map: &Extents<State>) -> Result<Self> {
        let mut there = Extents::new(map.len(), State::NonTried);
        let (mut recovered, mut bad_reads) = (0, 0);
        let point = |read: Read| {
            if read.good {
                recovered += newly_read(&there, read.sectors);
                there.set(read.sectors, State::Finished);
            } else {
                bad_reads += 1;
            }
            Point { time: read.ended, recovered, bad_reads }
        };
        let points: Vec<Point> = reads.into_iter().map(point).collect();
        let (mapped, bad) = (map.count(State::Finished), map.count(State::Bad));
        if (recovered, recovered + bad) != (mapped, map.len()) {
            return Err(format!("{recovered} of {} sectors were read; the map has {mapped}, and {bad} bad", map.len()).into());
        }
        Ok(Self { points, ended })
    }
}

/// Of these sectors, those that were not there yet.
fn newly_read(there: &Extents<State>, sectors: Extent) -> u32 {
    let mut count = 0;
    let mut from = sectors.first;
    while let Some(gap) = there.next_with(State::NonTried, from).filter(|gap| gap.first < sectors.end()) {
        count += gap.end().min(sectors.end()) - gap.first.max(sectors.first);
        from = gap.end();
    }
    count
}

/// How long the drive takes for as many sectors as can be recovered, if nothing is wrong with them: the measure of overhead.
pub struct Clean {
    /// Sectors and time of each share.
    shares: [(u32, Duration); SHARES.len()],
}

impl Clean {
    /// Reads an undamaged disc from its first sector on, in the longest commands.
    pub fn read(whole: &str, recoverable: u32) -> Result<Self> {
        let mut drive = Drive::open(whole)?;
        let mut shares = SHARES.map(|share| ((u64::from(recoverable) * u64::from(share)).div_ceil(1000) as u32, Duration::ZERO));
        let mut at = 0;
        for (sectors, time) in &mut shares {
            for command in replay::commands(Extent::between(at, *sectors)) {
                drive.read(command)?;
            }
            at = *sectors;
            *time = drive.now();
        }
        Ok(Self { shares })
    }

    /// The figures of a rescue.
    pub fn judge(&self, curve: &Curve) -> Figures {
        let [.., (recoverable, all)] = self.shares;
        let overhead = |time: Duration, clean| time.saturating_sub(clean).as_secs_f64();
        let marks = self.shares.map(|(sectors, clean)| {
            let reached = curve.points.get(curve.points.partition_point(|point| point.recovered < sectors));
            let never = Mark { overhead: f64::INFINITY, bad_reads: f64::INFINITY };
            reached.map_or(never, |point| Mark { overhead: overhead(point.time, clean), bad_reads: point.bad_reads.into() })
        });
        let (recovered, bad_reads) = curve.points.last().map_or((0, 0), |last| (last.recovered, last.bad_reads));
        Figures {
            marks,
            end: Mark { overhead: overhead(curve.ended, all), bad_reads: bad_reads.into() },
            missing: (recoverable - recovered).into(),
            reads: curve.points.len() as f64,
        }
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
