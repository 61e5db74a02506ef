//! READ TOC/PMA/ATIP (MMC-6): tracks and sessions.

use super::{u16_at, u32_at};

/// A table of contents, format 0 in LBA form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toc {
    /// The tracks, in order.
    pub tracks: Vec<TocTrack>,
    /// Start of the last session's lead-out.
    pub lead_out: Option<u32>,
}

/// One track of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TocTrack {
    /// Track number, 1 to 99.
    pub number: u8,
    /// First LBA.
    pub first: u32,
    /// Data, not audio (control nibble, bit 2).
    pub is_data: bool,
}

const LEAD_OUT: u8 = 0xaa;

impl Toc {
    /// Parses a format 0 reply; `None` for one that is cut short or makes no sense. Tracks before LBA 0 (a hidden first track's pregap) are put at 0.
    pub fn parse(reply: &[u8]) -> Option<Self> {
        let mut toc = Self { tracks: Vec::<TocTrack>::new(), lead_out: None };
        for descriptor in body(reply, 4)?.chunks_exact(8) {
            let first = u32_at(descriptor, 4).map(|lba| if lba > i32::MAX as u32 { 0 } else { lba })?;
            match descriptor[2] {
                LEAD_OUT => toc.lead_out = Some(first),
                number => {
                    let is_next = toc.tracks.last().is_none_or(|last| last.number < number && last.first <= first);
                    (is_next && (1..=99).contains(&number)).then_some(())?;
                    toc.tracks.push(TocTrack { number, first, is_data: descriptor[1] & 0x04 != 0 });
                }
            }
        }
        (!toc.tracks.is_empty()).then_some(toc)
    }
}

/// Session number and start of its lead-out, from a full TOC (format 2): the A2h entries of each session.
pub fn lead_outs(reply: &[u8]) -> Vec<(u8, u32)> {
    let entries = body(reply, 4).unwrap_or(&[]).chunks_exact(11);
    entries.filter(|e| e[3] == 0xa2 && e[1] >> 4 == 1).map(|e| (e[0], msf_to_lba(e[8], e[9], e[10]))).collect()
}

/// What follows the header of a reply, if all of it is there.
fn body(reply: &[u8], header: usize) -> Option<&[u8]> {
    let end = usize::from(u16_at(reply, 0)?) + 2;
    reply.get(header..end)
}

/// LBA = (M × 60 + S) × 75 + F − 150 (MMC-6, "LBA and MSF translation").
fn msf_to_lba(m: u8, s: u8, f: u8) -> u32 {
    ((u32::from(m) * 60 + u32::from(s)) * 75 + u32::from(f)).saturating_sub(150)
}
