//! isoflash against other programs that write sticks: who has the image on the device, proved, sooner? By hand, as root: `make bench`;
//! `QUICK=1` takes small images and three rounds, and a word picks targets (`cargo bench --bench speed -- slow`). docs/performance.md says what
//! came out.
//!
//! All write to the same [`device`], a loop device of a file in memory: once as fast as it is, and twice as slow as a stick, by [`fuse`] and
//! [`pace`]. The [`contestants`] take turns, in another order each round; each [`run`] is watched from outside, and its [`figures`] make the
//! [`table`]. No disk of the machine is opened.
//!
//! What needs no device is tested in tests.rs.

mod contestants;
mod device;
mod figures;
mod fuse;
mod machine;
mod pace;
mod run;
mod table;
mod tool;

use std::error::Error;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::time::Instant;

use discsmith::sys::Stop;
use discsmith::trust::{Algorithm, Sums, sha256};

use contestants::{Contestant, DD, DELTA, ISOFLASH, READ, contestants};
use device::Device;
use figures::Rival;
use pace::Speed;
use run::run;
use table::{Bound, Goal, Row};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What is written to, and how much.
struct Target {
    name: &'static str,
    speed: Option<Speed>,
    /// MiB of the image, and of that of a quick run.
    image: [usize; 2],
}

const MB: u64 = 1_000_000;
const MIB: usize = 1 << 20;

const TARGETS: [Target; 3] = [
    Target { name: "As fast as memory", speed: None, image: [1024, 256] },
    Target {
        name: "A fast stick: 200 MB/s to write, 400 MB/s to read",
        speed: Some(Speed { writing: 200 * MB, reading: 400 * MB }),
        image: [512, 128],
    },
    Target {
        name: "A slow stick: 10 MB/s to write, 40 MB/s to read",
        speed: Some(Speed { writing: 10 * MB, reading: 40 * MB }),
        image: [192, 16],
    },
];

const ROUNDS: [u32; 2] = [5, 3];

/// A file system in memory.
const MEMORY: &str = "/dev/shm";

fn main() -> Result<()> {
    // cargo gives --bench.
    let (options, words): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let quick = usize::from(options.iter().any(|option| option == "--quick"));
    let stop = Stop::listen()?;
    println!("{}; load {} at the beginning.\n", machine::describe(), machine::load());
    for target in TARGETS.iter().filter(|target| words.iter().all(|word| target.name.contains(word))) {
        let folder = tempfile::tempdir_in(MEMORY)?;
        println!("{}", measure(target, folder.path(), target.image[quick] * MIB, ROUNDS[quick], &stop)?);
    }
    contestants::absent().iter().for_each(|line| println!("Left out: {line}."));
    println!("Load {} at the end.", machine::load());
    Ok(())
}

/// The tables of one target.
fn measure(target: &Target, folder: &Path, bytes: usize, rounds: u32, stop: &Stop) -> Result<String> {
    let path = folder.join("image");
    let mut image = Vec::new();
    File::open("/dev/urandom")?.take(bytes as u64).read_to_end(&mut image)?;
    fs::write(&path, &image)?;
    let device = Device::new(folder, bytes as u64, target.speed)?;
    let mut contestants = contestants(&path, bytes as u64, &device);
    let mut rows: Vec<Row> = contestants.iter().map(|contestant| Row { name: contestant.name, runs: Vec::new() }).collect();
    let mut digests = Vec::new();
    for round in 1..=rounds {
        for number in order(&contestants, round) {
            let contestant = &mut contestants[number];
            eprintln!("{}, round {round} of {rounds}: {}", target.name, contestant.name);
            device.fill(&image, contestant.before.zeros(bytes))?;
            rows[number].runs.push(run(contestant, &device)?);
            if !device.holds(&image)? {
                return Err(format!("{} left something else on the device than the image", contestant.name).into());
            }
            if let Some(signal) = stop.requested() {
                return Err(format!("stopped by {signal}; the device goes, and nothing is left").into());
            }
        }
        digests.push(digest(&image));
    }
    Ok(table::markdown(target.name, bytes as u64, &rows, &digests, &goals(target, &rows, &digests)))
}

/// Who comes when in a round: by chance, but the same chance each time.
fn order(contestants: &[Contestant], round: u32) -> Vec<usize> {
    let mut order: Vec<usize> = (0..contestants.len()).collect();
    order.sort_by_key(|number| sha256(format!("{round} {}", contestants[*number].name).as_bytes()));
    order
}

/// Seconds that this build's SHA-256 takes on one core.
fn digest(image: &[u8]) -> f64 {
    let begin = Instant::now();
    let mut sums = Sums::new([Algorithm::Sha256]);
    sums.update(image);
    sums.finish();
    begin.elapsed().as_secs_f64()
}

/// What is to be reached on this target; each ratio is of one round.
fn goals(target: &Target, rows: &[Row], digests: &[f64]) -> Vec<Goal> {
    let runs = |name| rows.iter().find(|row| row.name == name).map_or(&[][..], |row| &row.runs);
    let rivals = runs(DD).iter().zip(runs(READ)).zip(digests).map(|((dd, read), sha256)| Rival {
        write: dd.durable.unwrap_or(f64::NAN),
        read: read.verified,
        sha256: *sha256,
    });
    let ratios = |name, ratio: fn(f64, Rival) -> f64| {
        runs(name).iter().zip(rivals.clone()).map(|(run, rival)| ratio(run.verified, rival)).collect::<Vec<f64>>()
    };
    if target.speed.is_none() {
        return vec![Goal {
            name: "isoflash's speed by that of dd or SHA-256, whichever is slower",
            // The digests want a core each, beside the copying.
            bound: Bound::AtLeast(if machine::cores() > 2 { 0.9 } else { 0.8 }),
            ratios: ratios(ISOFLASH, |seconds, rival| rival.device_or_digest() / seconds),
        }];
    }
    let whole = Goal {
        name: "isoflash's time by dd's write and dd's read",
        bound: Bound::AtMost(1.02),
        ratios: ratios(ISOFLASH, |seconds, rival| seconds / rival.device()),
    };
    let delta = Goal {
        name: "isoflash --delta's time, 5 % differing, by two reads and 0.05 of a write of dd",
        bound: Bound::AtMost(1.1),
        ratios: ratios(DELTA, |seconds, rival| seconds / rival.delta()),
    };
    [whole, delta].into_iter().filter(|goal| !goal.ratios.is_empty()).collect()
}
