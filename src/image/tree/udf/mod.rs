//! UDF 1.02 to 2.60 (ECMA-167): from the anchor to the root, and down the directories.

mod directory;
mod icb;
mod partition;

use super::{Kind, Piece, Source, Tree, Trees, Walk, Why};
use crate::image::udf::tag;
use crate::image::{Sector, u16_le, u32_le};
use crate::mmc::{Extent, SECTOR};
use directory::Directory;
use icb::{Data, Icb};
use partition::{Map, Physical};

/// Descriptors of one sequence that are looked at; it has at least 16 sectors (ECMA-167, 3/8.4.2.2).
const SEQUENCE: u32 = 64;

/// Sectors of the volume recognition sequence that are looked at, from the 16th on (ECMA-167, 2/8.3).
const RECOGNITION: u32 = 32;

/// A block by its number in a partition (lb_addr; ECMA-167, 4/7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Address {
    block: u32,
    /// Index of the partition map.
    map: u16,
}

/// A volume whose root is known.
#[derive(Debug)]
pub(super) struct Volume {
    maps: Vec<Map>,
    root: Address,
}

/// What the sequence of volume descriptors says: of each descriptor the prevailing one.
#[derive(Default)]
struct Sequence {
    logical: Option<Box<Sector>>,
    partitions: Vec<(u16, Physical, u32)>,
    unread: bool,
}

/// Looks for UDF in the session at `start`.
pub(super) fn find(start: u32, end: u32, source: &mut Source<'_>, trees: &mut Trees) {
    let mut structures = Vec::new();
    let named = recognised(start, source, &mut structures);
    // UDF 2.60, 2.2.3; the last is that of discs that are not closed (6.11.2.1).
    let anchors = [start.checked_add(256), end.checked_sub(1), end.checked_sub(257), start.checked_add(512)];
    let mut sequences = None;
    for (lba, is_usual) in
        anchors.into_iter().zip([true, true, false, false]).filter_map(|(lba, is_usual)| Some((lba?, is_usual)))
    {
        let anchor = source.sector(lba);
        if let Some(anchor) = anchor.filter(|sector| tag(sector) == Some(2) && u32_le(sector, 12) == lba) {
            structures.push(("anchor", Extent { first: lba, count: 1 }));
            sequences.get_or_insert([extent_ad(&anchor, 16), extent_ad(&anchor, 24)]);
        } else if named && is_usual && anchor.is_none() {
            structures.push(("anchor", Extent { first: lba, count: 1 }));
        }
    }
    let found = sequences.map(|sequences| {
        structures.push(("main volume descriptor sequence", sequences[0]));
        structures.push(("reserve volume descriptor sequence", sequences[1]));
        volume(sequences, source, &mut structures)
    });
    match found {
        Some(Ok(volume)) => trees.volumes.push(super::Volume::Udf(volume)),
        Some(Err(why)) => trees.unknown.push((Tree::Udf, why)),
        None if named => trees.unknown.push((Tree::Udf, Why::Unread)),
        None => return,
    }
    trees.structures.extend(structures.into_iter().map(|(what, extent)| (Tree::Udf, what, extent)));
}

/// True when the volume recognition sequence names UDF.
fn recognised(start: u32, source: &mut Source<'_>, structures: &mut Vec<(&'static str, Extent)>) -> bool {
    let first = start.saturating_add(16);
    let mut named = false;
    for lba in first..first.saturating_add(RECOGNITION) {
        let Some(sector) = source.sector(lba) else { continue };
        match &sector[1..6] {
            b"NSR02" | b"NSR03" => named = true,
            b"BEA01" | b"CD001" | b"BOOT2" => {}
            b"TEA01" => {
                structures.push(("volume recognition sequence", Extent::between(first, lba + 1)));
                break;
            }
            _ => break,
        }
    }
    named
}

