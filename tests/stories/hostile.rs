//! What a hostile tester tried: names that mean two files, files that are none of ours, and drives that leave at the wrong moment.

use serde_json::Value;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::{Folder, SECTOR, disc, finish, mapfile, volume, wait};

const SECTORS: u32 = 1500;
const DISC: &str = "emulated:disc.iso";
const DRIVE: &str = "emulated:disc.iso,faults=rules";

fn with_disc(seed: u64) -> (Folder, Vec<u8>) {
    let folder = Folder::new();
    let image = disc(seed, SECTORS);
    folder.write("disc.iso", &image);
    (folder, image)
}

/// The trouble passes, and the image is whole.
#[track_caller]
fn passes(seed: u64, rules: &str) {
    let (folder, image) = with_disc(seed);
    folder.write("rules", rules);
    folder.ends(0, &[DRIVE, "out.iso"]);
    folder.must_hold("out.iso", &image, &[]);
    folder.map_must_say("out.iso.map", &[], SECTORS);
}

/// What sha256sum says of a file.
fn sum(folder: &Folder, name: &str) -> Option<String> {
    folder.witness("sha256sum", &[name]).map(|ran| ran.out()[..64].to_string())
}

/// A mapfile of which the first sectors are finished and the rest is not tried.
fn map_of_first(finished: u32) -> String {
    mapfile(&[(finished, SECTORS - finished)], '?', SECTORS)
}

#[test]
fn a_record_of_commands_never_goes_over_a_file_that_is_something_else() {
    let (folder, image) = with_disc(1);
    folder.write("letter", "a letter");
    for record in ["disc.iso", "./disc.iso", "letter"] {
        folder.ends(5, &[DISC, "out.iso", "--record", record]);
    }
    assert!(folder.read("disc.iso") == image);
    assert_eq!(folder.text("letter"), "a letter");
    assert_eq!(folder.names(), ["disc.iso", "letter"]);
}

#[test]
fn a_record_of_commands_is_none_of_the_images_own_files() {
    let (folder, _) = with_disc(2);
    symlink("out.iso", folder.path("link")).unwrap();
    for record in ["out.iso", "./out.iso", "out.iso.map", "out.iso.json"] {
        folder.ends(2, &[DISC, "out.iso", "--record", record]);
    }
    folder.ends(2, &[DISC, "out.iso", "other.map", "--record", "other.map"]);
    assert_eq!(folder.names(), ["disc.iso", "link"]);
    // By whatever name.
    folder.ends(0, &[DISC, "out.iso"]);
    let before = folder.read("out.iso");
    folder.ends(2, &[DISC, "out.iso", "--force", "--record", "link"]);
    assert!(folder.read("out.iso") == before);
}

#[test]
fn a_record_of_commands_is_a_file() {
    let (folder, _) = with_disc(3);
    for record in ["/dev/null", "/dev/full", "."] {
        folder.ends(5, &[DISC, "out.iso", "--record", record]);
    }
    assert_eq!(folder.names(), ["disc.iso"]);
}

#[test]
fn a_second_session_is_appended_to_the_record_of_commands() {
    let (folder, image) = with_disc(4);
    folder.ends(0, &[DISC, "out.iso", "--record", "commands"]);
    let first = folder.text("commands");
    folder.ends(0, &[DISC, "again.iso", "--record", "commands"]);
    let both = folder.text("commands");
    assert!(!first.is_empty() && both.starts_with(&first) && both.len() > first.len());
    folder.recorded("commands");
    folder.must_hold("again.iso", &image, &[]);
}

#[test]
fn a_map_that_claims_nothing_makes_no_foreign_file_ours() {
    let (folder, _) = with_disc(5);
    // Short, as long as the disc, and longer than any map says.
    for letter in [b"a letter".to_vec(), disc(6, SECTORS), disc(7, SECTORS + 100)] {
        for map in ["", "# a comment\n", "0x00000000     ?               1\n", &map_of_first(0)] {
            folder.write("out.iso", &letter);
            folder.write("out.iso.map", map);
            for options in [&[][..], &["--yes", "--same-disc"]] {
                folder.ends(5, &[&[DISC, "out.iso"], options].concat());
            }
            assert!(folder.read("out.iso") == letter, "beside {map:?}");
            assert_eq!(folder.text("out.iso.map"), map);
            assert_eq!(folder.names(), ["disc.iso", "out.iso", "out.iso.map"]);
        }
    }
}

