//! One image onto several sticks at once: each at its own pace, and with its own proof.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::common::{Folder, Ran, finish, installed};
use crate::flash_kills::{Left, left};
use crate::sticks::{ISOFLASH, Loop, MIB, can_loop, noise, turn};

const OLD: u64 = 999;

/// An image, and sticks that hold something else: `1.img` and so on.
fn prepared(image: &[u8], sticks: usize, bytes: usize) -> Folder {
    let folder = Folder::new();
    folder.write("a.iso", image);
    (1..=sticks).for_each(|number| folder.write(&format!("{number}.img"), noise(OLD, bytes)));
    folder
}

/// isoflash from beginning to end. What is said of good sticks is no false claim here.
#[track_caller]
fn many(folder: &Folder, status: i32, args: &[&str]) -> Ran {
    let ran = finish(folder.isoflash(args), args);
    ran.must_be(status);
    ran
}

/// The same with --json: the events and the result.
#[track_caller]
fn many_json(folder: &Folder, status: i32, args: &[&str]) -> (Vec<Value>, Value) {
    let ran = many(folder, status, &[args, &["--json"]].concat());
    let mut events = ran.events();
    let result = events.pop().unwrap();
    assert_eq!((&result["event"], &result["status"]), (&"result".into(), &status.into()), "{ran}");
    (events, result)
}

/// Starts a command, and shows each event as it comes, with the id of the process. Returns the last one.
fn watch(mut command: Command, mut look: impl FnMut(Pid, &Value)) -> (ExitStatus, Value) {
    let mut child = command.spawn().unwrap();
    let id = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let mut last = Value::Null;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        last = serde_json::from_str(&line.unwrap()).unwrap();
        look(id, &last);
    }
    (child.wait().unwrap(), last)
}

fn statuses(result: &Value) -> Vec<u64> {
    result["media"].as_array().unwrap().iter().map(|medium| medium["status"].as_u64().unwrap()).collect()
}

#[track_caller]
fn must_be_untouched(folder: &Folder, names: &[&str]) {
    for name in names {
        let bytes = folder.read(name);
        assert!(bytes == noise(OLD, bytes.len()), "{name} was written to");
    }
}

#[test]
fn three_good_sticks_and_a_file() {
    let folder = prepared(&noise(1, 9 * MIB + 77), 3, 12 * MIB);
    let media = ["emulated:1.img", "emulated:2.img,sector=4096,short-writes", "emulated:3.img", "new.img"];
    let args = [&["-y", "a.iso", "--ledger", "a.ledger"][..], &media].concat();
    let ran = many(&folder, 0, &args);
    for name in ["1.img", "2.img", "3.img", "new.img"] {
        folder.must_be_equal("a.iso", name);
        assert!(name == "new.img" || folder.read(name)[10 * MIB..] == noise(OLD, 12 * MIB)[10 * MIB..], "{name}");
    }
    let rows: Vec<&str> = ran.stderr.lines().filter(|line| line.contains("  verified  ")).collect();
    assert_eq!(rows.len(), media.len(), "{ran}");
    for (row, medium) in rows.iter().zip(media) {
        assert!(row.starts_with(medium), "{ran}");
    }
    if let Some(sums) = folder.witness("sha256sum", &["a.iso"]) {
        assert_eq!(ran.out().lines().filter(|line| line.contains(&sums.out()[..64])).count(), 1, "{ran}");
    }
    for medium in &media[..3] {
        folder.verify(0, &[medium, "--ledger", "a.ledger"]);
    }

    folder.remove(&["new.img"]);
    let (events, result) = many_json(&folder, 0, &args);
    assert_eq!(statuses(&result), [0; 4]);
    for event in events.iter().filter(|event| ["medium", "phase", "progress", "ended"].iter().any(|name| event["event"] == *name))
    {
        assert!(media.iter().any(|medium| event["medium"] == *medium), "{event}");
    }
    let ended = events.iter().filter(|event| event["event"] == "ended" && event["verified"] == true).count();
    assert_eq!(ended, media.len(), "{events:?}");
}

