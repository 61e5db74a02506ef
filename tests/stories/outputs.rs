//! Where the image goes: files that are there already, full disks, pipes, and what is none of ours.

use std::os::fd::AsFd;
use std::process::Stdio;

use crate::common::{Folder, disc, finish, installed, is_root, mapfile, wait};

fn with_disc(seed: u64) -> (Folder, Vec<u8>) {
    let folder = Folder::new();
    let image = disc(seed, 4000);
    folder.write("disc.iso", &image);
    (folder, image)
}

#[test]
fn a_file_without_a_map_is_not_touched() {
    let (folder, _) = with_disc(1);
    folder.write("out.iso", "a letter");
    folder.ends(5, &["emulated:disc.iso", "out.iso"]).must_say("--force");
    folder.ends(5, &["emulated:disc.iso", "out.iso", "--yes"]);
    assert_eq!(folder.text("out.iso"), "a letter");
    assert_eq!(folder.names(), ["disc.iso", "out.iso"]);
}

#[test]
fn force_starts_anew_and_throws_nothing_away() {
    let (folder, image) = with_disc(2);
    folder.write("out.iso", "a letter");
    folder.write("other.iso", disc(3, 3000));
    folder.ends(0, &["emulated:other.iso", "out.iso", "--force"]).must_say(".bak-1");
    folder.ends(0, &["emulated:disc.iso", "out.iso", "--force"]).must_say(".bak-2");
    assert_eq!(folder.text("out.iso.bak-1"), "a letter");
    folder.must_hold("out.iso.bak-2", &disc(3, 3000), &[]);
    folder.must_hold("out.iso", &image, &[]);
    assert!(folder.exists("out.iso.map.bak-2") && folder.exists("out.iso.json.bak-2") && !folder.exists("out.iso.map.bak-1"));
}

#[test]
fn an_image_that_another_program_works_on_is_refused() {
    let (folder, image) = with_disc(4);
    folder.write("damage", mapfile(&[(100, 5)], '-', 4000));
    folder.ends(3, &["emulated:disc.iso,damage=damage", "out.iso"]);
    let before = folder.read("out.iso");
    let held = nix::fcntl::Flock::lock(
        std::fs::File::open(folder.path("out.iso")).unwrap(),
        nix::fcntl::FlockArg::LockExclusiveNonblock,
    )
    .map_err(|(_, error)| error)
    .unwrap();
    for options in [&["--retries", "1"][..], &["--force"]] {
        folder.ends(5, &[&["emulated:disc.iso", "out.iso"], options].concat()).must_say("another program");
    }
    drop(held);
    assert!(folder.read("out.iso") == before && !folder.names().iter().any(|name| name.contains("bak")));
    folder.ends(0, &["emulated:disc.iso", "out.iso", "--retries", "1"]);
    folder.must_hold("out.iso", &image, &[]);
}

#[test]
fn a_folder_gets_an_image_named_after_the_disc() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("images")).unwrap();
    let (_, result) = folder.json(0, &["emulated:demo", "images/"]);
    assert_eq!(result["image"], "images/DISCSMITH_DEMO.iso");
    assert!(folder.exists("images/DISCSMITH_DEMO.iso.map"));
    folder.ends(0, &["emulated:demo", "images"]).must_say("complete");
    // A label that would lead elsewhere does not.
    let mut image = disc(5, 100);
    image[16 * 2048 + 40..16 * 2048 + 49].copy_from_slice(b"../../bad");
    folder.write("disc.iso", image);
    let (_, result) = folder.json(0, &["emulated:disc.iso", "images"]);
    assert_eq!(result["image"], "images/_.._bad.iso", "{result}");
}

#[test]
fn a_folder_that_is_missing_or_closed_is_told_before_anything_is_read() {
    let (folder, _) = with_disc(6);
    folder.ends(2, &["emulated:disc.iso", "nowhere/"]).must_say("does not exist");
    let ran = folder.rip(&["emulated:disc.iso", "nowhere/out.iso"]);
    assert!(matches!(ran.ended.code(), Some(1 | 5)), "{ran}");
    ran.must_say("nowhere");
    if !is_root() {
        std::fs::create_dir(folder.path("closed")).unwrap();
        std::fs::set_permissions(folder.path("closed"), std::os::unix::fs::PermissionsExt::from_mode(0o555)).unwrap();
        let ran = folder.rip(&["emulated:disc.iso", "closed/out.iso"]);
        assert!(matches!(ran.ended.code(), Some(1 | 5)), "{ran}");
        ran.must_say("closed");
    }
}

