//! Bytes that need not be sent: those that the stick holds already, and zeros that it can make by itself.

use std::os::unix::fs::MetadataExt;

use crate::common::{Folder, told};
use crate::sticks::{HEAD, Loop, MIB, can_loop, noise, spans, turn};

/// Bytes that are compared at once.
const UNIT: usize = 64 << 10;

/// An image, and a stick that holds it but for these bytes; behind it lies something else.
fn nearly(image: &[u8], other: &[usize], stick: usize) -> Folder {
    let folder = Folder::new();
    folder.write("a.iso", image);
    let mut held = noise(999, stick);
    held[..image.len()].copy_from_slice(image);
    other.iter().for_each(|at| held[*at] ^= 0x10);
    folder.write("s.img", held);
    folder
}

#[test]
fn only_what_differs_is_written() {
    let image = noise(1, 21 * MIB + 77);
    // Two in one unit, one at the end of a chunk, one in the last sector.
    let other = [5 * MIB + 3, 5 * MIB + 900, 8 * MIB - 1, 21 * MIB + 76];
    let folder = nearly(&image, &other, 24 * MIB);
    // A stick that is gone once it took more: the first MiB three times (zero twice), and the units. What comes last is less than a unit.
    let most = 3 * HEAD + 2 * UNIT + 512;
    let (_, result) = folder.flash_json(0, &["-y", "--delta", "a.iso", &format!("emulated:s.img,gone-after={}", most + 1)]);
    folder.must_be_equal("a.iso", "s.img");
    assert_eq!(result["written"], HEAD + 2 * UNIT + 512);
    assert_eq!(result["kept"], 20 * MIB + 512 - 2 * UNIT - 512);
    assert_eq!(result["verified"], true);
    // One byte less, and it is gone before the end.
    let folder = nearly(&image, &other, 24 * MIB);
    folder.flash(7, &["-y", "--delta", "a.iso", &format!("emulated:s.img,gone-after={most}")]);
    // Without --delta everything is written.
    let folder = nearly(&image, &other, 24 * MIB);
    folder.flash(7, &["-y", "a.iso", &format!("emulated:s.img,gone-after={}", most + 1)]);
}

#[test]
fn what_can_not_be_read_is_written_and_what_reads_wrong_is_found() {
    let image = noise(2, 13 * MIB);
    let folder = nearly(&image, &[], 16 * MIB);
    // Once it was written this sector reads well, on a real stick; this one stays dead, and is no success.
    folder.flash(1, &["-y", "--delta", "a.iso", "emulated:s.img,eio=9M+512@r"]).must_say("unreadable");
    folder.head_must_be_zero("s.img");
    let folder = nearly(&image, &[], 16 * MIB);
    let (_, result) = folder.flash_json(4, &["-y", "--delta", "a.iso", "emulated:s.img,flip=7M"]);
    assert_eq!(spans(&result, "differences"), [(7 * MIB as u64, 512)]);
    folder.head_must_be_zero("s.img");
}

#[test]
fn a_fake_that_holds_half_is_found_though_little_is_written() {
    for kind in ["wrap", "drop"] {
        let image = noise(3, 14 * MIB);
        let folder = nearly(&image, &[6 * MIB], 16 * MIB);
        folder.flash(4, &["-y", "--delta", "a.iso", &format!("emulated:s.img,real=8M,{kind}")]).must_say("fake");
        folder.head_must_be_zero("s.img");
    }
}

/// Noise, with zeros from one byte up to another.
fn with_zeros(bytes: usize, zeros: &[(usize, usize)]) -> Vec<u8> {
    let mut image = noise(4, bytes);
    zeros.iter().for_each(|(from, to)| image[*from..*to].fill(0));
    image
}

