//! What is wrong with the stick, but for what its cells do: which accesses fail, stop short or bring other bytes.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::emulated::dice::{Topic, throw};

/// What is done to the medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Reading,
    Writing,
}

/// Bytes that can't be read, or can't be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failing {
    pub(super) bytes: Range<u64>,
    pub(super) access: Access,
}

/// A byte whose cells don't take at once what is written to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weak {
    pub(super) at: u64,
    /// So many writes leave one bit wrong in it.
    pub(super) times: u64,
}

/// All that was ordered to go wrong. A function of the operand and of what was written so far; it has no memory.
#[derive(Debug)]
pub(super) struct Faults {
    sector: u64,
    /// Bytes in which one bit reads wrong.
    pub(super) flips: BTreeSet<u64>,
    pub(super) weak: Vec<Weak>,
    pub(super) failing: Vec<Failing>,
    /// Every write of more than one sector takes only some of them.
    pub(super) short_writes: bool,
    /// The stick leaves the bus when so many bytes were written in all.
    pub(super) gone_after: Option<u64>,
    pub(super) seed: u64,
}

/// How far a write gets before the stick leaves the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// All of it, and the stick stays.
    All,
    /// So many bytes, whole sectors, and then the stick is gone.
    UntilGone(u64),
}

impl Faults {
    /// A stick of `sector` bytes a sector without flaw.
    pub(super) fn none(sector: u32) -> Self {
        let sector = u64::from(sector);
        Self {
            sector,
            flips: BTreeSet::new(),
            weak: Vec::new(),
            failing: Vec::new(),
            short_writes: false,
            gone_after: None,
            seed: 0,
        }
    }

    /// How many of these bytes, in whole sectors, come before the first that fails: all when none does, 0 when the first sector does.
    pub(super) fn before_failure(&self, access: Access, bytes: Range<u64>) -> u64 {
        let touched = self.failing.iter().filter(|failing| failing.access == access);
        let touched = touched.filter(|failing| failing.bytes.start < bytes.end && bytes.start < failing.bytes.end);
        let first = touched.map(|failing| failing.bytes.start.max(bytes.start)).min().unwrap_or(bytes.end);
        self.whole_sectors(first - bytes.start)
    }

    /// How many of `bytes` the stick takes in its `count`th write: one sector at least, and never all but for a single one.
    pub(super) fn share(&self, count: u64, bytes: u64) -> u64 {
        let sectors = bytes / self.sector;
        if !self.short_writes || sectors < 2 {
            return bytes;
        }
        (1 + throw(self.seed, Topic::ShortWrite, count) % (sectors - 1)) * self.sector
    }

    /// How far a write of `bytes` gets after `written` bytes.
    pub(super) fn before_gone(&self, written: u64, bytes: u64) -> Reach {
        match self.gone_after.map(|limit| limit.saturating_sub(written)) {
            Some(left) if bytes >= left => Reach::UntilGone(self.whole_sectors(left)),
            _ => Reach::All,
        }
    }

    /// Turns the bits that are to read wrong in what was read from `offset`: always the same bit of a byte.
    pub(super) fn spoil(&self, buffer: &mut [u8], offset: u64) {
        for flip in self.flips.range(offset..offset.saturating_add(buffer.len() as u64)) {
            self.turn_bit(buffer, offset, *flip);
        }
    }

