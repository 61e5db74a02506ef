//! discrip against GNU ddrescue: who brings the readable sectors of a damaged disc sooner? By hand: `make bench-rescue`; `QUICK=1` takes
//! one seed of each kind of disc.
//!
//! Nobody waits, and chance falls the same way each time: both read the same emulated drive, in its virtual time. A [`patterns::Pattern`]
//! says where the disc is hurt; the drive makes of it what it refuses. [`ddrescue`] is given exactly that, and its log of reads is played
//! through the drive ([`replay`]); discrip reads the drive itself ([`ours`]). Both become a [`curve::Curve`], and its
//! [`curve::Figures`] the [`table`].

mod curve;
mod ddrescue;
mod ours;
mod patterns;
mod replay;
mod table;

use std::error::Error;
use std::fs::File;
use std::path::Path;

use discsmith::mmc::SECTOR;
use discsmith::rescue::State;

use curve::{Clean, Figures};
use patterns::{PATTERNS, Pattern, Surface};
use table::Case;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A kind of disc. The emulated ones are small, so that a full run ends within minutes: what damage costs does not depend on the size,
/// but on the turns that it covers.
struct Kind {
    name: &'static str,
    profile: &'static str,
    surface: Surface,
    /// How much of an ECC block dies with one of its sectors; a quick run takes the first. A CD corrects each sector by itself.
    losses: &'static [f64],
}

// Sectors of a turn at the inner rim: radius and speed of the track at 1x are 25 mm and 1.3 m/s, 24 mm and 3.49 m/s, 24 mm and 4.92 m/s.
const KINDS: [Kind; 3] = [
    Kind { name: "CD", profile: "cd-rom", surface: Surface { sectors: 100_000, turn: 9 }, losses: &[0.0] },
    Kind { name: "DVD", profile: "dvd-rom", surface: Surface { sectors: 200_000, turn: 29 }, losses: &[0.3, 0.0, 1.0] },
    Kind { name: "BD", profile: "bd-rom", surface: Surface { sectors: 200_000, turn: 67 }, losses: &[1.0, 0.0, 0.3] },
];

const SEEDS: u64 = 5;

fn main() -> Result<()> {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    // Names of files are short then, and none of them needs to be escaped in an operand.
    std::env::set_current_dir(folder.path())?;
    let mut cases = Vec::new();
    for kind in &KINDS {
        let losses = if quick { &kind.losses[..1] } else { kind.losses };
        for (&loss, pattern) in losses.iter().flat_map(|loss| PATTERNS.iter().map(move |pattern| (loss, pattern))) {
            for seed in 1..=if quick { 1 } else { SEEDS } {
                eprintln!("{}, loss {loss}, {}, seed {seed}", kind.name, pattern.name);
                cases.push(case(kind, loss, pattern, seed)?);
            }
        }
    }
    std::env::set_current_dir(env!("CARGO_MANIFEST_DIR"))?;
    print!("{}", table::markdown(&cases));
    Ok(())
}

/// One damaged disc, read by both.
fn case(kind: &Kind, loss: f64, pattern: &Pattern, seed: u64) -> Result<Case> {
    let (image, damage) = (Path::new("disc.iso"), Path::new("damage.map"));
    File::create(image)?.set_len(u64::from(kind.surface.sectors) * SECTOR as u64)?;
    replay::write_map(damage, &pattern.map(kind.surface, seed))?;
    let whole = format!("{},profile={},seed={seed}", image.display(), kind.profile);
    let damaged = format!("{whole},damage={},ecc-loss={loss}", damage.display());

    let disc = replay::ask(&damaged, kind.surface.sectors)?;
    let clean = Clean::read(&whole, disc.count(State::Finished))?;
    let rivals = ddrescue::OPTIONS.iter().map(|options| Ok(clean.judge(&ddrescue::rescue(options, &disc, &damaged)?)));
    let ddrescue = Figures::best(&rivals.collect::<Result<Vec<_>>>()?);
    let discrip = clean.judge(&ours::rescue(&damaged, &disc)?);
    Ok(Case { disc: kind.name, loss, pattern: pattern.name, seed, discrip, ddrescue })
}