#[test]
fn zeros_are_made_by_the_stick_where_it_can() {
    let image = with_zeros(17 * MIB, &[(2 * MIB, 7 * MIB), (9 * MIB + 5, 9 * MIB + 100_000), (16 * MIB, 17 * MIB)]);
    for (punch, sent) in [("", 17 * MIB), (",punch=honest", 11 * MIB)] {
        let folder = Folder::new();
        folder.write("a.iso", &image);
        folder.write("s.img", noise(999, 20 * MIB));
        let (_, result) = folder.flash_json(0, &["-y", "a.iso", &format!("emulated:s.img{punch}")]);
        folder.must_be_equal("a.iso", "s.img");
        assert_eq!(result["written"], sent, "{punch}");
        let punched: u64 = spans(&result, "punched").iter().map(|(_, length)| length).sum();
        assert_eq!(punched, (17 * MIB - sent) as u64, "{punch}");
    }
}

#[test]
fn a_stick_that_only_says_so_is_found() {
    let folder = Folder::new();
    folder.write("a.iso", with_zeros(9 * MIB, &[(5 * MIB, 6 * MIB)]));
    folder.write("s.img", noise(999, 12 * MIB));
    let (events, result) = folder.flash_json(0, &["-y", "a.iso", "emulated:s.img,punch=ignored"]);
    assert!(told(&events).contains("was to make zeros by itself, and other bytes came back"), "{events:?}");
    assert!(spans(&result, "punched").is_empty() && spans(&result, "repaired").is_empty(), "{result}");
    folder.must_be_equal("a.iso", "s.img");
    // Zeros up to the end: nothing comes back from there on, and it is no fake.
    folder.write("a.iso", with_zeros(9 * MIB, &[(5 * MIB, 9 * MIB)]));
    folder.write("s.img", noise(999, 12 * MIB));
    folder.flash(0, &["-y", "a.iso", "emulated:s.img,punch=ignored"]);
    folder.must_be_equal("a.iso", "s.img");
    // It excuses nothing else.
    folder.write("s.img", noise(999, 12 * MIB));
    folder.flash(4, &["-y", "a.iso", "emulated:s.img,punch=ignored,flip=2M"]);
    folder.head_must_be_zero("s.img");
    for fake in ["wrap", "drop"] {
        folder.write("s.img", noise(999, 12 * MIB));
        folder.flash(4, &["-y", "a.iso", &format!("emulated:s.img,punch=ignored,real=4M,{fake}")]).must_say("fake");
        folder.head_must_be_zero("s.img");
    }
}

#[test]
fn the_kernels_count_of_what_a_disk_was_sent() {
    if !can_loop() {
        return;
    }
    let _turn = turn();
    let image = with_zeros(33 * MIB, &[(4 * MIB, 20 * MIB)]);
    let folder = Folder::new();
    folder.write("a.iso", &image);
    folder.write("d.img", noise(999, 40 * MIB));
    let Some(device) = Loop::of(&folder, "d.img", &[]) else { return };
    let sent = || {
        let name = device.node.rsplit('/').next().unwrap();
        let stat = std::fs::read_to_string(format!("/sys/block/{name}/stat")).unwrap();
        stat.split_whitespace().nth(6).unwrap().parse::<usize>().unwrap() * 512
    };
    let room = || std::fs::metadata(folder.path("d.img")).unwrap().blocks() as usize * 512;
    let before = room();
    folder.flash(0, &["-y", "a.iso", &device.node]);
    folder.witness("cmp", &["-n", &image.len().to_string(), "a.iso", &device.node]);
    // On a loop device they are a hole in its file.
    assert!(room() <= before - 16 * MIB, "zeros were not punched");
    let after = sent();
    let mut other = image;
    other[30 * MIB] ^= 1;
    folder.write("a.iso", &other);
    folder.flash(0, &["-y", "--delta", "a.iso", &device.node]);
    assert_eq!(sent() - after, 3 * HEAD + UNIT);
    folder.witness("cmp", &["-n", &other.len().to_string(), "a.iso", &device.node]);
}
