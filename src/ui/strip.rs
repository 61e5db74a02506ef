//! The disc as a strip: a column for each part of it, in the worst state of its sectors.

use std::env;

use crate::rescue::{State, Surface};

/// How states are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Palette {
    /// Blocks in colours. They differ in shape as well, for eyes that don't tell red from green.
    Blocks,
    /// The characters of the mapfile.
    Ascii,
}

impl Palette {
    /// What the terminal can show, and the person wants to see (<https://no-color.org>).
    pub(super) fn of_environment() -> Self {
        let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        // The first one that is set counts (locale(7)).
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find(|name| is_set(name)).and_then(|name| env::var(name).ok());
        let is_utf8 = locale.is_some_and(|locale| ["utf-8", "utf8"].iter().any(|name| locale.to_lowercase().ends_with(name)));
        if is_utf8 && !is_set("NO_COLOR") { Self::Blocks } else { Self::Ascii }
    }

    fn draw(self, state: State) -> &'static str {
        match (self, state) {
            (Self::Blocks, State::Finished) => "\x1b[32m▄\x1b[0m",
            (Self::Blocks, State::NonTried) => "\x1b[90m░\x1b[0m",
            (Self::Blocks, State::NonTrimmed) => "\x1b[33m▒\x1b[0m",
            (Self::Blocks, State::NonScraped) => "\x1b[35m▓\x1b[0m",
            (Self::Blocks, State::Bad) => "\x1b[1;31m█\x1b[0m",
            (Self::Ascii, State::Finished) => "+",
            (Self::Ascii, State::NonTried) => ".",
            (Self::Ascii, State::NonTrimmed) => "*",
            (Self::Ascii, State::NonScraped) => "/",
            (Self::Ascii, State::Bad) => "-",
        }
    }

    /// The same where the drive is. What is dead is never hidden: a drive stands longest on it.
    fn draw_head(self, state: State) -> &'static str {
        match (self, state) {
            (Self::Blocks, State::Finished) => "\x1b[1;97;42m┃\x1b[0m",
            (Self::Blocks, State::NonTried) => "\x1b[1;97;100m┃\x1b[0m",
            (Self::Blocks, State::NonTrimmed) => "\x1b[1;97;43m┃\x1b[0m",
            (Self::Blocks, State::NonScraped) => "\x1b[1;97;45m┃\x1b[0m",
            (Self::Blocks, State::Bad) => "\x1b[1;97;41m┃\x1b[0m",
            (Self::Ascii, State::Bad) => "-",
            (Self::Ascii, _) => "|",
        }
    }
}

/// The strip, with the drive at sector `lba` of so many.
pub(super) fn strip(surface: &Surface, lba: u32, sectors: u64, columns: usize, palette: Palette) -> String {
    let head = u64::from(lba) * columns as u64 / sectors.max(1);
    let column = |(column, state)| if column == head { palette.draw_head(state) } else { palette.draw(state) };
    (0..).zip(surface.row(columns)).map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mmc::Extent;
    use crate::rescue::Extents;

    #[test]
    fn each_state_has_its_character_and_the_drive_its_mark() {
        // Sixteen columns of 7680 sectors, which are 256 cells.
        let mut map = Extents::new(122_880, State::Finished);
        for (first, count, state) in [
            (15_360, 1, State::Bad),
            (30_720, 15_360, State::NonTried),
            (46_080, 15_360, State::NonTrimmed),
            (61_440, 15_360, State::NonScraped),
        ] {
            map.set(Extent { first, count }, state);
        }
        let surface = Surface::of(&map);
        assert_eq!(strip(&surface, 122_879, 122_880, 16, Palette::Ascii), "++-+..**//+++++|");
        assert_eq!(strip(&surface, 15_360, 122_880, 16, Palette::Ascii), "++-+..**//++++++");
        let blocks = strip(&surface, 0, 122_880, 16, Palette::Blocks);
        let letters: String = blocks.split("\x1b[").map(|part| part.split_once('m').map_or("", |(_, text)| text)).collect();
        assert_eq!(letters, "┃▄█▄░░▒▒▓▓▄▄▄▄▄▄");
    }
}
