//! Bad sectors that were made on purpose: copy protection. They are recognised by how they lie, and by nothing else.
//!
//! What tells them from damage: a blemish hurts every turn of the spiral that it touches, so its bad sectors come back a turn later, and
//! its edges are ragged. Two layouts do neither, and are known from logs of protected discs:
//!
//! - **strewn**: hundreds of single bad sectors with good ones between them, the distances spread evenly between two bounds (SafeDisc:
//!   10 to 40 sectors, within the first 10,000 of a CD; DiscImageCreator's issues 65 and 224).
//! - **runs**: one solid run after another, each some turns long and ending as sharply as it began, with clean turns between them
//!   (RipGuard and ARccOS: 30 to 1600 sectors, 1000 to 10,000 apart; DiscImageCreator's issues 135 and 305); or runs of whole ECC
//!   blocks, all of one length, at regular distances.
//!
//! A single ring of bad sectors (LaserLock) looks like a scratched ring, and is not recognised. Recognising the wrong disc is worse than
//! missing one.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::mmc::{Class, Extent, Family};

use super::{Extents, Run, State};

/// Bad sectors in a row that are judged as strewn: with so many, random ones pass for evenly spread less than once in 10,000 times.
const STREWN: usize = 144;

/// Sectors in a row that copying leaves out where it expects damage, at most.
const LEFT_OUT: u32 = 64;

/// How far apart such windows begin.
const STREWN_STEP: usize = 36;

/// The longest mean distance of strewn sectors: SafeDisc's is 15 to 25.
const STREWN_APART: f64 = 64.0;

/// Runs in a row that are judged together when they are some turns long; and those that must be so.
const RUNS: usize = 8;
const LONG_RUNS: usize = 6;

/// Runs in a row that are judged together when they are of one length.
const EQUAL_RUNS: usize = 32;

/// Turns that a long run has at least, and that are clean on either side of any run: no blemish ends so sharply. A beam is
/// half a millimetre wide where it enters the disc, hundreds of turns.
const SHARP: u32 = 2;

/// Turns that a run has at most, and that lie between two of them: RipGuard has 1600 and 10,000 sectors, 23 and 140 turns of a DVD.
const LONGEST: u32 = 32;
const FARTHEST: u32 = 512;

/// One stretch of deliberate bad sectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// How they lie.
    pub kind: PatternKind,
    /// From the first to the last, and what was not read yet between and beside them.
    #[serde(flatten)]
    pub extent: Extent,
    /// Runs of them that are known.
    pub runs: u32,
    /// Sectors of these runs.
    pub sectors: u32,
}

/// How deliberate bad sectors lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PatternKind {
    /// Single sectors at irregular distances.
    Strewn,
    /// Solid runs with clean turns between them.
    Runs,
}

/// The stretches of deliberate bad sectors, as far as the disc is known.
pub fn patterns(map: &Extents<State>, classes: &Extents<Option<Class>>, family: Family) -> Vec<Pattern> {
    let hurt = hurt(map, classes);
    let mut found = strewn(&hurt, rim(family));
    found.extend(runs(&hurt, rim(family), family.block()));
    found
}

/// Sectors of a disc's longest turn, at a radius of 58 mm: a sector is 16 mm long on a CD (1.2 m/s), 5.2 on a DVD and 2.2 on a BD.
fn rim(family: Family) -> u32 {
    match family {
        Family::Cd => 23,
        Family::Dvd => 71,
        Family::Bd => 163,
    }
}

/// Neighbouring sectors that are not finished.
#[derive(Debug, Clone, Copy)]
struct Hurt {
    extent: Extent,
    /// Those of them that failed alone, or with their ECC block.
    bad: u32,
    /// Some were never asked for.
    is_open: bool,
}

impl Hurt {
    fn is_single(&self) -> bool {
        (self.extent.count, self.bad) == (1, 1)
    }

    /// Bad throughout.
    fn is_solid(&self) -> bool {
        self.bad * 50 >= self.extent.count * 49
    }

    fn with(self, next: Self) -> Self {
        Self {
            extent: Extent::between(self.extent.first, next.extent.end()),
            bad: self.bad + next.bad,
            is_open: self.is_open || next.is_open,
        }
    }
}

