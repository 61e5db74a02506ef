//! GNU ddrescue's mapfile: grammar and layout of version 1.27 (its mapfile.cc), fully interchangeable.

use std::io::{self, Write};

use crate::mmc::{Extent, SECTOR};

use super::{Extents, State};

/// A mapfile's content. Positions and sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapfile {
    /// Where the rescue stood.
    pub position: Position,
    /// The blocks, contiguous and in order.
    pub blocks: Vec<Block>,
}

/// The status line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Byte position; the end of the block in a backward pass.
    pub at: u64,
    /// `?` copying, `*` trimming, `/` scraping, `-` retrying, `F` filling, `G` generating, `+` finished.
    pub status: char,
    /// Pass of the phase, from 1.
    pub pass: u32,
}

impl Position {
    /// Nothing is left to do.
    pub const FINISHED: Self = Self { at: 0, status: '+', pass: 1 };
}

/// One block line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// First byte.
    pub first: u64,
    /// Number of bytes.
    pub size: u64,
    /// What is known of them.
    pub state: State,
}

/// What is wrong with a mapfile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is not a ddrescue mapfile's: {why}")]
pub struct MapfileError {
    /// Line number, from 1.
    pub line: usize,
    /// The reason.
    pub why: &'static str,
}

impl State {
    /// The mapfile's character.
    pub fn symbol(self) -> char {
        match self {
            Self::NonTried => '?',
            Self::NonTrimmed => '*',
            Self::NonScraped => '/',
            Self::Bad => '-',
            Self::Finished => '+',
        }
    }

    /// The state of a mapfile's character: the first one of `symbol`.
    pub(super) fn from_symbol(symbol: &str) -> Option<Self> {
        [Self::NonTried, Self::NonTrimmed, Self::NonScraped, Self::Bad, Self::Finished]
            .into_iter()
            .find(|s| symbol.starts_with(s.symbol()))
    }
}

impl Mapfile {
    /// Bytes of a map's file that are read: ten million lines.
    pub const LONGEST: u64 = 256 << 20;
    /// Bytes that LBAs of 32 bits can address.
    const LARGEST_DISC: u64 = (u32::MAX as u64) * SECTOR as u64;

    /// Reads a mapfile's text. An empty text is a new rescue: nothing tried.
    pub fn parse(text: &str) -> Result<Self, MapfileError> {
        Self::read(text, Gaps::Refused)
    }

    /// The same, but blocks may leave gaps between them: those were not tried (ddrescuelog's `--loose-domain`). For lists of damage.
    pub fn parse_loose(text: &str) -> Result<Self, MapfileError> {
        Self::read(text, Gaps::NonTried)
    }

