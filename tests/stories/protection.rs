//! Bad sectors that were made on purpose are recognised, announced, and left alone if the person says so. Damage never is.

use std::fs;

use serde_json::Value;

use crate::common::{Dice, Folder, Places, damaged_disc, mapfile, told};

const FLAG: &str = "--skip-protection-patterns";

/// Single sectors strewn over the beginning of a CD, as SafeDisc's.
fn strewn(seed: u64, end: u32) -> Places {
    let mut dice = Dice(seed);
    let next = |lba: &u32| Some(lba + 10 + dice.below(30)).filter(|lba| *lba < end);
    std::iter::successors(Some(800), next).map(|lba| (lba, 1)).collect()
}

/// Solid runs with good sectors between them, as RipGuard's.
fn runs(seed: u64) -> Places {
    let mut dice = Dice(seed);
    let mut at = 8000;
    let mut place = |_| {
        let place = (at, 160 + dice.below(200));
        at += place.1 + 1000 + dice.below(2000);
        place
    };
    (0..12).map(&mut place).collect()
}

/// Blocks of a map that are neither read nor given up: first sector and end.
fn unsettled(folder: &Folder, map: &str) -> Vec<(u64, u64)> {
    let number = |word: &str| u64::from_str_radix(word.trim_start_matches("0x"), 16).unwrap() / 2048;
    let blocks = folder.text(map);
    let words =
        blocks.lines().filter(|line| !line.starts_with('#')).skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let open = words.filter(|words| "?*/".contains(words[2]));
    open.map(|words| (number(words[0]), number(words[0]) + number(words[1]))).collect()
}

/// The one pattern of a result: kind, first and last sector.
fn pattern(result: &Value) -> (String, u64, u64) {
    let [pattern] = &result["patterns"].as_array().unwrap()[..] else { panic!("{result}") };
    let [first, count] = ["first", "count"].map(|key| pattern[key].as_u64().unwrap());
    (pattern["kind"].as_str().unwrap().into(), first, first + count - 1)
}

#[test]
fn strewn_sectors_are_announced_and_all_others_read() {
    let dead = strewn(1, 9000);
    let (folder, image) = damaged_disc(1, 12_000, &dead);
    let (events, result) = folder.json(3, &["emulated:disc.iso,damage=damage", "out.iso"]);
    let told = told(&events);
    assert_eq!(told.matches("looks like deliberate bad sectors (copy protection)").count(), 1, "{told}");
    assert!(told.contains(FLAG), "{told}");
    let last = dead.last().unwrap().0.into();
    assert_eq!(pattern(&result), ("strewn".into(), 800, last));
    assert_eq!((&result["patterns"][0]["runs"], &result["left_out"]), (&dead.len().into(), &0.into()));
    assert!(
        result["reasons"].to_string().contains(&format!("{} short runs between sectors 800 and {last}", dead.len())),
        "{result}"
    );
    let record: Value = serde_json::from_str(&folder.text("out.iso.json")).unwrap();
    assert_eq!(record["patterns"], result["patterns"]);
    folder.must_hold("out.iso", &image, &dead);
    folder.map_must_say("out.iso.map", &dead, 12_000);
}

#[test]
fn strewn_sectors_are_left_out_and_a_later_run_goes_on_with_them() {
    let dead = strewn(2, 30_000);
    let (folder, image) = damaged_disc(2, 40_000, &dead);
    let drive = "emulated:disc.iso,damage=damage";
    let (events, result) = folder.json(3, &[drive, "out.iso", FLAG, "--record", "commands"]);
    assert!(told(&events).contains("copy protection"), "{}", told(&events));
    // What was not asked for is not called bad, lies in the zone, and is told.
    let open = unsettled(&folder, "out.iso.map");
    assert!(!open.is_empty() && open.iter().all(|(from, end)| *from >= 800 && *end <= 30_000), "{open:?}");
    let left: u64 = open.iter().map(|(from, end)| end - from).sum();
    assert_eq!((&result["left_out"], &result["unread"]), (&left.into(), &left.into()));
    assert!(result["reasons"][1].as_str().unwrap().starts_with(&format!("{left} sectors were left out")), "{result}");
    folder.witness("ddrescuelog", &["-t", "out.iso.map"]);
    let failed = folder.failed_reads("commands");
    assert!(failed < dead.len(), "{failed} failed reads for {} bad sectors", dead.len());

    folder.json(3, &[drive, "out.iso"]);
    folder.must_hold("out.iso", &image, &dead);
    folder.map_must_say("out.iso.map", &dead, 40_000);
}

#[test]
fn of_solid_runs_every_good_block_is_read_and_no_bad_one_taken_apart() {
    const SECTORS: u32 = 60_000;
    let dead = runs(3);
    let folder = Folder::new();
    fs::File::create(folder.path("disc.iso")).unwrap().set_len(u64::from(SECTORS) * 2048).unwrap();
    folder.write("damage", mapfile(&dead, '-', SECTORS));
    let drive = "emulated:disc.iso,profile=dvd-rom,damage=damage";
    let (events, result) = folder.json(3, &[drive, "out.iso", FLAG, "--record", "commands"]);
    assert!(told(&events).contains(" short runs between sectors"), "{}", told(&events));
    assert_eq!((pattern(&result).0.as_str(), &result["patterns"][0]["runs"]), ("runs", &12.into()));
    // Each bad sector lies in a block of 16 that is left out, or was tried alone.
    let bad: u32 = dead.iter().map(|(_, count)| count).sum();
    let [good, settled] = ["good", "bad"].map(|key| result[key].as_u64().unwrap());
    assert!(good >= u64::from(SECTORS - bad) - 12 * 30, "{good} good sectors of {}", SECTORS - bad);
    assert!(settled < u64::from(bad), "{settled} of {bad} tried alone");
    folder.json(3, &[drive, "out.iso"]);
    folder.map_must_say("out.iso.map", &dead, SECTORS);
}

#[test]
fn damage_is_not_announced_and_nothing_of_it_left_out() {
    // A scratch, dust, a ring with ragged ends.
    let scratch: Places = (0..300).map(|turn| (1000 + turn * 9 + turn / 40, 1)).collect();
    let mut dice = Dice(4);
    let mut dust: Places = (0..300).map(|_| (4000 + dice.below(6000), 1)).collect();
    dust.sort_unstable();
    dust.dedup();
    let mut ring = vec![(5000, 300)];
    ring.extend((0..20).map(|n| (5301 + n * 2, 1)));
    for (seed, dead) in [(1, scratch), (2, dust), (3, ring)] {
        let merged = crate::common::places(
            &(0..12_000).map(|lba| dead.iter().any(|(f, c)| (*f..f + c).contains(&lba))).collect::<Vec<_>>(),
        );
        let (folder, image) = damaged_disc(seed, 12_000, &merged);
        let (events, result) = folder.json(3, &["emulated:disc.iso,damage=damage", "out.iso", FLAG]);
        assert!(!told(&events).contains("copy protection"), "{}", told(&events));
        assert_eq!((&result["patterns"], &result["left_out"]), (&Value::Array(Vec::new()), &0.into()));
        folder.must_hold("out.iso", &image, &merged);
        folder.map_must_say("out.iso.map", &merged, 12_000);
    }
}

#[test]
fn what_can_not_be_gone_on_with_leaves_nothing_out() {
    let (folder, _) = damaged_disc(5, 2000, &[(700, 1)]);
    for image in ["-", "/dev/null"] {
        folder.ends(2, &["emulated:disc.iso", image, FLAG]).must_say("needs an image that a later run can go on with");
    }
}
