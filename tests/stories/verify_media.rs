//! A medium against its image: what differs, what can't be read, what is too short.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::common::{Dice, Folder, ISOVERIFY, SECTOR, disc, listening, mapfile, volume, wait};
use crate::sticks::{Loop, can_loop, turn};

/// Offset and length of each place of a result.
pub fn places(result: &Value, key: &str) -> Vec<(u64, u64)> {
    let places = result[key].as_array().unwrap_or_else(|| panic!("no {key} in {result}"));
    places.iter().map(|place| (place["offset"].as_u64().unwrap(), place["length"].as_u64().unwrap())).collect()
}

/// The sectors of `sector` bytes that hold these bytes, neighbours joined, the last one cut at `end`.
fn sectors_of(mut bytes: Vec<u64>, sector: u64, end: u64) -> Vec<(u64, u64)> {
    bytes.sort_unstable();
    let mut places: Vec<(u64, u64)> = Vec::new();
    for at in bytes.iter().map(|byte| byte / sector * sector) {
        match places.last_mut() {
            Some((first, length)) if *first + *length > at => {}
            Some((first, length)) if *first + *length == at => *length += sector.min(end - at),
            _ => places.push((at, sector.min(end - at))),
        }
    }
    places
}

/// An image that is no multiple of anything, and a stick that holds it and more.
fn folder(seed: u64) -> (Folder, Vec<u8>) {
    let folder = Folder::new();
    let mut image = disc(seed, 5000);
    image.extend_from_slice(b"a last sector that is not full");
    let mut stick = image.clone();
    stick.resize(12 << 20, 0x5a);
    folder.write("a.iso", &image);
    folder.write("stick", stick);
    (folder, image)
}

#[test]
fn a_medium_that_is_longer_is_the_same_and_its_first_bytes_have_the_images_digest() {
    let (folder, _) = folder(1);
    let ran = folder.verify(0, &["a.iso", "emulated:stick,readonly"]);
    ran.must_say("same    emulated:stick,readonly: 10.2 MB equal a.iso");
    folder.write("SUMS", &ran.stdout);
    folder.witness("sha256sum", &["-c", "SUMS"]);
    let result = folder.verify_json(0, &["a.iso", "stick", "--digest", "md5"]);
    assert_eq!((&result["identical"], &result["bytes"]), (&Value::from(true), &Value::from(5000 * SECTOR + 30)));
    let md5 = folder.witness("md5sum", &["a.iso"]).map(|sum| sum.out()[..32].to_string());
    assert_eq!(result["digests"]["md5"].as_str(), md5.as_deref());
}

#[test]
fn every_sector_that_differs_is_named_and_no_other() {
    for seed in 0..6 {
        let (folder, image) = folder(seed);
        let mut dice = Dice(seed ^ 0xd1ff);
        let mut bytes: Vec<u64> = (0..40).map(|_| u64::from(dice.below(image.len() as u32))).collect();
        // The edges of chunks and of the image, and what lies past it.
        bytes.extend([0, (4 << 20) - 1, 4 << 20, 8 << 20, image.len() as u64 - 1]);
        let mut stick = folder.read("stick");
        for at in bytes.iter().copied().chain([image.len() as u64]) {
            stick[at as usize] = !image.get(at as usize).copied().unwrap_or(0);
        }
        folder.write("stick", stick);
        for (operand, sector) in [("stick", 512), ("emulated:stick,readonly", 512), ("emulated:stick,readonly,sector=4096", 4096)]
        {
            let result = folder.verify_json(4, &["a.iso", operand]);
            assert_eq!(places(&result, "differences"), sectors_of(bytes.clone(), sector, image.len() as u64), "{operand}");
            assert_eq!(result["identical"], false);
        }
        let text = folder.verify(4, &["a.iso", "stick"]);
        text.must_say("more places");
        assert!(!text.stderr.contains("same") && text.out().contains("SHA256 (stick)"), "{text}");
        // cmp counts from 1.
        let cmp = folder.command("cmp", &["-l", "-n", &image.len().to_string(), "a.iso", "stick"]).output().unwrap();
        let listed: Vec<u64> = String::from_utf8(cmp.stdout)
            .unwrap()
            .lines()
            .map(|line| line.split_whitespace().next().unwrap().parse::<u64>().unwrap() - 1)
            .collect();
        bytes.sort_unstable();
        bytes.dedup();
        assert_eq!(listed, bytes);
    }
}

