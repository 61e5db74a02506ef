//! What an optical drive understands: [`Drive`] sends MMC commands and parses the replies.

mod capacity;
mod class;
mod disc_information;
mod drive;
mod inquiry;
mod profile;
mod read;
mod ready;
mod sector;
mod structure;
mod toc;

pub use capacity::Capacity;
pub use class::Class;
pub use disc_information::{DiscInformation, DiscStatus, TrackInformation};
pub use drive::{CommandError, Drive, Readiness, Speed};
pub use inquiry::Inquiry;
pub use profile::{Family, Profile};
pub use read::{Interruption, ReadEnd};
pub use ready::{READY_POLL, Unready};
pub use sector::{Extent, SECTOR};
pub use structure::{PhysicalFormat, is_copy_protected};
pub use toc::{Toc, TocTrack, lead_outs};

/// Big-endian fields of a reply whose length may lie: what is missing reads as `None`.
fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// The same for 32 bits.
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
