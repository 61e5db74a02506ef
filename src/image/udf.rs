//! UDF (ECMA-167): the names and the end of a volume, from one of its anchors.

use super::{Sector, u16_be, u16_le, u32_le};

/// What the volume descriptors say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Volume {
    /// Logical volume identifier.
    pub label: Option<String>,
    /// The LBA after the last sector of a partition; on recordable discs an upper bound.
    pub end: Option<u32>,
    /// Volume set identifier, whose beginning is meant to be unique (UDF 2.60, 2.2.2.5).
    pub set: Option<String>,
    /// Revision of UDF, as `0x0250` for 2.50.
    pub revision: Option<u16>,
    /// Where the volume's own structures end: the block after each.
    pub structures: Vec<(&'static str, u32)>,
}

/// Descriptors that are looked at; the sequence has at least 16 sectors (ECMA-167, 3/8.4.2.2).
const SEQUENCE: u32 = 16;

impl Volume {
    /// Follows the anchor of the track that begins at `start`. `None` when there is no UDF.
    pub fn find(start: u32, read: &mut impl FnMut(u32) -> Option<Sector>) -> Option<Self> {
        Self::find_in_blocks(2048, start, read)
    }

    /// The same for blocks of `block` bytes, as sticks and disks have them: numbers count such blocks, and `read` gives what
    /// begins at one. A descriptor is in its first 512 bytes (ECMA-167, 3/7.2 and 3/10), so it doesn't matter what else is there.
    pub fn find_in_blocks(block: u32, start: u32, read: &mut impl FnMut(u32) -> Option<Sector>) -> Option<Self> {
        Self::at_anchor(block, start.checked_add(256)?, read)
    }

    /// The same from the anchor in block `lba`.
    pub fn at_anchor(block: u32, lba: u32, read: &mut impl FnMut(u32) -> Option<Sector>) -> Option<Self> {
        let anchor = read(lba).filter(|sector| tag(sector) == Some(2))?;
        let extent = |bytes: &[u8], at: usize| Some((u32_le(bytes, at).checked_div(block)?, u32_le(bytes, at + 4)));
        let (length, first) = extent(&anchor, 16)?;
        let mut volume = Self::default();
        let end = |(length, first): (u32, u32)| (length > 0).then(|| first.saturating_add(length));
        for (what, at) in [("main volume descriptor sequence", 16), ("reserve volume descriptor sequence", 24)] {
            volume.structures.extend(extent(&anchor, at).and_then(end).map(|end| (what, end)));
        }
        for lba in first..first.saturating_add(length.min(SEQUENCE)) {
            let Some(sector) = read(lba) else { continue };
            match tag(&sector) {
                Some(5) => {
                    let end = u32_le(&sector, 188).saturating_add(u32_le(&sector, 192));
                    volume.end = volume.end.max(Some(end));
                }
                Some(1) => volume.set = dstring(&sector[72..200]),
                Some(6) => {
                    volume.label = dstring(&sector[84..212]);
                    volume.revision = sector[217..].starts_with(b"*OSTA UDF Compliant").then(|| u16_le(&sector, 240));
                    let integrity = extent(&sector, 432).and_then(end);
                    volume.structures.extend(integrity.map(|end| ("logical volume integrity sequence", end)));
                }
                Some(8) | None => break,
                _ => {}
            }
        }
        Some(volume)
    }
}

/// The identifier of a descriptor tag whose checksum is right (ECMA-167, 3/7.2).
pub(super) fn tag(descriptor: &[u8]) -> Option<u16> {
    let tag = descriptor.get(..16)?;
    let sum = (0..16).filter(|i| *i != 4).fold(0u8, |sum, i| sum.wrapping_add(tag[i]));
    (sum == tag[4]).then(|| u16_le(tag, 0)).filter(|id| *id != 0)
}

/// True when the CRC holds that a tag has of what follows it (ECMA-167, 3/7.2.6).
pub(super) fn has_its_crc(descriptor: &[u8]) -> bool {
    let (expected, length) = (u16_le(descriptor, 8), usize::from(u16_le(descriptor, 10)));
    descriptor.get(16..16 + length).is_some_and(|body| crc(body) == expected)
}

/// The CRC of ITU-T V.41, begun with 0.
pub(super) fn crc(bytes: &[u8]) -> u16 {
    let step = |crc: u16, _| if crc & 0x8000 != 0 { crc << 1 ^ 0x1021 } else { crc << 1 };
    bytes.iter().fold(0, |crc: u16, byte| (0..8).fold(crc ^ u16::from(*byte) << 8, step))
}

/// An OSTA compressed Unicode string in a field of fixed length, the length used in its last byte (UDF 2.60, 2.1.3).
fn dstring(field: &[u8]) -> Option<String> {
    let (&used, field) = field.split_last()?;
    let text = unicode(field.get(..usize::from(used))?)?;
    let text = text.trim_matches([' ', '\0']);
    (!text.is_empty()).then(|| text.to_string())
}

/// OSTA compressed Unicode: its first byte tells how many bits a character has (UDF 2.60, 2.1.1).
pub(super) fn unicode(bytes: &[u8]) -> Option<String> {
    let (&compression, text) = bytes.split_first()?;
    match compression {
        8 => Some(text.iter().map(|byte| char::from(*byte)).collect()),
        16 => Some(String::from_utf16_lossy(&text.chunks_exact(2).map(|unit| u16_be(unit, 0)).collect::<Vec<_>>())),
        _ => None,
    }
}