#[test]
fn a_medium_that_is_too_short_is_different_and_both_sizes_are_told() {
    let (folder, image) = folder(3);
    for length in [image.len() - 1, 4 << 20, 1] {
        folder.write("short", &image[..length]);
        let ran = folder.verify(4, &["a.iso", "short"]);
        ran.must_say(&format!("short is too short: it has {length} bytes, and a.iso has {}", image.len()));
        assert!(!ran.stderr.contains("same"), "{ran}");
    }
    folder.write("short", "");
    folder.verify(4, &["a.iso", "short"]);
    // From a pipe, whose length shows only at the end.
    let ran = folder.shell(&format!("cat stick | {ISOVERIFY} - a.iso"));
    ran.must_be(4);
    ran.must_say("too short");
    folder.shell(&format!("cat a.iso | {ISOVERIFY} - stick")).must_be(0);
}

#[test]
fn what_a_damaged_disc_does_not_give_is_named_and_the_rest_compared() {
    let folder = Folder::new();
    let image = disc(4, 5000);
    folder.write("a.iso", &image);
    let dead = [(17, 2), (2047, 3), (4999, 1)];
    folder.write("damage.map", mapfile(&dead, '-', 5000));
    let bytes = dead.map(|(first, count)| (u64::from(first) * SECTOR as u64, u64::from(count) * SECTOR as u64));
    let drive = "emulated:a.iso,profile=cd-rom,damage=damage.map";
    let result = folder.verify_json(3, &["a.iso", drive]);
    assert_eq!((places(&result, "unreadable"), places(&result, "differences")), (bytes.to_vec(), vec![]));
    folder.verify(3, &["a.iso", drive]).must_say("partly");
    let mut other = image;
    other[2000 * SECTOR + 5] ^= 1;
    other[17 * SECTOR] ^= 1;
    folder.write("b.iso", other);
    let result = folder.verify_json(4, &["b.iso", drive]);
    assert_eq!(places(&result, "differences"), [(2000 * SECTOR as u64, SECTOR as u64)]);
    assert_eq!(places(&result, "unreadable"), bytes);
}

#[test]
fn holes_of_an_image_are_not_compared_and_said() {
    let folder = Folder::new();
    let image = disc(5, 3000);
    folder.write("disc.iso", &image);
    folder.write("damage.map", mapfile(&[(100, 3), (2990, 10)], '-', 3000));
    folder.ends(3, &["emulated:disc.iso,profile=cd-rom,damage=damage.map", "out.iso"]);
    let result = folder.verify_json(3, &["out.iso", "emulated:disc.iso,profile=cd-rom"]);
    assert_eq!(places(&result, "holes"), [(100 * 2048, 3 * 2048), (2990 * 2048, 10 * 2048)]);
    assert!(places(&result, "differences").is_empty());
    // The map alone makes them holes: without it they are zeros that differ.
    folder.remove(&["out.iso.map"]);
    let result = folder.verify_json(4, &["out.iso", "emulated:disc.iso,profile=cd-rom"]);
    assert!(!places(&result, "differences").is_empty());
    // A hole that begins within a sector.
    let mut other = image;
    for at in [1000, 1500, 2000] {
        other[at] ^= 1;
    }
    folder.write("other.iso", other);
    folder.write("other.iso.map", "0 +\n0 1400 +\n1400 300 ?\n1700 6142300 +\n");
    let result = folder.verify_json(4, &["other.iso", "disc.iso"]);
    assert_eq!(places(&result, "differences"), [(512, 512), (1700, 348)]);
    for (map, status) in [("0 ?\n0 6144000 ?\n", 5), ("0 ?\n", 5), ("what?", 5)] {
        folder.write("other.iso.map", map);
        folder.verify(status, &["other.iso", "disc.iso"]);
    }
}

#[test]
fn parts_of_a_disc_that_are_no_data_are_what_they_are_in_its_image() {
    let folder = Folder::new();
    let mut image = disc(6, 3000);
    // Written track-at-once: the last two blocks are none of the file system's.
    volume(&mut image, 0, "STORY", 2998);
    folder.write("disc.iso", image);
    for layout in ["data@0+1000:audio@1000+1000:data@2000+1000", "data@0+1200::data@2000+1000", "tao@0+3000"] {
        let drive = format!("emulated:disc.iso,profile=cd-r,layout={layout}");
        folder.ends(0, &["-q", &drive, "out.iso"]);
        let ran = folder.verify(0, &["out.iso", &drive]);
        ran.must_say("same");
        folder.shell("rm out.iso*").must_be(0);
    }
}

#[test]
fn nothing_is_compared_with_itself_and_nothing_with_nothing() {
    let (folder, _) = folder(7);
    fs::hard_link(folder.path("a.iso"), folder.path("hard")).unwrap();
    std::os::unix::fs::symlink("a.iso", folder.path("link")).unwrap();
    for medium in ["a.iso", "./a.iso", "hard", "link"] {
        folder.verify(5, &["a.iso", medium]).must_say("with itself");
    }
    folder.shell(&format!("{ISOVERIFY} - a.iso < hard")).must_be(5);
    folder.write("empty", "");
    for args in [&["empty", "stick"][..], &["empty", "--again"], &["stick", "--size", "0", "--again"]] {
        let ran = folder.verify(5, args);
        ran.must_say("nothing to compare");
        assert!(!ran.stderr.contains("same") && ran.stdout.is_empty(), "{ran}");
    }
    let ran = folder.shell(&format!("{ISOVERIFY} - stick < /dev/null"));
    ran.must_be(5);
    assert!(!ran.stderr.contains("same") && ran.stdout.is_empty(), "{ran}");
}

