//! A stick is given back as one empty partition; other people's tools say whether it is one.

use serde_json::Value;

use crate::common::{Folder, installed};
use crate::sticks::{Loop, MIB, Mounted, can_loop, noise, turn};

/// A stick that held other data before: whatever is not written stays noise.
fn used(mib: usize) -> Folder {
    let folder = Folder::new();
    folder.write("s.img", noise(999, MIB).repeat(mib));
    folder
}

#[track_caller]
fn says(folder: &Folder, program: &str, args: &[&str]) -> String {
    folder.witness(program, args).map_or_else(String::new, |ran| ran.out())
}

/// One partition, with this file system, sound, and nothing else on the stick that anybody could take for something.
#[track_caller]
fn must_be_one_partition(folder: &Folder, filesystem: &str, mbr_type: &str, sector: usize) {
    if sector == 512 && installed("sfdisk") {
        folder.witness("sfdisk", &["-V", "s.img"]);
        let table = says(folder, "sfdisk", &["-d", "s.img"]);
        let partitions: Vec<&str> = table.lines().filter(|line| line.starts_with("s.img")).collect();
        assert_eq!(partitions.len(), 1, "{table}");
        assert!(partitions[0].contains("start=        2048,") && partitions[0].contains(&format!("type={mbr_type}")), "{table}");
        assert_eq!(says(folder, "wipefs", &["-n", "-i", "-p", "-O", "TYPE", "s.img"]).lines().last(), Some("dos"));
    }
    let stick = folder.read("s.img");
    folder.write("part.img", &stick[MIB..stick.len() / MIB * MIB]);
    if installed("blkid") {
        assert_eq!(says(folder, "blkid", &["-p", "-s", "TYPE", "-o", "value", "part.img"]).trim(), filesystem);
    }
    let check: &[&str] = if filesystem == "ext4" { &["-f", "-n", "part.img"] } else { &["-n", "part.img"] };
    folder.witness(&format!("fsck.{filesystem}"), check);
}

#[test]
fn a_stick_becomes_one_sound_partition() {
    for (filesystem, mbr_type, mib, sector) in [
        ("vfat", "e", 64, 512),
        ("vfat", "c", 640, 512),
        ("vfat", "e", 64, 4096),
        ("ext4", "83", 64, 512),
        ("ext4", "83", 200, 4096),
    ] {
        if !installed(&format!("mkfs.{filesystem}")) {
            continue;
        }
        let folder = used(mib);
        let medium = format!("emulated:s.img,sector={sector}");
        let (_, result) = folder.flash_json(0, &["-y", &format!("--format={filesystem}"), &medium]);
        assert_eq!((&result["verified"], &result["filesystem"]), (&true.into(), &filesystem.into()), "{result}");
        assert_eq!(result["partition"]["offset"], MIB, "{result}");
        must_be_one_partition(&folder, filesystem, mbr_type, sector);
    }
    if installed("mkfs.vfat") {
        let folder = used(65);
        folder.flash(0, &["-y", "--format", "emulated:s.img"]).must_say("one vfat partition of 67.1 MB, written and verified");
    }
}

#[test]
fn what_was_there_before_is_gone_from_both_ends() {
    if !installed("mkfs.vfat") || !installed("mkfs.ext4") || !installed("wipefs") {
        return;
    }
    let folder = used(64);
    // ext4 in a partition at the same place, a GPT with its backup, and the label of an array at the very end.
    folder.shell("mkfs.ext4 -q -F -E offset=1048576 s.img 60M").must_be(0);
    folder.shell("printf 'label: gpt\\nstart=2048\\n' | sfdisk -q s.img").must_be(0);
    folder
        .shell("printf '\\374\\116\\053\\251' | dd of=s.img bs=1 seek=$((64*1048576-65536)) conv=notrunc status=none")
        .must_be(0);
    folder.flash(0, &["-y", "--format=vfat", "emulated:s.img", "--expect", "serial=EMUSTICK1"]);
    must_be_one_partition(&folder, "vfat", "e", 512);
}

