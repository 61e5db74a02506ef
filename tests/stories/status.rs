//! Where an image stands, asked from another terminal: map and record say it, and are left alone.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{Folder, Places, SECTOR, damage, disc, installed, listening, mapfile, wait};

const SECTORS: u32 = 4000;

const DEAD: [(u32, u32); 2] = [(700, 20), (2000, 300)];

const DRIVE: &str = "emulated:disc.iso,damage=damage";

fn damaged(seed: u64) -> Folder {
    let folder = Folder::new();
    folder.write("disc.iso", disc(seed, SECTORS));
    folder.write("damage", mapfile(&DEAD, '-', SECTORS));
    folder
}

/// Sectors of these states, as ddrescuelog counts them.
fn counted(folder: &Folder, states: &str) -> Option<usize> {
    Some(folder.witness("ddrescuelog", &["-b2048", &format!("-l{states}"), "out.iso.map"])?.out().lines().count())
}

#[track_caller]
fn must_agree_with_ddrescuelog(folder: &Folder, standing: &Value) {
    for (key, states) in [("good", "+"), ("bad", "-"), ("unread", "?*/"), ("untried", "?")] {
        if let Some(count) = counted(folder, states) {
            assert_eq!(standing[key], count, "{key}: {standing}");
        }
    }
}

#[test]
fn an_image_that_is_whole_is_0_and_its_disc_is_named() {
    let folder = damaged(1);
    folder.ends(0, &["emulated:disc.iso", "out.iso"]);
    let out = folder.ends(0, &["--status", "out.iso"]).out();
    for says in ["label STORY", "4000 sectors", "100 %", "0 missing", "with status 0"] {
        assert!(out.contains(says), "nothing of {says:?} in {out}");
    }
    let (events, standing) = folder.json(0, &["--status", "out.iso"]);
    assert!(events.is_empty(), "more than the result: {events:?}");
    assert_eq!((&standing["kind"], &standing["whole"], &standing["phase"]), (&"cd-rom".into(), &true.into(), &Value::Null));
}

#[test]
fn an_image_with_holes_is_3_and_they_are_told_by_class() {
    let folder = damaged(2);
    folder.write("rules", "read 700+20 sense=3/11/05\nread 2000+300 sense=4/3e/02\n");
    folder.ends(3, &["emulated:disc.iso,faults=rules", "out.iso"]);
    let out = folder.ends(3, &["--status", "out.iso"]).out();
    assert!(out.contains("20 medium (unreadable), 300 hardware (the drive reports"), "{out}");
    let (_, standing) = folder.json(3, &["--status", "out.iso"]);
    let right: Vec<_> = [(700, 20, "medium".into()), (2000, 300, "hardware".into())].into();
    assert_eq!(damage(&standing), right);
    must_agree_with_ddrescuelog(&folder, &standing);
}

#[test]
fn a_run_that_was_stopped_is_7_and_its_place_and_end_are_told() {
    let folder = damaged(3);
    folder.ends(7, &[DRIVE, "out.iso", "--max-errors", "3"]);
    let files = || folder.names().iter().map(|name| folder.read(name)).collect::<Vec<_>>();
    let before = files();
    let out = folder.ends(7, &["--status", "out.iso"]).out();
    for says in ["at      sector", "reading", "left", "with status 7"] {
        assert!(out.contains(says), "nothing of {says:?} in {out}");
    }
    let (_, standing) = folder.json(7, &["--status", "out.iso"]);
    assert_eq!((&standing["phase"], &standing["pass"]), (&"copy".into(), &1.into()));
    let at = standing["lba"].as_u64().unwrap();
    assert!((700..4000).contains(&at), "{standing}");
    assert_eq!(standing["last_run"]["status"], 7);
    must_agree_with_ddrescuelog(&folder, &standing);
    assert!(files() == before, "something was written");
}

