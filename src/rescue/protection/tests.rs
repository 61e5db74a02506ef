//! Damage of all kinds is never taken for protection, and protection is found as soon as a part of it was read.

use super::*;
use proptest::prelude::*;

/// Numbers from a seed (xorshift64*).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn within(&mut self, range: Range<u32>) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        range.start + ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % u64::from(range.end - range.start)) as u32
    }

    fn percent(&mut self, often: u32) -> bool {
        self.within(0..100) < often
    }
}

/// A disc that is hurt.
struct Disc {
    family: Family,
    map: Extents<State>,
    dice: Dice,
}

impl Disc {
    fn new(family: Family, seed: u64) -> Self {
        let sectors = match family {
            Family::Cd => 333_000,
            Family::Dvd => 2_295_000,
            Family::Bd => 12_207_000,
        };
        Self { family, map: Extents::new(sectors, State::Finished), dice: Dice::new(seed) }
    }

    fn sectors(&self) -> u32 {
        self.map.len()
    }

    fn kill(&mut self, first: u32, count: u32) {
        self.map.set(Extent { first, count }, State::Bad);
    }

    /// So many thousandths of the disc.
    fn share(&self, thousandths: u32) -> u32 {
        (u64::from(self.sectors()) * u64::from(thousandths) / 1000) as u32
    }

    /// Sectors of the turn at this place: radii from 24 to 58 mm, and equal areas hold equal numbers of sectors.
    fn turn(&self, lba: u32) -> u32 {
        let inner = f64::from(rim(self.family)) * 24.0 / 58.0;
        let outwards = f64::from(lba) / f64::from(self.sectors());
        (inner * (1.0 + 4.84 * outwards).sqrt()) as u32
    }

    /// A scratch outwards, leaning forwards or back, that hurts some of the turns it crosses.
    fn scratch(&mut self) {
        let (mut at, turns) = (self.dice.within(0..self.share(800)), self.dice.within(50..4000));
        let (often, widest, lean) = (self.dice.within(15..101), self.dice.within(2..6), self.dice.within(0..5));
        for _ in 0..turns {
            if self.dice.percent(often) {
                let count = self.dice.within(1..widest);
                self.kill(at, count);
            }
            at += self.turn(at) + lean - 2;
        }
    }

    /// Some scratches that cross the same turns, as on a disc that was wiped.
    fn scuff(&mut self) {
        let (first, turns) = (self.dice.within(0..self.share(800)), self.dice.within(200..2000));
        let often = self.dice.within(15..101);
        let turn = self.turn(first);
        let angles: Vec<u32> = (0..self.dice.within(2..6)).map(|_| self.dice.within(0..turn)).collect();
        let mut at = first;
        for _ in 0..turns {
            for angle in &angles {
                if self.dice.percent(often) {
                    self.kill(at + angle, 1);
                }
            }
            at += self.turn(at);
        }
    }

    /// Some turns as a whole, with ragged ends.
    fn ring(&mut self) {
        let first = self.dice.within(0..self.share(950));
        let turns = self.dice.within(1..60);
        let solid = self.turn(first) * turns;
        let ragged = (solid / 8).max(self.turn(first));
        self.kill(first, solid);
        for lba in (first.saturating_sub(ragged)..first).chain(first + solid..first + solid + ragged) {
            if self.dice.percent(50) {
                self.kill(lba, 1);
            }
        }
    }

    /// More and more towards the rim.
    fn rot(&mut self) {
        let width = self.dice.within(self.share(2).max(500)..self.share(40)).min(60_000);
        let (first, worst) = (self.sectors() - width, self.dice.within(3..60));
        for lba in first..self.sectors() {
            if self.dice.within(0..1000) * width < (lba - first) / 100 * worst * 1000 {
                self.kill(lba, 1);
            }
        }
    }