/// Reads the main sequence, and the reserve where the main one does not tell all.
fn volume(
    [main, reserve]: [Extent; 2],
    source: &mut Source<'_>,
    structures: &mut Vec<(&'static str, Extent)>,
) -> Result<Volume, Why> {
    let mut sequence = Sequence::default();
    sequence.read(main, source);
    if sequence.unread || sequence.logical.is_none() || sequence.partitions.is_empty() {
        sequence.read(reserve, source);
    }
    let why = if sequence.unread { Why::Unread } else { Why::Nonsense };
    let logical = sequence.logical.as_ref().ok_or(why)?;
    // Blocks of another size are for other media.
    if u32_le(&logical[..], 212) != SECTOR as u32 {
        return Err(Why::NotCovered);
    }
    structures.push(("logical volume integrity sequence", extent_ad(&logical[..], 432)));
    let partitions: Vec<(u16, Physical)> =
        sequence.partitions.iter().map(|&(number, partition, _)| (number, partition)).collect();
    let maps = partition::maps(logical, &partitions, source, structures)?;
    let set = address(&logical[248..264]);
    let mut volume = Volume { maps, root: set };
    if let Some(Map::NotCovered) = volume.maps.get(usize::from(set.map)) {
        return Err(Why::NotCovered);
    }
    let lba = volume.lba(set).ok_or(Why::Nonsense)?;
    structures.push(("file set descriptor", Extent { first: lba, count: 1 }));
    let descriptor = volume.block(set, source).ok_or(Why::Unread)?;
    if tag(&descriptor) != Some(256) {
        return Err(Why::Nonsense);
    }
    volume.root = address(&descriptor[400..416]);
    Ok(volume)
}

impl Sequence {
    fn read(&mut self, extent: Extent, source: &mut Source<'_>) {
        let mut prevailing = 0;
        for lba in extent.first..extent.end().min(extent.first.saturating_add(SEQUENCE)) {
            let Some(sector) = source.sector(lba) else {
                self.unread = true;
                continue;
            };
            let number = u32_le(&sector, 16);
            match tag(&sector) {
                Some(5) => self.partition(&sector, number),
                Some(6) if self.logical.is_none() || number > prevailing => {
                    prevailing = number;
                    self.logical = Some(Box::new(sector));
                }
                Some(8) => break,
                _ => {}
            }
        }
    }

    fn partition(&mut self, sector: &Sector, sequence: u32) {
        let number = u16_le(sector, 22);
        let partition = Physical { extent: Extent { first: u32_le(sector, 188), count: u32_le(sector, 192) } };
        match self.partitions.iter_mut().find(|known| known.0 == number) {
            Some(known) if sequence > known.2 => (known.1, known.2) = (partition, sequence),
            Some(_) => {}
            None => self.partitions.push((number, partition, sequence)),
        }
    }
}

impl Volume {
    pub(super) fn walk(&self, walk: &mut Walk<'_, '_>) {
        self.named(self.root, walk);
    }

    /// The LBA of a block.
    fn lba(&self, address: Address) -> Option<u32> {
        self.maps.get(usize::from(address.map))?.lba(address.block)
    }

    /// A block, or its copy in a metadata mirror.
    fn block(&self, address: Address, source: &mut Source<'_>) -> Option<Sector> {
        let map = self.maps.get(usize::from(address.map))?;
        source.sector(map.lba(address.block)?).or_else(|| source.sector(map.mirror(address.block)?))
    }

    /// Tells of what has the present path, and of all below it.
    fn named(&self, address: Address, walk: &mut Walk<'_, '_>) {
        let Some(lba) = self.lba(address) else { return walk.unknown(Why::Nonsense) };
        walk.structure("file entry", Extent { first: lba, count: 1 });
        let icb = match self.icb(address, &mut walk.source) {
            Ok(icb) => icb,
            Err(why) => return walk.unknown(why),
        };
        let data = icb.data.pieces(|address| self.lba(address), icb.size);
        if !icb.is_whole {
            walk.unknown(Why::Unread);
        }
        if icb.is_directory {
            walk.entry(Kind::Directory, (&data, &[]), icb.size);
            walk.enter(lba, |walk| self.directory(&icb, &data, walk));
        } else {
            let inline = match &icb.data {
                Data::Embedded(bytes) => bytes.as_slice(),
                Data::Extents(_) => &[],
            };
            walk.entry(Kind::File, (&data, inline), icb.size);
        }
    }

    /// A file entry. Not inlined, as the next one is: directories in each other would need stack for a block each.
    #[inline(never)]
    fn icb(&self, address: Address, source: &mut Source<'_>) -> Result<Icb, Why> {
        let block = self.block(address, source).ok_or(Why::Unread)?;
        Icb::parse(&block, address.map, |address| self.block(address, source)).ok_or(Why::Nonsense)
    }

    /// Adds the bytes of a directory's sector. False when they could not be read, nor their copy.
    #[inline(never)]
    fn append(&self, lba: u32, used: usize, names: &mut Directory, source: &mut Source<'_>) -> bool {
        let sector = source.sector(lba).or_else(|| {
            let mirror = self.maps.iter().find_map(|map| map.mirror_of(lba))?;
            source.sector(mirror)
        });
        match sector {
            Some(sector) => names.append(&sector[..used]),
            None => names.interrupt(),
        }
        sector.is_some()
    }

    /// Goes through the names of a directory.
    fn directory(&self, icb: &Icb, pieces: &[Piece], walk: &mut Walk<'_, '_>) {
        let mut names = Directory::default();
        let mut unread = false;
        if let Data::Embedded(bytes) = &icb.data {
            names.append(bytes);
            self.names(&mut names, walk);
        }
        for piece in pieces {
            let Some(extent) = piece.extent() else { continue };
            let mut left = piece.bytes;
            for lba in extent.first..extent.end() {
                if !walk.has_room() {
                    return walk.unknown(Why::Excess);
                }
                let used = usize::try_from(left).unwrap_or(SECTOR).min(SECTOR);
                left -= used as u64;
                unread |= !self.append(lba, used, &mut names, &mut walk.source);
                self.names(&mut names, walk);
            }
        }
        if unread {
            walk.unknown(Why::Unread);
        }
        if names.is_broken {
            walk.unknown(Why::Nonsense);
        }
    }

    fn names(&self, names: &mut Directory, walk: &mut Walk<'_, '_>) {
        while let Some((name, address)) = names.next() {
            walk.below(&name, |walk| self.named(address, walk));
        }
    }
}

/// An extent as an anchor has it (extent_ad; ECMA-167, 3/7.1): bytes, then LBA.
fn extent_ad(bytes: &[u8], at: usize) -> Extent {
    Extent { first: u32_le(bytes, at + 4), count: super::sectors(u32_le(bytes, at).into()) }
}

/// The address in a long_ad (ECMA-167, 4/14.14.2), whose first four bytes are a length.
fn address(long_ad: &[u8]) -> Address {
    Address { block: u32_le(long_ad, 4), map: u16_le(long_ad, 8) }
}
