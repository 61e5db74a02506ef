//! The planner on discs that only answer.

mod disc;
mod killed;
mod rules;

use super::*;
use disc::{COST, Disc, discs, finish};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn every_readable_sector_is_read_and_every_dead_one_is_asked_alone_once(mut disc in discs()) {
        disc.region.clear();
        let mut planner = disc.planner(Extents::new(disc.sectors, State::NonTried));
        finish(&mut planner, &mut disc);
        for lba in 0..disc.sectors {
            let expected = if disc.dead.contains(&lba) { State::Bad } else { State::Finished };
            prop_assert_eq!(planner.map().get(lba), Some(expected), "LBA {}", lba);
            prop_assert_eq!(disc.failed_alone.get(&lba).copied().unwrap_or(0), u32::from(disc.dead.contains(&lba)));
        }
    }

    #[test]
    fn regions_cost_their_edges_and_nothing_else_is_lost(mut disc in discs()) {
        let mut planner = disc.planner(Extents::new(disc.sectors, State::NonTried));
        finish(&mut planner, &mut disc);
        for lba in 0..disc.sectors {
            let state = planner.map().get(lba);
            if disc.dead.contains(&lba) || disc.region.contains(&lba) {
                prop_assert_eq!(state, Some(State::Bad));
                prop_assert!(planner.classes().get(lba).flatten().is_some());
            } else if state != Some(State::Finished) {
                // Readable sectors enclosed by a region in one ECC block can't be told from it.
                let near = |lba: u32| disc.region.contains(&lba) || disc.dead.contains(&lba);
                prop_assert!((lba.saturating_sub(512)..lba).any(near) && (lba..lba + 512).any(near), "LBA {} lost", lba);
            }
        }
    }

    #[test]
    fn it_ends_whatever_the_drive_calls_the_same_sector_next(disc in discs(), reverse in any::<bool>(), retries in 0u32..4,
                                                             moods in proptest::collection::vec(0usize..6, 1..40)) {
        const CLASSES: [Class; 6] =
            [Class::Medium, Class::Hardware, Class::Blank, Class::Protected, Class::OffTrack, Class::OutOfRange];
        let mut planner = Planner::new(Extents::new(disc.sectors, State::NonTried), disc.geometry(), Order::EasyFirst, retries);
        if reverse {
            planner.reverse();
        }
        let mut moods = moods.into_iter().cycle().filter_map(|mood| CLASSES.get(mood).copied());
        let most = 200 * disc.sectors + 1000;
        for step in 0.. {
            prop_assert!(step < most, "it does not end");
            let Some(Ask { extent: read, .. }) = planner.ask() else { break };
            let is_good = (read.first..read.end()).all(|lba| !disc.dead.contains(&lba) && !disc.region.contains(&lba));
            planner.answer(if is_good { Outcome::Read } else { Outcome::Failed(moods.next().unwrap(), None) }, COST);
        }
        prop_assert_eq!(planner.left(), 0);
    }

    #[test]
    fn stopped_anywhere_and_resumed_it_ends_in_the_same_map(mut disc in discs(), stops in proptest::collection::vec(1u32..300, 0..12)) {
        disc.region.clear();
        let mut undisturbed = disc.planner(Extents::new(disc.sectors, State::NonTried));
        finish(&mut undisturbed, &mut disc.clone());
        let (mut map, mut from) = (Extents::new(disc.sectors, State::NonTried), Resume { at: 0, phase: Phase::Copy, pass: 1 });
        for stop in stops {
            let mut planner = disc.planner(map);
            planner.resume(from);
            for _ in 0..stop {
                let Some(Ask { extent: read, .. }) = planner.ask() else { break };
                planner.answer(disc.answer(read), COST);
            }
            (map, from) = (planner.map().clone(), planner.position());
        }
        let mut planner = disc.planner(map);
        planner.resume(from);
        finish(&mut planner, &mut disc);
        prop_assert_eq!(planner.map(), undisturbed.map());
    }

    #[test]
    fn spared_sectors_stay_untried_and_the_next_run_brings_them(mut disc in discs()) {
        disc.region.clear();
        let mut spared = disc.planner(Extents::new(disc.sectors, State::NonTried));
        spared.spare_singles();
        finish(&mut spared, &mut disc);
        prop_assert_eq!(spared.left(), spared.spared());
        let whole_blocks = (0..disc.sectors / disc.block).filter(|b| (b * disc.block..(b + 1) * disc.block).all(|lba| disc.dead.contains(&lba)));
        prop_assert!(disc.block == 1 || whole_blocks.count() == 0 || spared.spared() > 0, "they were tried one by one");
        for run in spared.map().iter() {
            let block = |lba: u32| lba / disc.block;
            let has_dead = (block(run.extent.first)..=block(run.extent.end() - 1)).any(|b| (b * disc.block..(b + 1) * disc.block).any(|lba| disc.dead.contains(&lba)));
            prop_assert!(run.value == State::Finished || has_dead, "{:?}", run);
        }
        let mut rest = disc.planner(spared.map().clone());
        finish(&mut rest, &mut disc);
        prop_assert_eq!(rest.map().count(State::Bad) as usize, disc.dead.len());
        prop_assert_eq!(rest.left(), 0);
    }

    #[test]
    fn outside_of_its_range_nothing_is_asked_for_and_inside_everything(
        mut disc in discs(), first in 0u32..6000, count in 1u32..3000, before in 0usize..300, retries in 0u32..2,
    ) {
        disc.region.clear();
        let mut undisturbed = disc.planner(Extents::new(disc.sectors, State::NonTried));
        finish(&mut undisturbed, &mut disc.clone());
        // A run over the whole disc was stopped somewhere.
        let mut begun = disc.planner(Extents::new(disc.sectors, State::NonTried));
        for _ in 0..before {
            let Some(Ask { extent: read, .. }) = begun.ask() else { break };
            begun.answer(disc.answer(read), COST);
        }
        let range = Extent { first: first % disc.sectors, count: count.min(disc.sectors - first % disc.sectors) };
        let mut planner = Planner { retries, ..disc.planner(begun.map().clone()) };
        planner.confine(range, begun.position());
        while let Some(Ask { extent: read, .. }) = planner.ask() {
            prop_assert!(read.count > 0 && read.first >= range.first && read.end() <= range.end(), "{:?} of {:?}", read, range);
            planner.answer(disc.answer(read), COST);
        }
        for lba in 0..disc.sectors {
            let right = if (range.first..range.end()).contains(&lba) { undisturbed.map() } else { begun.map() };
            prop_assert_eq!(planner.map().get(lba), right.get(lba), "LBA {}", lba);
        }
        let stands = (planner.left() > 0).then_some(begun.position());
        prop_assert_eq!((planner.left_in_range(), planner.stand()), (0, stands));
        // And the whole goes on as if nothing had been.
        let mut rest = disc.planner(planner.map().clone());
        rest.resume(begun.position());
        finish(&mut rest, &mut disc);
        prop_assert_eq!(rest.map(), undisturbed.map());
    }

    #[test]
    fn what_a_stuck_drive_said_is_taken_back_and_changes_nothing(mut disc in discs(), before in 0usize..400, lies in 1usize..70, names in any::<bool>()) {
        disc.region.clear();
        let mut undisturbed = disc.planner(Extents::new(disc.sectors, State::NonTried));
        finish(&mut undisturbed, &mut disc.clone());
        let mut planner = disc.planner(Extents::new(disc.sectors, State::NonTried));
        for _ in 0..before {
            let Some(Ask { extent: read, .. }) = planner.ask() else { break };
            planner.answer(disc.answer(read), COST);
        }
        let at = planner.map().clone();
        let mut was = Vec::new();
        for _ in 0..lies {
            let Some(Ask { extent: read, .. }) = planner.ask() else { break };
            was.extend(planner.map().run_at(read.first));
            planner.answer(Outcome::Failed(Class::Hardware, names.then_some(read.first)), COST);
        }
        planner.take_back(&was);
        prop_assert_eq!(planner.map(), &at);
        finish(&mut planner, &mut disc);
        prop_assert_eq!(planner.map(), undisturbed.map());
    }

    #[test]
    fn retries_bring_back_regions_that_passed(mut disc in discs(), retries in 1u32..3) {
        let mut first = disc.planner(Extents::new(disc.sectors, State::NonTried));
        finish(&mut first, &mut disc);
        disc.region.clear();
        let mut again = Planner { retries, classes: first.classes().clone(), ..disc.planner(first.map().clone()) };
        finish(&mut again, &mut disc);
        for lba in 0..disc.sectors {
            let expected = if disc.dead.contains(&lba) { State::Bad } else { State::Finished };
            prop_assert_eq!(again.map().get(lba), Some(expected), "LBA {}", lba);
        }
    }

    #[test]
    fn retries_cost_regions_their_edges(mut disc in discs(), retries in 1u32..4) {
        let mut first = disc.planner(Extents::new(disc.sectors, State::NonTried));
        finish(&mut first, &mut disc);
        let edges = first.classes().iter().filter(|run| run.value.is_some_and(Class::is_region)).count() as u32 * 2;
        disc.dead.clear();
        disc.failing_reads = 0;
        let mut again = Planner { retries, classes: first.classes().clone(), ..disc.planner(first.map().clone()) };
        finish(&mut again, &mut disc);
        prop_assert!(disc.failing_reads <= retries * edges, "{} failing reads of {edges} edges", disc.failing_reads);
    }

    #[test]
    fn in_sequence_each_sector_is_settled_before_the_next(mut disc in discs()) {
        let mut planner = Planner::new(Extents::new(disc.sectors, State::NonTried), disc.geometry(), Order::InSequence, 0);
        let mut settled = 0;
        while let Some(Ask { extent: read, .. }) = planner.ask() {
            prop_assert_eq!(read.first, settled);
            planner.answer(disc.answer(read), COST);
            while planner.map().get(settled).is_some_and(|state| state >= State::Bad) {
                settled += 1;
            }
        }
        prop_assert_eq!(settled, disc.sectors);
    }

    #[test]
    fn time_outs_that_pass_lose_nothing_but_what_hung_alone(
        mut disc in discs(), hangs in proptest::collection::vec((0u32..6000, 1u32..2), 0..5),
    ) {
        disc.dead.clear();
        disc.region.clear();
        disc.hanging = hangs.iter().copied().collect();
        let mut planner = disc.planner(Extents::new(disc.sectors, State::NonTried));
        finish(&mut planner, &mut disc);
        for lba in (0..disc.sectors).filter(|lba| planner.map().get(*lba) != Some(State::Finished)) {
            prop_assert_eq!(planner.map().get(lba), Some(State::Bad));
            prop_assert!(hangs.iter().any(|hang| hang.0 == lba), "LBA {} never hung", lba);
        }
        let mut again = Planner { retries: 1, ..disc.planner(planner.map().clone()) };
        finish(&mut again, &mut disc);
        prop_assert_eq!(again.map().count(State::Finished), disc.sectors);
    }
}

