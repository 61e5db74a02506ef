//! Drives, cables and hands that make trouble: nothing wrong gets into the image, and nothing right is lost.

use serde_json::Value;

use crate::common::{Folder, Places, SECTOR, damage, disc, faulty_disc, mapfile, told};

const SECTORS: u32 = 4000;

const DRIVE: &str = "emulated:disc.iso,faults=rules";

/// The trouble passes, and the image is whole.
#[track_caller]
fn passes(seed: u64, rules: &str) -> (Folder, Vec<Value>, Value) {
    let (folder, image) = faulty_disc(seed, SECTORS, rules);
    let (events, result) = folder.json(0, &[DRIVE, "out.iso", "--record", "commands"]);
    folder.must_hold("out.iso", &image, &[]);
    folder.map_must_say("out.iso.map", &[], SECTORS);
    assert_eq!(result["whole"], true);
    (folder, events, result)
}

/// The trouble stays with these sectors; everything else is read, and nothing of them gets into the image.
#[track_caller]
fn costs(seed: u64, rules: &str, dead: &Places, class: &str) -> (Folder, Vec<Value>) {
    let (folder, image) = faulty_disc(seed, SECTORS, rules);
    let (events, result) = folder.json(3, &[DRIVE, "out.iso", "--record", "commands"]);
    folder.must_hold("out.iso", &image, dead);
    folder.map_must_say("out.iso.map", dead, SECTORS);
    let right: Vec<_> = dead.iter().map(|&(first, count)| (first.into(), count.into(), class.to_string())).collect();
    assert_eq!(damage(&result), right);
    (folder, events)
}

/// The run stops with 7 and says so; whatever the image holds is right; without the trouble the same command ends with 0.
#[track_caller]
fn stops(seed: u64, rules: &str, says: &str, options: &[&str]) -> Folder {
    let (folder, image) = faulty_disc(seed, SECTORS, rules);
    let args = [&[DRIVE, "out.iso"], options].concat();
    folder.ends(7, &args).must_say(says);
    must_hold_nothing_else(&folder, &image);
    folder.write("rules", "");
    folder.ends(0, &args);
    folder.must_hold("out.iso", &image, &[]);
    folder
}

/// What the map calls finished is right, and what it does not is zero.
#[track_caller]
fn must_hold_nothing_else(folder: &Folder, image: &[u8]) {
    if !folder.exists("out.iso.map") {
        assert!(!folder.exists("out.iso"));
        return;
    }
    let number = |text: &str| usize::from_str_radix(text.trim_start_matches("0x"), 16).unwrap();
    let got = folder.read("out.iso");
    let map = folder.text("out.iso.map");
    for line in map.lines().filter(|line| !line.starts_with('#')).skip(1) {
        let [first, count, state] = line.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{line}") };
        let bytes = number(first)..number(first) + number(count);
        match state {
            "+" => assert!(got[bytes.clone()] == image[bytes], "finished, and wrong: {line}"),
            _ => assert!(got[bytes].iter().all(|byte| *byte == 0), "not finished, and not zero: {line}"),
        }
    }
}

fn is_command(line: &Value, opcode: &str) -> bool {
    line["cdb"].as_str().is_some_and(|cdb| cdb.starts_with(opcode))
}

#[test]
fn a_time_out_that_looks_like_success_is_not_taken_for_data() {
    let (folder, events, _) = passes(1, "read 1000+10 hang=90000 times=1\n");
    // Nothing but the host status tells it from success.
    let silent = |line: &&Value| is_command(line, "28") && line["host"] == 3 && line["status"] == 0 && line["residual"] == 0;
    assert_eq!(folder.recorded("commands").iter().filter(silent).count(), 1);
    assert!(events.iter().any(|event| event["event"] == "trouble" && event["class"] == "time-out"));
}

#[test]
fn a_sector_that_hangs_the_drive_each_time_costs_itself() {
    costs(2, "read 1200 hang=90000\n", &vec![(1200, 1)], "time-out");
}

#[test]
fn a_slow_drive_is_waited_for() {
    passes(3, "read 0+64 delay=40000 times=2\nread 3000 delay=29000\n");
}

#[test]
fn good_with_an_error_of_the_host_is_not_taken_for_data() {
    for fields in ["host=7", "host=5", "host=b", "driver=6", "host=7 driver=6"] {
        println!("{fields}");
        passes(4, &format!("read 500+100 {fields} times=2\n"));
    }
}

