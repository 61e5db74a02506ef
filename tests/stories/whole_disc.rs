//! A disc without damage, or with damage that gives way.

use crate::common::{Folder, disc, installed};

#[test]
fn the_demo_comes_back_whole_and_other_programs_read_it() {
    let folder = Folder::new();
    let ran = folder.ends(0, &["emulated:demo", "out.iso"]);
    ran.must_say("DISCSMITH_DEMO");
    if let Some(listing) = folder.witness("isoinfo", &["-d", "-i", "out.iso"]) {
        assert!(listing.out().contains("Volume id: DISCSMITH_DEMO"), "{listing}");
    }
    folder.witness("isoinfo", &["-l", "-i", "out.iso"]);
    if let Some(listing) = folder.witness("xorriso", &["-indev", "stdio:out.iso", "-find", "/", "-type", "f"]) {
        assert_eq!(listing.out().lines().filter(|line| line.starts_with("'/")).count(), 5, "{listing}");
    }
    folder.map_must_say("out.iso.map", &[], 6166);
}

#[test]
fn a_disc_that_another_program_made_is_the_same_file_again_and_its_files_come_out() {
    if !installed("genisoimage") || !installed("xorriso") {
        return;
    }
    let folder = Folder::new();
    std::fs::create_dir(folder.path("tree")).unwrap();
    for seed in 1..6 {
        folder.write(&format!("tree/file{seed}.bin"), &disc(seed, 200)[..seed as usize * 70_001]);
    }
    folder.witness("genisoimage", &["-quiet", "-R", "-J", "-V", "HOLIDAY", "-o", "disc.iso", "tree"]);
    for profile in ["", ",profile=cd-rw", ",profile=dvd-rom", ",profile=dvd+r", ",profile=bd-r"] {
        folder.ends(0, &[&format!("emulated:disc.iso{profile}"), "out.iso"]);
        folder.witness("cmp", &["disc.iso", "out.iso"]);
        if profile.is_empty() {
            folder.witness("xorriso", &["-osirrox", "on", "-indev", "stdio:out.iso", "-extract", "/", "copy"]);
            folder.witness("diff", &["-r", "tree", "copy"]);
        }
        folder.remove(&["out.iso", "out.iso.map", "out.iso.json"]);
    }
}

#[test]
fn the_bytes_of_any_file_are_a_disc() {
    let folder = Folder::new();
    for (seed, sectors) in [(1, 20), (2, 33), (3, 4097)] {
        let image = disc(seed, sectors);
        folder.write("disc.iso", &image);
        folder.ends(0, &["emulated:disc.iso", "out.iso"]);
        folder.must_hold("out.iso", &image, &[]);
        folder.map_must_say("out.iso.map", &[], sectors);
        folder.remove(&["out.iso", "out.iso.map", "out.iso.json"]);
    }
}

#[test]
fn a_disc_of_zeros_is_an_image_of_its_length() {
    let folder = Folder::new();
    folder.write("disc.iso", vec![0; 3000 * 2048]);
    folder.ends(0, &["emulated:disc.iso", "out.iso"]);
    folder.must_hold("out.iso", &vec![0; 3000 * 2048], &[]);
}

#[test]
fn a_dry_run_looks_and_writes_nothing() {
    let folder = Folder::new();
    folder.ends(0, &["-n", "emulated:demo", "out.iso"]).must_say("6166");
    assert_eq!(folder.names(), [""; 0]);
    folder.ends(0, &["emulated:demo", "out.iso"]);
    let before = (folder.read("out.iso"), folder.text("out.iso.map"), folder.text("out.iso.json"));
    folder.ends(0, &["-n", "--force", "emulated:demo", "out.iso"]);
    assert!((folder.read("out.iso"), folder.text("out.iso.map"), folder.text("out.iso.json")) == before);
    assert_eq!(folder.names().len(), 3);
}

#[test]
fn a_dry_run_leaves_the_tray_closed_and_says_that_it_would_open_it() {
    let folder = Folder::new();
    let was_opened = |record: &str| folder.recorded(record).iter().any(|line| line["cdb"] == "1b0000000200");
    folder.ends(0, &["-n", "--eject", "emulated:demo", "out.iso", "--record", "look"]).must_say("open the tray");
    assert!(!was_opened("look"));
    folder.ends(0, &["--eject", "emulated:demo", "out.iso", "--record", "run"]);
    assert!(was_opened("run"));
    // The same of an image that is complete already.
    folder.ends(0, &["-n", "--eject", "emulated:demo", "out.iso", "--record", "again"]).must_say("open the tray");
    assert!(!folder.names().iter().any(|name| name == "again"), "a command was sent");
}