#[test]
fn bad_sticks_hurt_no_good_one() {
    let folder = prepared(&noise(1, 20 * MIB), 5, 24 * MIB);
    let media = [
        "emulated:1.img",
        "emulated:2.img,eio=10M+4K@w",
        "emulated:3.img,real=8M,drop",
        "emulated:4.img,gone-after=10M",
        "emulated:5.img,speed=20M@w",
    ];
    let args = [&["-y", "a.iso"][..], &media].concat();
    // Of 1, 4 and 7, 4 counts first.
    let ran = many(&folder, 4, &args);
    for (name, verdict) in
        [("1", "  verified  "), ("2", "  FAILED  "), ("3", "  DIFFERENT  "), ("4", "  STOPPED  "), ("5", "  verified  ")]
    {
        let is_row = |line: &&str| line.starts_with(&format!("emulated:{name}.img")) && line.contains("  EMUSTICK1  ");
        let row = ran.stderr.lines().find(is_row).unwrap_or_else(|| panic!("no row of {name}: {ran}"));
        assert!(row.contains(verdict), "{row}: {ran}");
    }
    assert!(!ran.out().contains("SHA256"), "{ran}");
    let check = |folder: &Folder| {
        ["1.img", "5.img"].iter().for_each(|good| folder.must_be_equal("a.iso", good));
        ["2.img", "3.img", "4.img"].iter().for_each(|bad| folder.head_must_be_zero(bad));
    };
    check(&folder);
    (1..=5).for_each(|number| folder.write(&format!("{number}.img"), noise(OLD, 24 * MIB)));
    let (_, result) = many_json(&folder, 4, &args);
    assert_eq!(statuses(&result), [0, 1, 4, 7, 0]);
    check(&folder);
    let reasons: Vec<&str> = result["reasons"].as_array().unwrap().iter().map(|reason| reason.as_str().unwrap()).collect();
    assert!(reasons[0].contains(media[2]), "the first reason is that of the status: {reasons:?}");
    for medium in &media[1..4] {
        assert!(reasons.iter().any(|reason| reason.contains(medium)), "nothing of {medium}: {reasons:?}");
    }
    assert!(result["digests"].as_object().unwrap().is_empty(), "{result}");
}

#[test]
fn a_slow_stick_holds_up_no_fast_one_and_a_signal_stops_it() {
    // Three times what stays in memory: were the fast one held up, the slow one would be beyond the middle.
    const BYTES: usize = 200 * MIB;
    let folder = prepared(&noise(1, BYTES), 2, BYTES);
    let (fast, slow) = ("emulated:1.img", "emulated:2.img,speed=2M@w");
    let mut done = 0;
    let mut at_end = None;
    let (ended, result) = watch(folder.isoflash(&["-y", "--json", "a.iso", slow, fast]), |id, event| {
        if event["event"] == "progress" && event["medium"] == slow {
            done = event["done"].as_u64().unwrap();
        }
        if event["event"] == "ended" && event["medium"] == fast {
            assert_eq!((&event["status"], &event["verified"]), (&0.into(), &true.into()), "{event}");
            at_end = Some(done);
            kill(id, Signal::SIGINT).unwrap();
        }
    });
    let at_end = at_end.expect("the fast one never ended");
    assert!(at_end < BYTES as u64 / 2, "the slow one was at {at_end} when the fast one was done");
    assert_eq!(ended.signal(), Some(Signal::SIGINT as i32), "{result}");
    assert_eq!(statuses(&result), [7, 0], "{result}");
    folder.must_be_equal("a.iso", "1.img");
    folder.head_must_be_zero("2.img");
}

#[test]
fn a_pipe_is_read_once_also_for_the_slow_one() {
    let folder = prepared(&noise(1, 100 * MIB + 5), 2, 101 * MIB);
    folder.write("no-folder", "");
    fs::create_dir(folder.path("spool")).unwrap();
    let media = "emulated:1.img emulated:2.img,slow=0+1M@700,speed=60M@w";
    for (tmpdir, is_kept) in [("spool", true), ("no-folder", false)] {
        for (start, image) in [("mkfifo p; cat a.iso > p &", "p"), ("cat a.iso |", "-")] {
            let script = format!("{start} TMPDIR={tmpdir} {ISOFLASH} -y {image} {media}");
            let ran = folder.shell(&script);
            ran.must_be(0);
            assert_eq!(!ran.stderr.contains("sets the pace"), is_kept, "{ran}");
            for name in ["1.img", "2.img"] {
                folder.must_be_equal("a.iso", name);
                folder.write(name, noise(OLD, 101 * MIB));
            }
        }
        folder.remove(&["p"]);
    }
    assert_eq!(fs::read_dir(folder.path("spool")).unwrap().count(), 0);
}

