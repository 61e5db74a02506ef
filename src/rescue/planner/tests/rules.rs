//! The rules of copying, one by one: small discs, and the reads that are made of them.

use super::*;

/// A failing read costs as much as thousands of single sectors, as on real discs.
const FAILING: Duration = Duration::from_secs(3);

/// First sector, number, and whether they came.
type Read = (u32, u32, bool);

/// A disc of which only these parts were not tried.
fn map_of(sectors: u32, untried: &[Extent]) -> Extents<State> {
    let mut map = Extents::new(sectors, State::Finished);
    untried.iter().for_each(|extent| map.set(*extent, State::NonTried));
    map
}

fn planner(disc: &Disc, untried: &[Extent], pass: u32) -> Planner {
    let mut planner = disc.planner(map_of(disc.sectors, untried));
    planner.turn_to(Phase::Copy, pass);
    planner
}

/// The reads of one pass.
fn reads_of(planner: &mut Planner, disc: &mut Disc, pass: u32) -> Vec<Read> {
    let mut reads = Vec::new();
    while let Some(Ask { extent: read, .. }) = planner.ask().filter(|_| (planner.phase, planner.pass) == (Phase::Copy, pass)) {
        let outcome = disc.answer(read);
        planner.answer(outcome, disc.cost(read, outcome, FAILING));
        reads.push((read.first, read.count, outcome == Outcome::Read));
    }
    reads
}

/// The reads of one pass over a disc of which only `untried` is left.
fn pass_over(disc: &mut Disc, untried: &[Extent], pass: u32) -> Vec<Read> {
    reads_of(&mut planner(disc, untried, pass), disc, pass)
}

fn disc(sectors: u32, block: u32, dead: impl IntoIterator<Item = u32>) -> Disc {
    Disc { sectors, block, dead: dead.into_iter().collect(), names_lba: true, ..Disc::default() }
}

/// The reads from the first failing one to the first that came after the last failing one.
fn around_failures(reads: &[Read]) -> Vec<(u32, bool)> {
    let first = reads.iter().position(|read| !read.2).unwrap();
    let last = reads.iter().rposition(|read| !read.2).unwrap();
    reads[first..=last + 1].iter().map(|read| (read.0, read.2)).collect()
}

const WHOLE: Extent = Extent { first: 0, count: 4000 };

#[test]
fn damage_that_stands_alone_is_not_jumped_over() {
    let reads = pass_over(&mut disc(4000, 1, [1000]), &[WHOLE], 1);
    assert_eq!(around_failures(&reads), [(992, false), (1024, true)]);
}

#[test]
fn damage_that_goes_on_is_jumped_over_twice_as_far_each_time() {
    let reads = pass_over(&mut disc(4000, 1, 1000..1200), &[WHOLE], 1);
    // 1 % of the disc behind the second command, 2 % behind the third.
    assert_eq!(around_failures(&reads), [(992, false), (1024, false), (1056 + 40, false), (1128 + 80, true)]);
}

#[test]
fn the_other_end_of_a_jump_is_read_up_to_dense_damage() {
    // It names the first sector of the command, which is looked at alone.
    let reads = pass_over(&mut disc(4000, 1, 1000..1150), &[Extent { first: 1000, count: 200 }], 2);
    assert_eq!(reads, [(1168, 32, true), (1136, 32, false), (1136, 1, false)]);
}

#[test]
fn before_the_pass_goes_on_it_takes_what_the_drive_has_just_read() {
    let mut disc = disc(4000, 1, [1100]);
    let mut planner = planner(&disc, &[WHOLE], 1);
    planner.command = 256;
    planner.clean = u32::MAX;
    planner.cursor = 1000;
    let reads = reads_of(&mut planner, &mut disc, 1);
    assert_eq!(
        reads[..5].iter().map(|read| (read.0, read.2)).collect::<Vec<_>>(),
        [(1000, false), (1000, true), (1032, true), (1064, true), (1096, true)]
    );
    assert_eq!((reads[4].1, reads[5].0), (4, 1256));
}

