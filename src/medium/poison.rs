//! What a buffer holds before a read.

use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes that were never used before: a read that says it succeeded and brings nothing leaves them, and they match nothing.
#[derive(Debug)]
pub struct Poison(u64);

impl Poison {
    /// Poison that begins with the time, as no medium can know it.
    pub fn new() -> Self {
        Self(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64) | 1)
    }

    /// Fills a buffer with the next eight bytes, over and over.
    pub fn fill(&mut self, buffer: &mut [u8]) {
        // A Weyl sequence: odd step, full period.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let poison = (self.0 ^ self.0 >> 29).to_le_bytes();
        // Whole pieces apart from the rest: so the compiler makes wide writes of them, and a medium doesn't wait for its next read.
        let (pieces, rest) = buffer.as_chunks_mut();
        pieces.fill(poison);
        rest.copy_from_slice(&poison[..rest.len()]);
    }
}

impl Default for Poison {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_the_same() {
        let mut poison = Poison::new();
        let mut buffers = [[0; 19]; 3];
        buffers.iter_mut().for_each(|buffer| poison.fill(buffer));
        assert!(buffers[0] != buffers[1] && buffers[1] != buffers[2]);
        assert_eq!(buffers[0][..8], buffers[0][8..16]);
        assert_eq!(buffers[0][..3], buffers[0][16..]);
    }
}
