//! A disc at a glance.

use std::fmt::{self, Write};

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Extents, State};

/// Cells of a surface: as many as the rings of a picture show one by one, and more than any terminal has columns.
const CELLS: u32 = 4096;

/// Characters of a surface as text: what fits on a line, and costs little in each JSON line of progress.
const CHARACTERS: usize = 64;

/// A disc as a row of cells, first sector first, all of (nearly) the same number of sectors. Each is in the worst state of its sectors, so
/// that one dead sector among a million shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Surface(Vec<State>);

impl Surface {
    /// The surface of a map: one pass over its runs.
    pub fn of(map: &Extents<State>) -> Self {
        let count = map.len().min(CELLS);
        let cell = |lba: u32| (u64::from(lba) * u64::from(count) / u64::from(map.len())) as usize;
        let mut cells = vec![State::Finished; count as usize];
        for run in map.iter().filter(|run| run.value != State::Finished) {
            for cell in cells.iter_mut().take(cell(run.extent.end() - 1) + 1).skip(cell(run.extent.first)) {
                *cell = worse(*cell, run.value);
            }
        }
        Self(cells)
    }

    /// The cells.
    pub fn cells(&self) -> &[State] {
        &self.0
    }

    /// The same in another number of cells.
    pub fn row(&self, columns: usize) -> Vec<State> {
        let bound = |column: usize| column * self.0.len() / columns.max(1);
        let column = |column| {
            let cells = self.0.get(bound(column)..bound(column + 1).max(bound(column) + 1));
            cells.into_iter().flatten().copied().fold(State::Finished, worse)
        };
        if self.0.is_empty() { Vec::new() } else { (0..columns).map(column).collect() }
    }
}

/// The characters of the mapfile's states.
impl fmt::Display for Surface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.row(CHARACTERS).into_iter().try_for_each(|state| f.write_char(state.symbol()))
    }
}

impl Serialize for Surface {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// A surface as another process tells it, in as many cells as that has characters.
impl<'de> Deserialize<'de> for Surface {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let cells = (0..text.len()).map(|at| State::from_symbol(text.get(at..).unwrap_or_default())).collect::<Option<_>>();
        cells.map(Self).ok_or_else(|| D::Error::custom(format!("{text:?} is no surface")))
    }
}

/// The state of a cell that has both: of what can't be read the farthest tried, then what was not tried.
fn worse(one: State, other: State) -> State {
    match (one, other) {
        (State::Finished, state) | (state, State::Finished) => state,
        _ => one.max(other),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mmc::Extent;

    #[test]
    fn one_dead_sector_on_the_largest_disc_shows_at_any_width() {
        let mut map = Extents::new(62_500_000, State::Finished);
        map.set(Extent { first: 31_250_000, count: 1 }, State::Bad);
        let surface = Surface::of(&map);
        for columns in [1, 2, 40, 80, 333, 5000] {
            let row = surface.row(columns);
            assert_eq!(row.len(), columns);
            assert_eq!(row.get(columns / 2), Some(&State::Bad), "{columns}");
            assert!(row.iter().filter(|state| **state == State::Bad).count() <= 1 + columns / CELLS as usize);
        }
        assert_eq!(surface.to_string(), format!("{}-{}", "+".repeat(32), "+".repeat(31)));
    }

    #[test]
    fn a_cell_is_in_the_worst_state_of_its_sectors() {
        let mut map = Extents::new(10 * CELLS, State::Finished);
        for (first, state) in [(1, State::NonTried), (3, State::NonTrimmed), (5, State::NonScraped), (7, State::Bad)] {
            map.set(Extent { first, count: 1 }, state);
            assert_eq!(Surface::of(&map).cells()[..2], [state, State::Finished]);
        }
    }

    #[test]
    fn a_disc_of_nothing_has_no_surface() {
        let surface = Surface::of(&Extents::new(0, State::NonTried));
        assert_eq!((surface.row(80), surface.to_string()), (Vec::new(), String::new()));
        assert_eq!(Surface::of(&Extents::new(3, State::NonTried)).to_string(), "?".repeat(CHARACTERS));
    }

    proptest! {
        /// No sector that is not finished is lost, and no cell is worse than its sectors are.
        #[test]
        fn the_surface_says_what_the_map_says(len in 1u32..9000, columns in 1usize..200, dead in proptest::collection::vec((0u32..9000, 1u32..40), 0..20)) {
            let mut map = Extents::new(len, State::Finished);
            for (first, count) in dead {
                map.set(Extent { first, count }, State::Bad);
            }
            let surface = Surface::of(&map);
            let row = surface.row(columns);
            prop_assert_eq!(row.len(), columns);
            prop_assert_eq!(row.contains(&State::Bad), map.count(State::Bad) > 0);
            let cells = surface.cells().len() as u32;
            for (cell, state) in (0..).zip(surface.cells()) {
                let (first, end) = ((cell * len).div_ceil(cells), ((cell + 1) * len).div_ceil(cells));
                let bad = map.count_in(Extent::between(first, end), State::Bad);
                prop_assert_eq!(*state == State::Bad, bad > 0, "cell {}", cell);
            }
        }
    }
}
