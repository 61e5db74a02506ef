//! What the bytes of an image mean. Pure: sectors in, meaning out.

pub mod iso9660;
pub mod signature;
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

/// A number in little-endian bytes.
fn u32_le(sector: &Sector, at: usize) -> u32 {
    sector.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes)
}

/// The same of 16 bits.
fn u16_le(sector: &Sector, at: usize) -> u16 {
    sector.get(at..at + 2).and_then(|bytes| bytes.try_into().ok()).map_or(0, u16::from_le_bytes)
}
