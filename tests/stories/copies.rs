//! Several drives and several copies of one disc make one whole image, and it stays known who read what; another pressing is refused.

use serde_json::Value;

use crate::common::{Folder, Places, Ran, disc, installed, mapfile, told};

const SECTORS: u32 = 4096;

/// What is dead on one copy, and on the other: nothing on both.
const HERE: [(u32, u32); 3] = [(500, 40), (3000, 2), (4090, 6)];
const THERE: [(u32, u32); 2] = [(100, 30), (2000, 300)];

const FIRST: &str = "emulated:disc.iso,damage=here,serial=FIRST";
const SECOND: &str = "emulated:copy.iso,damage=there,serial=SECOND";

/// Two copies of a disc, and an image that was read from the first one.
fn begun(seed: u64) -> (Folder, Vec<u8>) {
    let folder = Folder::new();
    let image = disc(seed, SECTORS);
    folder.write("disc.iso", &image);
    folder.write("copy.iso", &image);
    folder.write("here", mapfile(&HERE, '-', SECTORS));
    folder.write("there", mapfile(&THERE, '-', SECTORS));
    folder.ends(3, &[FIRST, "out.iso"]);
    (folder, image)
}

fn files(folder: &Folder) -> Vec<Vec<u8>> {
    ["out.iso", "out.iso.map", "out.iso.json"].iter().map(|name| folder.read(name)).collect()
}

/// Sectors by the serial number of the drive that read them; `None` where another program did.
fn origins(result: &Value) -> Vec<(Option<String>, u64)> {
    let serial = |origin: &Value| origin["drive"]["serial"].as_str().map(Into::into);
    result["origins"].as_array().unwrap().iter().map(|o| (serial(o), o["sectors"].as_u64().unwrap())).collect()
}

/// The sectors that a recorded run asked for, but for those that a disc is recognised by.
fn reads(folder: &Folder, record: &str) -> usize {
    folder.recorded(record).iter().filter(|line| line["cdb"].as_str().is_some_and(|cdb| cdb.starts_with("28"))).count()
}

#[test]
fn two_damaged_copies_in_two_drives_are_a_whole_image_with_the_wrong_disc_in_between() {
    let (folder, image) = begun(1);
    folder.write("wrong.iso", disc(2, SECTORS));
    let before = files(&folder);
    folder.ends(5, &["emulated:wrong.iso,serial=SECOND", "out.iso"]).must_say("another disc");
    assert!(files(&folder) == before, "the wrong disc left something");
    let ran = folder.ends(0, &[SECOND, "out.iso"]);
    ran.must_say("48 sectors that another drive gave up are tried with this one");
    ran.must_say("(serial FIRST): 4048; DISCSMTH Emulated drive (serial SECOND): 48");
    folder.must_hold("out.iso", &image, &[]);
    folder.map_must_say("out.iso.map", &[], SECTORS);
    folder.witness("cmp", &["disc.iso", "out.iso"]);
    let status = folder.ends(0, &["--status", "out.iso"]).out();
    assert!(status.contains("(serial FIRST): 4048;") && status.contains("(serial SECOND): 48"), "{status}");
    let (_, standing) = folder.json(0, &["--status", "out.iso"]);
    assert_eq!(origins(&standing), [(Some("FIRST".into()), 4048), (Some("SECOND".into()), 48)]);
}

