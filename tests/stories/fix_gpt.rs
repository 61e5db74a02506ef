//! The backup GPT of an image belongs at the end of the stick: put there, verified, and known to isoverify.

use serde_json::Value;

use crate::common::Folder;
use crate::sticks::{Loop, MIB, can_loop, noise, spans, turn};

/// An image with a GPT, and a larger stick that holds something else. `None` without sgdisk.
fn prepared() -> Option<Folder> {
    let folder = Folder::new();
    let mut image = noise(1, 8 * MIB);
    image[..34 * 512].fill(0);
    folder.write("a.img", image);
    folder.witness("sgdisk", &["-n", "1:2048:+2M", "-t", "1:ef00", "-n", "2:0:0", "a.img"])?;
    folder.write("stick", noise(99, 20 * MIB));
    Some(folder)
}

/// sgdisk and sfdisk find nothing wrong.
fn must_be_sound(folder: &Folder, name: &str) {
    let ran = folder.witness("sgdisk", &["-v", name]).unwrap();
    assert!(ran.out().contains("No problems found"), "{ran}");
    if let Some(ran) = folder.witness("sfdisk", &["--verify", name]) {
        assert!(!ran.stderr.contains("corrupt") && !ran.stderr.contains("mismatch"), "{ran}");
    }
}

#[test]
fn the_backup_lies_at_the_end_and_is_what_sgdisk_would_write() {
    let Some(folder) = prepared() else { return };
    let (_, result) = folder.flash_json(0, &["-y", "a.img", "emulated:stick", "--fix-gpt"]);
    let end = 20 * MIB as u64;
    assert_eq!(result["gpt"], serde_json::json!({"array": end - 33 * 512, "header": end - 512}));
    must_be_sound(&folder, "stick");
    folder.shell("cp a.img theirs; truncate -s 20M theirs").must_be(0);
    folder.witness("sgdisk", &["-e", "theirs"]);
    let (ours, theirs) = (folder.read("stick"), folder.read("theirs"));
    assert!(ours[..8 * MIB] == theirs[..8 * MIB] && ours[20 * MIB - 33 * 512..] == theirs[20 * MIB - 33 * 512..]);
    assert!(ours[8 * MIB..20 * MIB - 33 * 512] == noise(99, 20 * MIB)[8 * MIB..20 * MIB - 33 * 512], "what lies between stays");
    // The digest is that of the image, and says so.
    let ran = folder.flash(0, &["-y", "a.img", "emulated:stick", "--fix-gpt"]);
    assert!(ran.out().contains("its GPT taken as the image has it"), "{ran}");
    folder.write("SUMS", ran.out());
    folder.witness("sha256sum", &["-c", "SUMS"]);
    // Without --fix-gpt nothing of that.
    let (_, result) = folder.flash_json(0, &["-y", "a.img", "emulated:stick"]);
    assert_eq!(result["gpt"], Value::Null);
    folder.must_be_equal("a.img", "stick");
}

#[test]
fn isoverify_knows_a_moved_gpt_and_nothing_else() {
    let Some(folder) = prepared() else { return };
    folder.flash(0, &["-y", "a.img", "emulated:stick", "--fix-gpt"]);
    let moved = "the backup GPT of";
    let sum = folder.witness("sha256sum", &["a.img"]).unwrap().out()[..64].to_string();
    for medium in ["emulated:stick", "stick"] {
        let ran = folder.verify(0, &["a.img", medium, "--checksum", &format!("sha256:{sum}")]);
        ran.must_say(moved);
        assert!(ran.out().contains("its GPT taken as the image has it"), "{ran}");
    }
    // By sgdisk, on an image's copy that became longer.
    folder.shell("cp a.img theirs; truncate -s 30M theirs; sgdisk -e theirs").must_be(0);
    folder.verify(0, &["a.img", "theirs"]).must_say(moved);
    let good = folder.read("stick");
    // Each part of it, and everything else.
    for at in [450, 512 + 32, 20 * MIB - 33 * 512 + 5, 20 * MIB - 512 + 24] {
        let mut hurt = good.clone();
        hurt[at] ^= 1;
        folder.write("stick", hurt);
        let ran = folder.verify(4, &["a.img", "emulated:stick"]);
        assert!(!ran.stderr.contains(moved), "byte {at}: {ran}");
    }
    let mut hurt = good;
    hurt[3 * MIB] ^= 1;
    folder.write("stick", hurt);
    let result = folder.verify_json(4, &["a.img", "emulated:stick"]);
    assert_eq!(spans(&result, "differences"), [(3 << 20, 512)]);
}

