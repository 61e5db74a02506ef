//! The disc as a strip on a terminal, and in JSON.

use std::fs::File;
use std::io::Read;
use std::process::Stdio;

use nix::pty::{Winsize, openpty};

use crate::common::{DISCRIP, Folder, damaged_disc, installed};

const SECTORS: u32 = 4000;

/// A disc that takes some seconds, and a sector in the middle of it that is dead and slow.
fn slow_disc() -> Folder {
    let (folder, _) = damaged_disc(5, SECTORS, &[]);
    folder.write("rules", "read 2000 sense=3/11/05 delay=300\nread * delay=30\n");
    folder
}

const SLOW: &str = "emulated:disc.iso,faults=rules,clock=real,model=ideal";

/// What discrip sends to a terminal of so many columns; `then` is what stty does to it after a while.
fn shown(folder: &Folder, columns: u16, environment: &[(&str, &str)], then: &[&str]) -> String {
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let ends = openpty(&size, None).unwrap();
    let mut command = folder.command(DISCRIP, &[SLOW, "out.iso", "--retries", "3"]);
    command.stderr(Stdio::from(ends.slave.try_clone().unwrap())).stdout(Stdio::null());
    command.env_remove("NO_COLOR").env_remove("LC_CTYPE").env("LC_ALL", "C.UTF-8").env("TERM", "xterm");
    command.envs(environment.iter().copied());
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut slave = Some(ends.slave);
    let (mut terminal, mut shown, mut bytes) = (File::from(ends.master), String::new(), [0; 4096]);
    if then.is_empty() {
        slave = None;
    }
    // EIO: nobody has the other end any more.
    while let Ok(length @ 1..) = terminal.read(&mut bytes) {
        shown += &String::from_utf8_lossy(&bytes[..length]);
        if shown.contains(" left")
            && let Some(slave) = slave.take()
        {
            let stty = folder.command("stty", then).stdin(Stdio::from(slave)).status().unwrap();
            assert!(stty.success());
        }
    }
    assert_eq!(child.wait().unwrap().code(), Some(3), "{shown}");
    shown
}

/// What was painted between two moves of the cursor, without colours. Lines as long as the terminal is wide follow each other without a move.
fn pieces(shown: &str) -> Vec<String> {
    let is_letter = |c: char| c.is_ascii_alphabetic();
    let mut parts = shown.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_string();
    let plain = parts.fold(first, |plain, part| {
        let (code, text) = part.split_at(part.find(is_letter).map_or(part.len(), |end| end + 1));
        // Colours stand within a line, moves between two.
        plain + if code.ends_with('m') { "" } else { "\n" } + text
    });
    plain.split(['\r', '\n']).map(Into::into).collect()
}

/// The same as lines of a terminal with so many columns.
fn lines(shown: &str, columns: usize) -> Vec<String> {
    let characters = |piece: &String| piece.chars().collect::<Vec<_>>();
    pieces(shown)
        .iter()
        .map(characters)
        .flat_map(|piece| piece.chunks(columns).map(String::from_iter).collect::<Vec<_>>())
        .collect()
}

/// Those of them that are strips of the mapfile's kind.
fn strips(lines: &[String]) -> Vec<&str> {
    let is_strip = |line: &&String| line.len() > 20 && line.chars().all(|c| "+.*/-|".contains(c));
    lines.iter().filter(is_strip).map(|line| line.trim_end()).collect()
}

#[test]
fn a_terminal_shows_the_disc_as_a_strip_and_one_dead_sector_on_it() {
    let lines = lines(&shown(&slow_disc(), 80, &[("NO_COLOR", "1")], &[]), 80);
    let strips = strips(&lines);
    assert!(strips.len() > 2 && strips.iter().all(|strip| strip.len() == 80), "{lines:?}");
    assert!(strips[0].contains('|') && strips[0].contains('.'), "{strips:?}");
    let last = strips[strips.len() - 1];
    assert_eq!(last, format!("{}-{}", "+".repeat(40), "+".repeat(39)), "{strips:?}");
    for words in ["% ", "1 bad, 0 left", "trying failed sectors again", "at sector 2000", "failed reads: ", "medium"] {
        assert!(lines.iter().any(|line| line.contains(words.trim())), "no {words}: {lines:?}");
    }
}

#[test]
fn a_terminal_of_utf_8_gets_blocks_in_colours() {
    let shown = shown(&slow_disc(), 80, &[], &[]);
    assert!(shown.contains("\x1b[32m▄\x1b[0m") && shown.contains("\x1b[90m░\x1b[0m"), "{shown}");
    assert!(!strips(&lines(&shown, 80)).iter().any(|strip| strip.contains('+')), "{shown}");
    let latin = self::shown(&slow_disc(), 80, &[("LC_ALL", "C")], &[]);
    assert!(!latin.contains('▄') && !strips(&lines(&latin, 80)).is_empty(), "{latin}");
}

#[test]
fn a_narrow_terminal_and_one_that_changes_its_width_are_filled_to_the_edge() {
    if !installed("stty") {
        return;
    }
    let pieces = pieces(&shown(&slow_disc(), 100, &[("NO_COLOR", "1")], &["cols", "40"]));
    // Three lines that fill the width.
    let widths: Vec<usize> =
        pieces.iter().filter(|piece| piece.starts_with(['+', '|'])).map(|piece| piece.chars().count()).collect();
    assert_eq!((widths[0], widths[widths.len() - 1]), (3 * 100, 3 * 40), "{pieces:?}");
    let strip: String = pieces.iter().rfind(|piece| piece.starts_with('+')).unwrap().chars().take(40).collect();
    assert_eq!(strip, format!("{}-{}", "+".repeat(20), "+".repeat(19)));
}

#[test]
fn a_dumb_terminal_gets_lines() {
    let shown = shown(&slow_disc(), 80, &[("TERM", "dumb")], &[]);
    assert!(!shown.contains('\x1b') && shown.contains("now     reading"), "{shown}");
}

#[test]
fn json_has_the_strip_in_64_characters() {
    let (folder, _) = damaged_disc(5, SECTORS, &[(2000, 1)]);
    let (events, result) = folder.json(3, &["emulated:disc.iso,damage=damage", "out.iso"]);
    assert_eq!(result["surface"], format!("{}-{}", "+".repeat(32), "+".repeat(31)));
    let progress: Vec<_> = events.iter().filter(|event| event["event"] == "progress" && !event["lba"].is_null()).collect();
    assert!(!progress.is_empty());
    for event in progress {
        let surface = event["surface"].as_str().unwrap();
        assert!(surface.len() == 64 && surface.chars().all(|c| "?*/-+".contains(c)), "{event}");
        assert!(event["since_good"].is_u64() && event.to_string().len() < 500, "{event}");
    }
}
