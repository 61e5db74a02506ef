//! A run that did not end is gone on with by the same command: what is on the stick already is not sent again.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::{Dice, Folder, finish, listening, told, wait};
use crate::sticks::{HEAD, MIB, noise};

const BYTES: usize = 21 * MIB + 77;
const STICK: usize = 25 * MIB;
/// What is compared, and sent if it differs.
const UNIT: usize = 64 << 10;

/// An image, and a stick that holds something else.
fn prepared(seed: u64, bytes: usize) -> Folder {
    let folder = Folder::new();
    folder.write("a.iso", noise(seed, bytes));
    folder.write("s.img", noise(999, bytes.max(STICK - MIB).next_multiple_of(MIB) + MIB));
    folder
}

impl Folder {
    /// The journals that are there.
    fn journals(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path("state/discsmith/isoflash")) else { return Vec::new() };
        entries.map(|entry| format!("state/discsmith/isoflash/{}", entry.unwrap().file_name().into_string().unwrap())).collect()
    }

    /// A run that wrote and flushed everything, and could not read it back.
    #[track_caller]
    fn written_and_no_further(&self) {
        self.flash(1, &["-y", "a.iso", "emulated:s.img,eio=2M+512@r"]);
        assert_eq!(self.journals().len(), 1);
    }
}

#[test]
fn unplugged_and_gone_on_with() {
    let mut dice = Dice(11);
    for _ in 0..8 {
        let folder = prepared(1, BYTES);
        // The first MiB is made zero first, then comes the body.
        let gone = HEAD + dice.below((BYTES - HEAD) as u32) as usize;
        folder.flash(7, &["-y", "a.iso", &format!("emulated:s.img,gone-after={gone}")]).must_say("goes on");
        folder.head_must_be_zero("s.img");
        // Gone with the first byte that is more than the first MiB three times and the rest of the body.
        let most = 3 * HEAD + (BYTES.next_multiple_of(512) - gone) + UNIT + 1;
        let (_, result) = folder.flash_json(0, &["-y", "a.iso", &format!("emulated:s.img,gone-after={most}")]);
        folder.must_be_equal("a.iso", "s.img");
        assert!(result["kept"].as_u64().unwrap() as usize + UNIT >= gone - HEAD, "{result}");
        // What is proved needs no going on: the next run writes everything.
        assert!(folder.journals().is_empty());
        folder.flash(7, &["-y", "a.iso", &format!("emulated:s.img,gone-after={}", BYTES + HEAD)]);
    }
}

#[test]
fn what_was_flushed_stands_in_the_journal() {
    let folder = prepared(2, 264 * MIB);
    folder.flash(7, &["-y", "a.iso", "emulated:s.img,gone-after=262M"]).must_say("goes on from 268 MB");
    let [journal] = &folder.journals()[..] else { panic!("{:?}", folder.journals()) };
    let text = folder.text(journal);
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["source"]["bytes"], &lines[0]["medium"]["serial"]), (&(264 * MIB).into(), &"EMUSTICK1".into()));
    let chunks: Vec<&str> =
        lines[1..].iter().flat_map(|line| line.as_array().unwrap()).map(|hex| hex.as_str().unwrap()).collect();
    assert_eq!(chunks.len(), 64);
    let second = folder.shell("tail -c +4194305 a.iso | head -c 4194304 | sha256sum").out();
    assert_eq!(Some(chunks[1]), second.split(' ').next());
    // A look shows it.
    folder.flash(0, &["-n", "a.iso", "emulated:s.img"]).must_say("268 MB of this image, of a run that did not end");
    let (events, result) = folder.flash_json(0, &["-y", "a.iso", "emulated:s.img"]);
    assert!(told(&events).contains("268 MB of this image"), "{events:?}");
    assert_eq!(result["resumed"], 256 * MIB);
    folder.must_be_equal("a.iso", "s.img");
}