#[test]
fn a_map_is_a_file_of_its_own() {
    let (folder, _) = with_disc(8);
    symlink("out.iso", folder.path("link")).unwrap();
    for map in ["out.iso", "./out.iso", "out.iso.json", "-", "/dev/null", "/dev/full"] {
        for options in [&[][..], &["--force"]] {
            folder.ends(2, &[&[DISC, "out.iso", map], options].concat());
        }
        assert_eq!(folder.names(), ["disc.iso", "link"], "{map}");
    }
    folder.write("out.iso", "a letter");
    folder.ends(2, &[DISC, "out.iso", "link"]);
    folder.ends(2, &[DISC, "out.iso", "link", "--force"]);
    assert_eq!(folder.text("out.iso"), "a letter");
}

#[test]
fn a_file_that_only_has_the_name_of_a_record_is_left_alone() {
    let (folder, _) = with_disc(9);
    let foreign = "{\"name\": \"my-project\", \"version\": \"1.0.0\"}\n";
    for text in [foreign, "a letter", ""] {
        folder.write("package.json", text);
        folder.ends(5, &[DISC, "package"]).must_say("package");
        assert_eq!(folder.text("package.json"), text);
        assert_eq!(folder.names(), ["disc.iso", "package.json"]);
    }
}

#[test]
fn a_record_whose_image_was_deleted_is_kept_and_does_not_hold_up_the_next_run() {
    let (folder, image) = with_disc(10);
    folder.ends(0, &[DISC, "out.iso"]);
    let record = folder.read("out.iso.json");
    folder.remove(&["out.iso", "out.iso.map"]);
    folder.ends(0, &[DISC, "out.iso"]);
    assert!(folder.read("out.iso.json.bak-1") == record);
    assert_eq!(folder.names(), ["disc.iso", "out.iso", "out.iso.json", "out.iso.json.bak-1", "out.iso.map"]);
    folder.must_hold("out.iso", &image, &[]);
}

#[test]
fn an_image_that_is_zero_as_far_as_it_goes_belongs_only_to_a_disc_that_is_zero_there() {
    let folder = Folder::new();
    let known = 1000;
    let mut image = disc(11, SECTORS);
    image[..known as usize * SECTOR].fill(0);
    folder.write("disc.iso", &image);
    folder.write("other.iso", disc(12, SECTORS));
    let begun = vec![0; known as usize * SECTOR];
    folder.write("out.iso", &begun);
    folder.write("out.iso.map", map_of_first(known));
    folder.ends(5, &["emulated:other.iso", "out.iso"]);
    folder.ends(5, &["emulated:other.iso", "out.iso", "--same-disc", "--yes"]);
    assert!(folder.read("out.iso") == begun);
    assert_eq!(folder.text("out.iso.map"), map_of_first(known));
    folder.ends(0, &[DISC, "out.iso"]);
    folder.must_hold("out.iso", &image, &[]);
}

/// Starts a run, does something while the drive keeps it waiting, and waits for the end.
fn meanwhile(folder: &Folder, args: &[&str], deed: impl FnOnce(&Child)) -> crate::common::Ran {
    let child = folder.discrip(args).spawn().unwrap();
    // Should this be too short on a slow machine, the deed comes before the first look, and must be respected all the same.
    std::thread::sleep(Duration::from_millis(500));
    deed(&child);
    wait(child, &args.join(" "))
}

#[test]
fn an_image_that_appears_while_a_disc_is_waited_for_is_not_touched() {
    let (folder, _) = with_disc(13);
    folder.write("rules", "any * sense=2/3a/00\n");
    let args = [&format!("{DRIVE},clock=real,model=ideal"), "out.iso", "--wait"];
    let ran = meanwhile(&folder, &args, |_| {
        folder.write("out.iso", "a letter");
        folder.write("rules", "");
    });
    ran.must_be(5);
    assert_eq!(folder.text("out.iso"), "a letter");
    assert_eq!(folder.names(), ["disc.iso", "out.iso", "rules"]);
}

#[test]
fn an_image_that_appears_while_the_drive_is_slow_is_not_touched() {
    let (folder, _) = with_disc(15);
    let stranger = disc(14, SECTORS);
    folder.write("rules", "any * delay=1500 times=1\n");
    let args = [&format!("{DRIVE},clock=real,model=ideal"), "out.iso"];
    meanwhile(&folder, &args, |_| folder.write("out.iso", &stranger)).must_be(5);
    assert!(folder.read("out.iso") == stranger);
    assert_eq!(folder.names(), ["disc.iso", "out.iso", "rules"]);
}

