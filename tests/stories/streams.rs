//! What goes to stdout and stderr, and what signals do.

use std::process::Child;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::{DISCRIP, Folder, disc, mapfile, wait};

#[test]
fn json_is_lines_of_json_and_the_last_one_is_the_result() {
    let folder = Folder::new();
    let ran = folder.ends(3, &["--json", "emulated:demo,damaged", "out.iso"]);
    let events = ran.events();
    assert!(events.iter().all(|event| event["v"] == 1 && event["event"].is_string()), "{ran}");
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    for name in ["drive", "disc", "size", "phase", "progress", "trouble"] {
        assert!(names.contains(&name), "no {name}: {names:?}");
    }
    assert_eq!(names.iter().filter(|name| **name == "result").count(), 1);
    let result = events.last().unwrap();
    for key in [
        "status",
        "reasons",
        "image",
        "map",
        "sectors",
        "good",
        "bad",
        "unread",
        "damage",
        "whole",
        "digests",
        "commands",
        "failed_reads",
        "elapsed",
    ] {
        assert!(!result[key].is_null(), "no {key}: {result}");
    }
    assert_eq!(result["good"].as_u64().unwrap() + result["bad"].as_u64().unwrap(), 6166);
    if let Some(sum) = folder.witness("md5sum", &["out.iso"]) {
        assert_eq!(result["digests"]["md5"], sum.out()[..32]);
    }
    let disc = events.iter().find(|event| event["event"] == "disc").unwrap();
    assert_eq!((&disc["label"], &disc["kind"]), (&"DISCSMITH_DEMO".into(), &"cd-rom".into()));
}

#[test]
fn every_end_has_its_line_of_json() {
    let folder = Folder::new();
    folder.write("empty", "");
    folder.write("file.iso", "a letter");
    for (status, args) in [
        (5, &["emulated:empty", "out.iso"][..]),
        (5, &["emulated:demo", "file.iso"]),
        (2, &["emulated:no-such-file", "out.iso"]),
        (2, &["emulated:demo"]),
        (2, &["emulated:demo,colour=red", "out.iso"]),
        (0, &["emulated:demo", "demo.iso"]),
    ] {
        let (_, result) = folder.json(status, args);
        assert_eq!(result["reasons"].as_array().unwrap().is_empty(), status == 0, "{result}");
    }
}

#[test]
fn json_and_the_image_both_want_stdout() {
    let folder = Folder::new();
    let ran = folder.ends(2, &["--json", "emulated:demo", "-"]);
    assert!(ran.stdout.len() < 1000, "{ran}");
}

#[test]
fn what_makes_no_sense_is_2_and_touches_nothing() {
    let folder = Folder::new();
    for args in [
        &[][..],
        &["emulated:demo"],
        &["out.iso", "emulated:demo"],
        &["--no-such-option", "emulated:demo", "out.iso"],
        &["emulated:demo", "a", "b", "c"],
        &["-q", "-v", "emulated:demo", "out.iso"],
        &["--speed", "fast", "emulated:demo", "out.iso"],
        &["--retries", "-1", "emulated:demo", "out.iso"],
        &["--wait-drive", "soon", "emulated:demo", "out.iso"],
        &["emulated:demo,profile=vinyl", "out.iso"],
        &["emulated:nowhere.iso", "out.iso"],
    ] {
        folder.ends(2, args);
    }
    assert_eq!(folder.names(), [""; 0]);
    let help = folder.ends(0, &["--help"]);
    assert!(help.out().contains("DRIVE IMAGE"), "{help}");
    folder.ends(0, &["--version"]);
}

#[test]
fn quiet_says_errors_and_results_alone() {
    let folder = Folder::new();
    let ran = folder.ends(0, &["-q", "emulated:demo", "out.iso"]);
    assert_eq!((ran.stderr.as_str(), ran.out().lines().count()), ("", 4), "{ran}");
    let ran = folder.ends(3, &["-q", "emulated:demo,damaged", "damaged.iso"]);
    assert!(ran.stderr.contains("28 of 6166") && !ran.stderr.contains("drive   "), "{ran}");
}

#[test]
fn verbose_says_what_the_size_was_taken_from() {
    let folder = Folder::new();
    let ran = folder.ends(0, &["-v", "emulated:demo", "out.iso"]);
    ran.must_say("read-track-information");
    ran.must_say("chosen");
}

#[test]
fn a_label_can_not_speak_to_the_terminal() {
    let folder = Folder::new();
    let mut image = disc(1, 200);
    image[16 * 2048 + 40..16 * 2048 + 50].copy_from_slice(b"\x1b[31mred\x07\n");
    folder.write("disc.iso", image);
    let ran = folder.ends(0, &["emulated:disc.iso", "out\x1b[2J.iso"]);
    for text in [ran.out(), ran.stderr] {
        assert!(!text.contains(['\x1b', '\x07']), "{text:?}");
    }
}

