//! What is wrong with a medium, told from what came back. Nothing is said without proof: where the signs contradict each other, it is nothing.

use crate::event::Defect;

use super::marks::Echo;

/// Bits of a sector that may be wrong for it to count as flipped. Two sectors that have nothing to do with each other differ in hundreds.
const FLIPPED: u32 = 8;

/// Bytes that must be lost before it is said that all from there on are: less may be one bad page of cells, whatever the sectors' size.
const MANY: u64 = 64 << 10;

/// What was seen of what came back, from the beginning on.
#[derive(Debug, Default)]
pub(in crate::jobs) struct Symptoms {
    /// The first sector that is wrong.
    first: Option<u64>,
    /// Bytes of sectors in which something else came back.
    lost: u64,
    /// Sectors in which bits are wrong, and these bits.
    flipped: u64,
    bits: u64,
    /// The byte that the first of them lies in.
    first_bit: u64,
    /// After the first sector that is wrong another one is right, and is not blank.
    is_patchy: bool,
    /// Some of what is wrong was not looked into.
    is_partial: bool,
    /// What is wrong can't be judged at all.
    is_unclear: bool,
}

impl Symptoms {
    /// Looks at what came back in place of what was written from byte `at` on, both of the same length.
    pub(in crate::jobs) fn look(&mut self, written: &[u8], back: &[u8], at: u64, sector: u32) {
        let pairs = written.chunks(sector as usize).zip(back.chunks(sector as usize));
        for ((written, back), at) in pairs.zip((at..).step_by(sector as usize)) {
            if written == back {
                self.is_patchy |= self.first.is_some() && !is_uniform(written);
                continue;
            }
            self.first.get_or_insert(at);
            let bits: u32 = written.iter().zip(back).map(|(written, back)| (written ^ back).count_ones()).sum();
            if bits > FLIPPED || is_uniform(back) {
                self.lost += back.len() as u64;
                continue;
            }
            if self.flipped == 0 {
                self.first_bit = at + written.iter().zip(back).take_while(|(written, back)| written == back).count() as u64;
            }
            self.flipped += 1;
            self.bits += u64::from(bits);
        }
    }

    /// True once something wrong was seen.
    pub(in crate::jobs) fn has_begun(&self) -> bool {
        self.first.is_some()
    }

    /// What comes next is right, and not blank.
    pub(in crate::jobs) fn right(&mut self) {
        self.is_patchy |= self.has_begun();
    }

    /// What comes next is wrong, and is not looked into.
    pub(in crate::jobs) fn passed_over(&mut self) {
        self.is_partial = true;
    }

    /// What comes next can't be judged.
    pub(in crate::jobs) fn unclear(&mut self) {
        self.is_unclear = true;
    }

    /// What is wrong, if that is proved. `head` is how much of the beginning came back in no other way than as marks.
    pub(in crate::jobs) fn finding(&self, echo: Echo, head: u64) -> Option<Defect> {
        if let Some(holds) = echo.period {
            return Some(Defect::Wraps { holds });
        }
        let first = self.first.filter(|_| !self.is_unclear)?;
        match (self.lost, self.flipped) {
            (lost, 0) if lost >= MANY && !self.is_patchy => match first {
                first if first <= head => Some(Defect::Loses { from: echo.kept.min(first) }),
                // What came later was there, and the marks are not: it takes nothing any more since then, or its reader brings nothing.
                _ if echo.kept < head => None,
                first => Some(Defect::Loses { from: first }),
            },
            (0, sectors) if !self.is_partial => Some(Defect::Flips { bits: self.bits, sectors, first: self.first_bit }),
            _ => None,
        }
    }
}