#[test]
fn a_drive_that_the_host_no_longer_reaches_is_awaited() {
    passes(5, "read 500+100 host=1 times=1\n");
}

#[test]
fn a_loose_cable_ends_the_run_and_blames_no_sector() {
    let folder = stops(6, "read 2000+2000 host=7\n", "cable", &[]);
    folder.map_must_say("out.iso.map", &[], SECTORS);
}

#[test]
fn good_without_data_is_not_taken_for_data() {
    passes(7, "read 2000 stale times=1\n");
    let (folder, image) = faulty_disc(8, SECTORS, "read 2000+3 stale\n");
    let ran = folder.rip(&[DRIVE, "out.iso"]);
    assert!(matches!(ran.ended.code(), Some(3 | 7)), "{ran}");
    must_hold_nothing_else(&folder, &image);
    let read = folder.read("out.iso");
    assert!(read[..2000 * SECTOR] == image[..2000 * SECTOR] && read[2003 * SECTOR..] == image[2003 * SECTOR..]);
    folder.write("rules", "");
    folder.ends(0, &[DRIVE, "out.iso", "--retries", "1"]);
    folder.must_hold("out.iso", &image, &[]);
}

#[test]
fn data_that_falls_short_is_not_taken_for_data() {
    for bytes in [0, 1, 2048, 65_535] {
        passes(9, &format!("read 900+100 short={bytes} times=2\n"));
    }
}

#[test]
fn a_disc_that_is_exchanged_while_it_is_looked_at_is_looked_at_again() {
    let (folder, _) = faulty_disc(30, SECTORS, "");
    let other = disc(31, SECTORS - 500);
    folder.write("other.iso", &other);
    // The first read is of the sectors where volumes name themselves; by then the length is known.
    folder.write("rules", "read * times=1 disc=other.iso sense=6/28/00\n");
    folder.ends(0, &[DRIVE, "out.iso"]);
    folder.must_hold("out.iso", &other, &[]);
    folder.map_must_say("out.iso.map", &[], SECTORS - 500);
}

#[test]
fn a_disc_that_begins_like_the_first_one_is_told_by_what_was_read_last() {
    // The exchange comes with the read of sector 480; up to 400 both are equal, and so is every sample that lies there.
    let (folder, image) = faulty_disc(32, SECTORS, "read 485+200 times=1 disc=other.iso sense=6/28/00\n");
    let mut other = disc(33, SECTORS);
    other[..400 * SECTOR].copy_from_slice(&image[..400 * SECTOR]);
    folder.write("other.iso", other);
    folder.ends(7, &[DRIVE, "out.iso"]).must_say("another disc");
    must_hold_nothing_else(&folder, &image);
}

#[test]
fn another_disc_in_mid_run_never_mixes_with_the_first() {
    let (folder, image) = faulty_disc(10, SECTORS, "read * skip=10 times=1 disc=other.iso sense=6/28/00\n");
    // A twin: everything that names a disc is equal, the rest is not.
    let mut other = disc(11, SECTORS);
    other[..64 * SECTOR].copy_from_slice(&image[..64 * SECTOR]);
    for (name, other) in [("twin", other), ("stranger", disc(12, SECTORS)), ("shorter", disc(13, SECTORS - 500))] {
        println!("{name}");
        folder.write("other.iso", other);
        folder.write("rules", "read * skip=10 times=1 disc=other.iso sense=6/28/00\n");
        folder.ends(7, &[DRIVE, "out.iso"]).must_say("another disc");
        must_hold_nothing_else(&folder, &image);
        // The same command with the wrong disc still in the drive.
        folder.write("rules", "");
        folder.ends(5, &["emulated:other.iso", "out.iso"]).must_say("another disc");
        folder.ends(0, &[DRIVE, "out.iso"]);
        folder.must_hold("out.iso", &image, &[]);
        folder.remove(&["out.iso", "out.iso.map", "out.iso.json"]);
    }
}

#[test]
fn another_disc_is_noticed_also_when_another_command_hears_of_it() {
    // A read times out, the disc is exchanged meanwhile, and TEST UNIT READY gets the unit attention.
    let rules = "read * skip=10 times=1 hang=90000\n00 * skip=2 times=1 disc=other.iso sense=6/28/00\n";
    let (folder, image) = faulty_disc(14, SECTORS, rules);
    folder.write("other.iso", disc(15, SECTORS));
    folder.ends(7, &[DRIVE, "out.iso"]).must_say("disc");
    must_hold_nothing_else(&folder, &image);
}

