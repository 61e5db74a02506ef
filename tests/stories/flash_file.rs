//! A regular file in place of a stick: made anew, replaced only when that was said, and nothing left in the way after a failure.

use std::os::unix::fs::symlink;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::common::{Folder, installed, is_root, skipped};
use crate::sticks::{MIB, Mounted, noise};

fn prepared(bytes: usize) -> Folder {
    let folder = Folder::new();
    folder.write("a.iso", noise(1, bytes));
    folder
}

#[test]
fn a_new_file_is_the_image_and_no_byte_more() {
    for bytes in [1, 511, 2049, MIB, 5 * MIB + 7] {
        let folder = prepared(bytes);
        // Nothing can be lost: nobody is asked.
        let ran = folder.flash(0, &["a.iso", "new.img"]);
        ran.must_say("written and verified");
        folder.witness("cmp", &["a.iso", "new.img"]);
        assert!(folder.read("new.img") == noise(1, bytes), "{bytes}");
    }
}

#[test]
fn a_file_that_is_there_stays_unless_that_was_said() {
    let folder = prepared(2 * MIB);
    folder.write("old.img", "my letters");
    folder.flash(5, &["-y", "a.iso", "old.img"]).must_say("--overwrite-file");
    folder.flash(5, &["a.iso", "old.img", "--overwrite-file"]).must_say("--yes");
    assert_eq!(folder.text("old.img"), "my letters");
    folder.flash(0, &["-y", "a.iso", "old.img", "--overwrite-file"]);
    folder.witness("cmp", &["a.iso", "old.img"]);
    // A longer one is cut.
    folder.write("old.img", noise(2, 5 * MIB));
    folder.flash(0, &["-y", "a.iso", "old.img", "--overwrite-file"]);
    folder.witness("cmp", &["a.iso", "old.img"]);
    // One of a glob's three is the image, one the medium, and the third is too many.
    folder.write("b.img", "mine");
    folder.flash(2, &["-y", "a.iso", "b.img", "old.img", "--overwrite-file"]);
    assert_eq!(folder.text("b.img"), "mine");
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = prepared(MIB);
    std::fs::create_dir(folder.path("folder")).unwrap();
    mkfifo(&folder.path("pipe"), Mode::S_IRWXU).unwrap();
    symlink("nowhere", folder.path("dangling")).unwrap();
    let before = folder.names();
    for flags in [&["-y"][..], &["-y", "--overwrite-file"]] {
        let refused = |target| folder.flash(5, &[flags, &["a.iso", target]].concat());
        refused("folder").must_say("is a folder");
        refused("/dev/null").must_say("is no disk and no file");
        refused("pipe").must_say("is no disk and no file");
        folder.flash(1, &[flags, &["a.iso", "dangling"]].concat()).must_say("leads nowhere");
        folder.flash(1, &[flags, &["a.iso", "missing/new.img"]].concat());
        folder.flash(2, &[flags, &["a.iso", "-"]].concat());
    }
    assert_eq!(folder.names(), before);
    assert!(std::fs::read_dir(folder.path("folder")).unwrap().next().is_none());
}

#[test]
fn the_image_is_never_its_own_medium() {
    let folder = prepared(MIB);
    std::fs::hard_link(folder.path("a.iso"), folder.path("hard.iso")).unwrap();
    symlink("a.iso", folder.path("soft.iso")).unwrap();
    for name in ["a.iso", "./a.iso", "hard.iso", "soft.iso"] {
        for flags in [&["-y"][..], &["-y", "--overwrite-file"]] {
            folder.flash(5, &[flags, &["a.iso", name]].concat()).must_say("the image itself");
            folder.flash(5, &[flags, &[name, "a.iso"]].concat()).must_say("the image itself");
        }
    }
    assert!(folder.read("a.iso") == noise(1, MIB));
}

#[test]
fn a_missing_stick_is_never_a_new_file_among_the_devices() {
    let folder = prepared(MIB);
    for node in ["/dev/sdzzz", "/dev/disk/by-id/usb-nothing", "/dev/mapper/nothing-here"] {
        folder.flash(1, &["-y", "a.iso", node]);
        folder.flash(1, &["-y", "--overwrite-file", "a.iso", node]);
        assert!(std::fs::symlink_metadata(node).is_err(), "{node}");
    }
}

#[test]
fn a_folder_without_room() {
    if !is_root() || !installed("mount") {
        return;
    }
    let folder = prepared(3 * MIB);
    std::fs::create_dir(folder.path("tiny")).unwrap();
    let point = folder.path("tiny").display().to_string();
    let mount = folder.shell(&format!("mount -t tmpfs -o size=2M none '{point}'"));
    if !mount.ended.success() {
        skipped("no tmpfs can be mounted");
        return;
    }
    let _mounted = Mounted(point);
    // Told before anything is made.
    folder.flash(7, &["a.iso", "tiny/new.img"]).must_say("make room");
    assert!(!folder.exists("tiny/new.img"));
    // A stream's length is known at its end.
    let ran = folder.shell(&format!("{} -y - tiny/new.img <a.iso", crate::sticks::ISOFLASH));
    ran.must_be(7);
    ran.must_say("make room");
    ran.must_not_claim();
    assert!(!folder.exists("tiny/new.img"), "what is half written stands in the way");
}

#[test]
fn a_limit_on_the_size_of_files() {
    let folder = prepared(3 * MIB);
    // In units of 1024 bytes.
    let ran = folder.shell(&format!("ulimit -f 2048; {} a.iso new.img", crate::sticks::ISOFLASH));
    ran.must_be(5);
    ran.must_not_claim();
    assert!(!folder.exists("new.img"));
    let ran = folder.shell(&format!("ulimit -f 2048; {} - new.img <a.iso", crate::sticks::ISOFLASH));
    ran.must_be(7);
    ran.must_not_claim();
    assert!(!folder.exists("new.img"), "what is half written stands in the way");
}

#[test]
fn a_wrong_checksum_leaves_no_file() {
    let folder = prepared(3 * MIB);
    let wrong = "0".repeat(64);
    folder.flash(6, &["a.iso", "new.img", "--sha256", &wrong]);
    assert!(!folder.exists("new.img"));
    folder.write("old.img", noise(3, 4 * MIB));
    folder.flash(6, &["-y", "--overwrite-file", "a.iso", "old.img", "--sha256", &wrong]);
    folder.head_must_be_zero("old.img");
}

#[test]
fn looking_makes_no_file() {
    let folder = prepared(MIB);
    folder.flash(0, &["-n", "a.iso", "new.img"]).must_say("nothing was written");
    assert_eq!(folder.names(), ["a.iso"]);
}
