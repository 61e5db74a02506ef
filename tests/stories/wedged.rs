//! A drive whose firmware gets stuck and fails everything: no good sector is called bad for it.

use std::io::{BufRead, BufReader};

use crate::common::{Folder, blocks, damage, faulty_disc, told};

const SECTORS: u32 = 6000;

/// A dead place that the drive gets stuck on.
fn wedging(seed: u64, wedge: &str) -> (Folder, Vec<u8>) {
    faulty_disc(seed, SECTORS, &format!("read 3000+2 sense=3/11/05 {wedge}\n"))
}

const DRIVE: &str = "emulated:disc.iso,faults=rules";

#[test]
fn a_drive_that_heals_after_a_pause_brings_every_sector() {
    for (seed, wedge) in [(1, "wedge=4000 times=1"), (2, "wedge=30000 times=1"), (3, "wedge=20000 times=3")] {
        let (folder, image) = wedging(seed, wedge);
        let (events, result) = folder.json(0, &[DRIVE, "out.iso", "-r", "1"]);
        folder.must_hold("out.iso", &image, &[]);
        assert_eq!(result["whole"], true);
        assert!(told(&events).contains("the drive reads again"), "{}", told(&events));
    }
}

#[test]
fn a_drive_that_stays_stuck_ends_the_run_and_calls_no_good_sector_bad() {
    for (seed, failures) in [(4, 0), (5, 1), (6, 2)] {
        // It gets stuck after some failures that were real.
        let (folder, image) = wedging(seed, "wedge times=1");
        let real = if failures > 0 { format!("read 3000+2 sense=3/11/05 times={failures}\n") } else { String::new() };
        folder.write("rules", real + &folder.text("rules"));
        let (_, result) = folder.json(7, &[DRIVE, "out.iso"]);
        assert!(result["reasons"][0].as_str().unwrap().contains("off and on"), "{result}");
        for (first, count, _) in damage(&result) {
            assert!(first >= 3000 && first + count <= 3002, "{result}");
        }
        folder.write("rules", "");
        folder.ends(0, &[DRIVE, "out.iso", "-r1"]);
        folder.must_hold("out.iso", &image, &[]);
        folder.map_must_say("out.iso.map", &[], SECTORS);
    }
}

#[test]
fn each_run_gets_further_on_a_drive_that_only_its_switch_revives() {
    for (seed, profile) in [(11, "cd-rom"), (12, "dvd-rom")] {
        let (folder, image) = wedging(seed, "wedge");
        let drive = format!("{DRIVE},profile={profile}");
        let last = (0..40).map(|_| folder.rip(&[&drive, "out.iso"])).find(|ran| ran.ended.code() != Some(7)).unwrap();
        last.must_be(3);
        folder.must_hold("out.iso", &image, &[(3000, 2)]);
    }
}

#[test]
fn a_drive_that_gets_stuck_on_the_very_first_read_is_found_out() {
    let (folder, image) = wedging(10, "");
    folder.write("rules", "read 3 sense=3/11/05 wedge=60000 times=1\n");
    folder.ends(0, &[DRIVE, "out.iso", "-r", "1"]);
    folder.must_hold("out.iso", &image, &[]);
    folder.remove(&["out.iso", "out.iso.map", "out.iso.json"]);
    folder.write("rules", "read 3 sense=3/11/05 wedge times=1\n");
    let (_, result) = folder.json(7, &[DRIVE, "out.iso"]);
    assert!(damage(&result).iter().all(|&(first, count, _)| (first, count) == (3, 1)), "{result}");
}

#[test]
fn into_a_pipe_nothing_is_lost_to_a_drive_that_heals() {
    let (folder, image) = wedging(7, "wedge=12000 times=1");
    let ran = folder.ends(0, &[DRIVE, "-"]);
    assert!(ran.stdout == image);
}

#[test]
fn a_sector_that_the_drive_does_not_survive_is_left_in_the_end() {
    let (folder, image) = wedging(8, "wedge=8000");
    let last = (0..40).map(|_| folder.rip(&[DRIVE, "out.iso"])).find(|ran| ran.ended.code() != Some(7)).unwrap();
    last.must_be(3);
    folder.must_hold("out.iso", &image, &[(3000, 2)]);
}

#[test]
fn failures_of_the_drives_own_that_are_real_are_bad_sectors() {
    for sense in ["4/3e/02", "5/21/00", "b/00/06", "3/11/05 delay=2", "0/00/00", "5/30/02"] {
        println!("{sense}");
        let (folder, image) = wedging(9, "");
        folder.write("rules", format!("read 3000+40 sense={sense}\n"));
        folder.ends(3, &[DRIVE, "out.iso"]);
        folder.must_hold("out.iso", &image, &[(3000, 40)]);
    }
}

#[test]
fn a_kill_in_the_pause_leaves_nothing_judged_that_is_not_believed() {
    // Faults of its own at every read from now on: a second passes after each, and the map is saved meanwhile.
    let (folder, _) = faulty_disc(13, SECTORS, "read * skip=30 sense=4/44/00\n");
    let drive = format!("{DRIVE},clock=real,model=ideal");
    let mut run = folder.discrip(&[&drive, "out.iso", "--progress=none"]).spawn().unwrap();
    let lines = BufReader::new(run.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.into_iter().any(|line| line.contains("(2 of ")), "no second pause");
    run.kill().unwrap();
    run.wait().unwrap();
    let map = blocks(&folder.text("out.iso.map"));
    assert!(map.len() > 1 && map.iter().all(|block| block.ends_with('+') || block.ends_with('?')), "{map:?}");
}

#[test]
fn sectors_that_the_drive_failed_by_itself_are_read_once_more() {
    // Less than three in a row, between good reads.
    let rules = "read 3000 sense=4/44/00 times=2\nread 3500 sense=4/09/02 times=2\n";
    let (folder, image) = faulty_disc(14, SECTORS, rules);
    let (events, result) = folder.json(0, &[DRIVE, "out.iso"]);
    folder.must_hold("out.iso", &image, &[]);
    assert_eq!(result["whole"], true);
    assert!(told(&events).contains("read once more"), "{}", told(&events));
}
