//! File entries: how large a file is, and where its bytes lie (ECMA-167, 4/14.9 and 4/14.17).

use super::Address;
use crate::image::tree::Piece;
use crate::image::udf::tag;
use crate::image::{Sector, u16_le, u32_le, u64_le};

/// Extents of one file that are followed: a file of 25 GB on a disc that was written in packets of 64 KiB has 400,000.
const EXTENTS: usize = 1 << 19;

/// Blocks that extents are continued in.
const CONTINUATIONS: usize = 4096;

/// Two bits in front of an extent's length (ECMA-167, 4/14.14.1.1).
const RECORDED: u32 = 0;
const CONTINUED: u32 = 3;

/// A file entry, or an extended one.
pub(super) struct Icb {
    pub(super) is_directory: bool,
    /// Bytes.
    pub(super) size: u64,
    pub(super) data: Data,
    /// False when extents are missing that could not be read.
    pub(super) is_whole: bool,
}

/// Where the bytes are.
pub(super) enum Data {
    /// In the entry itself.
    Embedded(Vec<u8>),
    /// In these extents, of so many bytes; `None` for one of zeros.
    Extents(Vec<(Option<Address>, u32)>),
}

impl Icb {
    /// Parses an entry that lies in the partition `map`. `read` brings the blocks that its extents are continued in.
    pub(super) fn parse(block: &Sector, map: u16, mut read: impl FnMut(Address) -> Option<Sector>) -> Option<Self> {
        let attributes = match tag(block)? {
            261 => 168,
            266 => 208,
            _ => return None,
        };
        let first = attributes + 8 + u32_le(block, attributes) as usize;
        let descriptors = block.get(first..first.checked_add(u32_le(block, attributes + 4) as usize)?)?;
        let size = u64_le(block, 56);
        let mut icb = Self { is_directory: block[27] == 4, size, data: Data::Embedded(Vec::new()), is_whole: true };
        icb.data = match u16_le(block, 34) & 7 {
            3 => Data::Embedded(descriptors[..descriptors.len().min(usize::try_from(size).unwrap_or(usize::MAX))].to_vec()),
            0 => Data::Extents(extents(descriptors, 8, map, &mut read, &mut icb.is_whole)),
            1 => Data::Extents(extents(descriptors, 16, map, &mut read, &mut icb.is_whole)),
            _ => return None,
        };
        Some(icb)
    }
}

/// Follows allocation descriptors of `length` bytes each: 8 for short ones, 16 for long ones.
fn extents(
    descriptors: &[u8],
    length: usize,
    map: u16,
    read: &mut impl FnMut(Address) -> Option<Sector>,
    is_whole: &mut bool,
) -> Vec<(Option<Address>, u32)> {
    let mut extents = Vec::new();
    let mut area = descriptors.to_vec();
    for _ in 0..CONTINUATIONS {
        let mut next = None;
        for descriptor in area.chunks_exact(length) {
            let (kind, bytes) = (u32_le(descriptor, 0) >> 30, u32_le(descriptor, 0) & 0x3fff_ffff);
            let address = if length == 8 { Address { block: u32_le(descriptor, 4), map } } else { super::address(descriptor) };
            if bytes == 0 {
                break;
            }
            if extents.len() == EXTENTS {
                *is_whole = false;
                return extents;
            }
            if kind == CONTINUED {
                next = Some(address);
                break;
            }
            extents.push(((kind == RECORDED).then_some(address), bytes));
        }
        let Some(next) = next else { return extents };
        // An allocation extent descriptor (ECMA-167, 4/14.5).
        let block = read(next).filter(|block| tag(block) == Some(258));
        let Some(more) = block.as_ref().and_then(|block| block.get(24..24 + (u32_le(block, 20) as usize).min(block.len() - 24)))
        else {
            break;
        };
        area = more.to_vec();
    }
    *is_whole = false;
    extents
}

impl Data {
    /// The extents by LBA, cut at the file's end. What lies in no partition is no part of them.
    pub(super) fn pieces(&self, lba: impl Fn(Address) -> Option<u32>, size: u64) -> Vec<Piece> {
        let Self::Extents(extents) = self else { return Vec::new() };
        let mut left = size;
        let mut pieces: Vec<Piece> = Vec::new();
        for &(address, bytes) in extents {
            let bytes = u64::from(bytes).min(left);
            left -= bytes;
            let first = address.and_then(&lba);
            if bytes > 0 && (first.is_some() || address.is_none()) {
                pieces.push(Piece { first, bytes });
            }
        }
        pieces
    }
}