#[test]
fn what_is_missing_or_none_of_this_programs_business_is_told_by_status() {
    let (folder, _) = folder(8);
    folder.verify(2, &[]).must_say("try: isoverify");
    folder.verify(2, &["stick"]).must_say("--checksum");
    folder.verify(1, &["no.iso", "stick"]).must_say("looking for no.iso");
    folder.verify(1, &["a.iso", "nothing"]).must_say("looking for nothing");
    folder.verify(1, &["nothing"]);
    folder.verify(2, &[".", "stick"]);
    folder.verify(5, &["a.iso", "."]);
    folder.verify(5, &["a.iso", "/dev/null"]);
    folder.verify(2, &["emulated:stick", "a.iso"]).must_say("image comes first");
    folder.verify(2, &["a.iso", "emulated:stick,nonsense"]);
    folder.verify(7, &["a.iso", "emulated:stick,readonly,gone-after=0"]).must_say("gone");
    folder.write("faults", "any * sense=2/3a/00\n");
    folder.verify(7, &["a.iso", "emulated:a.iso,profile=cd-rom,faults=faults"]).must_say("put the disc in");
    let result = folder.verify_json(1, &["a.iso", "nothing"]);
    assert!(result["reasons"][0].as_str().unwrap().contains("looking for nothing"));
}

#[test]
fn a_loop_device_is_read_past_the_page_cache_and_never_the_image_itself() {
    if !can_loop() {
        return;
    }
    let (_turn, (folder, image)) = (turn(), folder(9));
    let Some(device) = Loop::of(&folder, "stick", &["-r"]) else { return };
    folder.verify(0, &["a.iso", &device.node]).must_say("same");
    folder.verify(5, &["stick", &device.node]).must_say("with itself");
    folder.verify(2, &[&device.node, "a.iso"]);
    let mut bytes = image[5_000_000..5_000_001].to_vec();
    bytes[0] ^= 1;
    // Past the page cache of the device, which would still have the old byte.
    let mut stick = fs::File::options().write(true).open(folder.path("stick")).unwrap();
    std::io::Seek::seek(&mut stick, std::io::SeekFrom::Start(5_000_000)).unwrap();
    stick.write_all(&bytes).unwrap();
    stick.sync_all().unwrap();
    let result = folder.verify_json(4, &["a.iso", &device.node]);
    assert_eq!(places(&result, "differences"), [(5_000_000 / 512 * 512, 512)]);
    let Some(other) = Loop::of(&folder, "a.iso", &["-r"]) else { return };
    // The device has whole sectors only; its file ends within one.
    folder.verify(4, &["stick", &other.node]).must_say("too short");
    // A name that is gone hides nothing.
    fs::hard_link(folder.path("stick"), folder.path("hard")).unwrap();
    let Some(hard) = Loop::of(&folder, "hard", &["-r"]) else { return };
    fs::remove_file(folder.path("hard")).unwrap();
    folder.verify(5, &["stick", &hard.node]).must_say("with itself");
}

#[test]
fn a_signal_ends_it_at_once_and_by_that_signal() {
    let folder = Folder::new();
    folder.write("a.iso", disc(10, 30_000));
    let drive = "emulated:a.iso,profile=cd-rom,clock=real";
    for signal in ["INT", "TERM"] {
        let args = ["a.iso", drive, "--json", "--progress", "none"];
        let child = folder.command(ISOVERIFY, &args).stdin(Stdio::null()).spawn().unwrap();
        listening(&child);
        Command::new("kill").args(["-USR1", &child.id().to_string()]).status().unwrap();
        std::thread::sleep(Duration::from_millis(300));
        Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
        let ran = wait(child, &args.join(" "));
        ran.must_die_by(if signal == "INT" { 2 } else { 15 });
        let result = ran.events().pop().unwrap();
        assert_eq!((&result["status"], &result["event"]), (&Value::from(7), &Value::from("result")), "{ran}");
        assert_ne!(result["identical"], true);
        assert!(ran.stderr.contains("read"), "USR1 says where it stands: {ran}");
    }
    // Also while a pipe waits for its writer.
    folder.shell("mkfifo pipe").must_be(0);
    let child = folder.command(ISOVERIFY, &["pipe", "a.iso"]).spawn().unwrap();
    listening(&child);
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    wait(child, "pipe").must_die_by(2);
    folder.shell(&format!("cat a.iso > pipe & {ISOVERIFY} pipe a.iso")).must_be(0);
}
