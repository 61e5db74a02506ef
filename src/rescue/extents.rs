//! A value for each sector of a disc, stored by runs.

use std::collections::{BTreeMap, BTreeSet};

use crate::mmc::Extent;

/// A run of sectors with one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run<V> {
    /// Where.
    pub extent: Extent,
    /// The value of each of its sectors.
    pub value: V,
}

/// Run-length map over the sectors `0..len`: covers each exactly once, and neighbouring runs differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extents<V> {
    /// First LBA of each run. A tree, because a ruined disc has 100,000 runs and changes one at each step.
    runs: BTreeMap<u32, V>,
    /// The same by value, so that the next run of one is found without a walk over all that lie between.
    firsts: BTreeMap<V, BTreeSet<u32>>,
    len: u32,
    /// Sectors of each value.
    tally: BTreeMap<V, u32>,
}

impl<V: Copy + Ord> Extents<V> {
    /// `len` sectors, all with one value.
    pub fn new(len: u32, value: V) -> Self {
        let filled = len > 0;
        let mut extents = Self { runs: BTreeMap::new(), firsts: BTreeMap::new(), len, tally: BTreeMap::new() };
        if filled {
            extents.begin(0, value);
            extents.tally.insert(value, len);
        }
        extents
    }

    /// Sectors covered.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// True when no sector is covered.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The whole run that `lba` lies in.
    pub fn run_at(&self, lba: u32) -> Option<Run<V>> {
        let (&first, &value) = self.runs.range(..=lba).next_back().filter(|_| lba < self.len)?;
        let end = self.runs.range(lba.saturating_add(1)..).next().map_or(self.len, |(&next, _)| next);
        Some(Run { extent: Extent::between(first, end), value })
    }

    /// The value of one sector.
    pub fn get(&self, lba: u32) -> Option<V> {
        self.run_at(lba).map(|run| run.value)
    }

    /// Sectors with this value.
    pub fn count(&self, value: V) -> u32 {
        self.tally.get(&value).copied().unwrap_or(0)
    }

    /// Sectors of `extent` with this value.
    pub fn count_in(&self, extent: Extent, value: V) -> u32 {
        // All of a ruined disc is counted at each look at the progress.
        if extent.first == 0 && extent.end() >= self.len {
            return self.count(value);
        }
        let (mut count, mut from) = (0, extent.first);
        while let Some(found) = self.next_with(value, from).filter(|found| found.first < extent.end()) {
            count += found.end().min(extent.end()) - found.first;
            from = found.end();
        }
        count
    }

    /// All runs, in order.
    pub fn iter(&self) -> impl Iterator<Item = Run<V>> + '_ {
        let ends = self.runs.keys().copied().skip(1).chain([self.len]);
        self.runs.iter().zip(ends).map(|((&first, &value), end)| Run { extent: Extent::between(first, end), value })
    }

    /// The first sectors with `value` at or after `from`: the rest of the run that `from` lies in, or the next one.
    pub fn next_with(&self, value: V, from: u32) -> Option<Extent> {
        let here = self.run_at(from)?;
        let first = if here.value == value { from } else { *self.firsts.get(&value)?.range(from..).next()? };
        Some(Extent::between(first, self.run_at(first)?.extent.end()))
    }

    /// The last sectors with `value` before `end`: the part below `end` of the run that `end - 1` lies in, or the one before.
    pub fn last_with(&self, value: V, end: u32) -> Option<Extent> {
        let &first = self.firsts.get(&value)?.range(..end.min(self.len)).next_back()?;
        Some(Extent::between(first, self.run_at(first)?.extent.end().min(end)))
    }

    /// Gives every sector of `extent` this value; what lies past the end is ignored.
    pub fn set(&mut self, extent: Extent, value: V) {
        let (first, end) = (extent.first, extent.end().min(self.len));
        if first >= end {
            return;
        }
        let after = (end < self.len).then(|| self.get(end)).flatten();
        let before = first.checked_sub(1).and_then(|lba| self.get(lba));
        let mut old = Vec::new();
        let mut at = first;
        while at < end {
            let Some(run) = self.run_at(at) else { break };
            let stop = run.extent.end().min(end);
            self.uncount(run.value, stop - at);
            old.push(run.extent.first);
            at = stop;
        }
        for key in old {
            if key >= first {
                self.unite(key);
            }
        }
        *self.tally.entry(value).or_default() += end - first;
        if before != Some(value) {
            self.begin(first, value);
        }
        if let Some(after) = after {
            if after == value {
                self.unite(end);
            } else {
                self.begin(end, after);
            }
        }
    }

    /// A run begins here.
    fn begin(&mut self, first: u32, value: V) {
        self.unite(first);
        self.runs.insert(first, value);
        self.firsts.entry(value).or_default().insert(first);
    }

    /// No run begins here any more.
    fn unite(&mut self, first: u32) {
        if let Some(value) = self.runs.remove(&first)
            && let Some(firsts) = self.firsts.get_mut(&value)
        {
            firsts.remove(&first);
            if firsts.is_empty() {
                self.firsts.remove(&value);
            }
        }
    }

    fn uncount(&mut self, value: V, sectors: u32) {
        let left = self.count(value).saturating_sub(sectors);
        if left == 0 {
            self.tally.remove(&value);
        } else {
            self.tally.insert(value, left);
        }
    }

    /// Cuts off everything from `len` on.
    pub fn truncate(&mut self, len: u32) {
        for run in self.iter().filter(|run| run.extent.end() > len).collect::<Vec<_>>() {
            self.uncount(run.value, run.extent.end() - run.extent.first.max(len));
        }
        let cut: Vec<u32> = self.runs.range(len..).map(|(first, _)| *first).collect();
        cut.into_iter().for_each(|first| self.unite(first));
        self.len = self.len.min(len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_same_as_one_value_a_sector(len in 1u32..200, sets in proptest::collection::vec((0u32..220, 0u32..60, 0u8..4), 0..40), cut in 0u32..220) {
            let mut extents = Extents::new(len, 0u8);
            let mut plain = vec![0u8; len as usize];
            for (first, count, value) in sets {
                extents.set(Extent { first, count }, value);
                plain.iter_mut().skip(first as usize).take(count as usize).for_each(|v| *v = value);
            }
            if cut < len {
                extents.truncate(cut);
                plain.truncate(cut as usize);
            }
            let spread: Vec<u8> = extents.iter().flat_map(|run| vec![run.value; run.extent.count as usize]).collect();
            prop_assert_eq!(&spread, &plain);
            let runs: Vec<_> = extents.iter().collect();
            prop_assert!(runs.windows(2).all(|pair| pair[0].value != pair[1].value));
            for value in 0..4u8 {
                prop_assert_eq!(extents.count(value) as usize, plain.iter().filter(|v| **v == value).count());
                let within = Extent { first: cut / 2, count: cut };
                let counted = plain.iter().skip(within.first as usize).take(within.count as usize).filter(|v| **v == value);
                prop_assert_eq!(extents.count_in(within, value) as usize, counted.count());
                for at in 0..plain.len() as u32 {
                    let next = plain.iter().skip(at as usize).position(|v| *v == value).map(|i| at + i as u32);
                    prop_assert_eq!(extents.next_with(value, at).map(|e| e.first), next);
                    let last = plain[..at as usize].iter().rposition(|v| *v == value).map(|i| i as u32 + 1);
                    prop_assert_eq!(extents.last_with(value, at).map(|e| e.end()), last);
                }
            }
        }
    }
}
