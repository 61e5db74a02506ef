//! Long lines, broken between words where a person reads them.

use std::os::fd::AsFd;

use terminal_size::{Width, terminal_size_of};

/// The column of what stands beside a label.
pub(super) const LABELLED: usize = 8;

/// A terminal of fewer columns breaks lines itself: words would soon be longer than what is left for them.
const NARROW: u16 = 40;

/// A line as it is to be printed. On a terminal it is broken between words, and what follows begins at column `indent`; anywhere else it
/// stays one line. Words are never broken: a name without spaces can be copied.
pub(super) fn wrap(line: &str, indent: usize, output: impl AsFd) -> String {
    match terminal_size_of(output) {
        Some((Width(width), _)) if width >= NARROW => fill(line, indent, width.into()),
        _ => line.into(),
    }
}

/// The widest page that is comfortable to read, and fits where pages go.
const PAGE: usize = 98;

/// A line of a page that looks the same everywhere.
pub(super) fn page(line: &str, indent: usize) -> String {
    fill(line, indent, PAGE)
}

fn fill(line: &str, indent: usize, width: usize) -> String {
    let (mut filled, mut column, mut gap) = (String::new(), 0, 0);
    for word in line.split_inclusive(' ') {
        let letters = word.trim_end_matches(' ');
        let length = letters.chars().count();
        // Where a line begins at `indent` already, another one has no more room.
        if !letters.is_empty() && column + gap + length > width && column + gap > indent {
            filled += &format!("\n{:indent$}", "");
            (column, gap) = (indent, 0);
        }
        if !letters.is_empty() {
            filled += &format!("{:gap$}{letters}", "");
            (column, gap) = (column + gap + length, 0);
        }
        gap += word.len() - letters.len();
    }
    filled + &" ".repeat(gap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_hang_under_the_label() {
        let line = "medium  /dev/sdb: SanDisk Ultra, 15.5 GB, serial 4C53, USB";
        assert_eq!(fill(line, 8, 40), "medium  /dev/sdb: SanDisk Ultra, 15.5\n        GB, serial 4C53, USB");
        assert_eq!(fill("        one two three four", 8, 16), "        one two\n        three\n        four");
        assert_eq!(fill(line, 8, line.len()), line);
    }

    #[test]
    fn words_and_the_spaces_of_columns_stay_whole() {
        let path = format!("image   /media/{}: 660 MB", "x".repeat(80));
        assert_eq!(fill(&path, 8, 40), path.replace(": 660", ":\n        660"));
        assert_eq!(fill("        READ CAPACITY     350000 sectors", 8, 60), "        READ CAPACITY     350000 sectors");
        assert_eq!(fill("Erase? Type its name [sdb] ", 0, 20), "Erase? Type its name\n[sdb] ");
        assert_eq!(fill("", 8, 40), "");
    }

    #[test]
    fn what_is_no_terminal_gets_one_line() {
        let line = "word ".repeat(100);
        assert_eq!(wrap(&line, 8, tempfile::tempfile().unwrap()), line);
    }
}
