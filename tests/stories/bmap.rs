//! A block map by bmaptool: only what it maps is written, proved, and compared; and its checksums hold.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};

use serde_json::Value;

use crate::common::{Folder, installed};
use crate::sticks::{HEAD, MIB, noise, spans};

/// What lay on the stick before.
const OLD: u64 = 99;

/// The image's data: place and length. The last byte of the image lies in a hole, and the last range ends within a block.
const DATA: [(usize, usize); 4] = [(0, 5000), (3 * MIB, 300_000), (9 * MIB, 4096), (12 * MIB, 2 * MIB)];

/// An image with holes and its block map, and a stick that holds something else. `None` without bmaptool.
fn prepared(bytes: usize) -> Option<Folder> {
    if !installed("bmaptool") {
        return None;
    }
    let folder = Folder::new();
    let mut image = File::create(folder.path("a.img")).unwrap();
    image.set_len(bytes as u64).unwrap();
    for (seed, (at, length)) in (1..).zip(DATA) {
        image.seek(SeekFrom::Start(at as u64)).unwrap();
        image.write_all(&noise(seed, length)).unwrap();
    }
    image.sync_all().unwrap();
    folder.witness("bmaptool", &["-q", "create", "-o", "a.img.bmap", "a.img"])?;
    folder.write("stick", noise(OLD, 24 * MIB));
    Some(folder)
}

/// The ranges of a block map, as bytes.
fn ranges(folder: &Folder, bytes: usize) -> Vec<(usize, usize)> {
    let text = folder.text("a.img.bmap");
    let inner = |line: &str| line.split_once('>').and_then(|(_, rest)| Some(rest.split_once('<')?.0.trim().to_string()));
    let blocks = text.lines().filter(|line| line.contains("<Range")).filter_map(inner);
    blocks
        .map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((&range, &range));
            let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
            (first * 4096, ((last + 1) * 4096).min(bytes))
        })
        .collect()
}

#[test]
fn only_the_mapped_ranges_are_written_and_verified() {
    let bytes = 16 * MIB + 5;
    for flags in [&["--bmap"][..], &["--bmap=a.img.bmap"], &["--bmap", "--delta"]] {
        let Some(folder) = prepared(bytes) else { return };
        let (_, result) = folder.flash_json(0, &[&["-y", "a.img", "emulated:stick"], flags].concat());
        assert_eq!((&result["verified"], &result["digests"]), (&Value::from(true), &serde_json::json!({})));
        let ranges = ranges(&folder, bytes);
        assert!(ranges.len() == DATA.len(), "{ranges:?}");
        let (mut at, mut mapped, stick, old) = (HEAD, HEAD, folder.read("stick"), noise(OLD, 24 * MIB));
        for &(from, to) in &ranges {
            let (skip, count) = (from.to_string(), (to - from).to_string());
            folder.witness("cmp", &["-i", &skip, "-n", &count, "a.img", "stick"]);
            // What lies between keeps what was there.
            assert!(from <= at || stick[at..from] == old[at..from], "before byte {from}");
            mapped += to.max(HEAD) - from.max(HEAD);
            at = at.max(to);
        }
        // But for the first MiB, and the sector with the last byte: a medium that ends before the image shows it there.
        let end = bytes - bytes % 512;
        assert!(stick[at..end] == old[at..end] && stick[end + 512..] == old[end + 512..]);
        assert!(stick[5000..HEAD].iter().all(|byte| *byte == 0));
        assert_eq!(result["mapped"], mapped + 1);
        // The same ranges as bmaptool writes, by its own word and ours.
        folder.write("theirs", noise(OLD, 24 * MIB));
        folder.witness("bmaptool", &["-q", "copy", "--bmap", "a.img.bmap", "a.img", "theirs"]);
        let theirs = folder.read("theirs");
        assert!(ranges.iter().all(|&(from, to)| theirs[from..to] == stick[from..to]));
        // What it says of the stick, read as an image: every range has its checksum.
        folder.write("cut", &stick[..bytes]);
        folder.witness("bmaptool", &["-q", "copy", "--bmap", "a.img.bmap", "cut", "again"]);
        folder.verify(0, &["--bmap=a.img.bmap", "emulated:stick"]).must_say("mapped ranges only");
        folder.verify(4, &["a.img", "emulated:stick"]);
    }
}

#[test]
fn a_file_gets_the_images_length_and_another_checksum_is_of_the_whole_image() {
    let bytes = 15 * MIB + 700;
    let Some(folder) = prepared(bytes) else { return };
    let sums = folder.witness("sha256sum", &["a.img"]).unwrap();
    folder.write("SUMS", &sums.stdout);
    folder.flash(0, &["a.img", "new.img", "--bmap", "--checksum", "SUMS"]).must_say("mapped ranges only");
    folder.witness("cmp", &["a.img", "new.img"]);
    folder.verify(0, &["--bmap=a.img.bmap", "new.img"]);
    // The block map holds, and the list does not.
    folder.write("SUMS", format!("{}  a.img\n", "0".repeat(64)));
    folder.flash(6, &["-y", "a.img", "emulated:stick", "--bmap", "--checksum", "SUMS"]);
    folder.head_must_be_zero("stick");
}