#[test]
fn the_drive_that_gave_a_sector_up_asks_for_it_no_more_and_each_other_one_does_once() {
    let (folder, image) = begun(3);
    let before = files(&folder);
    folder.ends(3, &[FIRST, "out.iso", "--record", "again"]).must_say("finished before");
    assert_eq!(reads(&folder, "again"), 0, "the disc was read");
    assert!(files(&folder) == before);
    // Another drive, and the same copy: it can't do better.
    let other = "emulated:disc.iso,damage=here,serial=OTHER";
    folder.ends(3, &[other, "out.iso"]).must_say("48 sectors that another drive gave up");
    folder.must_hold("out.iso", &image, &HERE);
    folder.map_must_say("out.iso.map", &HERE, SECTORS);
    let before = files(&folder);
    for drive in [other, FIRST] {
        folder.ends(3, &[drive, "out.iso"]).must_say("finished before");
    }
    assert!(files(&folder) == before);
    // The other copy in the first drive: that it is another one no drive can tell.
    folder.ends(0, &["emulated:copy.iso,damage=there,serial=FIRST", "out.iso", "--retries", "1"]);
    folder.must_hold("out.iso", &image, &[]);
}

#[test]
fn what_a_limit_left_of_the_other_drives_sectors_the_same_command_goes_on_with() {
    let (folder, image) = begun(4);
    folder.write("both", mapfile(&[(520, 5), (2000, 300)], '-', SECTORS));
    let drive = "emulated:copy.iso,damage=both,serial=SECOND";
    folder.ends(7, &[drive, "out.iso", "--max-errors", "1"]);
    let (_, standing) = folder.json(7, &["--status", "out.iso"]);
    let sum: u64 = origins(&standing).iter().map(|(_, sectors)| sectors).sum();
    assert_eq!(standing["good"], sum, "a sector without an origin");
    folder.ends(3, &[drive, "out.iso"]);
    folder.must_hold("out.iso", &image, &[(520, 5)]);
    folder.map_must_say("out.iso.map", &[(520, 5)], SECTORS);
    folder.ends(3, &[drive, "out.iso"]).must_say("finished before");
}

#[test]
fn in_a_range_only_its_sectors_are_tried_with_the_other_drive() {
    let (folder, image) = begun(5);
    folder.ends(3, &[SECOND, "out.iso", "--range", "2900+200"]).must_say("2 sectors that another drive gave up");
    let left: Places = vec![HERE[0], HERE[2]];
    folder.must_hold("out.iso", &image, &left);
    folder.map_must_say("out.iso.map", &left, SECTORS);
    folder.ends(3, &[SECOND, "out.iso", "--range", "0+100"]).must_say("--range has nothing to read");
    folder.ends(0, &[SECOND, "out.iso"]);
    folder.ends(0, &[SECOND, "out.iso", "--range", "0+100"]).must_say("--range has nothing to read");
}

#[test]
fn a_look_says_what_the_other_drive_would_try_and_changes_nothing() {
    let (folder, _) = begun(6);
    let before = files(&folder);
    folder.ends(0, &[SECOND, "out.iso", "-n"]).must_say("48 of 4096 sectors to read");
    assert!(files(&folder) == before);
}

#[test]
fn what_another_program_filled_is_told_apart() {
    if !installed("ddrescue") {
        return;
    }
    let (folder, image) = begun(7);
    folder.witness("ddrescue", &["-q", "-b2048", "-r1", "-i1024000", "-s81920", "copy.iso", "out.iso", "out.iso.map"]);
    let (_, result) = folder.json(0, &[SECOND, "out.iso"]);
    assert_eq!(origins(&result), [(Some("FIRST".into()), 4048), (Some("SECOND".into()), 8), (None, 40)]);
    folder.must_hold("out.iso", &image, &[]);
    assert!(folder.ends(0, &["--status", "out.iso"]).out().contains("another program: 40"));
}

#[test]
fn a_copy_on_another_kind_of_disc_is_the_same_disc() {
    let (folder, image) = begun(8);
    // The burnt copy of a pressed CD, written track-at-once: two blocks longer, and they are none.
    folder.write("copy.iso", [&image[..], &[0; 2 * 2048]].concat());
    folder.ends(0, &["emulated:copy.iso,profile=cd-r,layout=tao@0+4098,serial=SECOND", "out.iso"]);
    folder.must_hold("out.iso", &image, &[]);
}

