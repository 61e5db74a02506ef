//! What a person at a terminal sees, and what their answers do. The terminal is a pseudo-terminal; setsid makes it the controlling one.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};

use crate::common::{Folder, installed};
use crate::sticks::{ISOFLASH, Loop, MIB, are_only_sticks, can_loop, noise, turn};

const OLD: u64 = 999;

/// How it went at the terminal.
struct Session {
    status: Option<i32>,
    shown: String,
}

/// isoflash at a terminal: for each pair, when the first is shown, the second is typed; where the first is empty, before the program is
/// started. `None` where there is no setsid.
fn at_terminal(folder: &Folder, args: &[&str], answers: &[(&str, &str)]) -> Option<Session> {
    at_terminal_of(None, folder, args, answers, &mut || ())
}

/// The same at a terminal of so many columns; `meanwhile` something happens, before each answer.
fn at_terminal_of(
    columns: Option<u16>,
    folder: &Folder,
    args: &[&str],
    answers: &[(&str, &str)],
    meanwhile: &mut dyn FnMut(),
) -> Option<Session> {
    if !installed("setsid") {
        return None;
    }
    let size = columns.map(|columns| Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 });
    let ends = openpty(size.as_ref(), None).unwrap();
    let slave = |end: &OwnedFd| Stdio::from(end.try_clone().unwrap());
    let mut command = folder.command("setsid", &[&["-c", "-w", ISOFLASH], args].concat());
    command.stdin(slave(&ends.slave)).stdout(slave(&ends.slave)).stderr(slave(&ends.slave)).env("TERM", "xterm");
    let mut terminal = File::from(ends.master);
    let early = answers.iter().take_while(|(question, _)| question.is_empty());
    let mut answered = early.inspect(|(_, answer)| terminal.write_all(answer.as_bytes()).unwrap()).count();
    let mut child = command.spawn().unwrap();
    drop((command, ends.slave));
    let (mut shown, mut from, begin) = (String::new(), 0, Instant::now());
    loop {
        assert!(begin.elapsed() < Duration::from_secs(60), "still running: {shown}");
        let ready = poll(&mut [PollFd::new(terminal.as_fd(), PollFlags::POLLIN)], PollTimeout::from(50u8)).unwrap();
        if ready > 0 {
            let mut bytes = [0; 4096];
            match terminal.read(&mut bytes) {
                Ok(length) if length > 0 => shown += &String::from_utf8_lossy(&bytes[..length]),
                // EIO: nobody has the other end any more.
                _ => break,
            }
        }
        if let Some((question, answer)) = answers.get(answered)
            && let Some(at) = shown[from..].find(question)
        {
            from += at + question.len();
            answered += 1;
            meanwhile();
            terminal.write_all(answer.as_bytes()).unwrap();
        }
    }
    let status = child.wait().unwrap().code();
    assert_eq!(answered, answers.len(), "not asked: {shown}");
    Some(Session { status, shown })
}

fn prepared() -> Folder {
    let folder = Folder::new();
    folder.write("a.iso", noise(1, 3 * MIB));
    folder.write("s.img", noise(OLD, 8 * MIB));
    folder
}

#[test]
fn the_card_shows_what_will_be_lost_and_only_yes_is_a_yes() {
    for answer in ["n\n", "\n", "ja\n", "yess\n", "\u{4}"] {
        let folder = prepared();
        let Some(session) = at_terminal(&folder, &["a.iso", "emulated:s.img"], &[("Erase? [y/N]", answer)]) else { return };
        for line in ["DISCSMTH Emulated stick", "EMUSTICK1", "8388608 bytes", "(emulated)", "gets    a.iso", "3145728 bytes"] {
            assert!(session.shown.contains(line), "{line} in {}", session.shown);
        }
        let (image, card) = (session.shown.find("image   a.iso"), session.shown.find("Everything on this medium"));
        assert!(image.is_some() && image < card, "{}", session.shown);
        assert_eq!(session.status, Some(5), "{answer:?}: {}", session.shown);
        assert!(session.shown.contains("nothing was written") && !session.shown.contains("verified"), "{}", session.shown);
        assert!(folder.read("s.img") == noise(OLD, 8 * MIB), "{answer:?}");
    }
    for answer in ["y\n", "Yes\n"] {
        let folder = prepared();
        let Some(session) = at_terminal(&folder, &["a.iso", "emulated:s.img"], &[("Erase? [y/N]", answer)]) else { return };
        assert_eq!(session.status, Some(0), "{}", session.shown);
        assert!(session.shown.contains("written and verified"), "{}", session.shown);
        folder.must_be_equal("a.iso", "s.img");
    }
}

