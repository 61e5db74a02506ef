//! UDF (ECMA-167): label and end of the first volume, from the anchor at sector 256.

use super::{Sector, u16_le, u32_le};

/// What the volume descriptors say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Volume {
    /// Logical volume identifier.
    pub label: Option<String>,
    /// The LBA after the last sector of a partition; on recordable discs an upper bound.
    pub end: Option<u32>,
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
        let anchor = read(start.checked_add(256)?).filter(|sector| tag(sector) == Some(2))?;
        let (length, first) = (u32_le(&anchor, 16).checked_div(block)?, u32_le(&anchor, 20));
        let mut volume = Self::default();
        for lba in first..first.saturating_add(length.min(SEQUENCE)) {
            let Some(sector) = read(lba) else { continue };
            match tag(&sector) {
                Some(5) => {
                    let end = u32_le(&sector, 188).saturating_add(u32_le(&sector, 192));
                    volume.end = volume.end.max(Some(end));
                }
                Some(6) => volume.label = dstring(&sector[84..212]),
                Some(8) | None => break,
                _ => {}
            }
        }
        Some(volume)
    }
}

/// The identifier of a descriptor tag whose checksum is right (ECMA-167, 3/7.2).
fn tag(sector: &Sector) -> Option<u16> {
    let sum = (0..16).filter(|i| *i != 4).fold(0u8, |sum, i| sum.wrapping_add(sector[i]));
    (sum == sector[4]).then(|| u16_le(sector, 0)).filter(|id| *id != 0)
}

/// An OSTA compressed Unicode string in a field of fixed length, the length used in its last byte (UDF 2.60, 2.1.1 and 2.1.3).
fn dstring(field: &[u8]) -> Option<String> {
    let (&used, field) = field.split_last()?;
    let (&compression, text) = field.get(..usize::from(used))?.split_first()?;
    let text = match compression {
        8 => text.iter().map(|byte| char::from(*byte)).collect(),
        16 => {
            String::from_utf16_lossy(&text.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect::<Vec<_>>())
        }
        _ => return None,
    };
    let text = text.trim_matches([' ', '\0']);
    (!text.is_empty()).then(|| text.to_string())
}
