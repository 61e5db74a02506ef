//! What systems act on behind the image: named, and with --wipe-signatures made zero.

use crate::common::Folder;
use crate::sticks::{MIB, noise, spans};

/// A stick with a GPT for the whole of it, and a shorter image. `None` without sgdisk.
fn prepared() -> Option<Folder> {
    let folder = Folder::new();
    let mut image = noise(1, 2 * MIB);
    // No table of its own: what is found is what was left behind.
    image[..MIB].fill(0);
    image[0] = 0xeb;
    folder.write("a.img", image);
    folder.shell("truncate -s 16M stick");
    folder.witness("sgdisk", &["-n", "1:2048:0", "stick"])?;
    Some(folder)
}

/// The superblock of md 0.90, at its place on the medium.
fn md(stick: &mut [u8]) -> usize {
    let at = (stick.len() & !0xFFFF) - 0x1_0000;
    stick[at..at + 12].copy_from_slice(&[0xFC, 0x4E, 0x2B, 0xA9, 0, 0, 0, 0, 90, 0, 0, 0]);
    at
}

#[test]
fn what_is_left_behind_is_named_and_wiped_when_that_was_said() {
    let Some(folder) = prepared() else { return };
    let mut stick = folder.read("stick");
    let at = md(&mut stick) as u64;
    folder.write("stick", &stick);
    let before = "backup GPT at byte";
    folder.flash(0, &["-y", "a.img", "emulated:stick", "--expect", "size=16M"]).must_say("--wipe-signatures makes it zero");
    let seen = folder.witness("wipefs", &["-n", "stick"]).map(|ran| ran.out());
    assert!(seen.as_ref().is_none_or(|seen| seen.contains("gpt") && seen.contains("linux_raid_member")), "{seen:?}");

    folder.write("stick", &stick);
    let args = ["-y", "a.img", "emulated:stick", "--expect", "size=16M", "--wipe-signatures"];
    let (_, result) = folder.flash_json(0, &args);
    assert_eq!(spans(&result, "wiped"), [(at, 4096), (16 * MIB as u64 - 512, 512)]);
    folder.must_be_equal("a.img", "stick");
    let seen = folder.witness("wipefs", &["-n", "stick"]).map(|ran| ran.out());
    assert!(seen.as_ref().is_none_or(|seen| seen.trim().is_empty()), "{seen:?}");
    folder.flash(0, &args).must_not_say(before);
    // Nothing else behind the image was touched.
    let after = folder.read("stick");
    let changed: Vec<usize> = (2 * MIB..16 * MIB).filter(|at| after[*at] != stick[*at]).map(|at| at / 512).collect();
    assert!(changed.iter().all(|sector| [at as usize / 512, 16 * MIB / 512 - 1].contains(sector)), "{changed:?}");
}

#[test]
fn the_backup_of_the_images_own_gpt_takes_the_place_of_the_old_one() {
    let Some(folder) = prepared() else { return };
    folder.shell("truncate -s 4M b.img");
    folder.witness("sgdisk", &["-n", "1:2048:0", "b.img"]);
    let ran = folder.flash(0, &["-y", "b.img", "emulated:stick", "--wipe-signatures", "--fix-gpt"]);
    ran.must_say("the backup GPT is at the end of the medium");
    let said = folder.witness("sgdisk", &["-v", "stick"]).unwrap().out();
    assert!(said.contains("No problems found"), "{said}");
}

#[test]
fn what_can_not_be_wiped_fails_and_leaves_nothing_that_boots() {
    let Some(folder) = prepared() else { return };
    folder.flash(1, &["-y", "a.img", "emulated:stick,eio=16776704+512@w", "--wipe-signatures"]);
    folder.head_must_be_zero("stick");
    // Only what is behind the image, and only what was there before.
    let Some(folder) = prepared() else { return };
    folder.write("c.img", noise(3, 16 * MIB));
    let (_, result) = folder.flash_json(0, &["-y", "c.img", "emulated:stick", "--wipe-signatures"]);
    assert_eq!(spans(&result, "wiped"), []);
    folder.must_be_equal("c.img", "stick");
}
