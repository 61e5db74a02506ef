//! `--log FILE`: what happened, for those who come back later.

use crate::common::{DISCRIP, Folder, damaged_disc, finish, installed};

const DAMAGED: &str = "emulated:demo,damaged";

#[test]
fn the_log_tells_the_run_a_line_each_with_its_time() {
    let folder = Folder::new();
    let (events, _) = folder.json(3, &[DAMAGED, "out.iso", "--log", "out.log"]);
    let log = folder.text("out.log");
    for line in log.lines() {
        let (time, _) = line.split_once(' ').unwrap();
        assert!(humantime::parse_rfc3339(time).is_ok(), "{line}");
    }
    let first = log.lines().next().unwrap();
    assert!(first.contains("begin   discrip ") && first.ends_with("emulated:demo,damaged out.iso --log out.log --json"), "{log}");
    for words in ["drive   emulated:demo", "label DISCSMITH_DEMO", "now     reading (skipped parts)", "28 of 6166 sectors"] {
        assert!(log.contains(words), "no {words}: {log}");
    }
    assert!(log.lines().last().unwrap().ends_with("end     status 3"), "{log}");
    // Each failed read, with its place, class and sense.
    let troubles: Vec<_> = events.iter().filter(|event| event["event"] == "trouble").collect();
    assert_eq!(log.lines().filter(|line| line.contains(" not read: ")).count(), troubles.len(), "{log}");
    for trouble in troubles {
        let (first, count) = (trouble["lba"].as_u64().unwrap(), trouble["count"].as_u64().unwrap());
        let place = if count == 1 { format!(" sector {first} ") } else { format!(" sectors {first} to {} ", first + count - 1) };
        let why = format!("({}, sense {})", trouble["class"].as_str().unwrap(), trouble["sense"].as_str().unwrap());
        assert!(log.lines().any(|line| line.contains(&place) && line.contains(&why)), "{trouble}: {log}");
    }
}

#[test]
fn a_log_is_gone_on_with() {
    let folder = Folder::new();
    folder.ends(7, &[DAMAGED, "out.iso", "--log", "out.log", "--max-errors", "1"]);
    let first = folder.text("out.log");
    assert!(first.contains("--max-errors is 1; the same command goes on"), "{first}");
    folder.ends(3, &[DAMAGED, "out.iso", "--log", "out.log"]);
    let both = folder.text("out.log");
    assert!(both.starts_with(&first) && both[first.len()..].contains("going on with out.iso"), "{both}");
    // A power cut left a part of a line: it stays a line of its own.
    let torn = both.trim_end();
    folder.write("out.log", torn);
    folder.ends(3, &[DAMAGED, "out.iso", "--log", "out.log", "--force"]);
    assert!(folder.text("out.log").starts_with(&both), "{}", folder.text("out.log"));
}

#[test]
fn a_file_that_is_no_log_is_left_alone_and_nothing_begins() {
    let folder = Folder::new();
    folder.write("letter", "Dear Ann, the disc that you sent me is broken.\n");
    folder.ends(5, &[DAMAGED, "out.iso", "--log", "letter"]).must_say("is no log");
    folder.ends(5, &[DAMAGED, "out.iso", "--log", "/dev/null"]).must_say("is no file");
    folder.ends(1, &[DAMAGED, "out.iso", "--log", "nowhere/out.log"]).must_say("nowhere/out.log");
    assert_eq!(folder.text("letter"), "Dear Ann, the disc that you sent me is broken.\n");
    assert_eq!(folder.names(), ["letter"]);
}

#[test]
fn a_log_is_none_of_the_images_own_files() {
    let folder = Folder::new();
    for log in ["out.iso", "out.iso.map", "out.iso.json", "./out.iso"] {
        folder.ends(2, &[DAMAGED, "out.iso", "--log", log]).must_say("--log is one of the image's own");
    }
    folder.ends(2, &[DAMAGED, "out.iso", "a.map", "--log", "a.map"]).must_say("--log is one of the image's own");
    folder.ends(2, &[DAMAGED, "out.iso", "--log", "a", "--picture", "a"]).must_say("--log and --picture name one file");
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn a_look_writes_no_log() {
    let folder = Folder::new();
    folder.ends(0, &[DAMAGED, "out.iso", "--log", "out.log", "-n"]);
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn a_disk_that_is_full_for_the_log_does_not_end_the_rescue() {
    if !installed("strace") {
        return;
    }
    let damage = [(100, 3), (1700, 2)];
    let (folder, image) = damaged_disc(31, 3000, &damage);
    folder.write("out.log", "");
    let drive = "emulated:disc.iso,damage=damage,model=ideal";
    // The fifth line and those behind it, up to the ninth: then there is room again.
    let inject = "inject=write:error=ENOSPC:when=5..9";
    let args = [
        "-f",
        "-qq",
        "-o",
        "trace",
        "-P",
        "out.log",
        "-e",
        "trace=write",
        "-e",
        inject,
        DISCRIP,
        drive,
        "out.iso",
        "--log",
        "out.log",
    ];
    let ran = finish(folder.command("strace", &args), &args);
    ran.must_be(3);
    assert!(folder.text("trace").contains("INJECTED"), "{ran}");
    assert_eq!(ran.stderr.matches("writing to the log out.log").count(), 1, "{ran}");
    folder.must_hold("out.iso", &image, &damage);
    folder.map_must_say("out.iso.map", &damage, 3000);
    let log = folder.text("out.log");
    assert!(log.contains("begin   ") && log.contains("end     status 3"), "{log}");
}
