//! Chance that falls the same way each time.

use std::io::Write;

use crate::disc::SECTOR;

/// xorshift64*, by Sebastiano Vigna.
pub struct Random(u64);

impl Random {
    /// The numbers of this seed, which is not 0.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The numbers of one of many rounds under a seed: neighbours have nothing in common.
    pub fn of_round(seed: u64, round: u64) -> Self {
        let mut seeds = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        Self((seeds.next() ^ round.wrapping_mul(0xd6e8_feb8_6659_fd93)) | 1).warmed_up()
    }

    /// Seeds of few bits give numbers of few bits at first.
    fn warmed_up(mut self) -> Self {
        for _ in 0..16 {
            self.next();
        }
        self
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number from 0 to `end`, which it never reaches; `end` is not 0.
    pub fn below(&mut self, end: u32) -> u32 {
        ((u64::from(end) * (self.next() >> 32)) >> 32) as u32
    }

    /// True that often of a hundred times.
    pub fn percent(&mut self, often: u32) -> bool {
        self.below(100) < often
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u32) as usize]
    }

    /// Writes so many sectors of noise.
    pub fn fill(&mut self, writer: &mut impl Write, sectors: usize) -> std::io::Result<()> {
        for _ in 0..sectors {
            let mut sector = [0; SECTOR];
            for word in sector.chunks_exact_mut(8) {
                word.copy_from_slice(&self.next().to_le_bytes());
            }
            writer.write_all(&sector)?;
        }
        Ok(())
    }
}
