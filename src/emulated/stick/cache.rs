//! The stick's volatile write cache: what it was told and has not put into its cells yet.

use std::collections::BTreeMap;

/// A sector on its way into the cells: where it goes, and its bytes.
pub(super) type Evicted = (u64, Box<[u8]>);

/// Sectors that are held back, by address and by age.
#[derive(Debug)]
pub(super) struct Cache {
    /// Bytes that fit in.
    room: u64,
    sector: usize,
    held: BTreeMap<u64, Held>,
    /// Address by the number of the write: the oldest first.
    order: BTreeMap<u64, u64>,
    writes: u64,
}

#[derive(Debug)]
struct Held {
    write: u64,
    bytes: Box<[u8]>,
}

impl Cache {
    /// An empty cache for `room` bytes in sectors of `sector` bytes.
    pub(super) fn new(room: u64, sector: u32) -> Self {
        Self { room, sector: sector as usize, held: BTreeMap::new(), order: BTreeMap::new(), writes: 0 }
    }

    /// Takes a sector; one that is written again is young again.
    pub(super) fn put(&mut self, at: u64, bytes: &[u8]) {
        self.writes += 1;
        if let Some(before) = self.held.insert(at, Held { write: self.writes, bytes: bytes.into() }) {
            self.order.remove(&before.write);
        }
        self.order.insert(self.writes, at);
    }

    /// The oldest sector, while more is held than fits in.
    pub(super) fn overflow(&mut self) -> Option<Evicted> {
        let full = self.held.len() as u64 * self.sector as u64 > self.room;
        if full { self.oldest() } else { None }
    }

    /// The oldest sector, which is then no longer held.
    pub(super) fn oldest(&mut self) -> Option<Evicted> {
        let (_, at) = self.order.pop_first()?;
        self.held.remove(&at).map(|held| (at, held.bytes))
    }

    /// Lays what is held over what was read from `at`.
    pub(super) fn overlay(&self, at: u64, buffer: &mut [u8]) {
        for (address, held) in self.held.range(at..at + buffer.len() as u64) {
            let from = (address - at) as usize;
            if let Some(place) = buffer.get_mut(from..from + self.sector) {
                place.copy_from_slice(&held.bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_first_and_what_is_written_again_is_young() {
        let mut cache = Cache::new(1024, 512);
        for (at, byte) in [(0, 1), (512, 2), (0, 3)] {
            cache.put(at, &[byte; 512]);
        }
        assert_eq!(cache.overflow(), None);
        cache.put(1024, &[4; 512]);
        assert_eq!(cache.overflow().map(|(at, bytes)| (at, bytes[0])), Some((512, 2)));
        assert_eq!(cache.overflow(), None);
        let mut buffer = [9; 2048];
        cache.overlay(0, &mut buffer);
        assert_eq!([0, 512, 1024, 1536].map(|at| buffer[at]), [3, 9, 4, 9]);
        let rest: Vec<_> = std::iter::from_fn(|| cache.oldest()).map(|(at, bytes)| (at, bytes[0])).collect();
        assert_eq!(rest, [(0, 3), (1024, 4)]);
    }
}
