//! READ DISC STRUCTURE (MMC-6): what a DVD's lead-in says of it.

use super::u32_at;

/// Format 0 of a DVD: physical format information (ECMA-267). Sector numbers are physical.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhysicalFormat {
    /// First sector of the data area (30000h on most discs).
    pub first: u32,
    /// Its last sector.
    pub last: u32,
    /// Last sector of layer 0; 0 on a disc of one layer.
    pub layer_break: u32,
    /// Two layers whose tracks run in opposite directions.
    pub is_opposite: bool,
    /// More than one layer.
    pub has_two_layers: bool,
}

impl PhysicalFormat {
    /// Parses the reply, 4 bytes of header included.
    pub fn parse(reply: &[u8]) -> Option<Self> {
        let layers = *reply.get(6)?;
        let number = |at| u32_at(reply, at).map(|n| n & 0x00ff_ffff);
        Some(Self {
            first: number(8)?,
            last: number(12)?,
            layer_break: number(16)?,
            is_opposite: layers & 0x10 != 0,
            has_two_layers: layers & 0x60 != 0,
        })
    }

    /// Sectors of the data area. On a disc with opposite tracks the second layer counts with inverted numbers (redumper's reading).
    pub fn sectors(&self) -> Option<u32> {
        if self.has_two_layers && self.is_opposite {
            let (zero, one) =
                (self.layer_break.checked_sub(self.first)?, self.last.checked_sub(!self.layer_break & 0x00ff_ffff)?);
            return Some(zero + one + 2);
        }
        self.last.checked_sub(self.first).map(|sectors| sectors + 1)
    }
}

/// Format 1 of a DVD: copyright information. True when the disc has a protection system (CSS, CPPM, CPRM).
pub fn is_copy_protected(reply: &[u8]) -> Option<bool> {
    reply.get(4).map(|system| *system != 0)
}