    /// What the cells make of `bytes` written at `offset`. `tries` counts the writes of each weak byte so far.
    pub(super) fn weaken<'a>(&self, bytes: &'a [u8], offset: u64, tries: &mut BTreeMap<u64, u64>) -> Cow<'a, [u8]> {
        let mut taken = Cow::Borrowed(bytes);
        for weak in self.weak.iter().filter(|weak| (offset..offset + bytes.len() as u64).contains(&weak.at)) {
            let tries = tries.entry(weak.at).or_default();
            *tries += 1;
            if *tries <= weak.times {
                self.turn_bit(taken.to_mut(), offset, weak.at);
            }
        }
        taken
    }

    /// Turns the bit of the byte at `at` that goes wrong in it; `bytes` begin at `offset`.
    fn turn_bit(&self, bytes: &mut [u8], offset: u64, at: u64) {
        if let Some(byte) = bytes.get_mut((at - offset) as usize) {
            *byte ^= 1 << (throw(self.seed, Topic::FlippedBit, at) % 8);
        }
    }

    fn whole_sectors(&self, bytes: u64) -> u64 {
        bytes - bytes % self.sector
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_access_ends_before_the_sector_that_fails() {
        let mut faults = Faults::none(512);
        faults.failing = vec![
            Failing { bytes: 5000..5001, access: Access::Reading },
            Failing { bytes: 3072..3073, access: Access::Reading },
            Failing { bytes: 1024..1025, access: Access::Writing },
        ];
        let reach = |from, to| faults.before_failure(Access::Reading, from..to);
        assert_eq!([reach(0, 3072), reach(0, 8192), reach(2560, 3584)], [3072, 3072, 512]);
        assert_eq!([reach(3072, 3584), reach(3584, 8192), reach(4608, 5120), reach(5120, 8192)], [0, 1024, 0, 3072]);
        assert_eq!(faults.before_failure(Access::Writing, 512..8192), 512);
    }

    #[test]
    fn the_stick_goes_with_the_byte_that_was_named() {
        let mut faults = Faults::none(512);
        assert_eq!(faults.before_gone(u64::MAX, u64::MAX), Reach::All);
        faults.gone_after = Some(1500);
        assert_eq!(faults.before_gone(0, 1024), Reach::All);
        assert_eq!(faults.before_gone(0, 1536), Reach::UntilGone(1024));
        assert_eq!(faults.before_gone(1024, 512), Reach::UntilGone(0));
        faults.gone_after = Some(1536);
        assert_eq!(faults.before_gone(512, 1024), Reach::UntilGone(1024), "gone after its last byte, not with the next write");
    }

    #[test]
    fn one_bit_of_the_byte_is_wrong_and_always_the_same() {
        let mut faults = Faults::none(512);
        faults.flips = (100..200).collect();
        let (mut first, mut second) = ([0; 512], [0; 512]);
        faults.spoil(&mut first, 0);
        faults.spoil(&mut second, 0);
        assert_eq!(first, second);
        assert!(first.iter().enumerate().all(|(at, byte)| byte.count_ones() == u32::from((100..200).contains(&at))));
        let mut later = [0; 64];
        faults.spoil(&mut later, 128);
        assert_eq!(later, first[128..192], "wherever the read begins");
        faults.seed = 1;
        faults.spoil(&mut second, 0);
        assert!(second.iter().any(|byte| *byte != 0), "another stick has other bits");
    }

    #[test]
    fn a_weak_byte_takes_what_is_written_only_after_so_many_times() {
        let mut faults = Faults::none(512);
        faults.weak = vec![Weak { at: 700, times: 2 }];
        let mut tries = BTreeMap::new();
        assert_eq!(*faults.weaken(&[0; 512], 0, &mut tries), [0; 512], "another sector");
        for wrong in [1, 1, 0, 0] {
            let taken = faults.weaken(&[0; 512], 512, &mut tries).into_owned();
            assert_eq!(taken.iter().map(|byte| byte.count_ones()).sum::<u32>(), wrong);
            assert_eq!(taken[700 - 512].count_ones(), wrong);
        }
    }

    proptest! {
        #[test]
        fn a_share_is_whole_sectors_and_less_than_all(seed: u64, count: u64, sectors in 1u64..64) {
            let faults = Faults { short_writes: true, seed, ..Faults::none(4096) };
            let share = faults.share(count, sectors * 4096);
            prop_assert!(share >= 4096 && share.is_multiple_of(4096));
            prop_assert!(share < sectors * 4096 || sectors == 1);
            prop_assert_eq!(Faults::none(4096).share(count, sectors * 4096), sectors * 4096);
        }
    }
}