/// Refused: nothing is changed, and these sectors are named.
#[track_caller]
fn refused(folder: &Folder, says: &[&str]) -> Ran {
    let before = files(folder);
    let ran =
        folder.ends(5, &["emulated:other.iso,serial=SECOND", "out.iso", "--retries", "1", "--record", "commands", "--same-disc"]);
    says.iter().for_each(|what| ran.must_say(what));
    assert!(files(folder) == before, "another pressing left something");
    ran
}

#[test]
fn another_pressing_is_refused_with_the_sectors_that_show_it() {
    let (folder, image) = begun(9);
    // One file of it is another edition: 200 sectors, between which the samples of every 128th lie.
    let mut other = image.clone();
    other[1000 * 2048..1200 * 2048].copy_from_slice(&disc(10, SECTORS)[1000 * 2048..1200 * 2048]);
    folder.write("other.iso", &other);
    let ran = refused(&folder, &["are equal: it may be another pressing or edition", "LBA 1"]);
    let named = ran.stderr.split("(LBA ").nth(1).and_then(|rest| rest.split(')').next()).unwrap();
    for lba in named.split(", ").map(|lba| lba.parse::<usize>().unwrap()) {
        let sector = lba * 2048..(lba + 1) * 2048;
        assert!(image[sector.clone()] != other[sector], "sector {lba} does not differ: {ran}");
    }
    assert!(reads(&folder, "commands") < 100, "the disc was asked for too much");
}

#[test]
fn a_pressing_that_differs_beside_a_hole_alone_is_refused() {
    let (folder, image) = begun(11);
    // The last sectors before the hole, and the first ones behind it; neither is where samples lie anyway.
    for lba in [499, 540] {
        let mut other = image.clone();
        other[(lba - 3) * 2048..(lba + 4) * 2048].fill(0x55);
        folder.write("other.iso", &other);
        refused(&folder, &["differs in 1 of", &format!("(LBA {}", lba / 10), "another pressing"]);
        folder.remove(&["commands"]);
    }
}

#[test]
fn a_disc_that_is_altogether_another_one_is_not_asked_for_much() {
    let (folder, image) = begun(12);
    let mut other = disc(13, SECTORS);
    other[..32 * 2048].copy_from_slice(&image[..32 * 2048]);
    folder.write("other.iso", other);
    let ran = refused(&folder, &["differs in 8 of", "LBA "]);
    assert!(!ran.stderr.contains("edition"), "{ran}");
    assert!(reads(&folder, "commands") < 20, "the disc was asked for too much");
}

#[test]
fn one_equal_sector_is_no_proof_where_those_read_last_are_dead() {
    let folder = Folder::new();
    let mut image = disc(14, SECTORS);
    image[..2048].fill(0x11);
    folder.write("disc.iso", &image);
    // 140 sectors were read. Of those that tell, only the first one can be read now: a series of discs shares it.
    folder.write("out.iso", &image[..140 * 2048]);
    let map = mapfile(&[(140, SECTORS - 140)], '?', SECTORS);
    folder.write("out.iso.map", &map);
    let mut other = disc(15, SECTORS);
    other[..2048].fill(0x11);
    folder.write("other.iso", other);
    folder.write("damage", mapfile(&[(16, 16), (120, 20)], '-', SECTORS));
    folder.ends(5, &["emulated:other.iso,damage=damage", "out.iso"]).must_say("--same-disc");
    assert_eq!(folder.text("out.iso.map"), map);
}

#[test]
fn two_drives_are_told_apart_by_their_serial_numbers() {
    let (folder, _) = begun(16);
    let (events, _) = folder.json(0, &[SECOND, "out.iso"]);
    let drive = events.iter().find(|event| event["event"] == "drive").unwrap();
    assert_eq!((&drive["serial"], &drive["product"]), (&"SECOND".into(), &"Emulated drive".into()));
    assert!(told(&events).contains("another drive"), "{events:?}");
}
