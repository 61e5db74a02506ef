//! ISO 9660 (ECMA-119): the primary volume descriptor.

use super::{Sector, u16_be, u16_le, u32_be, u32_le};

/// What the primary volume descriptor says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Volume identifier, trimmed; `None` when empty.
    pub label: Option<String>,
    /// Volume space in sectors of 2048 bytes.
    pub sectors: u32,
    /// LBA of the root directory.
    pub root: u32,
}

impl Volume {
    /// Parses a sector, if it is a primary volume descriptor (type 1, "CD001").
    pub fn parse(sector: &Sector) -> Option<Self> {
        (sector[0] == 1 && &sector[1..6] == b"CD001").then_some(())?;
        let label = String::from_utf8_lossy(&sector[40..72]).trim_matches([' ', '\0']).to_string();
        let bytes = u64::from(u32_le(sector, 80)) * u64::from(u16_le(sector, 128));
        Some(Self {
            label: (!label.is_empty()).then_some(label),
            sectors: u32::try_from(bytes.div_ceil(2048)).ok()?,
            root: u32_le(sector, 158),
        })
    }
}

/// Escape sequences that make a supplementary volume Joliet's (Joliet Specification 1995, "SVD Escape Sequences field").
const JOLIET: [&[u8]; 3] = [b"%/@", b"%/C", b"%/E"];

/// True for a supplementary volume descriptor whose names are Joliet's.
pub(super) fn is_joliet(descriptor: &Sector) -> bool {
    JOLIET.iter().any(|escape| descriptor[88..].starts_with(escape))
}

/// Numbers that a primary volume descriptor has in both byte orders (ECMA-119, 8.4), and that are not the same in both.
pub fn contradictions(sector: &Sector) -> Vec<&'static str> {
    let long = [
        ("volume space size", 80),
        ("path table size", 132),
        ("place of the root directory", 158),
        ("size of the root directory", 166),
    ];
    let short = [("volume set size", 120), ("volume sequence number", 124), ("logical block size", 128)];
    let long = long.into_iter().filter(|(_, at)| u32_le(sector, *at) != u32_be(sector, at + 4));
    let short = short.into_iter().filter(|(_, at)| u16_le(sector, *at) != u16_be(sector, at + 2));
    long.chain(short).map(|(name, _)| name).collect()
}
