//! The long tests: what only shows after a night of chance. Each is repeated by its seed; the stories hold a sample of each.

mod judge;
mod kills;
mod power;
mod rules;

pub use kills::run as run_killed;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;

use self::rules::{Discs, Round};
use crate::stories::{Ending, Story};

/// The samples by their names: the same rounds each time.
pub const SAMPLES: &[(&str, Story)] = &[
    ("long_rules", || rules(&Extent { rounds: 1..31, ..Extent::sample() })),
    ("long_rules_by_sr", || rules_by_sr(&Extent { rounds: 1..4, ..Extent::sample() })),
    ("long_power_cuts", || power_cuts(&Extent { cuts: 1, ..Extent::sample() })),
    ("long_kills", || kills(&Extent { kills: 24, ..Extent::sample() })),
];

/// How often a run of the programs ended how.
#[derive(Default)]
pub struct Tally(BTreeMap<Option<i32>, u32>);

impl Tally {
    fn count(&mut self, status: Option<i32>) {
        *self.0.entry(status).or_default() += 1;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = self.0.iter().map(|(status, count)| match status {
            Some(status) => format!("status {status}: {count}"),
            None => format!("killed: {count}"),
        });
        f.write_str(&texts.collect::<Vec<_>>().join(", "))
    }
}

/// How much of a long test is run.
struct Extent {
    seed: u64,
    rounds: Range<u64>,
    kills: u32,
    cuts: u32,
    /// No round begins after this.
    time: Duration,
    /// How often it says how far it is.
    news: Duration,
}

impl Extent {
    fn sample() -> Self {
        Self { seed: 1, rounds: 0..0, kills: 0, cuts: 0, time: Duration::MAX, news: Duration::MAX }
    }
}

/// The rounds one after the other; stops at the first violation.
fn rules(extent: &Extent) -> Ending {
    let discs = Discs::new(extent.seed)?;
    let mut tally = Tally::default();
    let (begin, mut told, mut played) = (Instant::now(), Instant::now(), 0);
    for number in extent.rounds.clone() {
        if begin.elapsed() > extent.time {
            break;
        }
        Round::new(extent.seed, number).play(&discs, &mut tally)?;
        played += 1;
        if told.elapsed() > extent.news {
            told = Instant::now();
            println!("long: rules: {played} rounds in {} s; {tally}", begin.elapsed().as_secs());
        }
    }
    Ok(format!("note: {played} rounds of random rules, seed {}; {tally}\n", extent.seed))
}

/// The same rounds through the kernel's own sr, so many in one guest.
const IN_A_GUEST: u64 = 20;

fn rules_by_sr(extent: &Extent) -> Ending {
    let discs = Discs::new(extent.seed)?;
    let mut tally = Tally::default();
    let (begin, mut at, mut said) = (Instant::now(), extent.rounds.start, String::new());
    while at < extent.rounds.end && begin.elapsed() < extent.time {
        let end = at.saturating_add(IN_A_GUEST).min(extent.rounds.end);
        said += &rules::play_served(&discs, extent.seed, at..end, &mut tally)?;
        at = end;
        if extent.news < Duration::MAX {
            said.clear();
            println!("long: rules_by_sr: {} rounds in {} s; {tally}", at - extent.rounds.start, begin.elapsed().as_secs());
        }
    }
    Ok(said + &format!("note: {} rounds of random rules through sr, seed {}; {tally}\n", at - extent.rounds.start, extent.seed))
}

/// The power cuts.
fn power_cuts(extent: &Extent) -> Ending {
    let met = power::cut(extent.seed, extent.cuts, |met| {
        if extent.news < Duration::MAX {
            println!("long: power: {met}");
        }
    })?;
    Ok(format!("note: seed {}; {met}\n", extent.seed))
}

/// The kills.
fn kills(extent: &Extent) -> Ending {
    let discs = Discs::new(extent.seed)?;
    let mut told = Instant::now();
    let met = kills::kill(&discs, extent.seed, extent.kills, |met| {
        if told.elapsed() > extent.news {
            told = Instant::now();
            println!("long: kills: {met}");
        }
    })?;
    Ok(format!("note: seed {}; {met}\n", extent.seed))
}

/// A long test.
type Test = fn(&Extent) -> Ending;

/// All of them.
const TESTS: [(&str, Test); 4] = [("power", power_cuts), ("kills", kills), ("rules", rules), ("rules_by_sr", rules_by_sr)];

/// Which long tests, and how much of them: `--long [OPTION…] [TEST…]`.
#[derive(Parser)]
struct Wanted {
    /// The mode that this is about.
    #[arg(long = "long", required = true)]
    _mode: bool,
    /// Plays the same again; without it, chance begins anew.
    #[arg(long)]
    seed: Option<u64>,
    /// One round of random rules, by its number.
    #[arg(long)]
    round: Option<u64>,
    /// Rounds of random rules.
    #[arg(long)]
    rounds: Option<u64>,
    /// How long rounds are played, if their number does not end them.
    #[arg(long, default_value_t = 8)]
    hours: u64,
    #[arg(long, default_value_t = 1000)]
    kills: u32,
    #[arg(long, default_value_t = 20)]
    cuts: u32,
    /// All without one.
    #[arg(value_parser = TESTS.map(|(name, _)| name))]
    tests: Vec<String>,
}

/// The long tests that are wanted, one after the other.
pub fn run() -> ExitCode {
    match run_all(&Wanted::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run_all(wanted: &Wanted) -> Result<(), Box<dyn Error>> {
    let seed = match wanted.seed {
        Some(seed) => seed,
        None => SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
    };
    let (first, count) = match (wanted.round, wanted.rounds) {
        (Some(round), count) => (round, count.unwrap_or(1)),
        (None, count) => (1, count.unwrap_or(u64::MAX)),
    };
    let rounds = first..first.saturating_add(count);
    println!("long: seed {seed}");
    let is_wanted = |(name, _): &(&str, Test)| wanted.tests.is_empty() || wanted.tests.iter().any(|test| test == name);
    let tests: Vec<_> = TESTS.into_iter().filter(is_wanted).collect();
    // Those that play rounds share the time, whatever the others take.
    let playing = tests.iter().filter(|(name, _)| name.starts_with("rules")).count().max(1) as u32;
    let time = Duration::from_secs(wanted.hours.saturating_mul(3600)) / playing;
    let Wanted { kills, cuts, .. } = *wanted;
    let extent = Extent { seed, rounds, kills, cuts, time, news: Duration::from_secs(60) };
    for (name, test) in tests {
        let begin = Instant::now();
        print!("long: {name}: {}", test(&extent)?);
        println!("long: {name}: {} s", begin.elapsed().as_secs());
    }
    Ok(())
}