#[test]
fn the_same_disc_taken_out_and_put_back_is_read_on() {
    passes(16, "read * skip=10 times=1 disc=disc.iso sense=6/28/00\n");
}

#[test]
fn a_bus_reset_is_survived_and_the_settings_are_put_back() {
    let (folder, image) = faulty_disc(17, SECTORS, "read * skip=10 times=1 sense=6/29/00\n");
    folder.ends(0, &[DRIVE, "out.iso", "--speed", "4", "--record", "commands"]);
    folder.must_hold("out.iso", &image, &[]);
    let commands = folder.recorded("commands");
    let is_reset = |line: &Value| line["sense"].as_str().is_some_and(|sense| sense.get(4..6) == Some("06"));
    let reset = commands.iter().position(is_reset).unwrap();
    for opcode in ["1e", "bb"] {
        assert!(commands[reset..].iter().take(4).any(|line| is_command(line, opcode)), "no {opcode} after the reset");
    }
}

#[test]
fn a_drive_that_becomes_ready_again_is_waited_for() {
    passes(18, "read * skip=10 times=1 sense=2/04/01\n00 * skip=1 times=40 sense=2/04/01\n");
}

#[test]
fn a_drive_that_never_becomes_ready_ends_the_run() {
    stops(19, "read * skip=10 sense=2/04/01\n00 * skip=1 sense=2/04/01\n", "ready", &[]);
}

#[test]
fn the_disc_taken_out_ends_the_run_and_the_same_command_goes_on() {
    stops(20, "read * skip=10 times=1 disc= sense=2/3a/01\n", "taken out", &[]);
}

#[test]
fn no_disc_at_all_is_told() {
    stops(21, "any * skip=1 disc= sense=2/3a/02\n", "disc", &[]);
}

#[test]
fn a_drive_that_drops_off_the_bus_is_awaited() {
    let (_, events, _) = passes(22, "read 1000+10 gone=2000 times=1\n");
    assert!(told(&events).contains("gone") && told(&events).contains("back"));
}

#[test]
fn a_drive_that_stays_away_ends_the_run_and_the_same_command_goes_on() {
    stops(23, "read 1000+10 gone\n", "did not come back", &["--wait-drive", "3s"]);
}

#[test]
fn another_disc_in_a_drive_that_comes_back_never_mixes_with_the_first() {
    let (folder, image) = faulty_disc(24, SECTORS, "read 1000+2 gone=2000 disc=other.iso times=1\n");
    folder.write("other.iso", disc(25, SECTORS));
    folder.ends(7, &[DRIVE, "out.iso"]).must_say("another disc");
    must_hold_nothing_else(&folder, &image);
}

#[test]
fn three_time_outs_in_a_row_end_the_run_and_each_run_gets_further() {
    let (folder, image) = faulty_disc(26, SECTORS, "read 1000+2900 hang=90000\n");
    let mut seen = Vec::new();
    for _ in 0..4 {
        folder.ends(7, &[DRIVE, "out.iso"]).must_say("off and on");
        must_hold_nothing_else(&folder, &image);
        let map = folder.text("out.iso.map");
        assert!(!seen.contains(&map), "no further than before");
        seen.push(map);
    }
    folder.write("rules", "");
    folder.ends(0, &[DRIVE, "out.iso"]);
    folder.must_hold("out.iso", &image, &[]);
}

#[test]
fn runs_that_are_ended_by_time_outs_come_to_an_end() {
    let (folder, image) = faulty_disc(27, SECTORS, "read 1000+60 hang=90000\n");
    let last = (0..200).map(|_| folder.rip(&[DRIVE, "out.iso"])).find(|ran| ran.ended.code() != Some(7)).unwrap();
    last.must_be(3);
    folder.must_hold("out.iso", &image, &[(1000, 60)]);
}

#[test]
fn sense_in_descriptor_format_is_understood() {
    costs(28, "read 700+3 sense=3/11/05 desc\n", &vec![(700, 3)], "medium");
}

#[test]
fn sense_without_an_lba_costs_no_sector_more() {
    costs(29, "read 700+3 sense=3/02/00 noinfo\n", &vec![(700, 3)], "medium");
    costs(30, "read 700+3 sense=3/10/00 noinfo desc\n", &vec![(700, 3)], "medium");
}

