//! What a hostile tester tried with sticks: images that look right where nothing was read, names that mean two files, signals at a question.

use std::fs;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::common::{Folder, Ran, finish, installed, is_root, skipped, wait};

const ISOFLASH: &str = env!("CARGO_BIN_EXE_isoflash");
const ISOVERIFY: &str = env!("CARGO_BIN_EXE_isoverify");
const MIB: usize = 1 << 20;

fn flash(folder: &Folder, args: &[&str]) -> Ran {
    finish(folder.command(ISOFLASH, args), args)
}

/// isoflash through a shell, for what only a shell can set up.
fn shell(folder: &Folder, script: &str) -> Ran {
    let mut command = folder.command("bash", &["-c", script]);
    command.env("ISOFLASH", ISOFLASH).env("ISOVERIFY", ISOVERIFY);
    finish(command, &[script])
}

/// The last line of a run with --json.
#[track_caller]
fn result(ran: &Ran) -> Value {
    let result = ran.events().pop().unwrap_or_else(|| panic!("no line: {ran}"));
    assert_eq!(result["event"], "result", "{ran}");
    assert_eq!(result["status"].as_i64(), ran.ended.code().map(Into::into), "{ran}");
    result
}

/// Zeros with noise in these MiB.
fn image(mib: usize, noisy: &[usize]) -> Vec<u8> {
    let mut image = vec![0; mib * MIB];
    for (place, at) in noisy.iter().enumerate() {
        for (index, byte) in image[at * MIB..(at + 1) * MIB].iter_mut().enumerate() {
            *byte = ((index * 31 + place * 7 + 1) % 251 + 1) as u8;
        }
    }
    image
}

#[test]
fn sectors_that_cant_be_read_back_are_no_proof_even_where_the_image_is_zero() {
    let folder = Folder::new();
    folder.write("a.iso", image(12, &[0, 11]));
    let ran = flash(&folder, &["-y", "--json", "a.iso", "emulated:stick,size=16M,eio=6M+4K@r"]);
    ran.must_be(1);
    let result = result(&ran);
    assert_eq!(result["verified"], false);
    assert_eq!(result["unreadable"][0]["offset"], 6 * MIB);
    assert!(folder.read("stick")[..MIB].iter().all(|byte| *byte == 0), "the head is there");
}

#[test]
fn a_flush_that_fails_at_the_very_end_leaves_nothing_that_boots() {
    if !installed("strace") {
        return;
    }
    let folder = Folder::new();
    folder.write("a.iso", image(6, &[0, 3, 5]));
    for fsync in 1..=3 {
        folder.write("out.img", "old");
        let inject = format!("inject=fsync:error=EIO:when={fsync}");
        let args = ["-f", "-qq", "-o", "trace", "-e", "trace=fsync", "-e", &inject];
        let job = [ISOFLASH, "-y", "--json", "--overwrite-file", "a.iso", "out.img"];
        let ran = finish(folder.command("strace", &[&args[..], &job[..]].concat()), &job);
        if ran.stdout.is_empty() {
            return skipped("strace may trace nothing here");
        }
        ran.must_be(1);
        assert_eq!(result(&ran)["verified"], false);
        let head = &folder.read("out.img")[..512];
        assert!(head.iter().all(|byte| *byte == 0), "after fsync {fsync}: {ran}");
    }
}

#[test]
fn stdin_that_is_the_medium_is_refused() {
    let folder = Folder::new();
    let image = image(2, &[0, 1]);
    folder.write("a.iso", &image);
    for target in ["a.iso", "./a.iso", "emulated:a.iso"] {
        let ran = shell(&folder, &format!("$ISOFLASH -y --json --overwrite-file - {target} < a.iso"));
        ran.must_be(5);
        assert_eq!(result(&ran)["written"], 0);
        assert!(folder.read("a.iso") == image, "{target}");
    }
}

