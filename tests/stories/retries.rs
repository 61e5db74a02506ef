//! Each pass of the retries reads in another way, and the report says which one brought back what.

use serde_json::{Value, json};

use crate::common::{Folder, damage, faulty_disc, told};

const SECTORS: u32 = 6000;

const DRIVE: &str = "emulated:disc.iso,faults=rules";

/// Rules for sectors that come so alone.
fn only(sectors: &[u32], unless: &str) -> String {
    sectors.iter().map(|lba| format!("read {lba} sense=3/11/05 unless={unless}\n")).collect()
}

/// Sectors that come in one way alone: missing without it, there with it, and told.
#[track_caller]
fn comes(seed: u64, unless: &str, pass: u32, way: &str, text: &str) -> Folder {
    let (folder, image) = faulty_disc(seed, SECTORS, &only(&[3000, 3100, 3200], unless));
    let before = (pass - 1).to_string();
    folder.ends(3, &[DRIVE, "out.iso", "-r", &before]);
    folder.map_must_say("out.iso.map", &[(3000, 1), (3100, 1), (3200, 1)], SECTORS);
    folder.remove(&["out.iso", "out.iso.map", "out.iso.json"]);
    let (_, result) = folder.json(0, &[DRIVE, "out.iso", "-r", &pass.to_string(), "--record", "commands"]);
    folder.must_hold("out.iso", &image, &[]);
    assert_eq!(result["brought_back"], json!({way: 3}), "{result}");
    let record: Value = serde_json::from_str(&folder.text("out.iso.json")).unwrap();
    assert_eq!(record["runs"][0]["brought_back"], json!({way: 3}));
    folder.remove(&["out.iso", "out.iso.map", "out.iso.json"]);
    folder.ends(0, &[DRIVE, "out.iso", "-r", &pass.to_string()]).must_say(&format!("came back: 3 {text}"));
    folder
}

#[test]
fn sectors_that_come_after_a_run_up() {
    comes(1, "run-up", 2, "run-up", "with a run-up");
}

#[test]
fn sectors_that_come_past_the_cache() {
    let folder = comes(2, "fua", 3, "fua", "past the drive's cache");
    let is_fua = |line: &Value| line["cdb"].as_str().is_some_and(|cdb| cdb.starts_with("2808"));
    assert_eq!(folder.recorded("commands").iter().filter(|line| is_fua(line)).count(), 3);
}

#[test]
fn sectors_that_come_at_another_speed() {
    // 1x of a CD is 176.4 kB/s, and this drive reads CDs at 24x by itself.
    let folder = comes(3, "below:800", 4, "slow", "at low speed");
    let speeds: Vec<String> = folder
        .recorded("commands")
        .iter()
        .filter_map(|line| line["cdb"].as_str().filter(|cdb| cdb.starts_with("bb")).map(|cdb| cdb[4..8].to_string()))
        .collect();
    // 4x, and what was there before.
    assert_eq!(speeds, ["02c2", "108a"], "{speeds:?}");
    comes(4, "below:3000", 4, "slow", "at low speed");
    let (folder, image) = faulty_disc(5, SECTORS, "read 3000+3 sense=3/11/05 unless=above:1000\n");
    let (_, result) = folder.json(0, &[DRIVE, "out.iso", "-r6", "--speed", "4"]);
    folder.must_hold("out.iso", &image, &[]);
    assert_eq!(result["brought_back"], json!({"medium": 3}));
}

#[test]
fn each_sector_comes_back_in_its_own_way() {
    let rules =
        "read 1000 sense=3/11/05 unless=run-up\nread 2000+2 sense=3/11/05 unless=fua\nread 3000 sense=3/11/05 unless=below:800\n";
    let (folder, image) = faulty_disc(6, SECTORS, rules);
    let ran = folder.ends(0, &[DRIVE, "out.iso", "-r", "6"]);
    folder.must_hold("out.iso", &image, &[]);
    ran.must_say("back    ");
    for part in ["1 with a run-up", "2 past the drive's cache", "1 at low speed"] {
        ran.must_say(part);
    }
}

#[test]
fn a_drive_that_lacks_a_way_is_told_of_once_and_goes_the_others() {
    // It refuses FUA and SET CD SPEED, and no sector is blamed for it.
    let rules = "read * sense=5/24/00 unless=plain\nread 2000 sense=3/11/05 unless=run-up\nread 3000+3 sense=3/11/05\nbb * sense=5/20/00\n";
    let (folder, image) = faulty_disc(7, SECTORS, rules);
    let (events, result) = folder.json(3, &[DRIVE, "out.iso", "-r", "12"]);
    folder.must_hold("out.iso", &image, &[(3000, 3)]);
    assert_eq!(result["brought_back"], json!({"run-up": 1}));
    assert_eq!(damage(&result), [(3000, 3, "medium".into())]);
    for lacks in ["FUA", "setting the speed"] {
        assert_eq!(told(&events).matches(lacks).count(), 1, "{lacks}: {}", told(&events));
    }
}

#[test]
fn retries_of_what_the_drive_calls_blank_end() {
    for options in [&["-r", "2"][..], &["-r", "3", "--reverse"]] {
        let (folder, image) = faulty_disc(40, SECTORS, "read 3000+3 sense=8/00/00\n");
        folder.ends(3, &[&[DRIVE, "out.iso"], options].concat());
        folder.must_hold("out.iso", &image, &[(3000, 3)]);
    }
}
