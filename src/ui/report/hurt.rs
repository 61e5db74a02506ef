//! Which files are hurt, as sentences.

use crate::disc::{Hurt, HurtFile, HurtStructure, Listed, Unknown};
use crate::image::tree::Why;
use crate::ui::escape::Escaped;
use crate::ui::units::{bytes, percent};

/// Of each list so many are shown.
const LISTED: usize = 10;

/// The files, what else is hurt, and what is not known. `json` is where all of them stand.
pub(super) fn lines(hurt: &Hurt, json: &str) -> Vec<String> {
    if hurt.trees.is_empty() && hurt.unknown.count == 0 {
        return vec!["hurt    which files is not known: there is no ISO 9660 and no UDF to name them".into()];
    }
    let mut lines = vec![amounts(hurt)];
    lines.extend(list(&hurt.files, json, "files", file));
    lines.extend(list(&hurt.structures, json, "parts of the file system", structure));
    lines.extend(list(&hurt.unknown, json, "places", unknown));
    lines
}

/// How many files, and what else.
fn amounts(hurt: &Hurt) -> String {
    let files = match (hurt.files.count, hurt.unknown.count) {
        (0, 0) => "no file".into(),
        (0, _) => "no file that is known".into(),
        (count, _) => counted(count, "file", "files"),
    };
    let parts = match hurt.structures.count {
        0 => String::new(),
        count => format!(", {} of the file system", counted(count, "part", "parts")),
    };
    let free = match (hurt.free, hurt.unknown.count) {
        (0, _) => String::new(),
        (free, 0) => format!("; {} of free space or padding", counted(free, "sector", "sectors")),
        (free, _) => format!("; {} that no known file has", counted(free, "sector", "sectors")),
    };
    format!("hurt    {files}{parts}{free}")
}

fn counted(count: u32, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn list<T>(list: &Listed<T>, json: &str, what: &str, line: impl Fn(&T) -> String) -> Vec<String> {
    let mut lines: Vec<String> = list.listed.iter().take(LISTED).map(|item| format!("        {}", line(item))).collect();
    let more = (list.count as usize).saturating_sub(LISTED);
    if more > 0 {
        lines.push(format!("        and {more} more {what}; {} names them", Escaped(json)));
    }
    lines
}

fn file(file: &HurtFile) -> String {
    let (missing, size) = (bytes(file.missing), bytes(file.size));
    let share = match percent(file.missing, file.size) {
        _ if file.missing == file.size => format!("all of it is missing ({size})"),
        share if share == "0.0 %" => format!("less than 0.1 % is missing ({missing} of {size})"),
        share => format!("{share} is missing ({missing} of {size})"),
    };
    let names = match file.names {
        1 => String::new(),
        names => format!(" (has {names} names)"),
    };
    format!("{}{names}: {share}, from sector {} on", Escaped(&file.path), file.first)
}

fn structure(part: &HurtStructure) -> String {
    let path = part.path.as_ref().map_or_else(String::new, |path| format!(" {}", Escaped(path)));
    format!("{}{path}: {} missing, from sector {} on", part.what, counted(part.sectors, "sector", "sectors"), part.first)
}

fn unknown(place: &Unknown) -> String {
    let why = match place.why {
        Why::Unread => "sectors that tell it are missing",
        Why::Nonsense => "the file system is broken there",
        Why::NotCovered => "discrip can't read this kind of file or partition",
        Why::Excess => "directories without end, or seen before",
    };
    format!("{} ({}): not all is known of it: {why}", Escaped(&place.path), place.tree.name())
}