#[test]
fn a_file_is_read_once_for_all_that_keep_pace() {
    // No more than what stays in memory, so that nobody falls behind on a machine under load.
    const BYTES: usize = 36 * MIB + 3;
    let folder = prepared(&noise(1, BYTES), 3, 40 * MIB);
    if !installed("strace") {
        return;
    }
    let trace = ["-f", "-y", "-qq", "-e", "trace=read,pread64", "-o", "trace", ISOFLASH];
    let args = [&trace[..], &["-y", "a.iso", "emulated:1.img", "emulated:2.img", "emulated:3.img,speed=30M@w"]].concat();
    finish(folder.command("strace", &args), &args).must_be(0);
    let text = folder.text("trace");
    let of_image = text.lines().filter(|line| line.contains("/a.iso>"));
    let came = |line: &str| line.rsplit_once("= ").and_then(|(_, came)| came.parse::<u64>().ok()).unwrap_or(0);
    // Calls that were interrupted in the trace by others begin and end on two lines.
    let pending = text.lines().filter(|line| line.contains("/a.iso>") && line.contains("<unfinished")).count();
    let bytes: u64 = of_image.map(came).sum();
    let chunk = 4 * MIB as u64;
    // Before the question its structures are looked at, for each.
    assert!(bytes <= BYTES as u64 + 2 * MIB as u64, "{bytes} bytes of the image were read");
    assert!(bytes + pending as u64 * chunk >= BYTES as u64, "the trace shows {bytes} bytes and {pending} calls");
}

#[test]
fn memory_has_a_bound_whatever_their_pace() {
    const BYTES: u64 = 320 << 20;
    const BOUND: u64 = 288 << 20;
    let folder = Folder::new();
    folder.write("a.iso", noise(1, 8 * MIB));
    File::options().write(true).open(folder.path("a.iso")).unwrap().set_len(BYTES).unwrap();
    // What they drop takes no room on the tester's disk.
    let stick = |number: u32, speed: &str| format!("emulated:{number}.img,size=330M,real=9M,drop,{speed}");
    let media = [stick(1, "seed=1"), stick(2, "speed=400M@w"), stick(3, "speed=120M@w"), stick(4, "speed=60M@w")];
    let mut most = 0;
    let args = [&["-y", "--json", "a.iso"][..], &media.each_ref().map(String::as_str)].concat();
    let (_, result) = watch(folder.isoflash(&args), |id, _| {
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|line| line.trim().strip_suffix(" kB"));
        most = most.max(peak.map_or(0, |peak| peak.parse::<u64>().unwrap() * 1024));
    });
    // Zeros come back from what they dropped.
    assert_eq!(statuses(&result), [0; 4], "{result}");
    assert!((1..BOUND).contains(&most), "{most} bytes of memory");
}

#[test]
fn killed_at_any_moment_none_of_them_boots_half_an_image() {
    const BYTES: usize = 16 * MIB + 1234;
    let (image, old) = (noise(1, BYTES), noise(OLD, 17 * MIB));
    let folder = prepared(&image, 3, 17 * MIB);
    let args = ["-y", "--json", "a.iso", "emulated:1.img", "emulated:2.img,speed=60M@w", "emulated:3.img,cache=4M,speed=25M@w"];
    let mut found = Vec::new();
    for moment in (4..60).step_by(5) {
        let (mut events, mut verified) = (0, Vec::new());
        (1..=3).for_each(|number| folder.write(&format!("{number}.img"), &old));
        watch(folder.isoflash(&args), |id, event| {
            events += 1;
            if event["event"] == "ended" {
                verified.push(event["medium"].as_str().unwrap()["emulated:".len()..].chars().next().unwrap());
            }
            if events == moment {
                kill(id, Signal::SIGKILL).unwrap();
            }
        });
        for number in ['1', '2', '3'] {
            let state = left(&folder.read(&format!("{number}.img")), &image, &old, &format!("stick {number}, event {moment}"));
            assert!(state == Left::Whole || !verified.contains(&number), "stick {number}, event {moment}: {state:?}");
            found.push(state);
        }
    }
    assert!(found.contains(&Left::Dead) && found.contains(&Left::Whole), "{found:?}");
}

