//! Where discs are hurt. Pure: the same seed hurts the same sectors.

use std::ops::Range;

use discsmith::mmc::Extent;
use discsmith::rescue::{Extents, State};

/// A way in which discs are damaged.
pub struct Pattern {
    pub name: &'static str,
    hurt: fn(Surface, &mut Dice) -> Vec<Range<u32>>,
}

pub const PATTERNS: [Pattern; 8] = [
    Pattern { name: "radial scratch", hurt: scratch },
    Pattern { name: "ring", hurt: ring },
    Pattern { name: "rot from the rim", hurt: rot },
    Pattern { name: "fingerprint", hurt: fingerprint },
    Pattern { name: "single sectors", hurt: singles },
    Pattern { name: "layer break", hurt: layer_break },
    Pattern { name: "unreadable start", hurt: start },
    Pattern { name: "protection", hurt: protection },
];

impl Pattern {
    /// The disc, with the damage that this seed brings.
    pub fn map(&self, surface: Surface, seed: u64) -> Extents<State> {
        let mut map = Extents::new(surface.sectors, State::Finished);
        for range in (self.hurt)(surface, &mut Dice(seed)) {
            let end = range.end.min(surface.sectors);
            map.set(Extent::between(range.start.min(end), end), State::Bad);
        }
        map
    }
}

/// The spiral that sectors lie on.
#[derive(Clone, Copy)]
pub struct Surface {
    pub sectors: u32,
    /// Sectors of the innermost turn.
    pub turn: u32,
}

impl Surface {
    /// Sectors of the turn that this one lies on. The outermost turn is 2.4 times as long as the innermost (24 and 58 mm), and the disc's
    /// area, thus the square of the radius, grows with the LBA.
    fn turn_at(self, lba: u32) -> u32 {
        let outwards = f64::from(lba) / f64::from(self.sectors);
        (f64::from(self.turn) * (1.0 + (2.4 * 2.4 - 1.0) * outwards).sqrt()) as u32
    }

    /// Where each of so many turns from `first` on crosses one radius.
    fn crossings(self, first: u32, turns: u32) -> impl Iterator<Item = u32> {
        std::iter::successors(Some(first), move |&lba| Some(lba + self.turn_at(lba))).take(turns as usize)
    }

    /// The sector that lies behind so many thousandths of the disc.
    fn at(self, thousandths: u32) -> u32 {
        (u64::from(self.sectors) * u64::from(thousandths) / 1000) as u32
    }
}

/// Numbers from a seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn within(&mut self, range: Range<u32>) -> u32 {
        range.start + (self.throw() % u64::from(range.end - range.start)) as u32
    }

    fn percent(&mut self, often: u32) -> bool {
        self.within(0..100) < often
    }
}

/// From the inside outwards: a sector or two on each turn.
fn scratch(surface: Surface, dice: &mut Dice) -> Vec<Range<u32>> {
    let first = surface.at(dice.within(100..700));
    let turns = dice.within(100..300);
    surface.crossings(first, turns).map(|lba| lba..lba + dice.within(1..3)).collect()
}

/// Along the track: a few turns are gone as a whole, with ragged ends.
fn ring(surface: Surface, dice: &mut Dice) -> Vec<Range<u32>> {
    let first = surface.at(dice.within(100..900));
    dead_zone(first, surface.turn_at(first) * dice.within(5..30), dice)
}

/// More and more towards the rim, where the lacquer lets the air in.
fn rot(surface: Surface, dice: &mut Dice) -> Vec<Range<u32>> {
    let first = surface.at(dice.within(960..990));
    let width = surface.sectors - first;
    (first..surface.sectors).filter(|lba| dice.percent((lba - first) * 40 / width)).map(|lba| lba..lba + 1).collect()
}

/// A round patch: on each turn an arc, widest in the middle, of which a part is dead.
fn fingerprint(surface: Surface, dice: &mut Dice) -> Vec<Range<u32>> {
    let first = surface.at(dice.within(100..700));
    let turns = dice.within(80..200);
    let arcs = surface.crossings(first, turns).zip(0..).flat_map(|(lba, turn): (u32, u32)| {
        let off_centre = 2.0 * f64::from(turn) / f64::from(turns) - 1.0;
        let width = f64::from(surface.turn_at(lba)) / 6.0 * (1.0 - off_centre * off_centre).sqrt();
        lba..lba + width.round() as u32
    });
    arcs.filter(|_| dice.percent(30)).map(|lba| lba..lba + 1).collect()
}

/// Here and there.
fn singles(surface: Surface, dice: &mut Dice) -> Vec<Range<u32>> {
    (0..dice.within(20..60)).map(|_| dice.within(0..surface.sectors)).map(|lba| lba..lba + 1).collect()
}

/// Where the drive should go to the other layer, and can't. That is behind the middle: the second layer runs back inwards from where the
/// first one ended, so it is never the longer one (ECMA-267, opposite track path).
fn layer_break(surface: Surface, dice: &mut Dice) -> Vec<Range<u32>> {
    let length = surface.at(dice.within(2..8));
    dead_zone(surface.at(dice.within(510..560)), length, dice)
}

/// From the first sector on: a hub crack, or a lead-in that is hard to find.
fn start(surface: Surface, dice: &mut Dice) -> Vec<Range<u32>> {
    dead_zone(0, surface.at(dice.within(1..8)), dice)
}

/// Bad sectors that were made on purpose, strewn over one stretch.
fn protection(surface: Surface, dice: &mut Dice) -> Vec<Range<u32>> {
    let (mut at, end) = (surface.at(8), surface.at(dice.within(40..100)));
    let spots = std::iter::from_fn(|| {
        at += dice.within(5..40);
        (at < end).then_some(at..at + 1)
    });
    spots.collect()
}

/// Dead throughout, and at its end in part.
fn dead_zone(first: u32, length: u32, dice: &mut Dice) -> Vec<Range<u32>> {
    let solid = first + length;
    let ragged = (solid..solid + length / 10).filter(|_| dice.percent(50)).map(|lba| lba..lba + 1);
    std::iter::once(first..solid).chain(ragged).collect()
}
