//! Digests on the way: as long as sectors come in order.

use std::sync::mpsc::{Receiver, Sender};

use crate::mmc::{Extent, SECTOR};
use crate::sys::Buffer;
use crate::trust::Sums;

/// Digests of the first sectors of an image.
pub struct Hashed {
    /// Running digests.
    pub sums: Sums,
    /// How many sectors they cover, from LBA 0.
    pub sectors: u32,
}

/// What the writer hands on.
pub(super) enum Written {
    /// Sectors, and the buffer to give back.
    Sectors(Extent, Buffer),
    /// Sectors that are zero by definition.
    Zeros(Extent),
}

/// Takes sectors until the writer is done. Sectors that come early wait for a later pass over the file: only the prefix counts.
pub(super) fn run(mut hashed: Hashed, written: &Receiver<Written>, free: &Sender<Buffer>) -> Hashed {
    static ZEROS: [u8; 64 * SECTOR] = [0; 64 * SECTOR];
    for part in written {
        match part {
            Written::Sectors(extent, buffer) => {
                if extent.first == hashed.sectors {
                    hashed.sums.update(&buffer[..extent.count as usize * SECTOR]);
                    hashed.sectors = extent.end();
                }
                // The reader may be gone already; then nobody needs the buffer.
                let _ = free.send(buffer);
            }
            Written::Zeros(extent) if extent.first == hashed.sectors => {
                let mut left = extent.count as usize * SECTOR;
                while left > 0 {
                    let part = left.min(ZEROS.len());
                    hashed.sums.update(&ZEROS[..part]);
                    left -= part;
                }
                hashed.sectors = extent.end();
            }
            Written::Zeros(_) => {}
        }
    }
    hashed
}
