//! Where the next damage lies, after the last.
//!
//! A scratch across the track, and a fingerprint, hurt each turn of the spiral at the same angle. The track runs at one density, so that
//! each turn is longer than the one before by the same length: the spots of a mark lie on a parabola over the number of their turn. It is
//! fitted to the last spots; of the disc itself nothing needs to be known.

use crate::mmc::Extent;

/// Spots that must agree before anything is forecast.
const SPOTS: usize = 5;
/// Spots, at most, that a parabola is laid through: a drive's view of its own disc does not reach far.
const FITTED: usize = 32;
/// Spots that a parabola needs; a line does for fewer.
const CURVED: usize = 7;
/// Sectors of the shortest turn: the innermost one of a CD has nine (2 kB in 17 mm of track).
const SHORTEST: f64 = 6.0;
/// A period is looked for between so many of the last areas.
const LATEST: usize = 9;
/// The share of turns, at least, that has a spot.
const SEEN: f64 = 0.3;
/// More turns between two spots are no sign that there are none: they may have been left out.
const LEAP: f64 = 4.0;
/// How far a gap may be off the others, as a share of a turn.
const DEVIATION: f64 = 0.2;
/// Turns ahead, at most: a mark ends somewhere.
const FARTHEST: u32 = 64;
/// The largest share of a turn that is worth leaving out.
const WORTHWHILE: f64 = 0.6;

/// Damage that comes again with each turn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forecast {
    /// LBA of the spot so many turns after the last one: these factors of 1, turns, turns².
    factors: [f64; 3],
    /// Sectors of a turn.
    turn: f64,
    /// Half of what a spot takes, with what the forecast may be wrong.
    reach: f64,
}

impl Forecast {
    /// Looks for a period in damaged areas, in order of LBA, whose ends are known to so many sectors. `turn`: the period, if it was known
    /// before.
    pub(super) fn of(damage: &[Extent], grain: u32, turn: Option<f64>) -> Option<Self> {
        let latest = &damage[damage.len().saturating_sub(LATEST)..];
        let pairs = latest.iter().enumerate().flat_map(|(i, a)| latest[i + 1..].iter().map(move |b| middle(*b) - middle(*a)));
        let pairs = pairs.filter(|turn| *turn >= SHORTEST);
        let forecasts = turn.into_iter().chain(pairs).filter_map(|turn| Self::with(damage, grain, turn));
        let best =
            forecasts.max_by(|(spots, a), (others, b)| spots.cmp(others).then((b.reach / b.turn).total_cmp(&(a.reach / a.turn))));
        best.map(|(_, forecast)| forecast)
    }

    /// The forecast with turns of about this length, and how many spots agree with it.
    fn with(damage: &[Extent], grain: u32, turn: f64) -> Option<(usize, Self)> {
        let mut spots = spots(damage, turn);
        let mut spot = spots.next()?;
        let mut points = vec![(0.0, middle(spot))];
        let mut sectors = vec![f64::from(spot.count)];
        let (mut at, mut seen) = (0.0, 0.0);
        for before in spots {
            let gap = middle(spot) - middle(before);
            let turns = (gap / turn).round();
            if turns < 1.0 || (gap - turns * turn).abs() > DEVIATION * turn || points.len() == FITTED {
                break;
            }
            at -= turns;
            seen += turns.min(LEAP);
            spot = before;
            points.push((at, middle(spot)));
            sectors.push(f64::from(spot.count));
        }
        if points.len() < SPOTS || points.len() as f64 <= seen * SEEN {
            return None;
        }
        let factors = fit(&points, if points.len() < CURVED { 2 } else { 3 })?;
        let square = |(turn, lba): &(f64, f64)| (value(factors, *turn) - lba).powi(2);
        let count = points.len() as f64;
        let error = (points.iter().map(square).sum::<f64>() / count).sqrt();
        let reach = if grain > 1 {
            (sectors.iter().sum::<f64>() / count - f64::from(grain)).max(0.0) / 2.0
                + 1.0
                + 1.5 * error * (3.0 / count.sqrt()).min(1.0)
        } else {
            sectors.into_iter().fold(0.0, f64::max) / 2.0 + 1.0 + 1.5 * error
        };
        let forecast = Self { factors, turn: factors[1], reach };
        (forecast.turn > 0.0 && 2.0 * reach < WORTHWHILE * forecast.turn).then_some((points.len(), forecast))
    }