#[test]
fn what_speaks_against_one_keeps_all_from_being_written() {
    let folder = prepared(&noise(1, 3 * MIB), 2, 4 * MIB);
    folder.write("small.img", noise(OLD, MIB));
    symlink("1.img", folder.path("link.img")).unwrap();
    fs::hard_link(folder.path("1.img"), folder.path("hard.img")).unwrap();
    let (one, two) = ("emulated:1.img", "emulated:2.img");
    for (media, status, says) in [
        (vec![one, "emulated:small.img", two], 5, "emulated:small.img is too small"),
        (vec![one, two, "nowhere/x.img"], 1, "nowhere/x.img"),
        (vec![one, two, "2.img"], 5, "2.img exists"),
        (vec![one, two, "emulated:2.img,readonly"], 5, "readonly"),
        (vec![one, two, one], 5, "named twice"),
        (vec![one, two, "emulated:link.img"], 5, "are one medium"),
        (vec![one, two, "emulated:hard.img,sector=4096"], 5, "are one medium"),
        (vec![one, "small.img", "--overwrite-file"], 2, "--overwrite-file replaces one file"),
        (vec!["new.img", one, "./new.img"], 5, "are one medium"),
        (vec![one, two, "--expect", "size=4M"], 2, "--expect describes one medium"),
    ] {
        let ran = many(&folder, status, &[&["-y", "a.iso"], media.as_slice()].concat());
        ran.must_say(says);
        ran.must_not_claim();
        must_be_untouched(&folder, &["1.img", "2.img", "small.img"]);
        assert!(!folder.exists("new.img"), "{ran}");
    }
    // Nobody is there to be asked.
    let ran = finish(folder.command("setsid", &["-w", ISOFLASH, "a.iso", one, two]), &["a.iso", one, two]);
    ran.must_be(5);
    must_be_untouched(&folder, &["1.img", "2.img"]);
}

#[test]
fn a_wrong_checksum_leaves_none_that_boots() {
    let folder = prepared(&noise(1, 9 * MIB), 3, 12 * MIB);
    let media = ["emulated:1.img", "emulated:2.img,speed=30M@w", "emulated:3.img,eio=5M+4K@w"];
    let wrong = "0".repeat(64);
    let (_, result) = many_json(&folder, 6, &[&["-y", "--sha256", &wrong, "a.iso"][..], &media].concat());
    assert_eq!(statuses(&result), [6, 6, 1]);
    ["1.img", "2.img", "3.img"].iter().for_each(|name| folder.head_must_be_zero(name));

    let Some(sums) = folder.witness("sha256sum", &["a.iso"]) else { return };
    let right = &sums.out()[..64];
    let (_, result) = many_json(&folder, 0, &[&["-y", "--sha256", right, "a.iso"][..], &media[..2]].concat());
    assert_eq!(result["reasons"], serde_json::json!(["the image matches the expected sha256"]), "said once");
}

#[test]
fn two_disks_of_this_machine() {
    if !can_loop() {
        return;
    }
    let _turn = turn();
    let folder = prepared(&noise(1, 5 * MIB), 2, 6 * MIB);
    let (Some(one), Some(two)) = (Loop::of(&folder, "1.img", &[]), Loop::of(&folder, "2.img", &[])) else { return };
    symlink(&one.node, folder.path("link")).unwrap();
    many(&folder, 5, &["-y", "a.iso", &one.node, &two.node, "link"]).must_say("named twice");
    let Some(again) = Loop::of(&folder, "1.img", &[]) else { return };
    many(&folder, 5, &["-y", "a.iso", &one.node, &again.node]);
    drop(again);
    must_be_untouched(&folder, &["1.img", "2.img"]);
    let (_, result) = many_json(&folder, 0, &["-y", "a.iso", &one.node, &two.node]);
    assert_eq!(result["media"][1]["medium"], two.node.as_str());
    drop((one, two));
    ["1.img", "2.img"].iter().for_each(|name| folder.must_be_equal("a.iso", name));
}