/// Good sectors between two neighbours.
fn gap(before: &Hurt, behind: &Hurt) -> u32 {
    behind.extent.first - before.extent.end()
}

fn hurt(map: &Extents<State>, classes: &Extents<Option<Class>>) -> Vec<Hurt> {
    let mut hurt: Vec<Hurt> = Vec::new();
    // What copying leaves out for the moment, in the middle of damage, says nothing.
    let is_left_out = |run: &Run<State>| run.value == State::NonTried && run.extent.count < LEFT_OUT;
    for run in map.iter().filter(|run| run.value != State::Finished && !is_left_out(run)) {
        // What another program found has no class, and time-outs are the drive's.
        let is_unreadable = || matches!(classes.get(run.extent.first).flatten(), None | Some(Class::Medium | Class::Other));
        let is_bad = matches!(run.value, State::Bad | State::NonScraped) && is_unreadable();
        let next =
            Hurt { extent: run.extent, bad: if is_bad { run.extent.count } else { 0 }, is_open: run.value == State::NonTried };
        match hurt.last_mut() {
            Some(last) if gap(last, &next) == 0 => *last = last.with(next),
            _ => hurt.push(next),
        }
    }
    hurt
}

/// Merges neighbours with less than `clean` good sectors between them.
fn merged(hurt: &[Hurt], clean: u32) -> Vec<Hurt> {
    let mut merged: Vec<Hurt> = Vec::new();
    for next in hurt {
        match merged.last_mut() {
            Some(last) if gap(last, next) < clean => *last = last.with(*next),
            _ => merged.push(*next),
        }
    }
    merged
}

fn strewn(hurt: &[Hurt], rim: u32) -> Vec<Pattern> {
    let mut zones: Vec<Range<usize>> = Vec::new();
    for first in (0..hurt.len()).step_by(STREWN_STEP) {
        let Some(window) = hurt.get(first..first + STREWN) else { break };
        if is_strewn(window, rim) {
            let zone = grown(hurt, first..first + STREWN);
            join(&mut zones, zone);
        }
    }
    zones.into_iter().map(|zone| pattern(PatternKind::Strewn, &hurt[zone])).collect()
}

/// Single sectors, their distances spread evenly and none of them the turn.
fn is_strewn(window: &[Hurt], rim: u32) -> bool {
    let n = window.len();
    let mostly = |count: usize| count * 100 >= n * 97;
    if !mostly(window.iter().filter(|hurt| hurt.is_single()).count()) || window.iter().any(|hurt| hurt.is_open) {
        return false;
    }
    let firsts: Vec<u32> = window.iter().map(|hurt| hurt.extent.first).collect();
    let (mean, variation) = distances(&firsts);
    // Random ones lie next to each other as often as anywhere else: a sixth of their distances is shorter than a sixth of the mean.
    let apart = firsts.windows(2).filter(|pair| f64::from(pair[1] - pair[0]) >= mean / 6.0).count() + 1;
    // Random distances vary by 1, those between two bounds by less than 0.5, and those of a scratch by nothing or, where it
    // hurts less than half of its turns, by more than 0.7.
    mostly(apart) && variation < 0.52 && mean <= STREWN_APART && echo(&firsts, rim) < 0.38
}

