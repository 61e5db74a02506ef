//! File systems of discs: ISO 9660 and UDF.

use super::{Kind, Signature, cut};
use crate::image::pages::Pages;
use crate::image::{Sector, iso9660, u32_le, udf};

/// The byte where volume descriptors begin (ECMA-119, 6.2.1; ECMA-167, 2/8.3), after 16 sectors of 2048 bytes.
const DESCRIPTORS: u64 = 16 * 2048;

/// Descriptors that are looked at. Both standards let them go on for as long as they like; nobody writes ten.
const COUNT: u64 = 16;

/// Finds both: many discs have them side by side.
pub fn find(pages: &mut Pages, found: &mut Vec<Signature>) {
    let sectors = (0..COUNT).map(|number| DESCRIPTORS + number * 2048);
    let mut iso = None;
    let mut udf = None;
    for at in sectors {
        // Not by `?`: sector 16 can be unreadable, and the rest say enough.
        let Some(sector) = sector(pages, at) else { continue };
        iso = iso.or_else(|| iso9660::Volume::parse(&sector).map(|volume| (at + 1, volume.label)));
        // In blocks of 4096 bytes there is one every two sectors (ECMA-167, 2/8.4).
        udf = udf.or_else(|| matches!(sector.get(1..6), Some(b"NSR02" | b"NSR03")).then_some(at + 1));
    }
    let tidy = |label: Option<String>| cut(&label?);
    found.extend(iso.map(|(offset, label)| Signature { kind: Kind::Iso9660, offset, label: tidy(label) }));
    if let Some(offset) = udf {
        found.push(Signature { kind: Kind::Udf, offset, label: tidy(udf_label(pages)) });
    }
}

/// The label of the first volume, whose anchor lies in block 256: nothing else says how long blocks are.
fn udf_label(pages: &mut Pages) -> Option<String> {
    [2048u32, 512, 1024, 4096].into_iter().find_map(|block| {
        let mut read = |number: u32| sector(pages, u64::from(number) * u64::from(block));
        // The anchor says in which block it lies (ECMA-167, 3/7.2.8).
        read(256).filter(|anchor| u32_le(anchor, 12) == 256)?;
        udf::Volume::find_in_blocks(block, 0, &mut read)?.label
    })
}

/// 2048 bytes; of the last block of a medium that has shorter ones, what there is of them.
pub fn sector(pages: &mut Pages, at: u64) -> Option<Sector> {
    let mut sector = [0; 2048];
    let length = usize::try_from(pages.size().saturating_sub(at).min(2048)).ok().filter(|&length| length > 0)?;
    sector.get_mut(..length)?.copy_from_slice(&pages.bytes(at, length)?);
    Some(sector)
}
