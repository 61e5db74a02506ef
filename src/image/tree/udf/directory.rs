//! The names in a directory: file identifier descriptors one after another (ECMA-167, 4/14.4), across the borders of sectors.

use super::{Address, address};
use crate::image::u16_le;
use crate::image::udf::{has_its_crc, tag, unicode};

/// Bytes of a descriptor before its fields of free length.
const HEAD: usize = 38;

/// Characteristics: a deleted file, and the parent directory.
const DELETED: u8 = 0x04;
const PARENT: u8 = 0x08;

/// A directory's bytes as they come, and where they are understood.
#[derive(Default)]
pub(super) struct Directory {
    bytes: Vec<u8>,
    at: usize,
    /// Bytes are missing in front of these: the next descriptor is looked for.
    is_lost: bool,
    /// Something in it is no descriptor.
    pub(super) is_broken: bool,
}

impl Directory {
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.at);
        self.at = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// What comes next does not follow on what came.
    pub(super) fn interrupt(&mut self) {
        self.bytes.clear();
        (self.at, self.is_lost) = (0, true);
    }

    /// The next name, and where its file entry lies. `None` until more bytes come.
    pub(super) fn next(&mut self) -> Option<(String, Address)> {
        loop {
            let rest = self.bytes.get(self.at..).filter(|rest| rest.len() >= HEAD)?;
            let (name, used) = (usize::from(rest[19]), usize::from(u16_le(rest, 36)));
            let length = HEAD + used + name;
            // Its tag says 257, and the tag's own checksum holds: only then its length can be believed.
            let begins = tag(rest) == Some(257);
            if begins && rest.len() < length {
                return None;
            }
            if !begins || !has_its_crc(rest) {
                self.is_broken |= !self.is_lost && rest[..HEAD].iter().any(|&byte| byte != 0);
                self.is_lost = true;
                // Descriptors begin at multiples of four.
                self.at += 4;
                continue;
            }
            let (characteristics, icb) = (rest[18], address(&rest[20..36]));
            let text = unicode(&rest[HEAD + used..length]);
            self.at = (self.at + length.next_multiple_of(4)).min(self.bytes.len());
            self.is_lost = false;
            if characteristics & (DELETED | PARENT) == 0 {
                return Some((text.unwrap_or_else(|| "?".into()), icb));
            }
        }
    }
}
