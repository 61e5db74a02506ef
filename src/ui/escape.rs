//! Names from outside, made harmless for a terminal.

use std::fmt::{self, Write};

/// Shows a text with every character escaped that could move the cursor, change colours or turn the writing's direction.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fffd}' => {
                write!(f, "{}", c.escape_unicode())
            }
            c if c.is_control() => write!(f, "{}", c.escape_default()),
            c => f.write_char(c),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_bidi_marks_are_shown_not_obeyed() {
        assert_eq!(Escaped("a\x1b[2Jb\u{202e}c\nd\u{9b}ü").to_string(), "a\\u{1b}[2Jb\\u{202e}c\\nd\\u{9b}ü");
    }
}