#[test]
fn what_can_not_be_moved_is_refused_before_anything_is_written() {
    let Some(folder) = prepared() else { return };
    let before = folder.read("stick");
    let refused = |args: &[&str], says: &str| {
        folder.flash(5, &[args, &["-y", "--fix-gpt"]].concat()).must_say(says);
        assert!(folder.read("stick") == before, "{args:?}");
    };
    refused(&["a.img", "emulated:stick,sector=4096"], "sectors of 512 bytes, and the medium has sectors of 4096");
    folder.write("tight", noise(99, 8 * MIB + 512));
    folder.flash(5, &["a.img", "emulated:tight", "-y", "--fix-gpt"]).must_say("the image goes on to byte");
    let mut hurt = folder.read("a.img");
    hurt[600] ^= 1;
    folder.write("hurt.img", hurt);
    refused(&["hurt.img", "emulated:stick"], "its GPT is damaged");
    let ran = folder.shell(&format!("{} -y - emulated:stick --fix-gpt <hurt.img", crate::sticks::ISOFLASH));
    ran.must_be(5);
    assert!(folder.read("stick") == before);
    // Where nothing is to be done, it is said.
    folder.write("b.iso", noise(2, MIB));
    folder.flash(0, &["-y", "b.iso", "emulated:stick", "--fix-gpt"]).must_say("it has no GPT; nothing was to be done");
    folder.flash(0, &["a.img", "new.img", "--fix-gpt"]).must_say("nothing was to be done");
    folder.witness("cmp", &["a.img", "new.img"]);
}

#[test]
fn streams_block_maps_and_devices_get_it_too() {
    let Some(folder) = prepared() else { return };
    let ran = folder.shell(&format!("cat a.img | {} -y - emulated:stick --fix-gpt", crate::sticks::ISOFLASH));
    ran.must_be(0);
    must_be_sound(&folder, "stick");
    if folder.witness("bmaptool", &["-q", "create", "-o", "a.img.bmap", "a.img"]).is_some() {
        folder.write("stick", noise(99, 20 * MIB));
        folder.flash(0, &["-y", "a.img", "emulated:stick", "--fix-gpt", "--bmap"]);
        must_be_sound(&folder, "stick");
    }
    if !can_loop() {
        return;
    }
    let _turn = turn();
    folder.write("d.img", noise(99, 20 * MIB));
    let Some(device) = Loop::of(&folder, "d.img", &[]) else { return };
    folder.flash(0, &["-y", "a.img", &device.node, "--fix-gpt"]);
    must_be_sound(&folder, &device.node);
    folder.verify(0, &["a.img", &device.node]).must_say("count as the image's");
}

#[test]
fn a_stick_that_does_not_keep_it_does_not_boot() {
    let Some(folder) = prepared() else { return };
    for stick in ["emulated:stick,real=15M,drop", "emulated:stick,flip=20971000", "emulated:stick,real=15M,wrap"] {
        folder.flash(4, &["-y", "a.img", stick, "--fix-gpt"]);
        folder.head_must_be_zero("stick");
    }
    folder.flash(1, &["-y", "a.img", "emulated:stick,eio=20970496+512@w", "--fix-gpt"]);
    folder.head_must_be_zero("stick");
}
