//! The disc from above: its track as a spiral from the inside out. It has fewer turns than the disc, so that the angle says nothing; how far
//! out something lies between the first turn and the last one is true of a disc with one layer.

use std::f64::consts::TAU;

use crate::rescue::{State, Surface};

use super::colour;

/// The middle of the disc.
const MIDDLE: (f64, f64) = (300.0, 375.0);

/// Where the track begins and ends: the program area of a CD lies between 25 and 58 mm (ECMA-130, section 10.7).
const RADII: (f64, f64) = (110.0, 255.0);

/// Turns of the track. A turn is as wide as it needs to be for a cell of the surface to be seen.
const TURNS: f64 = 29.0;

/// Points of a turn: a circle to the eye.
const POINTS: f64 = 90.0;

/// The disc, as one path for each state; the worst lies on top.
pub(super) fn draw(surface: &Surface) -> String {
    let cells = surface.cells();
    let width = (RADII.1 - RADII.0) / TURNS;
    let path = |(state, class): (State, &str)| {
        let runs = cells.chunk_by(|one, other| one == other).scan(0, |first, run| {
            let from = *first;
            *first += run.len();
            Some((run[0], from, *first))
        });
        let arcs: String =
            runs.filter(|(found, ..)| *found == state).map(|(_, from, to)| arc(share(from, cells), share(to, cells))).collect();
        let colour = colour(state);
        format!("<path class=\"{class}\" d=\"{arcs}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width:.1}\"/>")
    };
    let states = [
        (State::Finished, "read"),
        (State::NonTried, "not-tried"),
        (State::NonTrimmed, "not-trimmed"),
        (State::NonScraped, "not-scraped"),
        (State::Bad, "bad"),
    ];
    let (x, y) = MIDDLE;
    let edge = |radius: f64| format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"none\" stroke=\"#999999\"/>");
    let hole = [edge(33.0), edge(RADII.0 - width), edge(RADII.1 + width)];
    hole.into_iter().chain(states.into_iter().map(path)).collect::<Vec<_>>().join("\n")
}

fn share(cell: usize, cells: &[State]) -> f64 {
    cell as f64 / cells.len() as f64
}

/// The track from one share of the disc to another.
fn arc(from: f64, to: f64) -> String {
    let (from, to) = (turns(from), turns(to));
    let steps = ((to - from) * POINTS).ceil().max(1.0);
    let point = |step: u32| {
        let (x, y) = place(from + (to - from) * f64::from(step) / steps);
        let letter = if step == 0 { 'M' } else { 'L' };
        format!("{letter}{x:.1},{y:.1}")
    };
    (0..=steps as u32).map(point).collect()
}

/// How many turns lie before a share of the disc. As much of the disc lies on as much area.
fn turns(share: f64) -> f64 {
    let (inner, outer) = RADII;
    let radius = (inner * inner + (outer * outer - inner * inner) * share).sqrt();
    (radius - inner) / (outer - inner) * TURNS
}

/// Where the track is after so many turns.
fn place(turns: f64) -> (f64, f64) {
    let radius = RADII.0 + (RADII.1 - RADII.0) * turns / TURNS;
    let (sin, cos) = (turns * TAU).sin_cos();
    (MIDDLE.0 + radius * sin, MIDDLE.1 - radius * cos)
}