#[test]
fn the_discs_own_file_is_never_written() {
    let (folder, image) = with_disc(7);
    folder.write("disc.iso.map", mapfile(&[(100, 5)], '?', 4000));
    std::os::unix::fs::symlink("disc.iso", folder.path("link.iso")).unwrap();
    folder.write("link.iso.map", mapfile(&[(100, 5)], '?', 4000));
    for args in [
        &["emulated:disc.iso", "disc.iso"][..],
        &["emulated:disc.iso", "./disc.iso", "--force"],
        &["emulated:disc.iso", "link.iso"],
        &["emulated:disc.iso", "out.iso", "disc.iso"],
        &["emulated:disc.iso", "out.iso", "disc.iso", "--force"],
    ] {
        folder.ends(5, args);
        assert!(folder.read("disc.iso") == image, "{args:?}");
    }
    // The record is a file that is written, too.
    std::fs::rename(folder.path("disc.iso"), folder.path("out.iso.json")).unwrap();
    for options in [&[][..], &["--force"]] {
        folder.ends(5, &[&["emulated:out.iso.json", "out.iso"], options].concat());
        assert!(folder.read("out.iso.json") == image);
    }
}

#[test]
fn a_disk_is_never_written() {
    let (folder, _) = with_disc(8);
    // A node without a disk behind it.
    if !is_root() || !folder.shell("mknod disk b 7 250").ended.success() {
        crate::common::skipped("no node can be made");
        return;
    }
    for options in [&[][..], &["--force"], &["--yes"]] {
        folder.ends(5, &[&["emulated:disc.iso", "disk"], options].concat()).must_say("disk");
    }
}

#[test]
fn a_loop_device_is_never_written() {
    let (folder, _) = with_disc(9);
    if !is_root() || !installed("losetup") {
        return;
    }
    folder.write("backing", vec![7; 1 << 20]);
    let device = folder.shell("losetup -f --show backing");
    let node = device.out().trim().to_string();
    if !device.ended.success() || node.is_empty() {
        crate::common::skipped("no loop device to be had");
        return;
    }
    let ran = folder.rip(&["emulated:disc.iso", &node, "--force", "--yes"]);
    folder.shell(&format!("losetup -d {node}"));
    ran.must_be(5);
    assert!(folder.read("backing") == vec![7; 1 << 20]);
}

#[test]
fn into_dev_null_it_is_a_surface_scan() {
    let (folder, image) = with_disc(10);
    folder.write("right.iso", image);
    let ran = folder.ends(0, &["emulated:disc.iso", "/dev/null"]);
    if let Some(sum) = folder.witness("sha256sum", &["right.iso"]) {
        assert!(ran.out().contains(&sum.out()[..64]), "{ran}");
    }
    folder.write("damage", mapfile(&[(100, 5), (3999, 1)], '-', 4000));
    folder.ends(3, &["emulated:disc.iso,damage=damage", "/dev/null"]).must_say("100 to 104");
    folder.ends(3, &["emulated:disc.iso,damage=damage", "/dev/null", "scan.map"]);
    folder.map_must_say("scan.map", &[(100, 5), (3999, 1)], 4000);
    assert_eq!(folder.names(), ["damage", "disc.iso", "right.iso", "right.map", "scan.map"]);
}

#[test]
fn through_a_pipe_the_image_comes_in_order() {
    let (folder, image) = with_disc(11);
    folder.shell("set -o pipefail; \"$DISCRIP\" emulated:disc.iso - | cmp - disc.iso").must_be(0);
    let dead = [(100, 5), (2000, 700), (3999, 1)];
    folder.write("damage", mapfile(&dead, '-', 4000));
    for profile in ["cd-rom", "dvd-rom", "bd-rom"] {
        let ran = folder.ends(3, &[&format!("emulated:disc.iso,profile={profile},damage=damage"), "-"]);
        folder.write("piped.iso", &ran.stdout);
        folder.must_hold("piped.iso", &image, &dead);
        // Results go to stderr, and the digests are right in spite of the pipe.
        let Some(sum) = folder.witness("sha256sum", &["piped.iso"]) else { return };
        ran.must_say(&format!("SHA256 (-) = {}", &sum.out()[..64]));
    }
}

#[test]
fn a_pipe_that_is_closed_early_ends_the_run() {
    let (folder, _) = with_disc(12);
    let ran = folder.shell("\"$DISCRIP\" emulated:disc.iso - | head -c 100000 > head; echo ${PIPESTATUS[0]}");
    assert_eq!(ran.out().trim(), "7", "{ran}");
    let (folder, _) = with_disc(13);
    folder.shell("mkfifo pipe; head -c 100000 pipe > /dev/null & \"$DISCRIP\" emulated:disc.iso pipe").must_be(7);
}

