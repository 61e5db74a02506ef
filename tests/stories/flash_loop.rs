//! Disks of this machine, in the shape of loop devices that a story makes of its own files: what is written, and what is never opened.

use std::fs::{self, File};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::Path;

use crate::common::{Folder, Ran, finish, installed, skipped};
use crate::sticks::{ISOFLASH, Loop, MIB, Mounted, are_only_sticks, can_loop, noise, turn};

const OLD: u64 = 999;

/// An image, and a file to make a device of.
fn prepared(image: usize, device: usize) -> Folder {
    let folder = Folder::new();
    folder.write("a.iso", noise(1, image));
    folder.write("d.img", noise(OLD, device));
    folder
}

/// isoflash under strace, where that is installed. Returns the run, and what it opened.
fn traced(folder: &Folder, args: &[&str]) -> (Ran, Option<String>) {
    if !installed("strace") {
        return (finish(folder.isoflash(args), args), None);
    }
    let strace = ["-f", "-qq", "-e", "trace=open,openat,openat2,creat", "-o", "trace", ISOFLASH];
    let ran = finish(folder.command("strace", &[&strace, args].concat()), args);
    (ran, Some(folder.text("trace")))
}

/// Whether a device, by any of these names, was opened for writing.
fn was_opened_for_writing(trace: &str, names: &[&str]) -> bool {
    let is_for_writing = |line: &&str| line.contains("O_RDWR") || line.contains("O_WRONLY") || line.contains("creat(");
    trace.lines().filter(is_for_writing).any(|line| names.iter().any(|name| line.contains(&format!("\"{name}\""))))
}

/// It is refused with these words, opened for reading at most, and the device's file stays as it is.
#[track_caller]
fn refused(folder: &Folder, args: &[&str], node: &str, says: &str) {
    let before = folder.read("d.img");
    let (ran, trace) = traced(folder, args);
    ran.must_be(5);
    ran.must_say(says);
    ran.must_not_claim();
    if let Some(trace) = trace {
        assert!(!was_opened_for_writing(&trace, &[node]), "{node} was opened for writing: {ran}\n{trace}");
    }
    assert!(folder.read("d.img") == before, "{ran}");
}

#[test]
fn what_lies_behind_the_image_stays() {
    if !can_loop() {
        return;
    }
    let _turn = turn();
    let device_bytes = 6 * MIB;
    for (bytes, sector) in [
        (1, 512),
        (511, 512),
        (512, 512),
        (2049, 512),
        (MIB, 512),
        (4 * MIB - 1, 512),
        (4 * MIB, 4096),
        (4 * MIB + 1, 512),
        (2049, 4096),
        (6 * MIB, 512),
    ] {
        let folder = prepared(bytes, device_bytes);
        let Some(device) = Loop::of(&folder, "d.img", &["-b", &sector.to_string()]) else { return };
        let (_, result) = folder.flash_json(0, &["-y", "a.iso", &device.node]);
        assert_eq!((&result["verified"], &result["bytes"]), (&true.into(), &bytes.into()));
        // As it is read by others, while it is there, and from its file when it is gone.
        folder.witness("cmp", &["-n", &bytes.to_string(), "a.iso", &device.node]);
        drop(device);
        folder.must_be_equal("a.iso", "d.img");
        folder.write("old.img", noise(OLD, device_bytes));
        let end = bytes.next_multiple_of(sector);
        folder.witness("cmp", &["-i", &end.to_string(), "old.img", "d.img"]);
        let stick = folder.read("d.img");
        assert_eq!(stick.len(), device_bytes);
        assert!(stick[bytes..end].iter().all(|byte| *byte == 0), "{bytes}: the last sector");
    }
    let folder = prepared(0, device_bytes);
    let Some(device) = Loop::of(&folder, "d.img", &[]) else { return };
    refused(&folder, &["-y", "a.iso", &device.node], &device.node, "is empty");
}

#[test]
fn a_large_image_needs_little_memory() {
    if !can_loop() || !installed("time") {
        return;
    }
    let (_turn, folder) = (turn(), Folder::new());
    folder.shell("truncate -s 300M a.iso; truncate -s 320M d.img; printf 'in the middle' | dd of=a.iso bs=1M seek=150 conv=notrunc status=none");
    let Some(device) = Loop::of(&folder, "d.img", &[]) else { return };
    let args = ["-f", "%M", "-o", "peak", ISOFLASH, "-y", "a.iso", &device.node];
    finish(folder.command("/usr/bin/time", &args), &args).must_be(0);
    let peak: u64 = folder.text("peak").trim().parse().unwrap();
    println!("{peak} KiB");
    assert!(peak < 64 << 10, "{peak} KiB");
    folder.witness("cmp", &["-n", "314572800", "a.iso", &device.node]);
}