    /// Sectors of a turn.
    pub(super) fn turn(&self) -> f64 {
        self.turn
    }

    /// The first spot that ends after `lba`, unless that is too far from all that was seen.
    pub(super) fn next(&self, lba: u32) -> Option<Extent> {
        let spots = (0..FARTHEST).map(|turns| value(self.factors, f64::from(turns)));
        let at = spots.take_while(|at| *at >= self.factors[0]).find(|at| at + self.reach > f64::from(lba))?;
        Some(Extent::between((at - self.reach).max(0.0) as u32, (at + self.reach).ceil() as u32))
    }
}

/// The last spot first: areas that lie nearer to each other than half a turn are one.
fn spots(damage: &[Extent], turn: f64) -> impl Iterator<Item = Extent> + '_ {
    let mut areas = damage.iter().rev().peekable();
    std::iter::from_fn(move || {
        let mut spot = *areas.next()?;
        while let Some(area) = areas.next_if(|area| f64::from(spot.first.saturating_sub(area.end())) < turn / 2.0) {
            spot = Extent::between(area.first, spot.end());
        }
        Some(spot)
    })
}

fn middle(spot: Extent) -> f64 {
    f64::from(spot.first) + f64::from(spot.count) / 2.0
}

fn value(factors: [f64; 3], turns: f64) -> f64 {
    factors[0] + turns * (factors[1] + turns * factors[2])
}

/// Least squares: the line (`terms` 2) or parabola (3) through these points.
fn fit(points: &[(f64, f64)], terms: usize) -> Option<[f64; 3]> {
    let origin = points.first()?.1;
    let mut rows = [[0.0; 4]; 3];
    for (x, y) in points {
        let powers = [1.0, *x, x * x];
        for (row, power) in rows.iter_mut().zip(powers).take(terms) {
            for (cell, other) in row.iter_mut().zip(powers).take(terms) {
                *cell += power * other;
            }
            row[3] += power * (y - origin);
        }
    }
    for pivot in 0..terms {
        if rows[pivot][pivot].abs() < 1e-9 {
            return None;
        }
        for other in (0..terms).filter(|other| *other != pivot) {
            let factor = rows[other][pivot] / rows[pivot][pivot];
            let subtracted = rows[pivot];
            rows[other].iter_mut().zip(subtracted).for_each(|(cell, value)| *cell -= factor * value);
        }
    }
    let factor = |term: usize| if term < terms { rows[term][3] / rows[term][term] } else { 0.0 };
    Some([origin + factor(0), factor(1), factor(2)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spots on each turn of a spiral whose turns grow by `growth`.
    fn spiral(first: f64, turn: f64, growth: f64, turns: u32) -> Vec<Extent> {
        let lba = |i: u32| first + f64::from(i) * (turn + growth * f64::from(i) / 2.0);
        (0..turns).map(|i| Extent { first: lba(i) as u32, count: 1 + i % 2 }).collect()
    }

    #[test]
    fn a_scratch_is_forecast_for_many_turns() {
        let spots = spiral(10_000.0, 45.0, 0.05, 36);
        let forecast = Forecast::of(&spots[..24], 1, None).unwrap();
        for spot in &spots[24..] {
            let window = forecast.next(spot.first - 15).unwrap();
            assert!(window.count < 12 && window.first <= spot.first && spot.end() <= window.end(), "{spot:?} {window:?}");
        }
    }

    #[test]
    fn it_does_not_look_beyond_what_was_seen() {
        // Turns that get shorter: the parabola turns round.
        let forecast = Forecast::of(&spiral(10_000.0, 60.0, -1.0, 12), 1, None).unwrap();
        assert_eq!(forecast.next(1_000_000), None);
    }

    #[test]
    fn spots_without_a_period_forecast_nothing() {
        let areas: Vec<Extent> = [5, 90, 130, 300, 311, 570].iter().map(|first| Extent { first: *first, count: 1 }).collect();
        assert!(Forecast::of(&areas, 1, None).is_none());
        assert!(Forecast::of(&areas[..3], 1, None).is_none() && Forecast::of(&[], 1, None).is_none());
    }
}
