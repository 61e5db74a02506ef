//! Is all of a stick there? Sticks that hold what they claim, and every kind that does not.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::common::{Folder, finish, installed, listening, wait};
use crate::sticks::{ISOFLASH, MIB, noise, spans};

/// The result for a stick of 48 MiB with these faults.
#[track_caller]
fn probed(status: i32, faults: &str) -> (Folder, Value) {
    let folder = Folder::new();
    folder.write("s.img", noise(999, MIB).repeat(48));
    let (_, result) = folder.flash_json(status, &["-y", "--probe-capacity", &format!("emulated:s.img{faults}")]);
    assert_eq!(result["real"], status == 0, "{result}");
    (folder, result)
}

#[test]
fn a_stick_that_holds_what_it_claims_is_real() {
    for faults in ["", ",sector=4096", ",short-writes", ",cache=1M"] {
        let (folder, result) = probed(0, faults);
        let all = (48 * MIB).into();
        assert_eq!((&result["bytes"], &result["tested"], &result["finding"]), (&all, &all, &Value::Null), "{faults}: {result}");
        folder.head_must_be_zero("s.img");
        // Nothing of what was there is left.
        let (stick, old) = (folder.read("s.img"), noise(999, MIB).repeat(48));
        assert!(stick.chunks(512).zip(old.chunks(512)).all(|(now, before)| now != before), "{faults}");
    }
    let folder = Folder::new();
    folder.flash(0, &["-y", "--probe-capacity", "emulated:s.img,size=300K"]).must_say("done");
}

#[test]
fn a_fake_is_told_with_its_real_size() {
    let odd = 5 * MIB + 3 * 4096;
    for (faults, right) in [
        (format!("real={},wrap", 8 * MIB), json!({ "kind": "wraps", "holds": 8 * MIB })),
        (format!("real={odd},wrap"), json!({ "kind": "wraps", "holds": odd })),
        (format!("real={odd},wrap,sector=4096"), json!({ "kind": "wraps", "holds": odd })),
        (format!("real={},wrap", 300 << 10), json!({ "kind": "wraps", "holds": 300 << 10 })),
        (format!("real={},wrap", 48 * MIB - 512), json!({ "kind": "wraps", "holds": 48 * MIB - 512 })),
        (format!("real={},drop", 8 * MIB), json!({ "kind": "loses", "from": 8 * MIB })),
        (format!("real={odd},drop,sector=4096"), json!({ "kind": "loses", "from": odd })),
        (format!("real={},drop", 300 << 10), json!({ "kind": "loses", "from": 300 << 10 })),
        (format!("real={},drop", 47 * MIB + 1024), json!({ "kind": "loses", "from": 47 * MIB + 1024 })),
        // What was written last comes back from a cache, whatever became of it.
        (format!("real={odd},drop,cache=1M,nofua"), json!({ "kind": "loses", "from": odd })),
        (format!("real={odd},wrap,cache=1M,nofua"), json!({ "kind": "wraps", "holds": odd })),
    ] {
        let (folder, result) = probed(4, &format!(",{faults}"));
        assert_eq!(result["finding"], right, "{faults}: {result}");
        // What lies beyond its real size is in no cell, and what an ignored flush left in the cache is lost.
        if !faults.contains("nofua") && !faults.contains("307200") {
            folder.head_must_be_zero("s.img");
        }
    }
    let folder = Folder::new();
    let ran = folder.flash(4, &["-y", "--probe-capacity", "emulated:s.img,size=48M,real=8M,wrap"]);
    ran.must_say("is a fake: it claims 50.3 MB and holds 8.39 MB at most (byte 8388608 is byte 0 again)");
    ran.must_not_say("now     writing");
}

#[test]
fn bad_places_are_named() {
    let (_, result) = probed(4, ",flip=5000001");
    assert_eq!(result["finding"], json!({ "kind": "flips", "bits": 1, "sectors": 1, "first": 5_000_001 }), "{result}");
    assert_eq!(spans(&result, "differences"), [(5_000_001 / 512 * 512, 512)]);
    for (faults, key) in [(",eio=9M+3s@r", "unreadable"), (",eio=9M+3s@w", "unwritable"), (",eio=0+3s@r", "unreadable")] {
        let (_, result) = probed(4, faults);
        let from = if faults.contains("9M") { 9 << 20 } else { 0 };
        assert_eq!((spans(&result, key), &result["finding"]), (vec![(from, 1536)], &Value::Null), "{faults}: {result}");
        assert_eq!(result["tested"], 48 * MIB, "{faults}");
    }
}

#[test]
fn a_stick_that_is_pulled_out_is_no_fake_and_boots_nowhere() {
    for gone in [0, 512, MIB, MIB + 512, 20 * MIB, 60 * MIB] {
        let (folder, result) = probed(7, &format!(",gone-after={gone}"));
        assert_eq!(result["finding"], Value::Null, "{gone}: {result}");
        if gone > 0 {
            assert_ne!(folder.read("s.img")[510..512], [0x55, 0xaa], "{gone}");
        }
    }
}

#[test]
fn stopped_it_proves_nothing_and_boots_nowhere() {
    let folder = Folder::new();
    folder.write("s.img", noise(999, 48 * MIB));
    let before = folder.read("s.img");
    let child = folder.isoflash(&["-y", "--probe-capacity", "emulated:s.img,speed=8M@w"]).spawn().unwrap();
    listening(&child);
    while folder.read("s.img")[8 * MIB..9 * MIB] == before[8 * MIB..9 * MIB] {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    let ran = wait(child, "--probe-capacity");
    ran.must_die_by(2);
    ran.must_not_claim();
    ran.must_say("nothing is proved");
    folder.head_must_be_zero("s.img");
}

#[test]
fn it_is_guarded_and_asked_about_as_an_image_is() {
    let folder = Folder::new();
    let old = noise(999, 4 * MIB);
    folder.write("s.img", &old);
    for (status, args) in [
        (5, &["--probe-capacity", "emulated:s.img"][..]),
        (2, &["--probe-capacity", "emulated:s.img", "--json"]),
        (5, &["-y", "--probe-capacity", "emulated:s.img", "--expect", "serial=OTHER"]),
        (5, &["-y", "--probe-capacity", "emulated:s.img,readonly"]),
        (0, &["-y", "-n", "--probe-capacity", "emulated:s.img"]),
        (5, &["-y", "--probe-capacity", "s.img"]),
        (1, &["-y", "--probe-capacity", "none.img"]),
        (2, &["-y", "--probe-capacity", "a.iso", "emulated:s.img"]),
        (2, &["-y", "--probe-capacity", "emulated:s.img", "--delta"]),
        (2, &["-y", "--probe-capacity"]),
    ] {
        folder.flash(status, args);
        assert!(folder.read("s.img") == old, "{args:?}");
        assert!(!folder.exists("none.img"));
    }
}

#[test]
fn memory_does_not_grow_with_the_stick_or_with_what_is_wrong() {
    if !installed("time") {
        return;
    }
    let folder = Folder::new();
    let args = ["-f", "%M", "-o", "peak", ISOFLASH, "-q", "-y", "--probe-capacity", "emulated:s.img,size=200M,eio=1M+512@w"];
    finish(folder.command("/usr/bin/time", &args), &args).must_be(4);
    let peak: u64 = folder.text("peak").lines().last().unwrap().trim().parse().unwrap();
    assert!(peak < 48 << 10, "{peak} KiB");
}
