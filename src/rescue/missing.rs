//! What is missing of a disc, and what of that belongs to something.

use crate::mmc::Extent;

use super::{Extents, State};

/// The sectors that are missing, and which of them belong to something.
pub struct Missing {
    /// Where they are, and how many come before each place.
    holes: Vec<(Extent, u32)>,
    /// One bit for each missing sector.
    claimed: Vec<u64>,
    unclaimed: u32,
    end: u32,
}

impl Missing {
    /// What a map does not call finished.
    pub fn of(map: &Extents<State>) -> Self {
        let mut holes: Vec<(Extent, u32)> = Vec::new();
        let mut count = 0;
        for run in map.iter().filter(|run| run.value != State::Finished) {
            holes.push((run.extent, count));
            count += run.extent.count;
        }
        // What lies past the disc's end was not read either.
        holes.push((Extent::between(map.len(), u32::MAX), count));
        Self { holes, claimed: vec![0; count.div_ceil(64) as usize], unclaimed: count, end: map.len() }
    }

    /// Missing sectors that nothing claimed.
    pub fn unclaimed(&self) -> u32 {
        self.unclaimed
    }

    /// Sectors of the disc.
    pub fn end(&self) -> u32 {
        self.end
    }

    /// The holes in an extent. What lies past the disc's end is one.
    pub fn within(&self, extent: Extent) -> impl Iterator<Item = Extent> + '_ {
        let from = self.holes.partition_point(|(hole, _)| hole.end() <= extent.first);
        let holes = self.holes[from..].iter().take_while(move |(hole, _)| hole.first < extent.end());
        holes.map(move |(hole, _)| Extent::between(hole.first.max(extent.first), hole.end().min(extent.end())))
    }

    /// Notes that the sectors of an extent belong to something, and tells how many of them are missing and did not before.
    pub fn claim(&mut self, extent: Extent) -> u32 {
        let mut fresh = 0;
        let from = self.holes.partition_point(|(hole, _)| hole.end() <= extent.first);
        for (hole, before) in self.holes[from..].iter().take_while(|(hole, _)| hole.first < extent.end().min(self.end)) {
            for lba in hole.first.max(extent.first)..hole.end().min(extent.end()) {
                let index = before + (lba - hole.first);
                let (word, bit) = (&mut self.claimed[index as usize / 64], 1 << (index % 64));
                fresh += u32::from(*word & bit == 0);
                *word |= bit;
            }
        }
        self.unclaimed -= fresh;
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_counts_as_sector_by_sector(
            holes in proptest::collection::vec((0u32..300, 1u32..40), 0..12),
            claims in proptest::collection::vec((0u32..400, 0u32..150), 0..12),
        ) {
            let mut map = Extents::new(300, State::Finished);
            let mut missing = [false; 600];
            missing[300..].fill(true);
            for (first, count) in holes {
                map.set(Extent { first, count }, State::Bad);
                missing[first as usize..(first + count).min(300) as usize].fill(true);
            }
            let mut tested = Missing::of(&map);
            let mut free = missing[..300].to_vec();
            for (first, count) in claims {
                let extent = Extent { first, count };
                let sectors: Vec<u32> = tested.within(extent).flat_map(|hole| hole.first..hole.end()).collect();
                let right: Vec<u32> = (first..first + count).filter(|lba| missing[*lba as usize]).collect();
                prop_assert_eq!(sectors, right);
                let fresh = (first..(first + count).min(300)).filter(|lba| free[*lba as usize]).count();
                prop_assert_eq!(tested.claim(extent) as usize, fresh);
                (first..(first + count).min(300)).for_each(|lba| free[lba as usize] = false);
                prop_assert_eq!(tested.unclaimed() as usize, free.iter().filter(|free| **free).count());
            }
        }
    }
}
