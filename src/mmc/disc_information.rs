//! READ DISC INFORMATION and READ TRACK INFORMATION (MMC-6): the best source on what was recorded.

use super::{u16_at, u32_at};

/// How far a disc is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiscStatus {
    /// Nothing on it.
    Blank,
    /// Open for more.
    Appendable,
    /// Finished.
    Finalized,
    /// Other, e.g. DVD-RAM.
    Other,
}

/// READ DISC INFORMATION, type 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiscInformation {
    /// How far it is recorded.
    pub status: DiscStatus,
    /// Number of sessions, the open or empty last one included.
    pub sessions: u16,
    /// First track of the disc.
    pub first_track: u16,
    /// Last track of the last session.
    pub last_track: u16,
}

impl DiscInformation {
    /// Parses the reply; 12 bytes are enough.
    pub fn parse(reply: &[u8]) -> Option<Self> {
        let both = |low: usize, high: usize| Some(u16::from_be_bytes([*reply.get(high)?, *reply.get(low)?]));
        let status = match reply.get(2)? & 3 {
            0 => DiscStatus::Blank,
            1 => DiscStatus::Appendable,
            2 => DiscStatus::Finalized,
            _ => DiscStatus::Other,
        };
        Some(Self { status, sessions: both(4, 9)?, first_track: u16::from(*reply.get(3)?), last_track: both(6, 11)? })
    }
}

/// READ TRACK INFORMATION of one track. LBAs and sizes in sectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackInformation {
    /// Track number.
    pub number: u16,
    /// Session that it lies in.
    pub session: u16,
    /// Data, not audio (track mode, bit 2).
    pub is_data: bool,
    /// Nothing recorded: the invisible track of an open disc.
    pub is_blank: bool,
    /// First LBA.
    pub first: u32,
    /// Size of the track.
    pub size: u32,
    /// Where writing would go on, when the drive says so: what lies behind is not recorded.
    pub next_writable: Option<u32>,
}

impl TrackInformation {
    /// Parses the reply; 28 bytes are enough.
    pub fn parse(reply: &[u8]) -> Option<Self> {
        let length = usize::from(u16_at(reply, 0)?) + 2;
        let reply = reply.get(..length.min(reply.len()))?;
        let high = |at: usize| u16::from(reply.get(at).copied().unwrap_or(0)) << 8;
        let next_writable = u32_at(reply, 12)?;
        Some(Self {
            number: u16::from(*reply.get(2)?) | high(32),
            session: u16::from(*reply.get(3)?) | high(33),
            is_data: reply.get(5)? & 0x04 != 0,
            is_blank: reply.get(6)? & 0x40 != 0,
            first: u32_at(reply, 8)?,
            size: u32_at(reply, 24)?,
            next_writable: (reply.get(7)? & 1 != 0).then_some(next_writable),
        })
    }

    /// The LBA after the last recorded sector.
    pub fn end(&self) -> u32 {
        let end = self.first.saturating_add(self.size);
        self.next_writable.filter(|next| (self.first..end).contains(next)).unwrap_or(end)
    }
}