#[test]
fn a_file_is_not_emptied_for_an_image_that_never_comes() {
    let folder = Folder::new();
    folder.write("old.img", "what was there");
    shell(&folder, "true | $ISOFLASH -y --overwrite-file - old.img").must_be(5);
    assert_eq!(folder.text("old.img"), "what was there");
    folder.write("a.iso", "new");
    flash(&folder, &["-y", "--overwrite-file", "a.iso", "old.img"]).must_be(0);
    assert_eq!(folder.text("old.img"), "new");
}

#[test]
fn a_ledger_is_neither_image_nor_medium_and_can_be_saved() {
    let folder = Folder::new();
    let image = image(2, &[0, 1]);
    folder.write("a.iso", &image);
    shell(&folder, "mkfifo pipe").must_be(0);
    for (status, target, ledger) in [
        (5, "out.img", "out.img"),
        (5, "out.img", "./out.img"),
        (5, "out.img", "a.iso"),
        (5, "emulated:stick,size=4M", "stick"),
        (5, "out.img", "pipe"),
        (5, "out.img", "/dev/zero"),
        (1, "out.img", "no/such/ledger"),
        (1, "out.img", "a.iso/ledger"),
    ] {
        let ran = flash(&folder, &["-y", "--json", "a.iso", target, "--ledger", ledger]);
        ran.must_be(status);
        assert_eq!(result(&ran)["written"], 0, "{ran}");
        assert_eq!(folder.names(), ["a.iso", "pipe"], "{ran}");
    }
    assert!(folder.read("a.iso") == image);
    flash(&folder, &["-y", "a.iso", "emulated:stick,size=4M", "--ledger", "ledger"]).must_be(0);
    for ledger in ["pipe", "/dev/zero"] {
        let args = ["--json", "emulated:stick", "--ledger", ledger];
        finish(folder.command(ISOVERIFY, &args), &args).must_be(2);
    }
}

#[test]
fn a_crowd_of_partitions_does_not_push_the_card_off_the_screen() {
    if !installed("sfdisk") {
        return;
    }
    let folder = Folder::new();
    folder.write("a.iso", image(1, &[0]));
    // The last of them holds something that is unusual.
    shell(&folder, "truncate -s 64M stick; (echo label: gpt; yes size=1M | head -20) | sfdisk -q stick").must_be(0);
    shell(&folder, "printf 'LUKS\\272\\276\\0\\002' | dd of=stick bs=1M seek=20 conv=notrunc status=none").must_be(0);
    let ran = flash(&folder, &["-n", "a.iso", "emulated:stick"]);
    ran.must_be(0);
    for says in ["GPT with 20 partitions", "partition 16:", "4 more partitions", "LUKS"] {
        ran.must_say(says);
    }
    ran.must_not_say("partition 17:");
}

#[test]
fn maps_and_records_that_are_pipes_hold_nobody_up() {
    let folder = Folder::new();
    folder.write("a.iso", image(1, &[0]));
    shell(&folder, "mkfifo a.iso.map").must_be(0);
    flash(&folder, &["-y", "a.iso", "out.img"]).must_be(5);
    shell(&folder, "rm a.iso.map; mkfifo a.iso.json; cp a.iso out.img").must_be(0);
    let args = ["a.iso", "out.img"];
    finish(folder.command(ISOVERIFY, &args), &args).must_be(0);
}

#[test]
fn a_name_that_is_no_text_does_not_cost_the_result() {
    let folder = Folder::new();
    for script in [
        r"head -c 5000 /dev/urandom > $'a\xff.iso'; $ISOFLASH -y --json $'a\xff.iso' out.img 2>/dev/null",
        r"$ISOVERIFY --json $'a\xff.iso' out.img 2>/dev/null",
    ] {
        let ran = shell(&folder, script);
        ran.must_be(0);
        assert_eq!(result(&ran)["image"], "a\u{fffd}.iso");
    }
}

