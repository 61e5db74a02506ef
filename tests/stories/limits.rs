//! A run that may only cost so much ends as by a signal: everything is saved, and the same command goes on.

use serde_json::Value;

use crate::common::{Folder, Places, damage, damaged_disc};

const SECTORS: u32 = 4000;

/// What is dead on the disc of these stories.
const DEAD: [(u32, u32); 3] = [(700, 20), (2000, 300), (3500, 1)];

const DRIVE: &str = "emulated:disc.iso,damage=damage";

fn damaged(seed: u64) -> (Folder, Vec<u8>) {
    damaged_disc(seed, SECTORS, &DEAD)
}

/// Runs until the disc is done; each run that stops says why, and gets further. How many runs it took.
#[track_caller]
fn goes_on_to_the_end(folder: &Folder, image: &[u8], limit: &[&str], says: &str) -> usize {
    let args = [&[DRIVE, "out.iso"], limit].concat();
    let mut maps = Vec::new();
    loop {
        let ran = folder.rip(&args);
        if ran.ended.code() == Some(3) {
            break;
        }
        ran.must_be(7);
        ran.must_say(says);
        ran.must_say("the same command goes on");
        assert!(ran.out().is_empty(), "a digest of half an image: {ran}");
        let map = folder.text("out.iso.map");
        assert!(!maps.contains(&map), "no further than before: {ran}");
        maps.push(map);
    }
    folder.must_hold("out.iso", image, &DEAD);
    folder.map_must_say("out.iso.map", &DEAD, SECTORS);
    maps.len()
}

#[test]
fn max_time_ends_each_run_and_the_same_command_goes_on() {
    let (folder, image) = damaged(1);
    let runs = goes_on_to_the_end(&folder, &image, &["--max-time", "5m"], "the 5m of --max-time are over");
    assert!(runs > 1, "{runs} runs were stopped");
}

#[test]
fn max_time_is_the_drives_and_ends_the_run_after_the_present_command() {
    let (folder, _) = damaged(2);
    let (_, result) = folder.json(7, &[DRIVE, "out.iso", "--max-time", "1m", "--record", "commands"]);
    // Reading begins with the first read that is longer than the looks at the system area.
    let commands = folder.recorded("commands");
    let reads: Vec<&Value> = commands.iter().filter(|line| line["cdb"].as_str().unwrap().starts_with("28")).collect();
    let begin = reads.iter().find(|line| &line["cdb"].as_str().unwrap()[4..12] == "00000000").unwrap()["at"].as_u64().unwrap();
    let last = reads.last().unwrap();
    let (began, ended) = (last["at"].as_u64().unwrap(), last["at"].as_u64().unwrap() + last["took"].as_u64().unwrap());
    assert!(began - begin < 60_000 && ended - begin >= 60_000, "from {begin}: the last read from {began} to {ended}");
    assert!(result["reasons"].to_string().contains("--max-time"), "{result}");
    assert_eq!((&result["whole"], result["unread"].as_u64() > Some(0)), (&false.into(), true));
    let record: Value = serde_json::from_str(&folder.text("out.iso.json")).unwrap();
    assert_eq!(record["runs"][0]["status"], 7);
}

#[test]
fn max_errors_counts_the_failed_reads_of_one_run() {
    let (folder, image) = damaged(3);
    let (_, result) = folder.json(7, &[DRIVE, "out.iso", "--max-errors", "3"]);
    assert_eq!(result["failed_reads"], 3);
    assert!(result["reasons"].to_string().contains("3 reads failed"), "{result}");
    let runs = goes_on_to_the_end(&folder, &image, &["--max-errors", "100"], "100 reads failed, and --max-errors is 100");
    assert!((2..=4).contains(&runs), "{runs} runs for 321 dead sectors");
}

#[test]
fn a_disc_that_gives_nothing_more_ends_the_run_by_max_time_without_data() {
    let (folder, image) = damaged(4);
    let limit = ["--max-time-without-data", "2m"];
    let runs = goes_on_to_the_end(&folder, &image, &limit, "no new sector came for 2m (--max-time-without-data)");
    assert!(runs > 1, "{runs} runs were stopped");
}

#[test]
fn a_limit_that_is_not_reached_changes_nothing() {
    let (folder, image) = damaged(5);
    let limits = ["--max-time", "10h", "--max-errors", "100000", "--max-time-without-data", "9h"];
    let (_, result) = folder.json(3, &[&[DRIVE, "out.iso"], &limits[..]].concat());
    folder.must_hold("out.iso", &image, &DEAD);
    assert_eq!(damage(&result).len(), Places::from(DEAD).len());
}

#[test]
fn a_disc_that_is_whole_when_the_limit_is_reached_is_done() {
    let (folder, image) = damaged(6);
    folder.write("rules", "read 3999 delay=20000\n");
    folder.ends(0, &["emulated:disc.iso,faults=rules", "out.iso", "--max-time", "20s"]);
    folder.must_hold("out.iso", &image, &[]);
}

#[test]
fn a_drive_that_vanished_is_awaited_no_longer_than_the_limit() {
    let (folder, image) = damaged(7);
    folder.write("rules", "read 1000 gone\n");
    let drive = "emulated:disc.iso,faults=rules";
    let args = [drive, "out.iso", "--wait-drive", "2h", "--max-time-without-data", "1m"];
    let (_, result) = folder.json(7, &args);
    let elapsed = result["elapsed"].as_u64().unwrap();
    assert!(elapsed < 120_000, "after {elapsed} ms");
    folder.write("rules", "");
    folder.ends(0, &args);
    folder.must_hold("out.iso", &image, &[]);
}

#[test]
fn a_limit_of_nothing_makes_no_sense() {
    let folder = Folder::new();
    for limit in [["--max-time", "0s"], ["--max-errors", "0"], ["--max-time-without-data", "0m"], ["--max-time", "soon"]] {
        folder.ends(2, &["emulated:demo", "out.iso", limit[0], limit[1]]);
    }
    folder.ends(2, &["emulated:demo", "out.iso", "--max-time", "20"]).must_say("30s, 10m, 2h");
    assert!(folder.names().is_empty());
}