#[test]
fn behind_four_dead_sectors_in_a_row_each_next_step_is_twice_as_far() {
    let reads = pass_over(&mut disc(4000, 1, 1000..1100), &[Extent { first: 1000, count: 100 }], 3);
    let firsts: Vec<u32> = reads.iter().map(|read| read.0).collect();
    assert_eq!(firsts, [1000, 1001, 1002, 1003, 1004, 1006, 1009, 1014, 1023, 1040, 1073]);
    assert!(reads.iter().all(|read| read.1 == 1));
}

#[test]
fn other_ends_cost_one_failing_read_an_area() {
    let areas = [Extent { first: 1000, count: 50 }, Extent { first: 2000, count: 50 }];
    let reads = pass_over(&mut disc(4000, 1, (1000..1048).chain(2000..2049)), &areas, 4);
    assert_eq!(reads, [(2049, 1, true), (2048, 1, false), (1049, 1, true), (1048, 1, true), (1047, 1, false)]);
}

#[test]
fn behind_a_dead_sector_the_rest_of_its_block_waits_once_such_ones_die() {
    // Four whole blocks are dead, with good ones between them.
    let dead = (0..4).flat_map(|n| 1024 + n * 64..1024 + n * 64 + 16);
    let mut disc = disc(4000, 16, dead);
    let untried = [Extent { first: 1024, count: 256 }];
    let mut planner = planner(&disc, &untried, 3);
    let reads = reads_of(&mut planner, &mut disc, 3);
    let failing_in = |block: u32| reads.iter().filter(|read| !read.2 && (block..block + 16).contains(&read.0)).count();
    assert!(failing_in(1024) > 1);
    assert_eq!(failing_in(1024 + 192), 1);
    assert_eq!(planner.map().count_in(Extent { first: 1217, count: 15 }, State::NonScraped), 15);
    assert_eq!(reads_of(&mut planner, &mut disc, 4), [], "whole blocks have no margin");
}

#[test]
fn spots_that_come_again_with_each_turn_are_left_out_for_a_while() {
    // A turn has 50 sectors; eleven turns are left out before one is looked at, besides what may be left of the one before.
    let mut disc = disc(8000, 1, (20..60).map(|turn| turn * 50));
    let mut planner = planner(&disc, &[Extent { first: 1000, count: 2000 }], 3);
    let reads = reads_of(&mut planner, &mut disc, 3);
    let dead: Vec<u32> = reads.iter().filter(|read| !read.2).map(|read| read.0).collect();
    let leaps: Vec<u32> = dead.windows(2).map(|two| (two[1] - two[0]) / 50).collect();
    assert_eq!(leaps[..4], [1; 4], "five spots are needed");
    assert!(leaps[4..].iter().all(|leap| *leap == 12), "{leaps:?}");
    assert!(planner.map().count(State::NonTried) < 40 * 10);
}

#[test]
fn where_blocks_die_whole_a_spot_takes_all_of_its_block() {
    // Every fifth block is dead.
    let mut disc = disc(8000, 16, (0..40).flat_map(|turn| 1600 + turn * 80..1600 + turn * 80 + 16));
    let mut planner = planner(&disc, &[Extent { first: 1600, count: 3200 }], 3);
    let reads = reads_of(&mut planner, &mut disc, 3);
    let met = |turn: u32| reads.iter().any(|read| (1600 + turn * 80..1600 + turn * 80 + 16).contains(&read.0));
    let left_out: Vec<u32> = (0..40).filter(|turn| !met(*turn)).collect();
    assert!(left_out.len() > 20, "{left_out:?}");
    let is_read_behind = |turn: &&u32| planner.map().get(1600 + **turn * 80 + 16) == Some(State::Finished);
    let behind = left_out.iter().filter(is_read_behind).count();
    assert!(behind > 20, "what lies behind was left out as well, {behind} of {}", left_out.len());
}

#[test]
fn a_slow_place_is_left_as_damage_is() {
    let mut disc = Disc { slow: (1000..1300).collect(), ..disc(40_000, 1, []) };
    let reads = pass_over(&mut disc, &[Extent { first: 0, count: 40_000 }], 1);
    let slow: Vec<u32> =
        reads.iter().filter(|read| (read.0..read.0 + read.1).any(|lba| disc.slow.contains(&lba))).map(|read| read.0).collect();
    assert_eq!(slow, [992, 1024]);
}

