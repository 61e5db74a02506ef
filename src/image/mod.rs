//! What the bytes of an image mean. Pure: sectors in, meaning out.

pub mod bmap;
pub mod boot;
pub mod class;
pub mod el_torito;
mod fat;
pub mod inspection;
pub mod iso9660;
pub mod length;
pub mod names;
pub mod packed;
mod pages;
pub mod partitions;
pub mod signature;
#[cfg(test)]
mod testing;
pub mod tree;
pub mod udf;

use crate::mmc::SECTOR;

/// One sector.
pub type Sector = [u8; SECTOR];

/// What the file systems of a track say of themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Volumes {
    /// The volume's label, ISO 9660's before UDF's.
    pub label: Option<String>,
    /// The LBA after the last sector that a file system claims.
    pub end: Option<u32>,
}

impl Volumes {
    /// Looks for ISO 9660 and UDF in the track from LBA `start`, reading sectors by absolute LBA. Unreadable ones are `None`.
    pub fn find(start: u32, mut read: impl FnMut(u32) -> Option<Sector>) -> Self {
        let iso = (16..32).map_while(|offset| read(start + offset)).find_map(|sector| iso9660::Volume::parse(&sector));
        let udf = udf::Volume::find(start, &mut read);
        // Later sessions carry absolute sizes; mastered ones count from their own start.
        let absolute = |sectors: u32| if sectors >= start { sectors } else { start.saturating_add(sectors) };
        let end = iso.as_ref().map(|iso| absolute(iso.sectors)).max(udf.as_ref().and_then(|udf| udf.end));
        let label = iso.and_then(|iso| iso.label).or(udf.and_then(|udf| udf.label));
        Self { label, end }
    }
}

/// A number of 16 bits in little-endian bytes; 0 where there are none.
fn u16_le(bytes: &[u8], at: usize) -> u16 {
    array(bytes, at).map_or(0, u16::from_le_bytes)
}

/// The same of 32 bits.
fn u32_le(bytes: &[u8], at: usize) -> u32 {
    array(bytes, at).map_or(0, u32::from_le_bytes)
}

/// The same of 64 bits.
fn u64_le(bytes: &[u8], at: usize) -> u64 {
    array(bytes, at).map_or(0, u64::from_le_bytes)
}

/// A number of 16 bits in big-endian bytes; 0 where there are none.
fn u16_be(bytes: &[u8], at: usize) -> u16 {
    array(bytes, at).map_or(0, u16::from_be_bytes)
}

/// The same of 32 bits.
fn u32_be(bytes: &[u8], at: usize) -> u32 {
    array(bytes, at).map_or(0, u32::from_be_bytes)
}

/// The bytes of one number.
fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}
