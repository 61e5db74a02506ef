//! Which sectors of a disc are dead.

use std::ops::Range;

use crate::rescue::State;
use crate::rescue::mapfile::Mapfile;

use super::areas::Areas;
use super::dice::{self, Topic};

const SECTOR: u64 = crate::mmc::SECTOR as u64;

/// The dead sectors of a disc of `sectors` sectors after a mapfile. A sector is dead when one byte of it is; damage beyond the
/// disc is ignored. The error says why the text is no mapfile.
pub(super) fn dead_sectors(mapfile: &str, sectors: u32) -> Result<Areas, String> {
    let clip = |sector: u64| u32::try_from(sector).unwrap_or(u32::MAX).min(sectors);
    let ranges = dead_bytes(mapfile)?;
    Ok(Areas::new(ranges.into_iter().map(|bytes| clip(bytes.start / SECTOR)..clip(bytes.end.div_ceil(SECTOR))).collect()))
}

/// What is `-` in a mapfile, in bytes.
fn dead_bytes(mapfile: &str) -> Result<Vec<Range<u64>>, String> {
    let blocks = Mapfile::parse_loose(mapfile).map_err(|error| error.to_string())?.blocks;
    if blocks.is_empty() {
        return Err("it has no blocks".into());
    }
    Ok(blocks.into_iter().filter(|block| block.state == State::Bad).map(|block| block.first..block.first + block.size).collect())
}

/// Spreads damage inside its ECC blocks: each further sector of a block that holds a dead one dies with a probability of `loss`.
/// A drive corrects a block as a whole, so real damage comes in such pieces.
pub(super) fn spread(dead: Areas, block: u32, loss: f64, seed: u64, sectors: u32) -> Areas {
    if block == 1 || loss <= 0.0 {
        return dead;
    }
    let dies = |lba: u32| {
        // 53 bits make a fraction below 1, so that a loss of 1 takes every sector.
        let fraction = (dice::throw(seed, Topic::EccLoss, lba.into()) >> 11) as f64 / (1u64 << 53) as f64;
        fraction < loss
    };
    let mut all = dead.ranges().to_vec();
    for range in dead.ranges() {
        // Blocks inside of the range are dead already: only its two ends have neighbours.
        let before = range.start - range.start % block..range.start;
        let behind = range.end..range.end.checked_next_multiple_of(block).map_or(sectors, |end| end.min(sectors));
        all.extend(before.chain(behind).filter(|&lba| dies(lba)).map(|lba| lba..lba + 1));
    }
    Areas::new(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "# Mapfile. Created by GNU ddrescue version 1.27\n# a comment\n0x00001000     +               1\n\
        0x00000000  0x00000800  +\n0x00000800  0x00001000  -\n0x00001800  0x00000001  -\n0x00001801  0x00010000  ?\n0x00080000  0x00100000  -\n";

    #[test]
    fn a_sector_with_a_dead_byte_is_dead_and_the_disc_has_an_end() {
        assert_eq!(dead_sectors(MAP, 300).unwrap().ranges(), [1..4, 256..300]);
        assert_eq!(dead_sectors(MAP, 100).unwrap().ranges(), std::slice::from_ref(&(1..4)));
    }

    #[test]
    fn what_is_no_mapfile_is_told() {
        for text in ["", "# only\n", "0x0 ?\nhello\n", "0x0 ?\n0x0 0x800 x\n", "0x0 ?\n0xzz 0x800 -\n"] {
            assert!(dead_sectors(text, 10).is_err(), "{text}");
        }
    }

    #[test]
    fn an_ecc_block_is_lost_in_part_or_as_a_whole_but_never_beyond() {
        let one = || Areas::new([Range { start: 20, end: 21 }].into());
        assert_eq!(spread(one(), 16, 1.0, 0, 1000).ranges(), std::slice::from_ref(&(16..32)));
        assert_eq!(spread(one(), 16, 1.0, 0, 30).ranges(), std::slice::from_ref(&(16..30)));
        assert_eq!(spread(one(), 16, 0.0, 0, 1000), one());
        assert_eq!(spread(one(), 1, 1.0, 0, 1000), one());
        let half = spread(one(), 32, 0.5, 7, 1000);
        let lost: u32 = half.ranges().iter().map(|range| range.end - range.start).sum();
        assert!((5..28).contains(&lost), "{lost}");
        assert!(half.ranges().iter().all(|range| range.end <= 32));
        assert_eq!(half, spread(one(), 32, 0.5, 7, 1000));
    }
}