#[test]
fn a_table_of_contents_that_is_cut_short_costs_no_sector() {
    for bytes in [0, 1, 3, 4, 5, 8, 11, 12, 13, 19] {
        println!("{bytes}");
        passes(16, &format!("43 * short={bytes}\n"));
    }
}

#[test]
fn the_checksum_of_a_finished_image_is_that_of_the_file_as_it_is_now() {
    let (folder, image) = with_disc(17);
    let Some(right) = sum(&folder, "disc.iso") else { return };
    let args = [DISC, "out.iso", "--sha256", &right];
    folder.ends(0, &args);
    folder.ends(0, &args);
    let mut changed = image;
    changed[777 * SECTOR + 5] ^= 1;
    folder.write("out.iso", &changed);
    folder.ends(6, &args).must_say("does not match");
    assert!(folder.read("out.iso") == changed);
}

#[test]
fn an_image_that_another_program_filled_up_has_the_digests_of_the_file() {
    let (folder, image) = with_disc(18);
    let Some(right) = sum(&folder, "disc.iso") else { return };
    folder.write("damage", mapfile(&[(700, 40)], '-', SECTORS));
    folder.ends(3, &["emulated:disc.iso,damage=damage", "out.iso"]);
    folder.write("out.iso", &image);
    folder.write("out.iso.map", mapfile(&[], '-', SECTORS));
    for options in [&[][..], &["--sha256", &right]] {
        let (_, result) = folder.json(0, &[&["emulated:disc.iso,damage=damage", "out.iso"], options].concat());
        assert_eq!(result["digests"]["sha256"], *right, "{options:?}: {result}");
        assert_eq!(result["whole"], true);
    }
}

#[test]
fn a_complete_map_of_a_longer_image_is_not_its_map() {
    let (folder, _) = with_disc(19);
    folder.ends(0, &[DISC, "out.iso"]);
    let mut longer = folder.read("out.iso");
    longer.resize((SECTORS as usize + 100) * SECTOR, 7);
    folder.write("out.iso", &longer);
    folder.ends(5, &[DISC, "out.iso"]).must_say("belong together");
    folder.ends(5, &[DISC, "out.iso", "--yes"]);
    assert!(folder.read("out.iso") == longer);
}

#[test]
fn a_file_that_no_map_and_no_record_knows_is_left_with_the_reason() {
    let (folder, image) = with_disc(21);
    folder.write("out.iso", &image);
    folder.write("out.iso.map", mapfile(&[(0, SECTORS)], '?', SECTORS));
    folder.ends(5, &[DISC, "out.iso"]).must_say("nor does a record say whose they are");
    assert!(folder.read("out.iso") == image);
}

#[test]
fn what_stays_unread_is_zero_whatever_another_program_left_there() {
    let (folder, image) = with_disc(20);
    let dead = [(600, 5), (1000, 70), (SECTORS - 1, 1)];
    folder.write("damage", mapfile(&dead, '-', SECTORS));
    let mut begun = vec![0xaa; SECTORS as usize * SECTOR];
    begun[..500 * SECTOR].copy_from_slice(&image[..500 * SECTOR]);
    // Not tried yet; and given up by the other program already.
    for (map, options) in [
        (map_of_first(500), &[][..]),
        (map_of_first(500), &["--retries", "1"]),
        (mapfile(&[(500, SECTORS - 500)], '-', SECTORS), &["--retries", "1"]),
    ] {
        folder.write("out.iso", &begun);
        folder.write("out.iso.map", map);
        folder.ends(3, &[&["emulated:disc.iso,damage=damage", "out.iso"], options].concat());
        folder.must_hold("out.iso", &image, &dead);
        folder.map_must_say("out.iso.map", &dead, SECTORS);
        folder.remove(&["out.iso", "out.iso.map", "out.iso.json"]);
    }
}

#[test]
fn a_sector_that_takes_the_drive_off_the_bus_each_time_does_not_go_on_for_ever() {
    let (folder, image) = with_disc(21);
    folder.write("rules", "read 1000 gone=1000\n");
    let mut ran = folder.rip(&[DRIVE, "out.iso"]);
    for _ in 0..20 {
        if ran.ended.code() != Some(7) {
            break;
        }
        ran = folder.rip(&[DRIVE, "out.iso"]);
    }
    assert!(matches!(ran.ended.code(), Some(3 | 7)), "{ran}");
    folder.must_hold("out.iso", &image, &[(1000, 1)]);
    folder.write("rules", "");
    folder.ends(0, &[DISC, "out.iso", "--retries", "1"]);
    folder.must_hold("out.iso", &image, &[]);
}