#[test]
fn it_can_be_asked_while_the_disc_is_read() {
    let folder = damaged(4);
    // A drive that lives in the wall's time and hangs: map and record are there, and the image is locked.
    folder.write("rules", "read 1000 hang=20000\n");
    let mut run = folder.discrip(&["emulated:disc.iso,faults=rules,clock=real,model=ideal", "out.iso"]).spawn().unwrap();
    listening(&run);
    let begin = Instant::now();
    let standing = loop {
        let ran = folder.rip(&["--status", "out.iso", "--json"]);
        match ran.ended.code() {
            Some(7) => break ran.events().pop().unwrap(),
            _ => assert!(begin.elapsed() < Duration::from_secs(30), "{ran}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!((&standing["last_run"]["end"], &standing["last_run"]["status"]), (&Value::Null, &Value::Null), "{standing}");
    assert_eq!(standing["at_work"], true, "{standing}");
    assert!(folder.ends(7, &["--status", "out.iso"]).out().contains("at work now"));
    run.kill().unwrap();
    wait(run, "the run that was asked about");
    let out = folder.ends(7, &["--status", "out.iso"]).out();
    assert!(out.contains("killed before its end"), "{out}");
    assert_eq!(folder.json(7, &["--status", "out.iso"]).1["at_work"], false);
}

#[test]
fn who_asks_all_the_time_keeps_no_run_from_its_image() {
    let folder = damaged(6);
    let asking = folder
        .command("bash", &["-c", "while [ ! -e stop ]; do { flock -s -n 9; } 9<out.iso; sleep 0.01; done 2>/dev/null"])
        .spawn()
        .unwrap();
    for _ in 0..5 {
        folder.ends(0, &["emulated:disc.iso", "out.iso", "--force"]);
    }
    folder.write("stop", "");
    wait(asking, "the one that asks");
}

#[test]
fn a_map_that_lies_elsewhere_is_named() {
    let folder = damaged(7);
    folder.ends(3, &[DRIVE, "out.iso", "named.map"]);
    folder.ends(1, &["--status", "out.iso"]).must_say("out.iso.map");
    let (_, standing) = folder.json(3, &["--status", "out.iso", "named.map"]);
    assert_eq!((&standing["bad"], &standing["label"]), (&320.into(), &"STORY".into()), "{standing}");
}

#[test]
fn a_map_of_ddrescues_is_enough() {
    if !installed("ddrescue") {
        return;
    }
    let folder = damaged(5);
    folder.witness("ddrescue", &["-qnN", "-b2048", "--test-mode=damage", "disc.iso", "out.iso", "out.iso.map"]);
    let standing = folder.rip(&["--status", "out.iso", "--json"]).events().pop().unwrap();
    assert_eq!((&standing["kind"], &standing["last_run"], &standing["sectors"]), (&Value::Null, &Value::Null, &SECTORS.into()));
    assert_eq!(standing["status"], if standing["unread"] == 0 { 3 } else { 7 });
    must_agree_with_ddrescuelog(&folder, &standing);
    folder.remove(&["out.iso"]);
    assert!(folder.rip(&["--status", "out.iso"]).out().contains("no record"), "the image itself is not looked at");
}

#[test]
fn every_state_of_a_map_is_counted() {
    let folder = Folder::new();
    let places: Places = vec![(10, 5)];
    for (state, key) in [('?', "untried"), ('*', "unread"), ('/', "unread"), ('-', "bad")] {
        folder.write("out.iso.map", mapfile(&places, state, SECTORS));
        let status = if state == '-' { 3 } else { 7 };
        let (_, standing) = folder.json(status, &["--status", "out.iso"]);
        assert_eq!((&standing[key], &standing["good"]), (&5.into(), &(SECTORS - 5).into()), "{state}");
        must_agree_with_ddrescuelog(&folder, &standing);
    }
}

#[test]
fn where_there_is_no_map_or_none_that_can_be_read_it_is_1() {
    let folder = Folder::new();
    folder.ends(1, &["--status", "out.iso"]).must_say("out.iso.map");
    folder.write("out.iso.map", "this is no map\n");
    folder.ends(1, &["--status", "out.iso"]).must_say("line 1");
    folder.json(1, &["--status", "out.iso"]);
    folder.write("out.iso.map", "0 ?\n0 0xFFFFFFFFFFFFF000 +\n");
    folder.ends(1, &["--status", "out.iso"]).must_say("more than any disc");
    folder.write("out.iso.map", "");
    folder.ends(7, &["--status", "out.iso"]);
    folder.ends(2, &["--status", "out.iso", "emulated:demo", "b.iso"]);
    assert_eq!(folder.names(), ["out.iso.map"]);
}

#[test]
fn a_map_of_a_disc_whose_length_ddrescue_did_not_know_is_7() {
    let folder = Folder::new();
    // As ddrescue writes it while it reads what has no length (mapbook.cc): 10 sectors read, then `?` up to the largest number.
    folder.write("out.iso", vec![1; 10 * SECTOR]);
    folder.write("out.iso.map", "0x5000 ? 1\n0x0 0x5000 +\n0x5000 0x7FFFFFFFFFFFAFFF ?\n");
    let (_, standing) = folder.json(7, &["--status", "out.iso"]);
    assert_eq!(
        (&standing["good"], &standing["unread"], &standing["whole"]),
        (&10.into(), &0.into(), &false.into()),
        "{standing}"
    );
    let out = folder.ends(7, &["--status", "out.iso"]).out();
    assert!(out.contains("10 sectors, 0 missing; where the disc ends, the map does not say"), "{out}");
}

#[test]
fn a_map_that_claims_more_than_the_image_holds_is_5() {
    let folder = damaged(8);
    folder.ends(0, &["emulated:disc.iso", "out.iso"]);
    folder.shell("truncate -s 1M out.iso");
    for args in [&["--status", "out.iso"][..], &["emulated:disc.iso", "out.iso"]] {
        folder.ends(5, args).must_say("has 1048576");
    }
    // Without an image it is asked what the map knows.
    folder.remove(&["out.iso"]);
    folder.ends(0, &["--status", "out.iso"]);
}

#[test]
fn a_map_longer_than_any_is_not_taken_into_memory() {
    let folder = damaged(9);
    folder.shell("truncate -s 300M out.iso.map");
    folder.ends(1, &["--status", "out.iso"]).must_say("longer than any map");
    folder.ends(5, &["emulated:disc.iso", "out.iso"]).must_say("longer than any map");
}
