//! A disc that only answers.

use super::super::*;
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

/// What each read costs.
pub(super) const COST: Duration = Duration::from_millis(10);

/// A disc that only answers.
#[derive(Debug, Clone, Default)]
pub(super) struct Disc {
    pub(super) sectors: u32,
    pub(super) block: u32,
    pub(super) dead: HashSet<u32>,
    pub(super) region: HashSet<u32>,
    /// Reads over such a sector time out so many times.
    pub(super) hanging: HashMap<u32, u32>,
    pub(super) failed_alone: HashMap<u32, u32>,
    pub(super) failing_reads: u32,
    pub(super) names_lba: bool,
    /// It names the first sector of the command, whatever failed.
    pub(super) lies: bool,
    /// These fail in each command that reads more than one sector.
    pub(super) alone_only: HashSet<u32>,
    /// Reads over these take long.
    pub(super) slow: HashSet<u32>,
    /// These fail so many times.
    pub(super) flaky: HashMap<u32, u32>,
}

impl Disc {
    pub(super) fn answer(&mut self, read: Extent) -> Outcome {
        let mut lbas = read.first..read.end();
        if let Some(lba) = lbas.clone().find(|lba| self.hanging.get(lba).is_some_and(|times| *times > 0)) {
            self.hanging.entry(lba).and_modify(|times| *times -= 1);
            return Outcome::TimedOut;
        }
        let flaky =
            |lba: &u32| read.count > 1 && self.alone_only.contains(lba) || self.flaky.get(lba).is_some_and(|times| *times > 0);
        let Some(bad) = lbas.find(|lba| self.dead.contains(lba) || self.region.contains(lba) || flaky(lba)) else {
            return Outcome::Read;
        };
        self.failing_reads += 1;
        self.flaky.entry(bad).and_modify(|times| *times = times.saturating_sub(1));
        if read.count == 1 {
            *self.failed_alone.entry(bad).or_default() += 1;
        }
        Outcome::Failed(
            if self.region.contains(&bad) { Class::OffTrack } else { Class::Medium },
            self.names_lba.then_some(if self.lies { read.first } else { bad }),
        )
    }

    /// What a read of these costs, where one that fails costs `failing`.
    pub(super) fn cost(&self, read: Extent, outcome: Outcome, failing: Duration) -> Duration {
        match outcome {
            Outcome::Read if (read.first..read.end()).any(|lba| self.slow.contains(&lba)) => Duration::from_secs(5),
            Outcome::Read => COST,
            _ => failing,
        }
    }

    pub(super) fn geometry(&self) -> Geometry {
        let borders = if self.block == 1 { vec![self.sectors - 2] } else { Vec::new() };
        Geometry { block: self.block, borders, longest: 256 }
    }

    pub(super) fn planner(&self, map: Extents<State>) -> Planner {
        Planner::new(map, self.geometry(), Order::EasyFirst, 0)
    }
}

pub(super) fn finish(planner: &mut Planner, disc: &mut Disc) {
    let most = 40 * disc.sectors + 1000;
    for step in 0.. {
        assert!(step < most, "it does not end");
        let Some(Ask { extent: read, .. }) = planner.ask() else { return };
        assert!(read.count > 0 && read.end() <= disc.sectors, "{read:?}");
        planner.answer(disc.answer(read), COST);
    }
}

pub(super) fn run_of(lbas: impl IntoIterator<Item = (u32, u32)>, sectors: u32) -> HashSet<u32> {
    lbas.into_iter().flat_map(|(first, count)| first..(first + count).min(sectors)).collect()
}

prop_compose! {
    pub(super) fn discs()(sectors in 100u32..6000, names_lba in any::<bool>(), lies in any::<bool>(), block in prop_oneof![Just(1u32), Just(16), Just(32)])
        (sectors in Just(sectors), block in Just(block), names_lba in Just(names_lba), lies in Just(lies),
         dead in proptest::collection::vec((0..sectors, 1u32..200), 0..8),
         region in proptest::collection::vec((0..sectors, 1u32..400), 0..3)) -> Disc {
        let mut dead = run_of(dead, sectors);
        let region = run_of(region, sectors);
        dead.retain(|lba| !region.contains(lba));
        Disc { sectors, block, dead, region, names_lba, lies, ..Disc::default() }
    }
}
