//! Only a part of the disc, now: the rest stays as the map says, and is read when somebody asks for it.

use serde_json::Value;

use crate::common::{Folder, blocks, damaged_disc};

const SECTORS: u32 = 4000;

/// What is dead on the disc of these stories.
const DEAD: [(u32, u32); 2] = [(700, 20), (2000, 300)];

const DRIVE: &str = "emulated:disc.iso,damage=damage";

fn damaged(seed: u64) -> (Folder, Vec<u8>) {
    damaged_disc(seed, SECTORS, &DEAD)
}

/// First sector and count of the reads in a record of commands, but those by which a disc is recognised: they come first.
fn reads(folder: &Folder, from: u32) -> Vec<(u32, u32)> {
    let commands = folder.recorded("commands");
    folder.remove(&["commands"]);
    let cdbs = commands.iter().filter_map(|line| line["cdb"].as_str().filter(|cdb| cdb.starts_with("28")));
    let number = |hex: &str| u32::from_str_radix(hex, 16).unwrap();
    let reads = cdbs.map(|cdb| (number(&cdb[4..12]), number(&cdb[14..18])));
    reads.skip_while(|(first, _)| *first != from).collect()
}

#[test]
fn only_the_range_is_asked_for_and_the_rest_when_it_is_left_out() {
    let (folder, image) = damaged(1);
    let (_, result) = folder.json(7, &[DRIVE, "out.iso", "--range", "2100-3099", "--record", "commands"]);
    assert!(result["reasons"].to_string().contains("without --range"), "{result}");
    assert_eq!((&result["sectors"], &result["unread"]), (&SECTORS.into(), &(SECTORS - 1000).into()));
    assert_eq!((&result["good"], &result["bad"], &result["digests"]), (&800.into(), &200.into(), &serde_json::json!({})));
    let asked = reads(&folder, 2100);
    assert!(!asked.is_empty() && asked.iter().all(|(first, count)| *first >= 2100 && first + count <= 3100), "{asked:?}");
    // The image has the disc's whole length, and so has the map.
    folder.must_hold("out.iso", &image, &[(0, 2300), (3100, 900)]);
    let right = [
        "0x00000000  0x0041A000  ?".to_string(),
        format!("0x{:08X}  0x{:08X}  -", 2100 * 2048, 200 * 2048),
        format!("0x{:08X}  0x{:08X}  +", 2300 * 2048, 800 * 2048),
        format!("0x{:08X}  0x{:08X}  ?", 3100 * 2048, 900 * 2048),
    ];
    assert_eq!(blocks(&folder.text("out.iso.map")), right);
    folder.witness("ddrescuelog", &["-t", "out.iso.map"]);

    let (_, result) = folder.json(3, &[DRIVE, "out.iso", "--record", "commands"]);
    assert_eq!(result["unread"], 0);
    let record: Value = serde_json::from_str(&folder.text("out.iso.json")).unwrap();
    let again = record["runs"][1]["read"].to_string();
    assert_eq!(again, r#"[{"count":700,"first":0},{"count":1280,"first":720},{"count":900,"first":3100}]"#);
    folder.must_hold("out.iso", &image, &DEAD);
    folder.map_must_say("out.iso.map", &DEAD, SECTORS);
}

#[test]
fn a_range_is_counted_or_named_by_its_ends_and_said_to_be_done() {
    let (folder, image) = damaged(2);
    folder.ends(7, &[DRIVE, "out.iso", "--range", "100+50"]).must_say("the range is done");
    folder.must_hold("out.iso", &image, &[(0, 100), (150, SECTORS - 150)]);
    // Again: nothing to read, and not the end of the disc either.
    let (_, result) = folder.json(7, &[DRIVE, "out.iso", "--range", "100-149"]);
    assert_eq!(result["commands"], 0);
}

#[test]
fn ranges_that_together_are_the_disc_end_as_the_whole_does() {
    let (folder, image) = damaged(3);
    let whole = folder.ends(3, &[DRIVE, "whole.iso"]).out();
    for (status, range) in [(7, "0-999"), (7, "3000+1000"), (3, "1000-2999")] {
        let ran = folder.ends(status, &[DRIVE, "out.iso", "--range", range]);
        assert_eq!(ran.out().is_empty(), status == 7, "digests of half an image: {ran}");
        if status == 3 {
            assert_eq!(ran.out().replace("out.iso", "whole.iso"), whole);
        }
    }
    folder.must_hold("out.iso", &image, &DEAD);
    folder.map_must_say("out.iso.map", &DEAD, SECTORS);
}

#[test]
fn retries_stay_within_the_range() {
    let (folder, image) = damaged(4);
    folder.ends(3, &[DRIVE, "out.iso"]);
    let args = ["emulated:disc.iso", "out.iso", "--retries", "1", "--range", "2000+100", "--record", "commands"];
    let (_, result) = folder.json(3, &args);
    assert_eq!(result["bad"], 220);
    let asked = reads(&folder, 2000);
    assert!(asked.len() >= 100 && asked.iter().all(|(first, count)| *first >= 2000 && first + count <= 2100), "{asked:?}");
    folder.must_hold("out.iso", &image, &[(700, 20), (2100, 200)]);
}

#[test]
fn a_range_out_of_turn_does_not_move_the_place_where_the_whole_goes_on() {
    let (folder, image) = damaged(5);
    folder.ends(7, &[DRIVE, "out.iso", "--max-errors", "3"]);
    let stood = |map: String| map.lines().find(|line| !line.starts_with('#')).unwrap().to_string();
    let before = stood(folder.text("out.iso.map"));
    assert!(before.contains('?') && !before.starts_with("0x00000000"), "{before}");
    folder.ends(7, &[DRIVE, "out.iso", "--range", "3000-3999", "--max-time", "1ms"]).must_say("--max-time");
    folder.ends(7, &[DRIVE, "out.iso", "--range", "3000-3999"]).must_say("the range is done");
    assert_eq!(stood(folder.text("out.iso.map")), before);
    folder.ends(3, &[DRIVE, "out.iso"]);
    folder.must_hold("out.iso", &image, &DEAD);
}

#[test]
fn a_range_that_is_not_on_the_disc_or_makes_no_sense_is_refused() {
    let (folder, _) = damaged(6);
    let before = folder.names();
    for range in ["3999+2", "4000-4000", "0-4294967294"] {
        folder.ends(5, &[DRIVE, "out.iso", "--range", range]).must_say("the disc with sector 3999");
    }
    for range in ["9-8", "5+0", "5", "all", "-5"] {
        folder.ends(2, &[DRIVE, "out.iso", &format!("--range={range}")]);
    }
    for image in ["-", "/dev/null"] {
        folder.ends(2, &[DRIVE, image, "--range", "0-9"]).must_say("--range needs an image");
    }
    assert_eq!(folder.names(), before);
    folder.ends(0, &[DRIVE, "out.iso", "--range", "0-9", "-n"]).must_say("only what lies in 0 to 9");
}