#[test]
fn of_several_each_is_asked_about_before_any_is_written() {
    let folder = prepared();
    folder.write("t.img", noise(OLD, 8 * MIB));
    let args = ["a.iso", "emulated:s.img", "emulated:t.img"];
    let no =
        [("emulated:s.img (emulated)", ""), ("Erase? [y/N]", "y\n"), ("emulated:t.img (emulated)", ""), ("Erase? [y/N]", "n\n")];
    let Some(session) = at_terminal(&folder, &args, &no) else { return };
    assert_eq!(session.status, Some(5), "{}", session.shown);
    assert!(session.shown.contains("emulated:t.img: not confirmed; nothing was written"), "{}", session.shown);
    for name in ["s.img", "t.img"] {
        assert!(folder.read(name) == noise(OLD, 8 * MIB), "{name}");
    }
    let yes = [("Erase? [y/N]", "y\n"), ("Erase? [y/N]", "y\n")];
    let Some(session) = at_terminal(&folder, &args, &yes) else { return };
    assert_eq!(session.status, Some(0), "{}", session.shown);
    // A row each, by the name and the end of the serial number.
    for row in ["emulated:s.img ICK1 [", "emulated:t.img ICK1 ["] {
        assert!(session.shown.contains(row), "{}", session.shown);
    }
    ["s.img", "t.img"].iter().for_each(|name| folder.must_be_equal("a.iso", name));
}

#[test]
fn yes_said_before_asks_nothing() {
    let folder = prepared();
    let Some(session) = at_terminal(&folder, &["-y", "a.iso", "emulated:s.img"], &[]) else { return };
    assert_eq!(session.status, Some(0), "{}", session.shown);
    assert!(!session.shown.contains("Erase?"), "{}", session.shown);
}

#[test]
fn what_was_typed_before_the_question_is_no_answer() {
    let folder = prepared();
    let answers = [("", "y\n"), ("Erase? [y/N]", "n\n")];
    let Some(session) = at_terminal(&folder, &["a.iso", "emulated:s.img"], &answers) else { return };
    assert_eq!(session.status, Some(5), "{}", session.shown);
    assert!(folder.read("s.img") == noise(OLD, 8 * MIB));
}

#[test]
fn an_interrupt_at_the_question() {
    let folder = prepared();
    let Some(session) = at_terminal(&folder, &["a.iso", "emulated:s.img"], &[("Erase? [y/N]", "\u{3}")]) else { return };
    // setsid becomes the program, or tells of its death as a shell does.
    assert!(matches!(session.status, None | Some(130 | 2)), "{:?} {}", session.status, session.shown);
    assert!(session.shown.contains("stopped") && !session.shown.contains("refused"), "{}", session.shown);
    assert!(folder.read("s.img") == noise(OLD, 8 * MIB));
}

#[test]
fn holes_are_on_the_card() {
    let folder = prepared();
    folder.write("a.iso.map", format!("0x0 + 1\n0x0 0x100000 +\n0x100000 0x1000 -\n0x101000 0x{:x} +\n", 3 * MIB - 0x101000));
    let Some(session) = at_terminal(&folder, &["a.iso", "emulated:s.img"], &[("Erase? [y/N]", "n\n")]) else { return };
    assert!(session.status == Some(5) && session.shown.contains("with holes: 4.10 kB (4096 bytes)"), "{}", session.shown);
}

#[test]
fn an_unusual_disk_asks_for_more_than_a_yes() {
    if !can_loop() {
        return;
    }
    let (_turn, folder) = (turn(), prepared());
    folder.shell("printf 'LUKS\\272\\276\\0\\002' | dd of=s.img conv=notrunc status=none").must_be(0);
    let Some(device) = Loop::of(&folder, "s.img", &[]) else { return };
    let name = device.node.rsplit('/').next().unwrap();
    let question = format!("[{name}]");
    for answer in ["y\n", "yes\n", "\n"] {
        let Some(session) = at_terminal(&folder, &["a.iso", &device.node], &[(&question, answer)]) else { return };
        assert_eq!(session.status, Some(5), "{}", session.shown);
        assert!(session.shown.contains("LUKS") && session.shown.contains("unusual"), "{}", session.shown);
        assert!(folder.read("s.img")[8..] == noise(OLD, 8 * MIB)[8..], "{answer:?}");
    }
    let Some(session) = at_terminal(&folder, &["a.iso", &device.node], &[(&question, &format!("{name}\n"))]) else { return };
    assert_eq!(session.status, Some(0), "{}", session.shown);
    drop(device);
    folder.must_be_equal("a.iso", "s.img");
}

#[test]
fn without_a_medium_there_is_a_list_and_no_is_no() {
    let folder = prepared();
    if !can_loop() {
        return;
    }
    let _turn = turn();
    let Some(device) = Loop::of(&folder, "s.img", &[]) else { return };
    if !are_only_sticks(&[&device]) {
        return;
    }
    // Nobody to ask: the medium is to be named.
    folder.flash(2, &["-y", "a.iso"]).must_say(&device.node);
    let Some(session) = at_terminal(&folder, &["a.iso"], &[("Which one?", "n\n")]) else { return };
    assert_eq!(session.status, Some(5), "{}", session.shown);
    assert!(session.shown.contains(&device.node), "{}", session.shown);
    assert!(folder.read("s.img") == noise(OLD, 8 * MIB));
}

#[test]
fn a_command_line_that_makes_no_sense_is_told_before_a_stick_is_to_be_chosen() {
    let folder = prepared();
    folder.flash(2, &["a.iso", "--expect", "colour=red"]).must_say("--expect colour=red");
    folder.flash(2, &["a.iso", "--checksum", "nowhere"]).must_say("nowhere");
}