#[test]
fn a_stick_that_fails_has_no_partition() {
    if !installed("mkfs.vfat") {
        return;
    }
    for (status, faults) in [
        (4, "flip=1100000"),
        // The end comes back at the beginning; the table hits what lies behind it.
        (4, "real=2M,wrap"),
        (4, "real=1049088,wrap"),
        (4, "real=1M,drop"),
        (1, "eio=1M+1s@w"),
        (1, "eio=1M+1s@r"),
        (7, "gone-after=1M"),
        (7, "gone-after=1100000"),
    ] {
        let folder = used(64);
        let (_, result) = folder.flash_json(status, &["-y", "--format=vfat", &format!("emulated:s.img,{faults}")]);
        assert_eq!(result["verified"], false, "{faults}: {result}");
        folder.head_must_be_zero("s.img");
    }
}

#[test]
fn the_table_comes_last() {
    if !installed("mkfs.vfat") {
        return;
    }
    let (folder, medium) = (used(64), |gone: u64| format!("emulated:s.img,gone-after={gone}"));
    let (_, result) = folder.flash_json(0, &["-y", "--format=vfat", "emulated:s.img"]);
    let all = result["written"].as_u64().unwrap() + MIB as u64;
    // Whenever it is pulled out before the last MiB is taken, there is no partition; then there is.
    for gone in [all - MIB as u64, all / 2, MIB as u64 + 512] {
        let folder = used(64);
        folder.flash(7, &["-y", "--format=vfat", &medium(gone)]);
        folder.head_must_be_zero("s.img");
    }
    let folder = used(64);
    folder.flash(0, &["-y", "--format=vfat", &medium(all + 512)]);
    must_be_one_partition(&folder, "vfat", "e", 512);
}

#[test]
fn it_is_guarded_and_asked_about_as_an_image_is() {
    let folder = used(4);
    let old = folder.read("s.img");
    for (status, args) in [
        (5, &["--format", "emulated:s.img"][..]),
        (2, &["--format", "emulated:s.img", "--json"]),
        (5, &["-y", "--format", "emulated:s.img", "--expect", "size=5M"]),
        (5, &["-y", "--format", "emulated:s.img,readonly"]),
        (0, &["-y", "-n", "--format=vfat", "emulated:s.img"]),
        (5, &["-y", "--format", "s.img"]),
        (2, &["-y", "--format=ntfs", "emulated:s.img"]),
        (2, &["-y", "--format", "a.iso", "emulated:s.img"]),
    ] {
        folder.flash(status, args);
        assert!(folder.read("s.img") == old, "{args:?}");
    }
    folder.flash(5, &["-y", "--format", "emulated:small.img,size=1M"]).must_say("too small for a partition");
    if !installed("mkfs.exfat") {
        folder.flash(5, &["-y", "--format=exfat", "emulated:s.img"]).must_say("install it (package exfatprogs)");
        assert!(folder.read("s.img") == old);
    }
}

#[test]
fn on_a_disk_of_this_machine_the_kernel_sees_it_at_once() {
    if !can_loop() || !installed("mkfs.vfat") {
        return;
    }
    let _turn = turn();
    let folder = used(64);
    let Some(device) = Loop::of(&folder, "s.img", &["-P"]) else { return };
    let (_, result) = folder.flash_json(0, &["-y", "--format=vfat", &device.node]);
    assert_ne!(result["partition"], Value::Null);
    let partition = format!("{}p1", device.node);
    if std::path::Path::new(&partition).exists() {
        folder.witness("fsck.vfat", &["-n", &partition]);
        let mounted = Mounted::at(&folder, &partition, "mnt");
        folder.flash(5, &["-y", "--format=vfat", &device.node]).must_say("--unmount");
        drop(mounted);
    }
    drop(device);
    must_be_one_partition(&folder, "vfat", "e", 512);
}