/// True for a sector that is one byte over and over: zeros, or what an empty cell reads as.
fn is_uniform(sector: &[u8]) -> bool {
    sector.windows(2).all(|pair| pair[0] == pair[1])
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Mutex, PoisonError};

    use proptest::prelude::*;

    use super::super::marks::echo;
    use super::*;
    use crate::medium::{Geometry, Medium, Writable};

    const SECTOR: usize = 512;
    /// What is withheld.
    const HEAD: usize = 8 * SECTOR;
    /// As many sectors as must be lost at least.
    const SECTORS: usize = MANY as usize / SECTOR;

    /// What is wrong with a stick.
    #[derive(Debug, Clone)]
    enum Kind {
        Wraps,
        /// Beyond what is real this comes back, over and over.
        Drops(Vec<u8>),
        Flips(Vec<usize>),
    }

    /// A stick that holds so many bytes.
    struct Stick {
        real: usize,
        kind: Kind,
        cells: Mutex<Vec<u8>>,
    }

    impl Stick {
        /// Each sector of `length` bytes at `offset`, and where it really is.
        fn places(&self, length: usize, offset: u64) -> impl Iterator<Item = (usize, Option<usize>)> + '_ {
            (offset as usize..offset as usize + length).step_by(SECTOR).map(|at| match self.kind {
                Kind::Wraps => (at, Some(at % self.real)),
                Kind::Drops(_) => (at, Some(at).filter(|at| *at < self.real)),
                Kind::Flips(_) => (at, Some(at)),
            })
        }
    }

    impl Medium for Stick {
        fn geometry(&self) -> Geometry {
            Geometry { bytes: 1 << 20, sector: SECTOR as u32 }
        }

        fn read_some(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            let cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
            let places = self.places(buffer.len(), offset);
            for (piece, (at, place)) in buffer.chunks_mut(SECTOR).zip(places) {
                match (place, &self.kind) {
                    (Some(place), _) => piece.copy_from_slice(&cells[place..place + SECTOR]),
                    (None, Kind::Drops(back)) => piece.copy_from_slice(back),
                    (None, _) => {}
                }
                if let Kind::Flips(flips) = &self.kind {
                    flips.iter().filter(|flip| (at..at + SECTOR).contains(flip)).for_each(|flip| piece[flip - at] ^= 1);
                }
            }
            Ok(buffer.len())
        }
    }

    impl Writable for Stick {
        fn write_some(&self, buffer: &[u8], offset: u64) -> io::Result<usize> {
            let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
            for (piece, (_, place)) in buffer.chunks(SECTOR).zip(self.places(buffer.len(), offset)) {
                if let Some(place) = place {
                    cells[place..place + SECTOR].copy_from_slice(piece);
                }
            }
            Ok(buffer.len())
        }

        fn settle(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The image onto the stick, in the order of the passes. `None` where it came back as it was written.
    fn flashed(image: &[u8], stick: &Stick) -> Option<Option<Defect>> {
        let head = image.len().min(HEAD);
        let read = |from: usize| {
            let mut back = image.to_vec();
            stick.read_at(&mut back[from..], from as u64).unwrap();
            Some(back).filter(|back| back != image)
        };
        stick.write_at(&image[head..], head as u64).unwrap();
        stick.write_at(&vec![0; head], 0).unwrap();
        let back = read(head).or_else(|| {
            stick.write_at(&image[..head], 0).unwrap();
            read(0)
        })?;
        let mut symptoms = Symptoms::default();
        symptoms.look(image, &back, 0, SECTOR as u32);
        let echo = echo(stick, head as u64, image.len() as u64, |_| true).unwrap().unwrap();
        Some(symptoms.finding(echo, head as u64))
    }

    /// Sectors of an image: each is noise of its own, zeros, or one of a few that come again and again.
    fn images() -> impl Strategy<Value = Vec<u8>> {
        let sector = prop_oneof![
            2 => any::<u64>(),
            1 => Just(0),
            1 => 1u64..4,
        ];
        proptest::collection::vec((sector, 1usize..40), 1..12).prop_map(|runs| {
            let mut image = Vec::new();
            for (seed, sectors) in runs {
                for number in 0..sectors as u64 {
                    let seed = if seed < 4 { seed } else { seed.wrapping_add(number) };
                    let words =
                        (1..=SECTOR as u64 / 8).map(|word| seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_mul(word | 1));
                    image.extend(words.flat_map(|word| (word ^ word >> 31).to_le_bytes()));
                }
            }
            image
        })
    }

    fn kinds() -> impl Strategy<Value = Kind> {
        prop_oneof![
            Just(Kind::Wraps),
            Just(Kind::Drops(vec![0; SECTOR])),
            Just(Kind::Drops(vec![0xff; SECTOR])),
            any::<[u8; 32]>().prop_map(|noise| Kind::Drops(noise.repeat(SECTOR / 32))),
            proptest::collection::vec(0usize..100 * SECTOR, 1..6).prop_map(Kind::Flips),
        ]
    }

    proptest! {
        #[test]
        fn no_stick_is_said_to_be_what_it_is_not(image in images(), real in 1usize..400, kind in kinds()) {
            let real = real * SECTOR;
            let stick = Stick { real, kind: kind.clone(), cells: Mutex::new(vec![0x5a; 1 << 20]) };
            let found = flashed(&image, &stick);
            if !matches!(kind, Kind::Flips(_)) && real >= image.len() {
                prop_assert_eq!(found, None);
            }
            match (kind, found) {
                (_, None) => {}
                // Whatever the image holds, and however often it goes around.
                (Kind::Wraps, Some(found)) => prop_assert_eq!(found, Some(Defect::Wraps { holds: real as u64 })),
                (_, Some(None)) => {}
                (Kind::Drops(_), Some(Some(Defect::Loses { from }))) => prop_assert!(from >= real as u64, "{} of {}", from, real),
                (Kind::Flips(flips), Some(Some(Defect::Flips { bits, sectors, first }))) => {
                    prop_assert!(sectors <= bits && bits <= flips.len() as u64 && flips.contains(&(first as usize)));
                }
                (kind, found) => prop_assert!(false, "{:?}: {:?}", kind, found),
            }
        }
    }

    #[test]
    fn what_contradicts_itself_proves_nothing() {
        let written: Vec<u8> = (0..(40 + SECTORS) * SECTOR).map(|at| (at * 7 + at / 512 * 31) as u8).collect();
        let lost = |sectors: &[usize]| {
            let mut back = written.clone();
            sectors.iter().for_each(|sector| back[sector * SECTOR..(sector + 1) * SECTOR].fill(0));
            back
        };
        let found_with = |back: &[u8], kept| {
            let mut symptoms = Symptoms::default();
            symptoms.look(&written, back, 0, SECTOR as u32);
            symptoms.finding(Echo { period: None, kept }, HEAD as u64)
        };
        let found = |back: &[u8]| found_with(back, HEAD as u64);
        let rest: Vec<usize> = (20..40 + SECTORS).collect();
        assert_eq!(found(&lost(&rest)), Some(Defect::Loses { from: 20 * 512 }));
        assert_eq!(found(&lost(&rest[20..])), Some(Defect::Loses { from: 40 * 512 }));
        // A bad block, at the end and elsewhere; a sector that is there after all; flipped bits besides.
        assert_eq!(found(&lost(&rest[21..])), None);
        assert_eq!(found(&lost(&rest[..SECTORS + 12])), None);
        // A reader that brought what lies before, and then nothing more: not even the marks.
        assert_eq!(found_with(&lost(&rest), 0), None);
        let mut back = lost(&rest);
        back[100] ^= 3;
        assert_eq!(found(&back), None);
        let mut back = written.clone();
        back[100] ^= 3;
        back[9000] ^= 1;
        assert_eq!(found(&back), Some(Defect::Flips { bits: 3, sectors: 2, first: 100 }));
        // More chunks differ than were looked into; one could not be read again.
        for hinder in [Symptoms::passed_over, Symptoms::unclear] {
            let mut symptoms = Symptoms::default();
            hinder(&mut symptoms);
            symptoms.look(&written, &back, 0, SECTOR as u32);
            assert_eq!(symptoms.finding(Echo { period: None, kept: HEAD as u64 }, HEAD as u64), None);
        }
    }
}
