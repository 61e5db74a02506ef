//! READ CAPACITY(10): how large the drive says the disc is (SBC-3, MMC-6).

/// The drive's claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Sectors from LBA 0.
    pub sectors: u32,
    /// Bytes of a block.
    pub block_length: u32,
}

impl Capacity {
    /// Parses the 8 bytes of the reply.
    pub fn parse(reply: &[u8]) -> Option<Self> {
        let last = super::u32_at(reply, 0)?;
        Some(Self { sectors: last.saturating_add(1), block_length: super::u32_at(reply, 4)? })
    }
}
