//! docs/comparison.md: two tables, and what each tool said.

use std::fmt::{self, Write};

use super::Outcome;
use super::faults::{DISCS, STICKS};
use super::tools::{READERS, Tool, WRITERS};

/// Letters of a line that are shown.
const WIDTH: usize = 240;

/// Words of a line that tells of trouble, in lower case.
const TROUBLE: [&str; 12] =
    ["error", "fail", "unread", "bad", "lost", "can't", "cannot", "could", "fake", "mismatch", "wrong", "changed"];

/// The page; outcomes are by fault, then by tool.
pub fn render(versions: &str, discs: &[Vec<Outcome>], sticks: &[Vec<Outcome>]) -> Result<String, fmt::Error> {
    let mut page = format!(
        "# Twelve faults, and what each tool made of them

Made by `make compare`, from beginning to end: nothing in it is written by hand. {versions}.

A cell has the exit status, and how many of the {} sectors (2048 bytes) are not right in the copy. **Bold: status 0, and not all is there**
— a script, and who does not read closely, takes such a copy for good. (ddrescue ends with 0 whenever it came to its end; its mapfile then names the bad areas, if it saw them.) Status
124: stopped after three minutes.

## From a disc

An emulated drive behind the kernel's own sr and sg drivers. The last sectors of the disc lie behind the file system: isosize knows
nothing of them.

",
        super::faults::SECTORS
    );
    let whats: Vec<_> =
        DISCS.iter().map(|fault| (fault.what, fault.dead.iter().map(|dead| dead.end - dead.start).sum())).collect();
    section(&mut page, &whats, &READERS, discs)?;
    page += "## Onto a stick

An emulated stick behind the kernel's usb-storage and sd drivers. It was pulled out when the tool had ended, plugged in again, and read.
When something is wrong isoflash leaves zeros in the first MiB, so that nothing boots from it; they count as lost.

";
    let whats: Vec<_> = STICKS.iter().map(|fault| (fault.what, 0)).collect();
    section(&mut page, &whats, &WRITERS, sticks)?;
    Ok(page)
}

/// A table, and below it the words. A fault has its name, and the sectors that nobody can read.
fn section(page: &mut String, faults: &[(&str, u64)], tools: &[Tool], outcomes: &[Vec<Outcome>]) -> fmt::Result {
    let names: Vec<_> = tools.iter().map(|tool| tool.name).collect();
    writeln!(page, "| | {} |\n|{}", names.join(" | "), " --- |".repeat(names.len() + 1))?;
    for ((what, dead), outcomes) in faults.iter().zip(outcomes) {
        let floor = if *dead > 0 { format!(" ({dead} can't be read)") } else { String::new() };
        let cells: Vec<_> = outcomes.iter().map(cell).collect();
        writeln!(page, "| {what}{floor} | {} |", cells.join(" | "))?;
    }
    writeln!(page, "\nWhat was typed:\n")?;
    for tool in tools {
        writeln!(page, "- {}: `{}`", tool.name, tool.command)?;
    }
    for ((what, _), outcomes) in faults.iter().zip(outcomes) {
        writeln!(page, "\n<details><summary>{what}: what they said</summary>\n")?;
        for (tool, outcome) in tools.iter().zip(outcomes) {
            writeln!(page, "- {} ({}): {}", tool.name, outcome.status, words(&outcome.said))?;
        }
        writeln!(page, "\n</details>")?;
    }
    writeln!(page)
}

fn cell(outcome: &Outcome) -> String {
    match (outcome.status, outcome.lost) {
        (status, 0) => format!("{status}: whole"),
        (0, lost) => format!("**0: {lost} lost**"),
        (status, lost) => format!("{status}: {lost} lost"),
    }
}

/// The last line that tells of trouble, and the last of all that is not a digest.
fn words(said: &str) -> String {
    let lines: Vec<_> = said.split(['\n', '\r']).map(plain).filter(|line| line.chars().any(char::is_alphanumeric)).collect();
    let is_trouble = |line: &&String| TROUBLE.iter().any(|word| line.to_lowercase().contains(word));
    let trouble = lines.iter().rposition(|line| is_trouble(&line));
    let is_digest = |line: &String| ["CRC32 (", "MD5 (", "SHA"].iter().any(|name| line.starts_with(name));
    let last = lines.iter().rposition(|line| !is_digest(line));
    let mut shown: Vec<_> = [trouble, last].into_iter().flatten().collect();
    shown.dedup();
    let shown: Vec<_> = shown.into_iter().filter_map(|number| lines.get(number)).map(|line| format!("`{line}`")).collect();
    if shown.is_empty() { "nothing".to_owned() } else { shown.join(" … ") }
}

/// Without what moves a terminal's cursor, and not too long.
fn plain(line: &str) -> String {
    let mut plain = String::new();
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            // ECMA-48: a control sequence is CSI, parameters, and a final byte from @ to ~.
            '\x1b' => drop(letters.by_ref().skip_while(|&letter| letter == '[').find(|letter| ('@'..='~').contains(letter))),
            '`' => plain.push('\''),
            letter if letter.is_control() => {}
            letter => plain.push(letter),
        }
    }
    let plain = plain.trim();
    match plain.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &plain[..end]),
        None => plain.to_owned(),
    }
}