#[test]
fn reverse_turns_every_pass_round() {
    // Commands fail as a whole, so that there is something to trim and to scrape as well.
    let ways = |reversed: bool| {
        let dead = (1000..1200).chain(3000..3100).chain(3110..3200).chain(5000..5200);
        let mut disc = Disc { names_lba: false, ..disc(8000, 16, dead) };
        let mut planner = Planner { retries: 2, ..disc.planner(Extents::new(8000, State::NonTried)) };
        if reversed {
            planner.reverse();
        }
        let mut lbas: Vec<((Phase, u32), Vec<u32>)> = Vec::new();
        while let Some(Ask { extent: read, .. }) = planner.ask() {
            let pass = (planner.phase, planner.pass);
            match lbas.last_mut().filter(|last| last.0 == pass) {
                Some(last) => last.1.push(read.first),
                None => lbas.push((pass, vec![read.first])),
            }
            let outcome = disc.answer(read);
            planner.answer(outcome, disc.cost(read, outcome, FAILING));
        }
        let ways = lbas.into_iter().filter(|(_, lbas)| lbas.len() > 1);
        ways.map(|(pass, lbas)| (pass, lbas.is_sorted(), lbas.is_sorted_by(|a, b| a >= b))).collect::<Vec<_>>()
    };
    let (forwards, backwards) = (ways(false), ways(true));
    for (phase, pass) in
        [(Phase::Copy, 1), (Phase::Copy, 2), (Phase::Trim, 1), (Phase::Scrape, 1), (Phase::Retry, 1), (Phase::Retry, 2)]
    {
        let ups = pass == 1;
        let of = |ways: &[((Phase, u32), bool, bool)]| ways.iter().find(|way| way.0 == (phase, pass)).map(|way| (way.1, way.2));
        assert_eq!(of(&forwards), Some((ups, !ups)), "{phase:?} {pass}");
        assert_eq!(of(&backwards), Some((!ups, ups)), "{phase:?} {pass} reversed");
    }
}

#[test]
fn reverse_goes_into_damage_from_behind_as_well() {
    let area = Extent { first: 1000, count: 100 };
    let reversed = |disc: &mut Disc, pass| {
        let mut planner = planner(disc, &[area], 1);
        planner.reverse();
        planner.turn_to(Phase::Copy, pass);
        reads_of(&mut planner, disc, pass)
    };
    let firsts = |reads: Vec<Read>| reads.iter().map(|read| read.0).collect::<Vec<_>>();
    assert_eq!(
        firsts(reversed(&mut disc(4000, 1, 1000..1100), 3)),
        [1099, 1098, 1097, 1096, 1095, 1093, 1090, 1085, 1076, 1059, 1026]
    );
    assert_eq!(firsts(reversed(&mut disc(4000, 1, 1002..1100), 4)), [1000, 1001, 1002]);
    assert_eq!(firsts(reversed(&mut disc(4000, 1, 1000..1100), 5)), (1000..1100).rev().collect::<Vec<_>>());
}

#[test]
fn where_the_look_found_the_start_dead_nothing_of_that_is_asked_for_again() {
    let mut disc = disc(4000, 16, 0..300);
    let mut planner = disc.planner(Extents::new(4000, State::NonTried));
    let (area, anchor) = (Extent { first: 16, count: 16 }, Extent { first: 256, count: 1 });
    assert!(planner.told(area, Class::Medium, Some(16)));
    assert!(planner.told(Extent { count: 1, ..area }, Class::Medium, Some(16)) && planner.told(anchor, Class::Medium, Some(256)));
    // As behind any damage: on, and farther on.
    let firsts: Vec<u32> = std::iter::from_fn(|| {
        let read = planner.ask()?.extent;
        planner.answer(disc.answer(read), FAILING);
        Some(read.first)
    })
    .take(3)
    .collect();
    assert_eq!(firsts, [80, 192, 384]);
    finish(&mut planner, &mut disc);
    assert_eq!((disc.failed_alone.get(&16), disc.failed_alone.get(&256)), (None, None));
    assert_eq!((planner.map().count(State::Bad), planner.map().count(State::Finished)), (300, 3700));
    // What is known to be read, or is none of this run's business, is not unlearned.
    let mut later = disc.planner(planner.map().clone());
    assert!(!later.told(Extent { first: 300, count: 16 }, Class::Medium, None) && !later.told(anchor, Class::Medium, None));
}