#[test]
fn force_needs_no_map_that_makes_sense_and_keeps_the_one_there_is() {
    let (folder, image) = with_disc(22);
    let broken: [&[u8]; 3] = [b"this is no map\n", b"\xff\xfe\x00\x01", b"0x0 ? 1\n0x0 0x800 +\n0x100000 0x800 +\n"];
    for map in broken {
        folder.write("out.iso", "a letter");
        folder.write("out.iso.map", map);
        folder.ends(5, &[DISC, "out.iso"]);
        assert_eq!(folder.text("out.iso"), "a letter");
        folder.ends(0, &[DISC, "out.iso", "--force"]).must_say(".bak-1");
        assert_eq!(folder.text("out.iso.bak-1"), "a letter");
        assert!(folder.read("out.iso.map.bak-1") == map);
        folder.must_hold("out.iso", &image, &[]);
        folder.remove(&["out.iso", "out.iso.map", "out.iso.json", "out.iso.bak-1", "out.iso.map.bak-1"]);
    }
}

#[test]
fn a_signal_while_the_disc_is_looked_at_ends_the_run() {
    let (folder, _) = with_disc(23);
    folder.write("rules", "any * delay=1500 times=20\n");
    let begin = Instant::now();
    let args = [&format!("{DRIVE},clock=real,model=ideal"), "out.iso"];
    let ran = meanwhile(&folder, &args, |child| kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap());
    ran.must_die_by(Signal::SIGTERM as i32);
    // Twenty delays are 30 seconds.
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}: {ran}", begin.elapsed());
    assert_eq!(folder.names(), ["disc.iso", "rules"]);
}

#[test]
fn a_disc_taken_out_while_it_is_looked_at_ends_the_run_and_the_same_command_goes_on() {
    let (folder, image) = with_disc(24);
    for opcode in ["25", "43", "46", "51"] {
        folder.write("rules", format!("{opcode} * disc= times=1 sense=6/28/00\n"));
        folder.ends(7, &[DRIVE, "out.iso"]);
        assert!(!folder.exists("out.iso"), "{opcode}");
    }
    folder.write("rules", "");
    folder.ends(0, &[DRIVE, "out.iso"]);
    folder.must_hold("out.iso", &image, &[]);
}

#[test]
fn a_drive_that_vanishes_while_its_disc_is_looked_at_is_awaited() {
    for opcode in ["25", "12", "43", "46", "51"] {
        println!("{opcode}");
        passes(25, &format!("{opcode} * gone=1000 times=1\n"));
    }
}

#[test]
fn a_drive_that_is_busy_when_asked_for_the_size_is_asked_again() {
    passes(26, "25 * status=8 times=1\n");
}

#[test]
fn a_checksum_that_could_not_be_computed_is_not_called_wrong() {
    let (folder, _) = with_disc(27);
    let Some(right) = sum(&folder, "disc.iso") else { return };
    folder.ends(0, &[DISC, "/dev/null", "--sha256", &right]);
    folder.ends(6, &[DISC, "/dev/null", "--sha256", &"0".repeat(64)]);
    for hex in [right, "0".repeat(64)] {
        folder.write("rules", "read 500 sense=3/11/05 times=1\n");
        folder.ends(1, &[DRIVE, "/dev/null", "--sha256", &hex]).must_say("not compared");
    }
}

#[test]
fn a_wrong_option_is_told_as_json_to_who_asked_for_json() {
    let (folder, _) = with_disc(28);
    for args in [&[DISC, "out.iso", "--nonsense"][..], &[DISC, "out.iso", "--retries", "many"], &[], &[DISC, "a", "b", "c"]] {
        let (events, result) = folder.json(2, args);
        assert!(events.is_empty(), "{events:?}");
        assert!(result["reasons"][0].as_str().is_some_and(|reason| !reason.is_empty()), "{result}");
    }
    assert_eq!(folder.names(), ["disc.iso"]);
}