#[test]
fn without_a_terminal_there_are_no_moves_of_the_cursor() {
    let folder = Folder::new();
    for style in ["auto", "lines", "none"] {
        let ran = folder.ends(3, &["--progress", style, "emulated:demo,damaged", &format!("{style}.iso")]);
        assert!(!ran.stderr.contains(['\x1b', '\r']), "{ran}");
    }
}

/// A disc that takes some seconds, while it is read; the drive stands in the middle of it.
fn slow_run(folder: &Folder, image: &[u8], options: &[&str]) -> Child {
    folder.write("disc.iso", image);
    folder.write("rules", "read 1000+3000 delay=40\n");
    folder.write("damage", mapfile(&[(50, 20)], '-', 4000));
    let child = folder.discrip(&[&[SLOW, "out.iso"], options].concat()).spawn().unwrap();
    while !folder.exists("out.iso.map") {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(200));
    child
}

const SLOW: &str = "emulated:disc.iso,faults=rules,damage=damage,clock=real,model=ideal";

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id() as i32), signal).unwrap();
}

#[test]
fn a_signal_saves_what_was_read_and_the_same_command_goes_on() {
    let image = disc(2, 4000);
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        println!("{signal}");
        let folder = Folder::new();
        let child = slow_run(&folder, &image, &[]);
        send(&child, signal);
        let ran = wait(child, "the one that is stopped");
        ran.must_die_by(signal as i32);
        ran.must_say("stopping after the drive's present command");
        ran.must_say("the same command goes on");
        let map = folder.text("out.iso.map");
        assert!(map.contains("  +") && map.contains("  ?"), "{map}");
        folder.write("rules", "");
        let goes_on = folder.ends(3, &[SLOW, "out.iso"]);
        goes_on.must_say("going on with out.iso");
        folder.must_hold("out.iso", &image, &[(50, 20)]);
        folder.map_must_say("out.iso.map", &[(50, 20)], 4000);
    }
}

#[test]
fn a_stopped_run_says_so_in_json() {
    let folder = Folder::new();
    let child = slow_run(&folder, &disc(3, 4000), &["--json"]);
    send(&child, Signal::SIGINT);
    let ran = wait(child, "the one that is stopped");
    ran.must_die_by(2);
    let events = ran.events();
    let result = events.last().unwrap();
    assert_eq!((&result["event"], &result["status"]), (&"result".into(), &7.into()), "{ran}");
    assert!(result["unread"].as_u64().unwrap() > 0 && result["good"].as_u64().unwrap() > 0, "{result}");
}

#[test]
fn a_second_signal_ends_the_program_at_once() {
    let folder = Folder::new();
    let image = disc(4, 4000);
    folder.write("disc.iso", &image);
    folder.write("rules", "read 1000+3000 delay=30000\n");
    let drive = "emulated:disc.iso,faults=rules,clock=real,model=ideal";
    let child = folder.discrip(&[drive, "out.iso"]).spawn().unwrap();
    while !folder.exists("out.iso.map") {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(200));
    send(&child, Signal::SIGINT);
    std::thread::sleep(Duration::from_millis(300));
    send(&child, Signal::SIGINT);
    let ran = wait(child, "the one that is stopped twice");
    ran.must_die_by(2);
    folder.write("rules", "");
    folder.ends(0, &[drive, "out.iso"]);
    folder.must_hold("out.iso", &image, &[]);
}

#[test]
fn usr1_tells_where_it_stands() {
    let folder = Folder::new();
    let image = disc(5, 4000);
    let child = slow_run(&folder, &image, &["--progress", "none"]);
    send(&child, Signal::SIGUSR1);
    std::thread::sleep(Duration::from_millis(300));
    send(&child, Signal::SIGINT);
    let ran = wait(child, "the one that is asked");
    ran.must_die_by(2);
    ran.must_say(" %, ");
    ran.must_say("at ");
}

#[test]
fn a_signal_that_was_ignored_from_the_start_stays_ignored() {
    let folder = Folder::new();
    let image = disc(6, 4000);
    folder.write("disc.iso", &image);
    folder.write("rules", "read 1000+400 delay=40\n");
    let mut command = folder.command(
        "bash",
        &["-c", "trap '' HUP; exec \"$0\" emulated:disc.iso,faults=rules,clock=real,model=ideal out.iso", DISCRIP],
    );
    let child = command.spawn().unwrap();
    while !folder.exists("out.iso.map") {
        std::thread::sleep(Duration::from_millis(5));
    }
    send(&child, Signal::SIGHUP);
    wait(child, "the one under nohup").must_be(0);
    folder.must_hold("out.iso", &image, &[]);
}

#[test]
fn nobody_reading_stderr_does_not_end_the_run() {
    let folder = Folder::new();
    folder.shell("\"$DISCRIP\" emulated:demo out.iso 2> >(exec true)").must_be(0);
    folder.map_must_say("out.iso.map", &[], 6166);
}