    /// Single sectors, as many everywhere in one stretch.
    fn dust(&mut self) {
        let (width, apart) = (self.dice.within(1000..40_000), self.dice.within(5..400));
        let first = self.dice.within(0..self.sectors() - width);
        for lba in first..first + width {
            if self.dice.within(0..apart) == 0 {
                self.kill(lba, 1);
            }
        }
    }

    /// A round patch: an arc of each turn, a part of it dead.
    fn fingerprint(&mut self) {
        let (mut at, turns) = (self.dice.within(0..self.share(800)), self.dice.within(80..600));
        let (often, widest) = (self.dice.within(10..90), self.dice.within(3..12));
        for _ in 0..turns {
            for lba in at..at + (self.turn(at) / widest).max(1) {
                if self.dice.percent(often) {
                    self.kill(lba, 1);
                }
            }
            at += self.turn(at);
        }
    }

    /// Here and there.
    fn singles(&mut self) {
        for _ in 0..self.dice.within(20..2000) {
            let lba = self.dice.within(0..self.sectors());
            self.kill(lba, 1);
        }
    }

    /// Nothing at all for a long way.
    fn dead_zone(&mut self) {
        let (first, count) = (self.dice.within(0..self.sectors()), self.dice.within(1000..self.share(20)));
        self.kill(first, count);
    }

    /// Whole ECC blocks where one sector died.
    fn widen(&mut self) {
        let block = self.family.block();
        for run in self.map.iter().filter(|run| run.value == State::Bad).collect::<Vec<_>>() {
            let first = run.extent.first - run.extent.first % block;
            self.map.set(Extent::between(first, run.extent.end().next_multiple_of(block)), State::Bad);
        }
    }

    /// Strewn over a stretch.
    fn safedisc(&mut self, nearest: u32, farthest: u32) -> Extent {
        let first = self.dice.within(100..3000);
        let (mut at, end) = (first, first + self.dice.within(8000..12_000));
        while at < end {
            self.kill(at, 1);
            at += self.dice.within(nearest..farthest);
        }
        self.around(first, end)
    }

    /// Solid runs with thousands of good sectors between them.
    fn ripguard(&mut self) -> Extent {
        let first = self.dice.within(400_000..600_000);
        let mut at = first;
        for _ in 0..self.dice.within(12..60) {
            let count = self.dice.within(150..1600);
            self.kill(at, count);
            at += count + self.dice.within(1000..10_000);
        }
        self.around(first, at)
    }

    /// The same number of ECC blocks at regular distances.
    fn arccos(&mut self) -> Extent {
        let block = self.family.block();
        let (first, count) = (self.dice.within(1000..9000) * block, self.dice.within(1..8) * block);
        let (mut at, distance) = (first, self.dice.within(40..200) * block);
        for _ in 0..self.dice.within(40..320) {
            self.kill(at, count);
            at += count + distance + self.dice.within(0..9) * block;
        }
        self.around(first, at)
    }

    /// The bad sectors from `first` to `end`, tightly.
    fn around(&self, first: u32, end: u32) -> Extent {
        Extent::between(first, self.map.last_with(State::Bad, end).unwrap().end())
    }

    fn patterns(&self) -> Vec<Pattern> {
        patterns(&self.map, &Extents::new(self.sectors(), None), self.family)
    }
}

/// Ways in which discs are damaged.
const DAMAGE: [fn(&mut Disc); 8] =
    [Disc::scratch, Disc::scuff, Disc::ring, Disc::rot, Disc::dust, Disc::fingerprint, Disc::singles, Disc::dead_zone];