#[test]
fn results_that_nobody_got_are_no_success() {
    let (folder, image) = with_disc(29);
    for (name, options) in [("a.iso", &[][..]), ("b.iso", &["--json"]), ("c.iso", &["-q"])] {
        let args = [&[DISC, name], options].concat();
        let mut command = folder.discrip(&args);
        command.stdout(Stdio::from(std::fs::File::options().write(true).open("/dev/full").unwrap()));
        finish(command, &args).must_be(1);
        folder.must_hold(name, &image, &[]);
    }
}

#[test]
fn a_name_that_is_no_text_is_a_name_all_the_same() {
    let (folder, image) = with_disc(30);
    let name = OsStr::from_bytes(b"caf\xe9.iso");
    for options in [&[][..], &["--json"]] {
        let mut command = folder.discrip(&[DISC]);
        command.arg(name).args(options);
        finish(command, options).must_be(0);
        let got = std::fs::read(folder.path("disc.iso").with_file_name(name)).unwrap();
        assert!(got == image);
    }
    assert!(folder.path("disc.iso").with_file_name(OsStr::from_bytes(b"caf\xe9.iso.map")).exists());
}

#[test]
fn the_standard_output_by_another_name_carries_the_image_alone() {
    let (folder, image) = with_disc(31);
    let ran = folder.ends(0, &[DISC, "/dev/stdout"]);
    assert!(ran.stdout == image, "{} bytes", ran.stdout.len());
    ran.must_say("SHA256");
}

#[test]
fn padding_behind_the_file_system_is_found_to_be_why_the_checksum_differs() {
    let (folder, _) = with_disc(32);
    let (unpadded, padding) = (1300, 150);
    let mut image = disc(33, unpadded);
    volume(&mut image, 0, "PADDED", unpadded);
    folder.write("unpadded.iso", &image);
    image.resize((unpadded + padding) as usize * SECTOR, 0);
    folder.write("disc.iso", &image);
    let Some(hex) = sum(&folder, "unpadded.iso") else { return };
    // While it is read, and of the finished image.
    for _ in 0..2 {
        folder.ends(6, &[DISC, "out.iso", "--sha256", &hex]).must_say("its first 1300 sectors");
    }
    folder.must_hold("out.iso", &image, &[]);
    folder.ends(6, &[DISC, "out.iso", "--sha256", &"0".repeat(64)]);
}

#[test]
fn no_link_and_no_label_leads_the_record_or_the_map_into_the_image() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("images")).unwrap();
    for suffix in ["", ".map", ".json"] {
        let record = format!("images/DISCSMITH_DEMO.iso{suffix}");
        folder.ends(2, &["emulated:demo", "images/", "--record", &record]);
        folder.remove(&[&record]);
    }
    std::os::unix::fs::symlink("out.iso", folder.path("link")).unwrap();
    folder.ends(2, &["emulated:demo", "out.iso", "--record", "link"]);
    folder.ends(2, &["emulated:demo", "out.iso", "link"]);
    assert!(!folder.exists("out.iso"));
}

#[test]
fn a_drive_that_vanishes_again_while_its_disc_is_recognised_is_awaited_again() {
    let folder = Folder::new();
    let image = disc(77, SECTORS);
    folder.write("disc.iso", &image);
    // A read hangs, TEST UNIT READY finds the drive gone; back again, it vanishes at the table of contents.
    folder.write("rules", "read * skip=4 times=1 hang=90000\n00 * skip=2 times=1 gone=500\n43 * skip=2 times=1 gone=500\n");
    let ran = folder.ends(0, &["emulated:disc.iso,faults=rules", "out.iso"]);
    assert_eq!(ran.to_string().matches("gone from the bus").count(), 2, "{ran}");
    assert!(folder.read("out.iso") == image);
}

#[test]
fn what_stays_unread_is_zero_also_when_the_run_was_killed_in_its_end() {
    let folder = Folder::new();
    let image = disc(78, SECTORS);
    folder.write("disc.iso", &image);
    folder.write("damage", mapfile(&[(700, 5)], '-', SECTORS));
    folder.ends(3, &["emulated:disc.iso,damage=damage", "out.iso"]);
    // As a kill leaves it between the last map and the end: no digests yet, and old bytes where nothing could be read.
    let mut record: Value = serde_json::from_str(&folder.text("out.iso.json")).unwrap();
    record["digests"] = serde_json::json!({});
    folder.write("out.iso.json", record.to_string());
    folder.write("out.iso", &image);
    folder.ends(3, &["emulated:disc.iso,damage=damage", "out.iso"]);
    folder.must_hold("out.iso", &image, &[(700, 5)]);
}