/// A loop device, for as long as it is needed.
struct Loop(String);

impl Loop {
    fn over(folder: &Folder, name: &str) -> Option<Self> {
        if !is_root() || !installed("losetup") {
            return None;
        }
        let made = Command::new("losetup").args(["-f", "--show"]).arg(folder.path(name)).output().unwrap();
        let node = String::from_utf8(made.stdout).unwrap().trim().to_string();
        if node.is_empty() {
            skipped("no loop devices here");
            return None;
        }
        Some(Self(node))
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["-d", &self.0]).status();
    }
}

#[test]
fn a_file_that_is_shown_as_a_disk_is_not_replaced() {
    let folder = Folder::new();
    folder.write("disk", vec![7; 4 * MIB]);
    folder.write("a.iso", image(1, &[0]));
    fs::hard_link(folder.path("disk"), folder.path("link")).unwrap();
    let Some(disk) = Loop::over(&folder, "disk") else { return };
    for name in ["disk", "link"] {
        let ran = flash(&folder, &["-y", "--overwrite-file", "a.iso", name]);
        ran.must_be(5);
        ran.must_say(&disk.0);
    }
    assert!(folder.read("disk") == vec![7; 4 * MIB]);
}

#[test]
fn a_loop_over_a_loop_is_refused_under_any_name_of_the_lower_one() {
    let folder = Folder::new();
    folder.write("disk", vec![7; 4 * MIB]);
    folder.write("a.iso", image(1, &[0]));
    let Some(lower) = Loop::over(&folder, "disk") else { return };
    let number = lower.0.trim_start_matches("/dev/loop");
    if !shell(&folder, &format!("mknod node b 7 {number}")).ended.success() {
        return skipped("mknod is not allowed here");
    }
    let Some(upper) = Loop::over(&folder, "node") else { return };
    let ran = flash(&folder, &["-y", "a.iso", &upper.0]);
    ran.must_be(5);
    ran.must_say(&lower.0);
    drop(upper);
    flash(&folder, &["-y", "a.iso", &lower.0]).must_be(0);
}

#[test]
fn a_fake_stick_does_not_pass_because_the_image_is_empty_where_addresses_meet() {
    // The first MiB falls upon the ninth, and nothing else shows: what wraps besides is zero on both sides.
    for noisy in [&[0, 8][..], &[0]] {
        let folder = Folder::new();
        folder.write("a.iso", image(16, noisy));
        let ran = flash(&folder, &["-y", "--json", "a.iso", "emulated:stick,size=32M,real=8M,wrap"]);
        ran.must_be(4);
        let result = result(&ran);
        assert_eq!((&result["verified"], &result["differences"][0]["offset"]), (&Value::Bool(false), &(8 * MIB).into()), "{ran}");
        assert!(folder.read("stick")[..MIB].iter().all(|byte| *byte == 0), "the first MiB is not zero again");
    }
}

#[test]
fn a_signal_is_heard_while_nobody_writes_to_the_pipe() {
    let folder = Folder::new();
    folder.write("old.img", "old");
    shell(&folder, "mkfifo pipe").must_be(0);
    for script in ["exec $ISOFLASH -y pipe out.img", "exec $ISOVERIFY pipe old.img"] {
        let mut command = folder.command("bash", &["-c", script]);
        command.env("ISOFLASH", ISOFLASH).env("ISOVERIFY", ISOVERIFY);
        let child = command.spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(700));
        kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
        wait(child, script).must_die_by(15);
    }
    assert_eq!(folder.names(), ["old.img", "pipe"]);
    // And what comes late comes whole.
    shell(&folder, "(sleep 0.5; seq 200000) > pipe & $ISOFLASH -y pipe out.img && seq 200000 | cmp - out.img").must_be(0);
    shell(&folder, "(sleep 0.5; seq 200000) > pipe & $ISOVERIFY pipe out.img").must_be(0);
}