#[test]
fn a_terminal_gets_its_lines_broken_between_words_and_a_file_whole() {
    let folder = prepared();
    let name = format!("image-{}.iso", "x".repeat(60));
    folder.write(&name, noise(1, 3 * MIB));
    std::fs::create_dir(folder.path("folder")).unwrap();
    let at = |columns, args: &[&str], answers: &[(&str, &str)]| {
        Some(at_terminal_of(Some(columns), &folder, args, answers, &mut || ())?.shown.replace('\r', ""))
    };
    let says = "refused: folder is a folder; name a stick (isoflash --list), or a new file";
    let Some(shown) = at(50, &["a.iso", "folder"], &[]) else { return };
    assert!(shown.contains("refused: folder is a folder; name a stick\n        (isoflash --list), or a new file"), "{shown}");
    folder.flash(5, &["a.iso", "folder"]).must_say(says);
    // The card, under its labels; a name stays whole however long it is.
    let Some(shown) = at(50, &[&name, "emulated:s.img"], &[("Erase? [y/N]", "n\n")]) else { return };
    assert!(shown.contains(&name) && shown.contains("3.15 MB (3145728 bytes)"), "{shown}");
    assert!(shown.contains(&format!("    gets    {name},\n            3.15 MB")), "{shown}");
    // What other programs read stays as it is.
    let Some(shown) = at(50, &["-y", "a.iso", "emulated:s.img"], &[]) else { return };
    assert!(shown.lines().any(|line| line.starts_with("SHA256 (a.iso) = ") && line.len() == 81), "{shown}");
    let Some(shown) = at(50, &["-y", "--json", "a.iso", "emulated:s.img"], &[]) else { return };
    let is_whole = |line: &str| line.find(r#"{"v":1,"event":"result""#).is_some_and(|from| line[from..].ends_with('}'));
    assert!(shown.lines().any(is_whole), "{shown}");
}

#[test]
fn what_happens_while_the_question_stands_counts() {
    if !can_loop() {
        return;
    }
    let (_turn, folder) = (turn(), prepared());
    let Some(device) = Loop::of(&folder, "s.img", &[]) else { return };
    let asked = |meanwhile: &mut dyn FnMut()| {
        let args = ["a.iso", &device.node, "--expect", "size=8M"];
        at_terminal_of(None, &folder, &args, &[("Erase? [y/N]", "y\n")], meanwhile)
    };
    // The claim on the disk keeps off none of these.
    let mut writer = None;
    let Some(session) = asked(&mut || writer = File::options().write(true).open(&device.node).ok()) else { return };
    assert!(writer.is_some() && session.status == Some(5), "{}", session.shown);
    assert!(session.shown.contains("may be writing to"), "{}", session.shown);
    drop(writer);
    let Some(session) = asked(&mut || {
        folder.shell(&format!("printf 'LUKS\\272\\276\\0\\002' | dd of={} conv=notrunc status=none", device.node)).must_be(0);
    }) else {
        return;
    };
    assert!(session.status == Some(5) && session.shown.contains("holds something else now"), "{}", session.shown);
    let Some(session) = asked(&mut || folder.shell(&format!("losetup -d {}", device.node)).must_be(0)) else { return };
    assert!(session.status == Some(5) && session.shown.contains("is gone, or another disk"), "{}", session.shown);
    // A file that is to be replaced, and is a disk by then.
    let mut made = None;
    let args = ["--overwrite-file", "a.iso", "s.img"];
    let meanwhile = &mut || made = Loop::of(&folder, "s.img", &[]);
    let Some(session) = at_terminal_of(None, &folder, &args, &[("Erase? [y/N]", "y\n")], meanwhile) else { return };
    assert!(made.is_none() || session.status == Some(5) && session.shown.contains("is made of it"), "{}", session.shown);
    assert!(folder.read("s.img")[8..] == noise(OLD, 8 * MIB)[8..]);
}

#[test]
fn the_card_warns_of_an_image_that_is_cut_off_and_leaves_the_answer_to_the_person() {
    let folder = Folder::new();
    crate::inspect::tree(&folder);
    let Some(_) = folder.witness("xorriso", &["-as", "mkisofs", "-quiet", "-R", "-o", "a.iso", "tree"]) else { return };
    let image = folder.read("a.iso");
    folder.write("short.iso", &image[..200_000]);
    folder.write("stick", vec![0; 8 << 20]);
    folder.flash(0, &["-n", "short.iso", "emulated:stick"]).must_say("truncated");
    let Some(session) = at_terminal(&folder, &["short.iso", "emulated:stick"], &[("Erase?", "n\n")]) else { return };
    assert_eq!(session.status, Some(5), "{}", session.shown);
    assert!(session.shown.contains("warning") && session.shown.contains("truncated"), "{}", session.shown);
    let Some(session) = at_terminal(&folder, &["short.iso", "emulated:stick"], &[("Erase?", "y\n")]) else { return };
    assert_eq!(session.status, Some(0), "{}", session.shown);
}