    fn read(text: &str, gaps: Gaps) -> Result<Self, MapfileError> {
        let mut position = None;
        let mut blocks: Vec<Block> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let error = |why| MapfileError { line: index + 1, why };
            let mut words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
            let Some(first) = words.next() else { continue };
            let first = number(first).ok_or_else(|| error("a position in decimal, hex (0x) or octal (0) is missing"))?;
            let second = words.next().ok_or_else(|| error("it ends too early"))?;
            if position.is_none() {
                let status = second
                    .chars()
                    .next()
                    .filter(|c| "?*/-FG+".contains(*c))
                    .ok_or_else(|| error("the status is none of ?*/-FG+"))?;
                let pass = words.next().map_or(Some(1), |word| word.parse().ok()).filter(|pass| *pass >= 1);
                position =
                    Some(Position { at: first, status, pass: pass.ok_or_else(|| error("the pass is not a number from 1"))? });
                continue;
            }
            let size = number(second).ok_or_else(|| error("the size is no number"))?;
            let state = words.next().and_then(State::from_symbol).ok_or_else(|| error("the status is none of ?*/-+"))?;
            let end = blocks.last().map_or(0, |block| block.first + block.size);
            first.checked_add(size).filter(|_| size > 0 || first == 0).ok_or_else(|| error("the size is impossible"))?;
            let is_gap = first > end;
            if first < end || is_gap && !blocks.is_empty() && gaps == Gaps::Refused {
                return Err(error("the block does not begin where the one before ends"));
            }
            if is_gap {
                append(&mut blocks, Block { first: end, size: first - end, state: State::NonTried });
            }
            append(&mut blocks, Block { first, size, state });
        }
        Ok(Self { position: position.unwrap_or(Position { at: 0, status: '?', pass: 1 }), blocks })
    }

    /// Bytes covered.
    pub fn end(&self) -> u64 {
        self.blocks.last().map_or(0, |block| block.first + block.size)
    }

    /// Bytes covered that say something. Where ddrescue could not tell how long its input is, the last block is `?` up to the largest
    /// number (its mapbook.cc): then it says nothing.
    pub fn known_end(&self) -> u64 {
        let last = self.blocks.last().filter(|block| block.state == State::NonTried && self.end() > Self::LARGEST_DISC);
        last.map_or(self.end(), |block| block.first)
    }

    /// The end of the last byte that it calls finished.
    pub fn finished_end(&self) -> u64 {
        let last = self.blocks.iter().rfind(|block| block.state == State::Finished);
        last.map_or(0, |block| block.first + block.size)
    }

    /// The map in sectors. A sector with several states gets the least processed one; what the map does not cover was not tried.
    pub fn to_extents(&self, sectors: u32) -> Extents<State> {
        const SIZE: u64 = SECTOR as u64;
        let mut extents = Extents::new(sectors, State::Finished);
        let clamp = |lba: u64| u32::try_from(lba).unwrap_or(u32::MAX).min(sectors);
        // From more to less processed, so that the least processed state of a shared sector is the one that stays.
        let mut blocks: Vec<&Block> = self.blocks.iter().collect();
        blocks.sort_by_key(|block| std::cmp::Reverse(block.state));
        for block in blocks {
            let extent = Extent::between(clamp(block.first / SIZE), clamp((block.first + block.size).div_ceil(SIZE)));
            extents.set(extent, block.state);
        }
        extents.set(Extent::between(clamp(self.end() / SIZE), sectors), State::NonTried);
        extents
    }
}

/// What a gap between two blocks means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gaps {
    Refused,
    NonTried,
}

/// Adds a block that begins where the list ends; neighbours of one state are one block.
fn append(blocks: &mut Vec<Block>, block: Block) {
    match blocks.last_mut() {
        Some(last) if last.state == block.state => last.size += block.size,
        _ => blocks.push(block),
    }
}

/// Writes a map. `head` holds comment lines without `#`.
pub fn write(out: &mut impl Write, head: &[String], position: Position, map: &Extents<State>) -> io::Result<()> {
    const SIZE: u64 = SECTOR as u64;
    for line in head {
        writeln!(out, "# {line}")?;
    }
    writeln!(out, "# current_pos  current_status  current_pass")?;
    writeln!(out, "0x{:08X}     {}               {}", position.at, position.status, position.pass)?;
    writeln!(out, "#      pos        size  status")?;
    for run in map.iter() {
        let (first, size) = (u64::from(run.extent.first) * SIZE, u64::from(run.extent.count) * SIZE);
        writeln!(out, "0x{first:08X}  0x{size:08X}  {}", run.value.symbol())?;
    }
    Ok(())
}