#[test]
fn a_long_scratch_costs_few_failing_reads_besides_its_own_sectors() {
    // Splitting each failed 64 KiB command at once would fail 126 times besides the dead sectors.
    for block in [1, 16, 32] {
        let mut disc = Disc { sectors: 60_000, block, dead: (20_000..24_000).collect(), names_lba: true, ..Disc::default() };
        let mut planner = disc.planner(Extents::new(disc.sectors, State::NonTried));
        finish(&mut planner, &mut disc);
        let besides = disc.failing_reads - 4000;
        assert!(besides <= 30, "{besides} with blocks of {block}");
    }
}

#[test]
fn lost_commands_get_shorter_and_blame_no_sector() {
    let mut planner = Disc { sectors: 1000, block: 1, ..Disc::default() }.planner(Extents::new(1000, State::NonTried));
    let lengths: Vec<u32> = (0..3)
        .map(|_| {
            let Ask { extent: read, .. } = planner.ask().unwrap();
            planner.answer(Outcome::Transport, COST);
            read.count
        })
        .collect();
    assert_eq!(lengths, [32, 16, 8]);
    while planner.ask().is_some() {
        planner.answer(Outcome::Transport, COST);
    }
    assert_eq!((planner.map().count(State::Bad), planner.left()), (0, 1000));
}

