//! Partition maps: from the block of a partition to the disc's LBA (ECMA-167, 3/10.7; UDF 2.60, 2.2.8 to 2.2.10).

use super::icb::Icb;
use super::{Address, Source};
use crate::image::tree::{Piece, Why, sectors};
use crate::image::{Sector, u16_le, u32_le};
use crate::mmc::Extent;

/// Maps that are read; a volume has one or two.
const MAPS: u32 = 16;

/// How the blocks of one partition lie.
#[derive(Debug)]
pub(super) enum Map {
    /// In order.
    Physical(Physical),
    /// In a file, of which there may be a second copy.
    Metadata { file: Vec<Piece>, mirror: Vec<Piece> },
    /// By a table that moves with each session (VAT), or around defects (sparable).
    NotCovered,
}

/// A partition of the volume.
#[derive(Debug, Clone, Copy)]
pub(super) struct Physical {
    pub(super) extent: Extent,
}

impl Physical {
    fn lba(self, block: u32) -> Option<u32> {
        (block < self.extent.count).then(|| self.extent.first.checked_add(block))?
    }
}

impl Map {
    pub(super) fn lba(&self, block: u32) -> Option<u32> {
        match self {
            Self::Physical(partition) => partition.lba(block),
            Self::Metadata { file, mirror } => within(file, block).or_else(|| within(mirror, block)),
            Self::NotCovered => None,
        }
    }

    /// Where the same block lies a second time.
    pub(super) fn mirror(&self, block: u32) -> Option<u32> {
        match self {
            Self::Metadata { mirror, .. } => within(mirror, block),
            _ => None,
        }
    }

    /// Where what lies at an LBA of the metadata file lies a second time.
    pub(super) fn mirror_of(&self, lba: u32) -> Option<u32> {
        let Self::Metadata { file, .. } = self else { return None };
        let mut before = 0u32;
        for extent in file.iter().filter_map(|piece| piece.extent()) {
            if (extent.first..extent.end()).contains(&lba) {
                return self.mirror(before.checked_add(lba - extent.first)?);
            }
            before = before.saturating_add(extent.count);
        }
        None
    }
}

/// The LBA of a file's block.
fn within(pieces: &[Piece], mut block: u32) -> Option<u32> {
    for piece in pieces {
        let count = sectors(piece.bytes);
        if block < count {
            return piece.first?.checked_add(block);
        }
        block -= count;
    }
    None
}

/// The maps of a logical volume descriptor. Each needs its partition's descriptor.
pub(super) fn maps(
    logical: &Sector,
    partitions: &[(u16, Physical)],
    source: &mut Source<'_>,
    structures: &mut Vec<(&'static str, Extent)>,
) -> Result<Vec<Map>, Why> {
    let partition = |number| partitions.iter().find(|known| known.0 == number).map(|known| known.1).ok_or(Why::Unread);
    let mut maps = Vec::new();
    let mut rest = &logical[440..];
    for _ in 0..u32_le(logical, 268).min(MAPS) {
        let length = rest.get(1).map_or(0, |&length| usize::from(length));
        let map = rest.get(..length).filter(|map| map.len() >= 6).ok_or(Why::Nonsense)?;
        rest = &rest[map.len()..];
        maps.push(match (map[0], map.get(5..28)) {
            (1, _) => Map::Physical(partition(u16_le(map, 4))?),
            (2, Some(identifier)) if identifier.starts_with(b"*UDF Metadata Partition") && map.len() == 64 => {
                metadata(map, partition(u16_le(map, 38))?, source, structures)?
            }
            _ => Map::NotCovered,
        });
    }
    Ok(maps)
}

/// A metadata partition: its blocks are those of a file in a partition of its own number.
fn metadata(
    map: &[u8],
    partition: Physical,
    source: &mut Source<'_>,
    structures: &mut Vec<(&'static str, Extent)>,
) -> Result<Map, Why> {
    let mut file = |at: usize, what| -> Vec<Piece> {
        let Some(lba) = partition.lba(u32_le(map, at)) else { return Vec::new() };
        structures.push((what, Extent { first: lba, count: 1 }));
        let read = |source: &mut Source<'_>, address: Address| source.sector(partition.lba(address.block)?);
        let icb = source.sector(lba).and_then(|block| Icb::parse(&block, 0, |address| read(source, address)));
        let pieces = icb.map(|icb| icb.data.pieces(|address| partition.lba(address.block), icb.size)).unwrap_or_default();
        structures.extend(pieces.iter().filter_map(|piece| Some((what, piece.extent()?))));
        pieces
    };
    let (main, mirror) = (file(40, "metadata file"), file(44, "metadata mirror file"));
    file(48, "metadata bitmap file");
    if main.is_empty() && mirror.is_empty() { Err(Why::Unread) } else { Ok(Map::Metadata { file: main, mirror }) }
}