#[test]
fn the_trace_shows_who_writes() {
    // What the other stories rely on: a run that writes is seen to open the device, alone and past the cache.
    if !can_loop() || !installed("strace") {
        return;
    }
    let (_turn, folder) = (turn(), prepared(MIB, 2 * MIB));
    let Some(device) = Loop::of(&folder, "d.img", &[]) else { return };
    let (ran, trace) = traced(&folder, &["-y", "a.iso", &device.node]);
    ran.must_be(0);
    let trace = trace.unwrap_or_default();
    assert!(was_opened_for_writing(&trace, &[&device.node]), "{trace}");
    let writing: Vec<&str> = trace.lines().filter(|line| line.contains(&device.node) && line.contains("O_RDWR")).collect();
    assert_eq!(writing.len(), 1, "{writing:?}");
    assert!(writing[0].contains("O_EXCL") && writing[0].contains("O_DIRECT"), "{writing:?}");
}

#[test]
fn looking_opens_nothing_for_writing() {
    if !can_loop() {
        return;
    }
    let (_turn, folder) = (turn(), prepared(MIB, 2 * MIB));
    let Some(device) = Loop::of(&folder, "d.img", &[]) else { return };
    let list: &[&[&str]] = if are_only_sticks(&[&device]) { &[&["--list"]] } else { &[] };
    for args in [&[&["-n", "-y", "a.iso", &device.node][..]], list].concat() {
        let (ran, trace) = traced(&folder, args);
        ran.must_be(0);
        assert!(!trace.is_some_and(|trace| was_opened_for_writing(&trace, &[&device.node])), "{ran}");
    }
    if !list.is_empty() {
        let lines = folder.flash(0, &["--list", "--json"]).out();
        assert!(lines.lines().last().is_some_and(|line| line.contains(r#""event":"result""#)), "{lines}");
    }
    refused(&folder, &["a.iso", &device.node], &device.node, "--yes");
    assert!(folder.read("d.img") == noise(OLD, 2 * MIB));
}

#[test]
fn in_use_by_others() {
    if !can_loop() {
        return;
    }
    let (_turn, folder) = (turn(), prepared(MIB, 2 * MIB));
    let Some(device) = Loop::of(&folder, "d.img", &[]) else { return };
    let args = ["-y", "a.iso", &device.node];
    let holder = File::options().read(true).custom_flags(libc::O_EXCL).open(&device.node).unwrap();
    refused(&folder, &args, &device.node, "in use by");
    drop(holder);
    let writer = File::options().write(true).open(&device.node).unwrap();
    refused(&folder, &args, &device.node, "may be writing");
    drop(writer);
    // Somebody who only reads is in nobody's way.
    let _reader = File::open(&device.node).unwrap();
    folder.flash(0, &args);
}

#[test]
fn write_protected_or_too_small() {
    if !can_loop() {
        return;
    }
    let (_turn, folder) = (turn(), prepared(3 * MIB + 1, 4 * MIB));
    let Some(device) = Loop::of(&folder, "d.img", &["-r"]) else { return };
    refused(&folder, &["-y", "a.iso", &device.node], &device.node, "write-protected");
    drop(device);
    let folder = prepared(3 * MIB + 1, 3 * MIB);
    let Some(device) = Loop::of(&folder, "d.img", &[]) else { return };
    refused(&folder, &["-y", "a.iso", &device.node], &device.node, "take a larger one");
    // From a stream it shows at the end.
    let ran = folder.shell(&format!("{ISOFLASH} -y - {} <a.iso", device.node));
    ran.must_be(5);
    ran.must_say("too small");
    ran.must_not_claim();
    drop(device);
    folder.head_must_be_zero("d.img");
}

#[test]
fn a_device_that_is_made_of_the_image() {
    if !can_loop() {
        return;
    }
    let (_turn, folder) = (turn(), prepared(2 * MIB, 2 * MIB));
    fs::hard_link(folder.path("a.iso"), folder.path("hard.iso")).unwrap();
    symlink("a.iso", folder.path("soft.iso")).unwrap();
    for backing in ["a.iso", "hard.iso", "soft.iso"] {
        let Some(device) = Loop::of(&folder, backing, &[]) else { return };
        for image in ["a.iso", "./a.iso", "hard.iso", "soft.iso"] {
            refused(&folder, &["-y", image, &device.node], &device.node, "itself");
        }
    }
    // Its name is gone, the file is not.
    let Some(device) = Loop::of(&folder, "hard.iso", &[]) else { return };
    folder.remove(&["hard.iso"]);
    refused(&folder, &["-y", "a.iso", &device.node], &device.node, "itself");
    let ran = folder.shell(&format!("{ISOFLASH} -y - {} <a.iso", device.node));
    ran.must_be(5);
    ran.must_say("itself");
    assert!(folder.read("a.iso") == noise(1, 2 * MIB));
}

/// A device with a file system on it.
fn with_file_system(folder: &Folder) -> Option<Loop> {
    if !can_loop() || !installed("mkfs.ext4") {
        return None;
    }
    let device = Loop::of(folder, "d.img", &[])?;
    folder.witness("mkfs.ext4", &["-q", "-F", "-L", "LETTERS", &device.node])?;
    Some(device)
}

fn is_mounted(point: &str) -> bool {
    fs::read_to_string("/proc/self/mountinfo").unwrap().lines().any(|line| line.split(' ').nth(4) == Some(point))
}

#[test]
fn mounted_and_not_to_be_unmounted() {
    let (_turn, folder) = (turn(), prepared(2 * MIB, 16 * MIB));
    let Some(device) = with_file_system(&folder) else { return };
    let mounted = Mounted::at(&folder, &device.node, "mnt");
    fs::write(folder.path("mnt/letter"), "dear").unwrap();
    let (ran, trace) = traced(&folder, &["-y", "a.iso", &device.node]);
    ran.must_be(5);
    ran.must_say("--unmount");
    ran.must_say(&mounted.0);
    assert!(!trace.is_some_and(|trace| was_opened_for_writing(&trace, &[&device.node])), "{ran}");
    folder.flash(2, &["a.iso", &device.node, "--json"]);
    // Told to unmount, but nobody said yes; and with a reason that stands against it in any case.
    folder.flash(5, &["--unmount", "a.iso", &device.node]);
    folder.flash(5, &["-y", "--unmount", "--expect", "serial=OTHER", "a.iso", &device.node]);
    folder.flash(0, &["-n", "--unmount", "a.iso", &device.node]).must_say("would unmount");
    assert!(is_mounted(&mounted.0));
    assert_eq!(fs::read_to_string(folder.path("mnt/letter")).unwrap(), "dear");
}

#[test]
fn mounted_and_unmounted_when_that_was_said() {
    let (_turn, folder) = (turn(), prepared(2 * MIB, 16 * MIB));
    let Some(device) = with_file_system(&folder) else { return };
    let ledger = {
        let mounted = Mounted::at(&folder, &device.node, "mnt");
        fs::create_dir(folder.path("mnt/below")).unwrap();
        let args = ["-y", "--unmount", "a.iso", &device.node, "--ledger", "mnt/below/ledger"];
        (folder.flash(5, &args), is_mounted(&mounted.0))
    };
    ledger.0.must_say("lies on the medium");
    assert!(ledger.1);
    // In two places.
    let (first, second) = (Mounted::at(&folder, &device.node, "mnt"), Mounted::at(&folder, &device.node, "mnt 2"));
    let ran = folder.flash(0, &["-y", "--unmount", "a.iso", &device.node]);
    ran.must_say("unmounted");
    assert!(!is_mounted(&first.0) && !is_mounted(&second.0));
    drop(device);
    folder.must_be_equal("a.iso", "d.img");
}

#[test]
fn a_busy_file_system_is_never_torn_away() {
    let (_turn, folder) = (turn(), prepared(2 * MIB, 16 * MIB));
    let Some(device) = with_file_system(&folder) else { return };
    let mounted = Mounted::at(&folder, &device.node, "mnt");
    let mut user = std::process::Command::new("sleep").arg("60").current_dir(&mounted.0).spawn().unwrap();
    let (ran, trace) = traced(&folder, &["-y", "--unmount", "a.iso", &device.node]);
    let is_there = is_mounted(&mounted.0);
    user.kill().unwrap();
    user.wait().unwrap();
    ran.must_be(5);
    ran.must_say(&format!("sleep (pid {})", user.id()));
    ran.must_not_claim();
    assert!(is_there, "it was unmounted lazily");
    assert!(!trace.is_some_and(|trace| was_opened_for_writing(&trace, &[&device.node])), "{ran}");
    // And when nobody is there any more, the same command does it.
    folder.flash(0, &["-y", "--unmount", "a.iso", &device.node]);
}

#[test]
fn the_image_lies_on_the_device() {
    let (_turn, folder) = (turn(), prepared(2 * MIB, 16 * MIB));
    let Some(device) = with_file_system(&folder) else { return };
    let mounted = Mounted::at(&folder, &device.node, "mnt");
    fs::copy(folder.path("a.iso"), folder.path("mnt/b.iso")).unwrap();
    symlink("mnt/b.iso", folder.path("link.iso")).unwrap();
    for image in ["mnt/b.iso", "link.iso"] {
        let (ran, trace) = traced(&folder, &["-y", "--unmount", image, &device.node]);
        ran.must_be(5);
        ran.must_say("copy it to another disk first");
        assert!(is_mounted(&mounted.0) && folder.exists("mnt/b.iso"));
        assert!(!trace.is_some_and(|trace| was_opened_for_writing(&trace, &[&device.node])), "{ran}");
    }
}

#[test]
fn a_disk_that_may_hide_something_needs_more_than_yes() {
    if !can_loop() {
        return;
    }
    let _turn = turn();
    let luks = "printf 'LUKS\\272\\276\\0\\002' | dd of=d.img conv=notrunc status=none";
    let lvm = "printf 'LABELONE\\1\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\40\\0\\0\\0LVM2 001' | dd of=d.img bs=512 seek=1 conv=notrunc status=none";
    for (marks, name) in [(luks, "LUKS"), (lvm, "LVM")] {
        let folder = prepared(MIB, 4 * MIB);
        folder.shell(marks).must_be(0);
        let Some(device) = Loop::of(&folder, "d.img", &[]) else { return };
        refused(&folder, &["-y", "a.iso", &device.node], &device.node, name);
        refused(&folder, &["-y", "a.iso", &device.node, "--expect", "size=5M"], &device.node, "another size");
        refused(&folder, &["a.iso", &device.node, "--expect", "size=4M"], &device.node, "--yes");
        folder.flash(0, &["-y", "a.iso", &device.node, "--expect", "size=4M"]);
    }
}

#[test]
fn a_device_upon_the_device() {
    if !can_loop() {
        return;
    }
    let (_turn, folder) = (turn(), prepared(MIB, 4 * MIB));
    let Some(below) = Loop::of(&folder, "d.img", &[]) else { return };
    symlink(&below.node, folder.path("below")).unwrap();
    let made = finish(folder.command("losetup", &["-f", "--show", &below.node]), &["-f", "--show", &below.node]);
    if !made.ended.success() {
        skipped("no second loop device is free");
        return;
    }
    let above = made.out().trim().to_string();
    let check = std::panic::catch_unwind(|| {
        refused(&folder, &["-y", "a.iso", &below.node], &below.node, "is in use");
        refused(&folder, &["-y", "a.iso", &above], &above, &format!("made of the disk {}", below.node));
    });
    folder.command("losetup", &["-d", &above]).status().unwrap();
    check.unwrap();
}

#[test]
fn a_device_upon_the_device_by_a_node_that_is_gone() {
    if !can_loop() {
        return;
    }
    let (_turn, folder) = (turn(), prepared(MIB, 4 * MIB));
    let Some(below) = Loop::of(&folder, "d.img", &[]) else { return };
    let minor = below.node.trim_start_matches("/dev/loop");
    if !folder.shell(&format!("mknod node b 7 {minor}")).ended.success() {
        skipped("mknod is not allowed here");
        return;
    }
    let Some(above) = Loop::of(&folder, "node", &[]) else { return };
    folder.remove(&["node"]);
    // A list looks into no other disk than these two.
    if are_only_sticks(&[&above, &below]) {
        let lines = folder.flash(0, &["--list"]).out();
        assert!(lines.contains(&format!("  not {}", above.node)), "{lines}");
    }
    refused(&folder, &["-y", "a.iso", &above.node], &above.node, &format!("made of the disk {}", below.node));
}

/// Partitions that the kernel was told of; forgotten when the story ends, before their device is.
struct Partitions<'a>(&'a Loop);

impl Drop for Partitions<'_> {
    fn drop(&mut self) {
        let _ = std::process::Command::new("partx").args(["-d", &self.0.node]).stderr(std::process::Stdio::null()).status();
    }
}

#[test]
fn a_partition_is_not_a_stick() {
    if !can_loop() || !installed("sfdisk") {
        return;
    }
    let (_turn, folder) = (turn(), prepared(MIB, 16 * MIB));
    folder.shell("truncate -s 0 d.img; truncate -s 16M d.img; echo 'start=2048,type=c' | sfdisk -q d.img").must_be(0);
    let Some(device) = Loop::of(&folder, "d.img", &["-P"]) else { return };
    let name = device.node.rsplit('/').next().unwrap();
    let number = || fs::read_to_string(format!("/sys/class/block/{name}p1/dev"));
    if number().is_err() && installed("partx") {
        // A kernel that reads no partition tables is told.
        folder.shell(&format!("partx -a {}", device.node));
    }
    let Ok(number) = number() else {
        skipped("there are no partitions on loop devices here");
        return;
    };
    let _parts = Partitions(&device);
    // In a folder of its own where /dev has none.
    let mut node = format!("{}p1", device.node);
    if !Path::new(&node).exists() {
        node = folder.path("part").display().to_string();
        folder.shell(&format!("mknod '{node}' b {}", number.trim().replace(':', " "))).must_be(0);
    }
    for flags in [&["-y"][..], &["-y", "--overwrite-file", "--allow-fixed"]] {
        refused(&folder, &[flags, &["a.iso", &node]].concat(), &node, &format!("did you mean {}?", device.node));
    }
    // Named whole, it is written, partitions and all.
    folder.flash(0, &["-y", "a.iso", &device.node]);
    folder.must_be_equal("a.iso", "d.img");
}

#[test]
fn a_node_that_is_not_there() {
    if !can_loop() {
        return;
    }
    let (_turn, folder) = (turn(), prepared(MIB, 2 * MIB));
    let Some(device) = Loop::of(&folder, "d.img", &[]) else { return };
    let node = format!("{}p7", device.node);
    for flags in [&["-y"][..], &["-y", "--overwrite-file", "--allow-fixed"]] {
        folder.flash(1, &[flags, &["a.iso", &node]].concat()).must_say("no such device");
        assert!(fs::symlink_metadata(&node).is_err(), "{node} was made");
    }
}

#[test]
fn what_was_there_before_and_lies_behind_the_image_is_named() {
    if !can_loop() || !installed("sfdisk") {
        return;
    }
    let (_turn, folder) = (turn(), prepared(5 * MIB, 16 * MIB));
    folder.shell("truncate -s 0 d.img; truncate -s 16M d.img; echo 'size=8M' | sfdisk -q --label gpt d.img").must_be(0);
    let Some(device) = Loop::of(&folder, "d.img", &[]) else { return };
    let ran = folder.flash(0, &["-y", "a.iso", &device.node]);
    ran.must_say("behind the image lies what was there before");
    ran.must_say(&format!("at byte {}", 16 * MIB - 512));
    // An image as long as the device leaves nothing behind it.
    folder.write("a.iso", noise(1, 16 * MIB));
    folder.flash(0, &["-y", "a.iso", &device.node]).must_not_say("behind the image");
}

#[test]
fn ejecting_what_can_not_be_ejected_is_a_warning() {
    if !can_loop() {
        return;
    }
    let (_turn, folder) = (turn(), prepared(MIB, 2 * MIB));
    let Some(device) = Loop::of(&folder, "d.img", &[]) else { return };
    let ran = folder.flash(0, &["-y", "--eject", "a.iso", &device.node]);
    ran.must_say("warning: ejecting failed");
    ran.must_say("written and verified");
    drop(device);
    folder.must_be_equal("a.iso", "d.img");
}

#[test]
fn a_link_to_the_node_is_the_device() {
    if !can_loop() {
        return;
    }
    let (_turn, folder) = (turn(), prepared(MIB, 2 * MIB));
    let Some(device) = Loop::of(&folder, "d.img", &[]) else { return };
    symlink(&device.node, folder.path("stick")).unwrap();
    folder.flash(0, &["-y", "a.iso", "stick"]);
    drop(device);
    folder.must_be_equal("a.iso", "d.img");
    // The device is gone, its node is not.
    let ran = finish(folder.isoflash(&["-y", "a.iso", "stick"]), &["stick"]);
    assert!(matches!(ran.ended.code(), Some(1 | 5)), "{ran}");
}