#[test]
fn retries_ask_again_as_often_as_told() {
    let mut disc = Disc { sectors: 500, block: 1, dead: HashSet::from([77]), region: (300..400).collect(), ..Disc::default() };
    let mut planner = Planner::new(Extents::new(500, State::NonTried), disc.geometry(), Order::EasyFirst, 3);
    finish(&mut planner, &mut disc);
    assert_eq!(disc.failed_alone, HashMap::from([(77, 4), (300, 4), (399, 4)]));
}

#[test]
fn what_is_set_aside_is_not_asked_for_and_nothing_is_left_of_it() {
    let aside = Extent { first: 100, count: 60 };
    for block in [1, 16, 32] {
        let mut disc = Disc { sectors: 1000, block, dead: (90..140).collect(), ..Disc::default() };
        let mut planner = Planner { retries: 2, ..disc.planner(Extents::new(1000, State::NonTried)) };
        planner.set_aside(aside);
        while let Some(Ask { extent: read, .. }) = planner.ask() {
            assert!(read.end() <= aside.first || read.first >= aside.end(), "{read:?}");
            planner.answer(disc.answer(read), COST);
        }
        assert_eq!((planner.left(), planner.map().count_in(aside, State::NonTried)), (0, aside.count));
        assert_eq!((planner.map().count(State::Bad), planner.map().count(State::Finished)), (10, 930));
    }
}
