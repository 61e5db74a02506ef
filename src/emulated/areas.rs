//! Sectors of which something is true: sorted, disjoint, and found in O(log n).

use std::ops::Range;

/// A set of sectors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Areas(Vec<Range<u32>>);

impl Areas {
    /// Ranges in any order; overlapping and touching ones become one, empty ones vanish.
    pub(super) fn new(mut ranges: Vec<Range<u32>>) -> Self {
        ranges.retain(|range| !range.is_empty());
        ranges.sort_unstable_by_key(|range| range.start);
        ranges.dedup_by(|next, last| {
            let touches = next.start <= last.end;
            if touches {
                last.end = last.end.max(next.end);
            }
            touches
        });
        Self(ranges)
    }

    /// The ranges, ascending.
    pub(super) fn ranges(&self) -> &[Range<u32>] {
        &self.0
    }

    /// The lowest sector of `within` that belongs to the set.
    pub(super) fn first_in(&self, within: &Range<u32>) -> Option<u32> {
        let next = self.0.get(self.0.partition_point(|range| range.end <= within.start))?;
        let first = next.start.max(within.start);
        (first < within.end).then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_a_walk_over_all_sectors_finds(
            given in proptest::collection::vec((0u32..100, 0u32..10), 0..12),
            start in 0u32..110,
            count in 0u32..30,
        ) {
            let given: Vec<_> = given.into_iter().map(|(first, count)| first..first + count).collect();
            let areas = Areas::new(given.clone());
            let walked = (start..start + count).find(|lba| given.iter().any(|range| range.contains(lba)));
            prop_assert_eq!(areas.first_in(&(start..start + count)), walked);
            prop_assert!(areas.ranges().windows(2).all(|pair| pair[0].end < pair[1].start));
        }
    }
}