#[test]
fn it_is_announced_and_used_only_when_that_was_said() {
    let Some(folder) = prepared(14 * MIB) else { return };
    folder.flash(0, &["-y", "a.img", "emulated:stick"]).must_say("a.img.bmap lies beside the image: with --bmap only");
    folder.must_be_equal("a.img", "stick");
    std::fs::rename(folder.path("a.img.bmap"), folder.path("a.bmap")).unwrap();
    folder.flash(0, &["-y", "a.img", "emulated:stick", "--bmap", "-n"]).must_say("as a.bmap maps it");
    folder.verify(0, &["--bmap", "a.img"]);
    folder.remove(&["a.bmap"]);
    folder.flash(1, &["-y", "a.img", "emulated:stick", "--bmap"]).must_say("no block map lies beside a.img");
    folder.flash(2, &["-y", "-", "emulated:stick", "--bmap"]);
    folder.flash(2, &["-y", "a.img", "emulated:stick", "--bmap=x", "--ledger", "l"]);
    folder.flash(2, &["-y", "a.img", "emulated:stick", "--bmap=x", "--digest", "md5"]);
    folder.verify(2, &["a.img", "emulated:stick", "--bmap=a.bmap"]);
}

#[test]
fn an_image_that_is_not_the_one_it_was_made_of_is_found_while_it_is_written() {
    let bytes = 16 * MIB + 5;
    let Some(folder) = prepared(bytes) else { return };
    let image = folder.read("a.img");
    for at in [0, 3 * MIB + 299_999, 14 * MIB - 1] {
        let mut hurt = image.clone();
        hurt[at] ^= 1;
        folder.write("a.img", &hurt);
        folder.flash(6, &["-y", "a.img", "emulated:stick", "--bmap"]).must_say("and the block map says");
        // Nothing was written yet where the first 4 MiB that are read show it.
        if at < 4 * MIB {
            assert!(folder.read("stick") == noise(OLD, 24 * MIB));
        } else {
            folder.head_must_be_zero("stick");
        }
        // What lies between belongs to no checksum.
        folder.verify(4, &["--bmap", "a.img"]).must_say("are not those that the block map tells of");
    }
    folder.write("a.img", &image[..image.len() - 1]);
    folder.flash(6, &["-y", "a.img", "emulated:stick", "--bmap"]).must_say("it is of an image of 16777221 bytes");
    for end in [image.len() - 1, 12 * MIB, 8 * MIB] {
        let pipe = format!("head -c {end} a.img | {} -y - emulated:stick --bmap=a.img.bmap", crate::sticks::ISOFLASH);
        folder.write("a.img", &image);
        let ran = folder.shell(&pipe);
        ran.must_be(6);
        ran.must_not_claim();
        folder.head_must_be_zero("stick");
    }
    let pipe = |more: &str| format!("(cat a.img; {more}) | {} -y - emulated:stick --bmap=a.img.bmap", crate::sticks::ISOFLASH);
    folder.shell(&pipe("printf x")).must_be(6);
    folder.shell(&pipe("true")).must_be(0);
    folder.verify(0, &["--bmap=a.img.bmap", "emulated:stick"]);
    // And a block map that is not what was written.
    let text = folder.text("a.img.bmap");
    folder.write("a.img.bmap", text.replacen("chksum=\"", "chksum=\"0", 1));
    folder.flash(6, &["-y", "a.img", "emulated:stick", "--bmap"]).must_say("its own checksum does not match");
    folder.verify(6, &["--bmap=a.img.bmap", "emulated:stick"]);
    folder.write("a.img.bmap", text.replacen("\"2.0\"", "\"3.0\"", 1));
    folder.flash(5, &["-y", "a.img", "emulated:stick", "--bmap"]).must_say("not known here");
}

#[test]
fn ranges_that_differ_are_named_and_what_lies_between_can_be_anything() {
    let bytes = 16 * MIB + 5;
    let Some(folder) = prepared(bytes) else { return };
    folder.flash(0, &["-y", "a.img", "emulated:stick", "--bmap"]);
    // What lies between is not even read.
    folder.verify(0, &["--bmap=a.img.bmap", "emulated:stick,eio=7M+1M@r"]);
    let mut stick = folder.read("stick");
    stick[7 * MIB] ^= 1;
    stick[9 * MIB + 17] ^= 1;
    folder.write("stick", stick);
    let result = folder.verify_json(4, &["--bmap=a.img.bmap", "emulated:stick"]);
    assert_eq!(spans(&result, "differences"), [(9 << 20, 4096)]);
    assert_eq!((&result["against"], &result["identical"]), (&Value::from("bmap"), &Value::from(false)));
    let result = folder.verify_json(4, &["--bmap=a.img.bmap", "emulated:stick,eio=12M+512@r"]);
    assert_eq!(spans(&result, "holes"), [(12 << 20, 2 << 20)]);
    folder.shell("truncate -s 13M stick");
    folder.verify(4, &["--bmap=a.img.bmap", "emulated:stick"]).must_say("too short");
}

#[test]
fn a_stick_that_flips_a_bit_of_a_mapped_range_does_not_boot_and_one_between_does_not_matter() {
    let Some(folder) = prepared(16 * MIB) else { return };
    folder.flash(0, &["-y", "a.img", "emulated:stick,flip=7M", "--bmap"]);
    let (_, result) = folder.flash_json(4, &["-y", "a.img", "emulated:stick,flip=9437200", "--bmap"]);
    assert_eq!(spans(&result, "differences"), [(9 << 20, 512)]);
    folder.head_must_be_zero("stick");
    // One that loses its end, where the image has a hole.
    folder.flash(4, &["-y", "a.img", "emulated:stick,real=13M,drop", "--bmap"]);
    folder.head_must_be_zero("stick");
}