#[test]
fn who_is_stopped_flushes_before() {
    // What the stick's cache holds is lost with the process.
    let operand = "emulated:s.img,cache=64M,speed=8M@w";
    for tenths in (5..).step_by(5) {
        let folder = prepared(3, BYTES);
        let mut command = folder.isoflash(&["-y", "a.iso", operand]);
        let child = command.spawn().unwrap();
        listening(&child);
        std::thread::sleep(Duration::from_millis(100 * tenths));
        kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
        let ran = wait(child, operand);
        // That takes three seconds: one of the first stops comes before.
        ran.must_not_say("flushing");
        if !ran.stderr.contains("goes on from") {
            continue;
        }
        ran.must_die_by(15);
        let (_, result) = folder.flash_json(0, &["-y", "a.iso", "emulated:s.img"]);
        let resumed = result["resumed"].as_u64().unwrap();
        assert!(resumed > 0 && result["kept"].as_u64().unwrap() >= resumed - HEAD as u64, "{result}");
        folder.must_be_equal("a.iso", "s.img");
        return;
    }
}

#[test]
fn an_image_that_changed_is_another_one() {
    let folder = prepared(4, BYTES);
    folder.written_and_no_further();
    // Another content, at another time.
    folder.write("a.iso", noise(5, BYTES));
    folder.flash(0, &["-y", "a.iso", "emulated:s.img"]).must_say("another image than the one that was being written");
    folder.must_be_equal("a.iso", "s.img");
    // Another file of the same name, length and time.
    folder.written_and_no_further();
    folder.write("b.iso", noise(6, BYTES));
    let inode = fs::metadata(folder.path("a.iso")).unwrap().ino();
    folder.shell("touch -r a.iso b.iso && mv b.iso a.iso").must_be(0);
    assert_ne!(fs::metadata(folder.path("a.iso")).unwrap().ino(), inode);
    folder.flash(0, &["-y", "a.iso", "emulated:s.img"]).must_say("another image than the one that was being written");
    folder.must_be_equal("a.iso", "s.img");
    // The same file, changed in secret: its chunks tell.
    folder.written_and_no_further();
    folder
        .shell("cp -p a.iso b.iso && printf changed | dd of=a.iso bs=1 seek=7000000 conv=notrunc && touch -r b.iso a.iso")
        .must_be(0);
    let (events, result) = folder.flash_json(0, &["-y", "a.iso", "emulated:s.img"]);
    assert!(told(&events).contains("changed since the run that did not end"), "{events:?}");
    assert_eq!(result["written"], HEAD + UNIT);
    folder.must_be_equal("a.iso", "s.img");
}

#[test]
fn an_image_fetched_anew_is_known_by_its_checksum() {
    let folder = prepared(7, BYTES);
    let sum = folder.shell("sha256sum a.iso").out();
    let sum = sum.split(' ').next().unwrap();
    folder.flash(1, &["-y", "--sha256", sum, "a.iso", "emulated:s.img,eio=2M+512@r"]);
    folder.shell("cp a.iso b.iso && mv b.iso a.iso").must_be(0);
    let (_, result) = folder.flash_json(0, &["-y", "--sha256", sum, "a.iso", "emulated:s.img"]);
    assert_eq!((&result["resumed"], &result["written"]), (&BYTES.into(), &HEAD.into()));
}

#[test]
fn another_stick_is_written_as_a_whole() {
    let folder = prepared(8, BYTES);
    folder.written_and_no_further();
    folder.write("t.img", noise(998, STICK));
    // Another one that claims the same: it is made of another file.
    let all = 3 * HEAD + BYTES.next_multiple_of(512) - HEAD;
    folder.flash(7, &["-y", "a.iso", &format!("emulated:t.img,gone-after={all}")]).must_not_say("did not end");
    folder.flash(0, &["-y", "a.iso", "emulated:t.img"]);
    folder.must_be_equal("a.iso", "t.img");
    // One that nothing tells from the first.
    folder.write("s.img", noise(997, STICK));
    folder.flash(0, &["-y", "a.iso", "emulated:s.img"]).must_say("does not hold what an earlier run wrote to it");
    folder.must_be_equal("a.iso", "s.img");
}