/// An integer as C's `%lli` reads it, not negative.
fn number(word: &str) -> Option<u64> {
    if let Some(hex) = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        return u64::from_str_radix(hex, 16).ok();
    }
    match word.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => u64::from_str_radix(octal, 8).ok(),
        _ => word.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As written by GNU ddrescue 1.27.
    const DDRESCUE: &str = "# Mapfile. Created by GNU ddrescue version 1.27\n\
        # Command line: ddrescue -d -b2048 /dev/sr0 out.iso out.map\n\
        # Copying non-tried blocks... Pass 1 (forwards)\n\
        # current_pos  current_status  current_pass\n\
        0x00120000     ?               1\n\
        #      pos        size  status\n\
        0x00000000  0x00117000  +\n\
        0x00117000  0x00000800  -\n\
        0x00117800  0x00002000  ?\n";

    #[test]
    fn reads_what_ddrescue_writes() {
        let map = Mapfile::parse(DDRESCUE).unwrap();
        assert_eq!(map.position, Position { at: 0x120000, status: '?', pass: 1 });
        assert_eq!(map.end(), 0x119800);
        let runs: Vec<_> = map.to_extents(0x240).iter().map(|r| (r.extent.first, r.extent.count, r.value.symbol())).collect();
        assert_eq!(runs, [(0, 0x22e, '+'), (0x22e, 1, '-'), (0x22f, 17, '?')]);
    }

    #[test]
    fn a_sector_with_two_states_gets_the_less_processed_one() {
        let map = Mapfile::parse("0 ?\n0 2560 +\n2560 512 -\n3072 3072 +\n").unwrap();
        let states: String = map.to_extents(3).iter().flat_map(|r| vec![r.value.symbol(); r.extent.count as usize]).collect();
        assert_eq!(states, "+-+");
    }

    #[test]
    fn a_length_that_ddrescue_did_not_know_is_none() {
        let end = |text| Mapfile::parse(text).unwrap().known_end();
        assert_eq!(end("0 ?\n0 0x1000 +\n0x1000 0x7FFFFFFFFFFFEFFF ?\n"), 0x1000);
        assert_eq!(end("0 ?\n0 0x1000 +\n0x1000 0x2000 ?\n"), 0x3000);
        assert!(end("0 ?\n0 0x7FFFFFFFFFFFEFFF +\n") > u64::from(u32::MAX));
    }

    #[test]
    fn says_which_line_is_wrong() {
        for (text, line) in
            [("0 ?\n0 10 +\n20 10 +\n", 3), ("x", 1), ("0 ? 0", 1), ("0 ?\n0 10 x", 2), ("0 ?\n5", 2), ("0 ?\n-5 5 +", 2)]
        {
            assert_eq!(Mapfile::parse(text).unwrap_err().line, line, "{text:?}");
        }
    }

    #[test]
    fn a_list_of_damage_may_have_gaps() {
        let text = "0 ?\n2048 2048 -\n8192 2048 -\n";
        assert!(Mapfile::parse(text).is_err());
        let states: String = Mapfile::parse_loose(text).unwrap().to_extents(5).iter().map(|run| run.value.symbol()).collect();
        assert_eq!(states, "?-?-");
        assert!(Mapfile::parse_loose("0 ?\n2048 4096 -\n4096 2048 -\n").is_err(), "overlap");
    }

    #[test]
    fn an_empty_file_is_a_new_rescue() {
        assert_eq!(Mapfile::parse("\n# nothing\n").unwrap().to_extents(5).count(State::NonTried), 5);
    }

    proptest! {
        #[test]
        fn any_text_is_a_map_or_an_error(text in "[ 0-9a-fx?*/+#\\n-]{0,200}") {
            if let Ok(map) = Mapfile::parse(&text) {
                prop_assert_eq!(map.to_extents(100).len(), 100);
            }
        }

        #[test]
        fn what_is_written_is_what_is_read(len in 1u32..500, sets in proptest::collection::vec((0u32..500, 0u32..50, 0usize..5), 0..30)) {
            let states = [State::NonTried, State::NonTrimmed, State::NonScraped, State::Bad, State::Finished];
            let mut map = Extents::new(len, State::NonTried);
            for (first, count, state) in sets {
                map.set(Extent { first, count }, states[state]);
            }
            let position = Position { at: 4096, status: '/', pass: 1 };
            let mut text = Vec::new();
            write(&mut text, &["Mapfile. Created by a test".into()], position, &map).unwrap();
            let read = Mapfile::parse(std::str::from_utf8(&text).unwrap()).unwrap();
            prop_assert_eq!(read.position, position);
            prop_assert_eq!(read.to_extents(len), map);
        }
    }
}
