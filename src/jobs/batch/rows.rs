//! The rows of a batch: `batch.csv` for spreadsheets, `batch.jsonl` for programs (docs/formats.md). Several processes append to them.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::event::Row;

/// Cells of a row, in order.
const HEADER: &str = "end,node,serial,kind,label,sectors,image,status,outcome,bad,unread,sha256,seconds,reason";

/// RFC 4180.
const CSV_END: &str = "\r\n";

/// Appends a row to both files; it is on the disk when this returns.
pub(super) fn append(folder: &Path, row: &Row) -> io::Result<()> {
    append_line(&folder.join("batch.csv"), |last| {
        let head = if last.is_none() { format!("{HEADER}{CSV_END}") } else { String::new() };
        // A row that a power cut tore must not swallow the next one.
        let quote = if last.is_some_and(|line| line.matches('"').count() % 2 == 1) { "\"" } else { "" };
        let torn = if last.is_some_and(|line| !line.ends_with('\n')) { CSV_END } else { "" };
        format!("{quote}{torn}{head}{}{CSV_END}", csv(row))
    })?;
    let json = serde_json::to_string(row)?;
    append_line(&folder.join("batch.jsonl"), |last| {
        let torn = if last.is_some_and(|line| !line.ends_with('\n')) { "\n" } else { "" };
        format!("{torn}{json}\n")
    })
}

/// Appends what `text` makes of the file's last line; `None` is an empty file.
fn append_line(path: &Path, text: impl FnOnce(Option<&str>) -> String) -> io::Result<()> {
    let mut file = File::options().read(true).append(true).create(true).open(path)?;
    match file.lock() {
        // File systems without locks exist; there a row is one write all the same.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
        locked => locked?,
    }
    let text = text(last_line(&mut file)?.as_deref());
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// The last line, with its end if it has one.
fn last_line(file: &mut File) -> io::Result<Option<String>> {
    /// Longer than any row.
    const TAIL: u64 = 1 << 20;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let tail = String::from_utf8_lossy(&tail);
    Ok(tail.split_inclusive('\n').next_back().map(Into::into))
}

fn csv(row: &Row) -> String {
    let text = |text: &Option<String>| cell(text.as_deref().unwrap_or_default());
    let number = |number: Option<u32>| number.map_or_else(String::new, |number| number.to_string());
    let outcome = serde_json::to_value(row.outcome).unwrap_or_default();
    [
        cell(&row.end),
        cell(&row.node),
        text(&row.serial),
        text(&row.kind),
        text(&row.label),
        number(row.sectors),
        text(&row.image),
        u8::from(row.status).to_string(),
        outcome.as_str().unwrap_or_default().into(),
        number(row.bad),
        number(row.unread),
        row.digests.get("sha256").cloned().unwrap_or_default(),
        row.seconds.to_string(),
        cell(&row.reasons.join("; ")),
    ]
    .join(",")
}

/// A cell with text in it, some of which comes from discs. Spreadsheets run what begins like a formula, also in quotes: an apostrophe
/// before it makes it text (OWASP, "CSV Injection"). Control characters become spaces, so that a row is a line.
fn cell(text: &str) -> String {
    let mut cell: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if cell.trim_start().starts_with(['=', '+', '-', '@']) {
        cell.insert(0, '\'');
    }
    if cell.contains(['"', ',', ';']) || cell.starts_with(' ') || cell.ends_with(' ') {
        cell = format!("\"{}\"", cell.replace('"', "\"\""));
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_like_a_formula_is_text() {
        assert_eq!(cell("=1+2"), "'=1+2");
        assert_eq!(cell("\t-a"), "' -a");
        assert_eq!(cell("A-B=C"), "A-B=C");
        assert_eq!(cell("say \"a, b\"\r\n"), "\"say \"\"a, b\"\"  \"");
    }
}