#[test]
fn a_pipe_with_a_name_takes_the_image() {
    let (folder, _) = with_disc(14);
    folder.shell("mkfifo pipe; cat pipe > got & \"$DISCRIP\" -q emulated:disc.iso pipe && wait && cmp got disc.iso").must_be(0);
    folder.ends(2, &["emulated:disc.iso", "pipe", "--retries", "1"]);
}

#[test]
fn a_full_device_ends_the_run() {
    let (folder, _) = with_disc(15);
    folder.ends(7, &["emulated:disc.iso", "/dev/full"]).must_say("No space left");
}

#[test]
fn a_limit_for_files_is_told_before_anything_is_read() {
    let (folder, _) = with_disc(16);
    let ran = folder.shell("ulimit -f 1000; \"$DISCRIP\" emulated:disc.iso out.iso");
    ran.must_be(5);
    ran.must_say("ulimit");
    assert_eq!(folder.names(), ["disc.iso"]);
}

/// Runs a script in a mount namespace of its own, with a small file system on ./small.
fn on_a_small_disk(folder: &Folder, size: &str, script: &str) -> Option<crate::common::Ran> {
    std::fs::create_dir(folder.path("small")).unwrap();
    let may_mount = is_root() && installed("unshare") && folder.shell("unshare -m mount -t tmpfs tmpfs small").ended.success();
    if !may_mount {
        crate::common::skipped("no file system can be mounted");
        return None;
    }
    Some(folder.shell(&format!("unshare -m bash -c 'mount -t tmpfs -o size={size} tmpfs small && {script}'")))
}

#[test]
fn an_image_that_does_not_fit_is_told_before_anything_is_read() {
    let (folder, _) = with_disc(17);
    let script = "\"$DISCRIP\" emulated:disc.iso small/out.iso; echo $? $(ls small)";
    let Some(ran) = on_a_small_disk(&folder, "4m", script) else { return };
    assert_eq!(ran.out().trim(), "7", "{ran}");
    ran.must_say("make room");
}

#[test]
fn a_disk_that_fills_up_in_mid_run_costs_nothing_that_was_read() {
    // With the map on the full disk it can't be saved; elsewhere it can, and must not tell of sectors that were not written.
    for map in ["", "saved.map"] {
        let (folder, _) = with_disc(18);
        // The drive takes its time in the middle; meanwhile somebody fills the disk up.
        folder.write("rules", "read 1500+16 delay=1200 times=1\n");
        let script = format!(
            "DRIVE=emulated:disc.iso,faults=rules,clock=real,model=ideal; \
             \"$DISCRIP\" $DRIVE small/out.iso {map} & until [ -s small/out.iso.json ]; do sleep 0.05; done; sleep 0.3; \
             cat /dev/zero > small/other 2> /dev/null; wait %1; echo $?; rm small/other; : > rules; \
             \"$DISCRIP\" -q --digest md5 $DRIVE small/out.iso {map} > /dev/null; echo $?; \
             cmp disc.iso small/out.iso && echo same"
        );
        let Some(ran) = on_a_small_disk(&folder, "12m", &script) else { return };
        assert_eq!(ran.out().split_whitespace().collect::<Vec<_>>(), ["7", "0", "same"], "{ran}");
        ran.must_say("No space left");
    }
}

#[test]
fn stdout_may_be_a_file() {
    let (folder, image) = with_disc(19);
    let file = std::fs::File::create(folder.path("out.iso")).unwrap();
    let mut command = folder.discrip(&["emulated:disc.iso", "-"]);
    command.stdout(Stdio::from(file.as_fd().try_clone_to_owned().unwrap()));
    finish(command, &["emulated:disc.iso", "-"]).must_be(0);
    folder.must_hold("out.iso", &image, &[]);
}

#[test]
fn two_runs_at_once_do_not_share_an_image() {
    let (folder, image) = with_disc(20);
    folder.write("rules", "read 1000 delay=1500 times=1\n");
    let args = ["emulated:disc.iso,faults=rules,clock=real,model=ideal", "out.iso"];
    let first = folder.discrip(&args).spawn().unwrap();
    while !folder.exists("out.iso.map") {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    folder.ends(5, &args).must_say("another program");
    wait(first, "the first run").must_be(0);
    folder.must_hold("out.iso", &image, &[]);
}
