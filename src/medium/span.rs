//! Runs of bytes on a medium.

use serde::Serialize;

/// A run of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The first byte.
    pub offset: u64,
    /// How many.
    pub length: u64,
}

impl Span {
    /// The byte after the last one.
    pub fn end(self) -> u64 {
        self.offset.saturating_add(self.length)
    }
}

/// Runs of bytes in order; those that touch become one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Spans(Vec<Span>);

impl FromIterator<Span> for Spans {
    /// Runs in order.
    fn from_iter<I: IntoIterator<Item = Span>>(runs: I) -> Self {
        let mut spans = Self::default();
        runs.into_iter().for_each(|run| spans.push(run.offset, run.length));
        spans
    }
}

impl Spans {
    /// Adds a run that begins at or after the end of the last one.
    pub fn push(&mut self, offset: u64, length: u64) {
        match self.0.last_mut() {
            Some(last) if last.end() == offset => last.length += length,
            _ if length == 0 => {}
            _ => self.0.push(Span { offset, length }),
        }
    }

    /// Adds each sector of `sector` bytes, the first at byte `offset`, in which `a` and `b` differ. Both are of the same length.
    pub fn push_differences(&mut self, a: &[u8], b: &[u8], offset: u64, sector: u32) {
        if a == b {
            return;
        }
        let pairs = a.chunks(sector as usize).zip(b.chunks(sector as usize));
        let mut at = offset;
        for (a, b) in pairs {
            if a != b {
                self.push(at, a.len() as u64);
            }
            at += a.len() as u64;
        }
    }

    /// The parts of the runs that lie in this one.
    pub fn within(&self, span: Span) -> impl Iterator<Item = Span> + '_ {
        let from = self.0.partition_point(|run| run.end() <= span.offset);
        let cut = move |run: &Span| {
            let offset = run.offset.max(span.offset);
            Span { offset, length: run.end().min(span.end()).saturating_sub(offset) }
        };
        self.0[from..].iter().map(cut).take_while(|part| part.length > 0)
    }

    /// The parts of this run that lie in none of them.
    pub fn gaps(&self, span: Span) -> Self {
        let mut gaps = Self::default();
        let mut at = span.offset;
        for run in self.within(span) {
            gaps.push(at, run.offset - at);
            at = run.end();
        }
        gaps.push(at, span.end() - at);
        gaps
    }

    /// Makes zero what of `bytes`, the first of them at `offset`, lies in one of the runs.
    pub fn blank(&self, bytes: &mut [u8], offset: u64) {
        for part in self.within(Span { offset, length: bytes.len() as u64 }) {
            let from = (part.offset - offset) as usize;
            bytes[from..from + part.length as usize].fill(0);
        }
    }

    /// Every sector of `sector` bytes that holds a byte of them.
    #[must_use]
    pub fn sectors(&self, sector: u32) -> Self {
        let sector = u64::from(sector);
        let mut sectors = Self::default();
        for run in self.iter() {
            let from = (run.offset - run.offset % sector).max(sectors.0.last().map_or(0, |last| last.end()));
            let end = run.end().checked_next_multiple_of(sector).unwrap_or(u64::MAX);
            sectors.push(from, end.saturating_sub(from));
        }
        sectors
    }

    /// Every byte that is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut runs: Vec<Span> = self.iter().chain(other.iter()).collect();
        runs.sort_by_key(|run| run.offset);
        let mut union = Self::default();
        for run in runs {
            let from = union.0.last().map_or(run.offset, |last| last.end().max(run.offset));
            union.push(from, run.end().saturating_sub(from));
        }
        union
    }

    /// Each run.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Span> + '_ {
        self.0.iter().copied()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes in all.
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|span| span.length).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(flags: &[bool]) -> Spans {
        let mut spans = Spans::default();
        for (at, _) in flags.iter().enumerate().filter(|(_, flag)| **flag) {
            spans.push(at as u64, 1);
        }
        spans
    }

    proptest! {
        #[test]
        fn runs_are_cut_joined_and_widened_as_single_bytes_would_be(
            a in proptest::collection::vec(any::<bool>(), 40),
            b in proptest::collection::vec(any::<bool>(), 40),
            offset in 0usize..40,
            length in 0usize..40,
        ) {
            let end = (offset + length).min(40);
            let span = Span { offset: offset as u64, length: (end - offset) as u64 };
            let only = |wanted: bool| of(&a.iter().enumerate().map(|(at, flag)| *flag == wanted && (offset..end).contains(&at)).collect::<Vec<_>>());
            prop_assert_eq!(of(&a).within(span).collect::<Vec<_>>(), only(true).0);
            prop_assert_eq!(of(&a).gaps(span), only(false));
            let mut bytes: Vec<u8> = vec![1; end - offset];
            of(&a).blank(&mut bytes, offset as u64);
            prop_assert_eq!(bytes, a[offset..end].iter().map(|flag| u8::from(!flag)).collect::<Vec<_>>());
            let held: Vec<bool> = (0..40).map(|at| a[at - at % 8..at - at % 8 + 8].contains(&true)).collect();
            prop_assert_eq!(of(&a).sectors(8), of(&held));
            let either: Vec<bool> = a.iter().zip(&b).map(|(a, b)| *a || *b).collect();
            prop_assert_eq!(of(&a).union(&of(&b)), of(&either));
        }
    }

    #[test]
    fn differences_are_named_to_the_sector_and_neighbours_become_one() {
        let a = vec![0u8; 5 * 512 + 7];
        let mut b = a.clone();
        for at in [512, 1535, 2 * 512 + 511, 5 * 512 + 6] {
            b[at] = 1;
        }
        let mut spans = Spans::default();
        spans.push_differences(&a, &b, 4096, 512);
        let found: Vec<_> = spans.iter().map(|span| (span.offset, span.length)).collect();
        assert_eq!(found, [(4096 + 512, 1024), (4096 + 2560, 7)]);
        assert_eq!(spans.bytes(), 1031);
    }
}
