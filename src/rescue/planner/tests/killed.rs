//! Rescues of any disc, killed at any step, and gone on with from what the map's text says: states, phase, pass and place.

use super::disc::{COST, Disc, discs};
use super::*;
use crate::rescue::mapfile::{self, Mapfile, Position};

/// How a run was asked for, and after how many reads it was killed.
#[derive(Debug, Clone, Copy)]
struct Life {
    reads: u32,
    no_scrape: bool,
    retries: u32,
}

/// A rescue as it lies on the disk.
struct Rescue {
    disc: Disc,
    text: String,
    /// Sectors whose bytes are in the image.
    image: HashSet<u32>,
    failing: Duration,
    direction: Direction,
}

impl Rescue {
    /// One run. Gives the phase that it stood in, if anything was left to do.
    fn run(&mut self, life: Life) -> Result<Option<Phase>, TestCaseError> {
        let mapfile = Mapfile::parse(&self.text).unwrap();
        let mut planner = Planner { retries: life.retries, ..self.disc.planner(mapfile.to_extents(self.disc.sectors)) };
        if life.no_scrape {
            planner.spare_singles();
        }
        if self.direction == Direction::Backwards {
            planner.reverse();
        }
        if let Some(from) = Resume::of(mapfile.position) {
            planner.resume(from);
        }
        for asked in 0..life.reads {
            prop_assert!(asked < 8 * self.disc.sectors + 1000, "it does not end");
            let Some(Ask { extent: read, .. }) = planner.ask() else { break };
            prop_assert!(read.count > 0 && read.end() <= self.disc.sectors, "{:?}", read);
            let outcome = self.disc.answer(read);
            if outcome == Outcome::Read {
                self.image.extend(read.first..read.end());
            }
            planner.answer(outcome, self.disc.cost(read, outcome, self.failing));
        }
        let stands = planner.stand();
        let mut text = Vec::new();
        mapfile::write(&mut text, &[], stands.map_or(Position::FINISHED, Resume::position), planner.map()).unwrap();
        self.text = String::from_utf8(text).unwrap();
        Ok(stands.map(|stands| stands.phase))
    }

    /// What holds at any moment.
    fn look(&self) -> Result<Extents<State>, TestCaseError> {
        let mapfile = Mapfile::parse(&self.text).unwrap();
        let mut end = 0;
        for block in &mapfile.blocks {
            prop_assert_eq!(block.first, end);
            end += block.size;
        }
        prop_assert_eq!(end, u64::from(self.disc.sectors) * crate::mmc::SECTOR as u64);
        let map = mapfile.to_extents(self.disc.sectors);
        for lba in 0..self.disc.sectors {
            match map.get(lba) {
                Some(State::Finished) => prop_assert!(self.image.contains(&lba), "LBA {} was never read", lba),
                Some(State::Bad) => prop_assert!(self.disc.failed_alone.contains_key(&lba), "LBA {} never failed alone", lba),
                _ => {}
            }
        }
        Ok(map)
    }
}

prop_compose! {
    /// Discs with each kind of trouble that is the disc's. `lost` eighths of an ECC block fail with a sector in it, but for single reads.
    fn troubled()(disc in discs(), lost in prop_oneof![Just(0u32), 0u32..8, Just(8)],
                  alone in proptest::collection::vec(0u32..6000, 0..30),
                  flaky in proptest::collection::vec((0u32..6000, 1u32..3), 0..20),
                  slow in proptest::collection::vec(0u32..6000, 0..20)) -> Disc {
        let mut disc = disc;
        disc.region.clear();
        disc.flaky = flaky.into_iter().filter(|(lba, _)| *lba < disc.sectors && !disc.dead.contains(lba)).collect();
        let in_block = |lba: &u32| (lba - lba % disc.block)..(lba - lba % disc.block + disc.block);
        let hurt = disc.dead.iter().chain(disc.flaky.keys()).flat_map(in_block);
        disc.alone_only = hurt.filter(|lba| lba.wrapping_mul(0x9e37_79b1) >> 29 < lost).chain(alone).collect();
        disc.slow = slow.into_iter().collect();
        disc
    }
}

prop_compose! {
    fn lives()(reads in prop_oneof![1u32..40, 1u32..400, 400u32..4000], no_scrape in proptest::bool::weighted(0.2), retries in 0u32..4) -> Life {
        Life { reads, no_scrape, retries }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_readable_sector_is_left_bad_and_no_other_given_up_untried(
        disc in troubled(), lives in proptest::collection::vec(lives(), 0..8), backwards in any::<bool>(), is_dear in any::<bool>(),
    ) {
        let direction = if backwards { Direction::Backwards } else { Direction::Forwards };
        let failing = if is_dear { Duration::from_secs(3) } else { COST };
        let mut rescue = Rescue { disc, text: String::new(), image: HashSet::new(), failing, direction };
        for life in lives {
            rescue.run(life)?;
            rescue.look()?;
        }
        // A flaky sector failed at least once before it was given up, and once more at most.
        prop_assert_eq!(rescue.run(Life { reads: u32::MAX, no_scrape: false, retries: 2 })?, None);
        let map = rescue.look()?;
        for lba in 0..rescue.disc.sectors {
            let expected = if rescue.disc.dead.contains(&lba) { State::Bad } else { State::Finished };
            prop_assert_eq!(map.get(lba), Some(expected), "LBA {}", lba);
        }
    }

    #[test]
    fn behind_copying_a_run_that_was_killed_goes_on_as_if_it_had_not_been(
        disc in troubled(), kill in 0u32..2000, backwards in any::<bool>(), retries in 0u32..4,
    ) {
        let reverse = |planner: &mut Planner| if backwards { planner.reverse() };
        let mut disc = disc;
        let mut planner = Planner { retries, ..disc.planner(Extents::new(disc.sectors, State::NonTried)) };
        reverse(&mut planner);
        let mut reads = 0;
        while reads < kill || planner.position().phase == Phase::Copy {
            let Some(Ask { extent: read, .. }) = planner.ask() else { break };
            planner.answer(disc.answer(read), COST);
            reads += 1;
        }
        let stands = planner.stand();
        let mut resumed = Planner { retries, ..disc.planner(planner.map().clone()) };
        reverse(&mut resumed);
        match stands.and_then(|stands| Resume::of(stands.position())) {
            Some(stands) => resumed.resume(stands),
            None => prop_assert_eq!(planner.ask(), None),
        }
        while let (Some(_), Some(ask)) = (stands, planner.ask()) {
            prop_assert_eq!(resumed.ask(), Some(ask));
            let outcome = disc.answer(ask.extent);
            planner.answer(outcome, COST);
            resumed.answer(outcome, COST);
        }
        prop_assert!(stands.is_none() || resumed.ask().is_none());
        prop_assert_eq!(resumed.map(), planner.map());
    }
}