/// Mean distance, and the standard deviation as a share of it.
fn distances(firsts: &[u32]) -> (f64, f64) {
    let all = || firsts.windows(2).map(|pair| f64::from(pair[1] - pair[0]));
    let n = firsts.len().saturating_sub(1).max(1) as f64;
    let mean = all().sum::<f64>() / n;
    let variance = all().map(|distance| (distance - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt() / mean)
}

/// Which share of the sectors comes back after one, two and three turns, whatever a turn is: of a scratch as many as it hurts.
fn echo(firsts: &[u32], rim: u32) -> f64 {
    let farthest = 6 * rim as usize + 1;
    let mut at = vec![0u32; farthest + 1];
    for (index, first) in firsts.iter().enumerate() {
        for distance in firsts[index + 1..].iter().map(|next| (next - first) as usize).take_while(|d| *d <= farthest) {
            at[distance] += 1;
        }
    }
    let near = |distance: usize| at[distance - 1] + at[distance] + at[distance + 1];
    // In half sectors, as two and three turns are not counted from a rounded one; and past the longest, as a leaning scratch comes back later.
    let turns = (4..=4 * rim as usize).map(|turn| near(turn / 2) + near(turn) + near(3 * turn / 2));
    f64::from(turns.max().unwrap_or(0)) / (3 * firsts.len()) as f64
}

/// A zone with its neighbours: further single sectors, and what failed in longer commands and was not taken apart yet.
fn grown(hurt: &[Hurt], zone: Range<usize>) -> Range<usize> {
    let firsts: Vec<u32> = hurt[zone.clone()].iter().map(|hurt| hurt.extent.first).collect();
    let near = 4 * distances(&firsts).0 as u32;
    let belongs = |hurt: &Hurt| hurt.is_single() || hurt.bad < hurt.extent.count && !hurt.is_open;
    let (mut first, mut end) = (zone.start, zone.end);
    while first > 0 && belongs(&hurt[first - 1]) && gap(&hurt[first - 1], &hurt[first]) <= near {
        first -= 1;
    }
    while end < hurt.len() && belongs(&hurt[end]) && gap(&hurt[end - 1], &hurt[end]) <= near {
        end += 1;
    }
    first..end
}

fn runs(hurt: &[Hurt], rim: u32, block: u32) -> Vec<Pattern> {
    let hurt = merged(hurt, SHARP * rim);
    let is_short = |hurt: &Hurt| hurt.is_solid() && hurt.extent.count <= LONGEST * rim;
    let is_near = |pair: &[Hurt]| gap(&pair[0], &pair[1]) <= FARTHEST * rim;
    let mut zones = Vec::new();
    for first in 0..hurt.len() {
        let row = |size| {
            let row = hurt.get(first..first + size)?;
            (row.iter().all(is_short) && row.windows(2).all(is_near)).then_some(row)
        };
        if row(RUNS).is_some_and(|row| are_long(row, rim)) {
            join(&mut zones, first..first + RUNS);
        }
        if row(EQUAL_RUNS).is_some_and(|row| are_equal(row, block)) {
            join(&mut zones, first..first + EQUAL_RUNS);
        }
    }
    zones.into_iter().map(|zone| pattern(PatternKind::Runs, &hurt[zone])).collect()
}

/// Most of them longer than any blemish with sharp ends.
fn are_long(row: &[Hurt], rim: u32) -> bool {
    row.iter().filter(|hurt| hurt.extent.count >= SHARP * rim).count() >= LONG_RUNS
}

/// Whole ECC blocks, as many each time, at regular distances.
fn are_equal(row: &[Hurt], block: u32) -> bool {
    let firsts: Vec<u32> = row.iter().map(|hurt| hurt.extent.first).collect();
    let count = row[0].extent.count;
    let is_equal = |hurt: &Hurt| hurt.extent.count == count && hurt.extent.first.is_multiple_of(block);
    block > 1 && count.is_multiple_of(block) && row.iter().all(is_equal) && distances(&firsts).1 < 0.4
}

/// Adds a zone that begins behind the ones before; those that overlap or touch are one.
fn join(zones: &mut Vec<Range<usize>>, zone: Range<usize>) {
    match zones.last_mut() {
        Some(last) if zone.start <= last.end => *last = last.start.min(zone.start)..last.end.max(zone.end),
        _ => zones.push(zone),
    }
}

fn pattern(kind: PatternKind, zone: &[Hurt]) -> Pattern {
    let extent = zone.first().zip(zone.last()).map(|(first, last)| Extent::between(first.extent.first, last.extent.end()));
    Pattern {
        kind,
        extent: extent.unwrap_or(Extent { first: 0, count: 0 }),
        runs: zone.iter().filter(|hurt| hurt.bad > 0).count() as u32,
        sectors: zone.iter().map(|hurt| hurt.bad).sum(),
    }
}

#[cfg(test)]
mod tests;