#[test]
fn a_journal_that_makes_no_sense_is_told_and_not_believed() {
    let folder = prepared(9, 9 * MIB);
    let hurt = |change: &dyn Fn(&str) -> String| {
        folder.written_and_no_further();
        let [journal] = &folder.journals()[..] else { panic!("{:?}", folder.journals()) };
        folder.write(journal, change(&folder.text(journal)));
        folder.write("s.img", noise(999, STICK));
        let ran = folder.flash(0, &["-y", "a.iso", "emulated:s.img"]);
        folder.must_be_equal("a.iso", "s.img");
        assert!(folder.journals().is_empty(), "{ran}");
        ran
    };
    hurt(&|_| "garbage".into()).must_say("makes no sense");
    hurt(&|_| "[".repeat(100_000) + "\n").must_say("makes no sense");
    hurt(&|text| text.replace("\"format\":1,", "\"format\":99,")).must_say("makes no sense");
    hurt(&|text| text.replace("\"chunk\":4194304", "\"chunk\":18446744073709551615")).must_say("makes no sense");
    hurt(&|text| text.replace("[\"", "[-1,\"")).must_say("makes no sense");
    hurt(&|text| format!("{text}{}\n", text.lines().nth(1).unwrap())).must_say("makes no sense");
    // A kill while a line was being written; then nothing is known but the name.
    hurt(&|text| text[..text.len() - 20].into()).must_not_say("makes no sense");
}

#[test]
fn without_a_place_for_a_journal_it_writes_all_the_same() {
    let folder = prepared(10, 9 * MIB);
    let flash = |prepare: &dyn Fn(&mut std::process::Command), status| {
        let mut command =
            folder.isoflash(&["-y", "-v", "a.iso", if status == 0 { "emulated:s.img" } else { "emulated:s.img,gone-after=5M" }]);
        prepare(&mut command);
        let ran = finish(command, &["without a place"]);
        ran.must_be(status);
        ran
    };
    // Not even root makes a folder there.
    let nowhere = |command: &mut std::process::Command| {
        command.env("XDG_STATE_HOME", "/proc/nowhere");
    };
    flash(&nowhere, 7).must_say("it writes everything anew");
    flash(&nowhere, 0).must_say("no journal can be kept");
    let homeless = |command: &mut std::process::Command| {
        command.env_remove("XDG_STATE_HOME").env_remove("HOME");
    };
    flash(&homeless, 0).must_say("no journal can be kept");
    folder.must_be_equal("a.iso", "s.img");
    // A folder in the journal's place.
    folder.written_and_no_further();
    folder.shell("cd state/discsmith/isoflash && name=$(ls) && rm \"$name\" && mkdir \"$name\"").must_be(0);
    folder.flash(0, &["-y", "-v", "a.iso", "emulated:s.img"]).must_say("no journal can be kept");
}

#[test]
fn neither_a_stream_nor_a_file_has_one() {
    let folder = prepared(11, 9 * MIB);
    folder.flash(0, &["a.iso", "new.img"]);
    let mut command = folder.isoflash(&["-y", "-", "emulated:s.img,gone-after=5M"]);
    command.stdin(fs::File::open(folder.path("a.iso")).unwrap());
    let ran = finish(command, &["a stream"]);
    ran.must_be(7);
    ran.must_say("it writes everything anew");
    assert!(!folder.exists("state"));
}

#[test]
fn two_sticks_at_once_have_a_journal_each() {
    let folder = prepared(12, BYTES);
    folder.write("t.img", noise(998, STICK));
    let run = |operand: &str| folder.isoflash(&["-y", "a.iso", operand]).spawn().unwrap();
    let both = |one: &str, other: &str, status| {
        let (one, other) = (run(one), run(other));
        wait(one, "one").must_be(status);
        wait(other, "the other").must_be(status);
    };
    both("emulated:s.img,gone-after=9M", "emulated:t.img,gone-after=17M", 7);
    assert_eq!(folder.journals().len(), 2);
    // Each sends only what it lacks.
    both("emulated:s.img,gone-after=16M", "emulated:t.img,gone-after=8M", 0);
    folder.must_be_equal("a.iso", "s.img");
    folder.must_be_equal("a.iso", "t.img");
    assert!(folder.journals().is_empty());
}
