//! discrip against GNU ddrescue: who brings the readable sectors of a damaged disc sooner? By hand: `make bench-rescue`; `QUICK=1` takes
//! one seed of each kind of disc. docs/rescue-bench.md says what came out.
//!
//! Nobody waits, and chance falls the same way each time: both read the same emulated drive, in its virtual time. A [`patterns::Pattern`]
//! says where the disc is hurt; the drive makes of it what it refuses. [`ddrescue`] is given exactly that, and its [`log`] of reads is played
//! through the drive ([`replay`]); discrip reads the drive itself ([`ours`]). Both become a [`curve::Curve`], beside that of the least that
//! a rescue costs; [`picture`] draws them, and their [`curve::Figures`] make the [`table`].
//!
//! What reads no drive is tested in tests.rs.

mod curve;
mod ddrescue;
mod log;
mod ours;
mod patterns;
mod picture;
mod replay;
mod table;

use std::error::Error;
use std::fs::{self, File};
use std::path::Path;

use discsmith::mmc::SECTOR;
use discsmith::rescue::State;

use curve::{Curve, Figures};
use patterns::{PATTERNS, Pattern, Surface};
use picture::Line;
use table::Case;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A kind of disc. The emulated ones are small, so that a full run ends within minutes: what damage costs does not depend on the size,
/// but on the turns that it covers.
struct Kind {
    name: &'static str,
    profile: &'static str,
    surface: Surface,
    /// How much of an ECC block dies with one of its sectors; a quick run, and the picture, take the first. A CD corrects each sector by
    /// itself.
    losses: &'static [Option<f64>],
}

// Sectors of a turn at the inner rim: radius and speed of the track at 1x are 25 mm and 1.3 m/s, 24 mm and 3.49 m/s, 24 mm and 4.92 m/s.
const KINDS: [Kind; 3] = [
    Kind { name: "CD", profile: "cd-rom", surface: Surface { sectors: 100_000, turn: 9 }, losses: &[None] },
    Kind {
        name: "DVD",
        profile: "dvd-rom",
        surface: Surface { sectors: 200_000, turn: 29 },
        losses: &[Some(0.3), Some(0.0), Some(1.0)],
    },
    Kind {
        name: "BD",
        profile: "bd-rom",
        surface: Surface { sectors: 200_000, turn: 67 },
        losses: &[Some(1.0), Some(0.0), Some(0.3)],
    },
];

const SEEDS: u64 = 5;

fn main() -> Result<()> {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-rescue");
    fs::create_dir_all(&pictures)?;
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    // Names of files are short then, and none of them needs to be escaped in an operand.
    std::env::set_current_dir(folder.path())?;
    let mut cases = Vec::new();
    for pattern in &PATTERNS {
        let mut panels = Vec::new();
        for kind in &KINDS {
            let losses = if quick { &kind.losses[..1] } else { kind.losses };
            for (number, &loss) in losses.iter().enumerate() {
                for seed in 1..=if quick { 1 } else { SEEDS } {
                    eprintln!("{}, {}, seed {seed}", pattern.name, table::disc(kind.name, loss));
                    let rescues = rescue(kind, loss, pattern, seed)?;
                    if (number, seed) == (0, 1) {
                        panels.push((table::disc(kind.name, loss), rescues.lines()));
                    }
                    cases.push(rescues.judge(kind, loss, pattern, seed));
                }
            }
        }
        fs::write(pictures.join(pattern.name.replace(' ', "-") + ".svg"), picture::draw(pattern.name, &panels))?;
    }
    std::env::set_current_dir(env!("CARGO_MANIFEST_DIR"))?;
    print!("{}", table::markdown(&cases));
    eprintln!("Pictures: {}", pictures.display());
    Ok(())
}

/// One damaged disc, read by all.
struct Rescues {
    clean: Curve,
    floor: Curve,
    discrip: Curve,
    /// With each of [`ddrescue::OPTIONS`].
    ddrescue: Vec<Curve>,
}

fn rescue(kind: &Kind, loss: Option<f64>, pattern: &Pattern, seed: u64) -> Result<Rescues> {
    let (image, damage) = (Path::new("disc.iso"), Path::new("damage.map"));
    File::create(image)?.set_len(u64::from(kind.surface.sectors) * SECTOR as u64)?;
    replay::write_map(damage, &pattern.map(kind.surface, seed))?;
    let whole = format!("{},profile={},seed={seed}", image.display(), kind.profile);
    let damaged = format!("{whole},damage={},ecc-loss={}", damage.display(), loss.unwrap_or(0.0));

    let disc = replay::ask(&damaged, kind.surface.sectors)?;
    let rivals = ddrescue::OPTIONS.iter().map(|options| ddrescue::rescue(options, &disc, &damaged));
    Ok(Rescues {
        clean: replay::clean(&whole, disc.count(State::Finished))?,
        floor: replay::floor(&damaged, &disc)?,
        discrip: ours::rescue(&damaged, &disc)?,
        ddrescue: rivals.collect::<Result<_>>()?,
    })
}

impl Rescues {
    fn judge(&self, kind: &Kind, loss: Option<f64>, pattern: &Pattern, seed: u64) -> Case {
        let rivals: Vec<Figures> = self.ddrescue.iter().map(|curve| curve.judge(&self.clean)).collect();
        Case {
            disc: kind.name,
            loss,
            pattern: pattern.name,
            seed,
            discrip: self.discrip.judge(&self.clean),
            ddrescue: Figures::best(&rivals),
            floor: self.floor.judge(&self.clean),
        }
    }

    fn lines(&self) -> Vec<Line> {
        let line = |reader: String, colour, curve: &Curve| Line { reader, colour, steps: curve.overheads(&self.clean) };
        let rivals = ddrescue::OPTIONS.iter().zip(["#c2410c", "#e9a15b"]).zip(&self.ddrescue);
        [line("floor".into(), "#999999", &self.floor)]
            .into_iter()
            .chain(rivals.map(|((options, colour), curve)| line(format!("ddrescue {}", options.join(" ")), colour, curve)))
            .chain([line("discrip".into(), "#1f4e9c", &self.discrip)])
            .collect()
    }
}
