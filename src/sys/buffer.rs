//! Memory that a kernel can move data to without a copy of its own.

use std::ops::{Deref, DerefMut};

/// Alignment in bytes: a page on x86, and enough for O_DIRECT on every device.
const ALIGNMENT: usize = 4096;

/// Zeroed bytes that begin at a multiple of 4096. SG_IO then maps them instead of copying, and O_DIRECT takes them.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    from: usize,
    len: usize,
}

impl Buffer {
    /// A buffer of `len` bytes.
    pub fn new(len: usize) -> Self {
        let bytes = vec![0; len + ALIGNMENT];
        // The vector is never grown, so the address found here stays.
        let from = bytes.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self { bytes, from, len }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.from..self.from + self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.from..self.from + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_on_a_page_and_has_the_length_asked_for() {
        for len in [0, 1, 2048, 4096, 65_537] {
            let mut buffer = Buffer::new(len);
            buffer.fill(0xee);
            let moved = Box::new(buffer);
            assert_eq!((moved.len(), moved.as_ptr().addr() % 4096), (len, 0));
            assert!(moved.iter().all(|byte| *byte == 0xee));
        }
    }
}