#[test]
fn a_fault_of_the_drives_own_is_named_as_such() {
    costs(31, "read 1500+2 sense=4/3e/02\n", &vec![(1500, 2)], "hardware");
}

#[test]
fn what_the_drive_recovered_is_read_and_noted() {
    let folder = Folder::new();
    let mut image = disc(32, SECTORS);
    // Zeros in place of data are what some bridges send with any sense; where all sectors say something, nothing is asked twice.
    image.chunks_exact_mut(SECTOR).for_each(|sector| sector[100] |= 1);
    folder.write("disc.iso", &image);
    folder.write("rules", "read 900 sense=1/17/01\nread 901+3 sense=1/18/00 desc\n");
    let (_, result) = folder.json(0, &[DRIVE, "out.iso"]);
    folder.must_hold("out.iso", &image, &[]);
    assert_eq!(result["failed_reads"], 0);
    let record: Value = serde_json::from_str(&folder.text("out.iso.json")).unwrap();
    assert!(record["runs"][0]["sense"].to_string().contains("1/17/01"), "{record}");
}

#[test]
fn aborted_and_busy_commands_are_sent_again() {
    for action in
        ["sense=b/47/03 times=2", "sense=b/08/00 times=2", "status=8 times=3", "status=28 times=3", "sense=6/2a/01 times=1"]
    {
        println!("{action}");
        passes(33, &format!("read 300+40 {action}\n"));
    }
}

#[test]
fn a_drive_with_a_bad_memory_is_found_out_by_the_checksum() {
    let (folder, image) = faulty_disc(34, SECTORS, "read 2100 flip\n");
    folder.write("right.iso", &image);
    let Some(sum) = folder.witness("sha256sum", &["right.iso"]) else { return };
    let hex = &sum.out()[..64];
    folder.ends(6, &[DRIVE, "out.iso", "--sha256", hex]).must_say("checksum");
}

#[test]
fn a_drive_that_knows_only_a_few_commands_is_read_all_the_same() {
    let refused: String =
        ["12", "46", "43", "51", "52", "ad", "5a", "1e", "bb", "00"].iter().map(|op| format!("{op} * sense=5/20/00\n")).collect();
    passes(35, &refused);
}

#[test]
fn a_drive_that_has_read_knows_how_to_read() {
    // The look has read sector 16 by the same command: what is refused is this read.
    passes(37, "read 0+8 sense=5/24/00 times=1\n");
    passes(37, "read 0+8 sense=5/20/00 times=1\n");
    costs(38, "read 0+4 sense=5/24/00\n", &vec![(0, 4)], "other");
    // A drive that has not, yet: the look's two reads, and two of the disc.
    passes(38, "read * sense=5/24/00 times=4\n");
    let (folder, _) = faulty_disc(39, SECTORS, "read * sense=5/20/00\n");
    folder.ends(1, &[DRIVE, "out.iso"]).must_say("does not know READ(10)");
}

#[test]
fn what_a_drive_once_called_no_data_or_protected_is_asked_for_again_by_order() {
    for sense in ["5/64/00", "5/6f/03"] {
        let (folder, image) = faulty_disc(40, SECTORS, &format!("read 1000+300 sense={sense}\n"));
        folder.ends(3, &[DRIVE, "out.iso"]);
        folder.write("rules", "");
        folder.ends(3, &[DRIVE, "out.iso"]);
        folder.ends(0, &[DRIVE, "out.iso", "--retries", "1"]);
        folder.must_hold("out.iso", &image, &[]);
    }
}

#[test]
fn a_dying_disc_in_a_bad_drive_still_gives_every_sector_that_it_has() {
    let rules = "read 100 hang=90000 times=1\nread 150+50 host=7 times=2\nread * skip=7 times=1 sense=6/29/00\n\
                 read 1000+5 sense=3/11/05\nread 2500 short=512 times=1\nread 3000+2 stale times=1\nread 3500 gone=900 times=1\n";
    let (folder, image) = faulty_disc(36, SECTORS, rules);
    let dead: Places = vec![(1000, 5), (1700, 60), (3990, 10)];
    folder.write("damage", mapfile(&dead[1..], '-', SECTORS));
    folder.ends(3, &["emulated:disc.iso,damage=damage,faults=rules,profile=dvd-rom", "out.iso"]);
    folder.must_hold("out.iso", &image, &dead);
    folder.map_must_say("out.iso.map", &dead, SECTORS);
}