fn families() -> impl Strategy<Value = Family> {
    prop_oneof![Just(Family::Cd), Just(Family::Dvd), Just(Family::Bd)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damage_is_no_protection(family in families(), kinds in proptest::collection::vec(0..DAMAGE.len(), 1..5), seed: u64, whole_blocks: bool) {
        let mut disc = Disc::new(family, seed);
        kinds.iter().for_each(|kind| DAMAGE[*kind](&mut disc));
        if whole_blocks {
            disc.widen();
        }
        prop_assert_eq!(disc.patterns(), []);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn strewn_sectors_are_protection(seed: u64, nearest in 5u32..12, spread in 10u32..30) {
        let mut disc = Disc::new(Family::Cd, seed);
        let zone = disc.safedisc(nearest, nearest + spread);
        let [Pattern { kind, extent, runs, sectors }] = disc.patterns()[..] else { panic!("{:?}", disc.patterns()) };
        prop_assert_eq!((kind, extent), (PatternKind::Strewn, zone));
        prop_assert_eq!((runs, sectors), (disc.map.count(State::Bad), disc.map.count(State::Bad)));
    }

    #[test]
    fn solid_runs_are_protection(seed: u64, is_regular: bool) {
        let mut disc = Disc::new(Family::Dvd, seed);
        let zone = if is_regular { disc.arccos() } else { disc.ripguard() };
        let [Pattern { kind, extent, sectors, .. }] = disc.patterns()[..] else { panic!("{:?}", disc.patterns()) };
        prop_assert_eq!((kind, extent, sectors), (PatternKind::Runs, zone, disc.map.count(State::Bad)));
    }

    #[test]
    fn damage_elsewhere_does_not_hide_protection(seed: u64, kind in 0..DAMAGE.len()) {
        let mut disc = Disc::new(Family::Dvd, seed);
        let zone = disc.ripguard();
        let protected = disc.map.clone();
        DAMAGE[kind](&mut disc);
        // What lies on the zone itself may well hide it.
        let near = zone.first.saturating_sub(50_000)..zone.end() + 50_000;
        let spoilt = disc.map.iter().any(|run| {
            run.value == State::Bad && near.contains(&run.extent.first) && protected.run_at(run.extent.first) != Some(run)
        });
        let found = disc.patterns();
        prop_assert!(spoilt || found.iter().any(|pattern| pattern.extent == zone), "{:?} in {:?}", zone, found);
    }

    #[test]
    fn half_a_zone_is_enough_and_what_failed_beside_it_belongs_to_it(seed: u64) {
        let mut disc = Disc::new(Family::Cd, seed);
        let zone = disc.safedisc(5, 40);
        // Trimmed so far, and behind it what failed in long commands; the rest of the disc was read, or never asked for.
        let half = Extent::between(zone.first + zone.count / 2, zone.end());
        disc.map.set(half, State::NonTrimmed);
        let found = disc.patterns();
        prop_assert_eq!(found.iter().map(|pattern| pattern.extent).collect::<Vec<_>>(), vec![zone]);
        disc.map.set(Extent::between(half.first, disc.sectors()), State::NonTried);
        let found = disc.patterns();
        prop_assert!(found.len() == 1 && found[0].extent.end() <= half.first, "{:?}", found);
    }
}

#[test]
fn the_layouts_of_known_discs_are_recognised() {
    // DiscImageCreator's issue 135, a RipGuard disc.
    let runs = [
        457_554..457_584,
        458_946..459_245,
        469_147..469_770,
        471_642..472_536,
        474_714..475_500,
        477_959..478_138,
        481_673..482_367,
        486_038..486_414,
        489_688..490_388,
        492_841..493_438,
        498_960..499_347,
        502_913..502_971,
        506_002..507_597,
        511_248..512_230,
    ];
    let mut disc = Disc::new(Family::Dvd, 1);
    runs.iter().for_each(|run| disc.kill(run.start, run.end - run.start));
    let found = disc.patterns();
    assert_eq!((found.len(), found[0].extent), (1, Extent::between(457_554, 512_230)));
}

#[test]
fn a_region_is_no_bad_sector() {
    let mut disc = Disc::new(Family::Dvd, 1);
    let zone = disc.ripguard();
    let mut classes = Extents::new(disc.sectors(), None);
    classes.set(zone, Some(Class::Protected));
    assert_eq!(patterns(&disc.map, &classes, disc.family), []);
}
