//! ISO 9660 (ECMA-119): the primary volume descriptor.

use super::{Sector, u16_le, u32_le};

/// What the primary volume descriptor says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Volume identifier, trimmed; `None` when empty.
    pub label: Option<String>,
    /// Volume space in sectors of 2048 bytes.
    pub sectors: u32,
}

impl Volume {
    /// Parses a sector, if it is a primary volume descriptor (type 1, "CD001").
    pub fn parse(sector: &Sector) -> Option<Self> {
        (sector[0] == 1 && &sector[1..6] == b"CD001").then_some(())?;
        let label = String::from_utf8_lossy(&sector[40..72]).trim_matches([' ', '\0']).to_string();
        let bytes = u64::from(u32_le(sector, 80)) * u64::from(u16_le(sector, 128));
        Some(Self { label: (!label.is_empty()).then_some(label), sectors: u32::try_from(bytes.div_ceil(2048)).ok()? })
    }
}
