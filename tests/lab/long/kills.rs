//! discrip on the kernel's own sr, killed at random moments and resumed by the same command until it is done; then anew.

use std::error::Error;
use std::fmt::{self, Write};
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::{ExitCode, ExitStatus};
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use super::judge::{self, Left, Ran};
use super::rules::{Discs, SECTORS, damage};
use crate::guest::Guest;
use crate::random::Random;

/// The longest life of a run in ms. What it read is saved after a second, and one life is not enough for a disc.
const LONGEST_LIFE: u32 = 1600;

/// What the drives do all the while: ten places of the disc are slow, so that a run sees more than one save; elsewhere a read takes a moment.
const RULES: &str = "read 100 delay=250\nread 400 delay=250\nread 700 delay=250\nread 1000 delay=250\nread 1300 delay=250\n\
                     read 1600 delay=250\nread 1900 delay=250\nread 2200 delay=250\nread 2500 delay=250\nread 2800 delay=250\n\
                     read * delay=2\n";

/// Image, map and record.
const OUTPUT: [&str; 3] = ["out.iso", "out.iso.map", "out.iso.json"];

/// Dead sectors in a row: each takes 8 ms, and so does each of them in every run that was not saved.
const LONGEST_SCRATCH: u64 = 50;

/// Drives of a guest, read at the same time: they wait for half of it.
const DRIVES: u32 = 4;

/// Kills at most in one guest, on each drive; each leaves a copy of its image behind until it is judged.
const LIVES: u32 = 12;

/// What the kills met.
#[derive(Default)]
pub struct Met {
    kills: u32,
    before_a_save: u32,
    half_done: u32,
    all_read: u32,
    ended_before: u32,
    images: u32,
}

impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kills, before_a_save, half_done, all_read, ended_before, images } = self;
        write!(
            f,
            "{kills} kills: {before_a_save} before anything was saved, {half_done} half done, {all_read} after the last read; "
        )?;
        write!(f, "{ended_before} runs ended before their kill; {images} images were finished")
    }
}

/// A disc in its drive, and how long its runs live.
struct Victim {
    name: String,
    profile: &'static str,
    dead: Vec<Range<u64>>,
    lives: Vec<Life>,
}

impl Victim {
    fn new(seed: u64, number: u64, kills: u32) -> Self {
        let mut random = Random::of_round(seed, number);
        let mut dead = if random.percent(70) { damage(&mut random) } else { Vec::new() };
        dead.retain(|range| range.end - range.start <= LONGEST_SCRATCH);
        let profile = *random.pick(&["cd-rom", "dvd-rom"]);
        let lives = (0..kills).map(|_| Life::new(&mut random)).collect();
        Self { name: format!("disc{number}"), profile, dead, lives }
    }

    fn is_dead(&self, sector: usize) -> bool {
        self.dead.iter().any(|range| (range.start as usize..range.end as usize).contains(&sector))
    }

    /// Run-out blocks of a CD that can't be read are no part of it.
    fn run_out(&self) -> usize {
        if self.profile == "cd-rom" && self.is_dead(SECTORS as usize - 1) { 2 } else { 0 }
    }

    /// What was left by each run.
    fn judge(&self, folder: &Path, disc: &[u8], met: &mut Met) -> Result<(), String> {
        for run in 1..=self.lives.len() + 1 {
            let left = folder.join(format!("run{run}"));
            let is_last = run > self.lives.len();
            self.judge_run(&left, disc, is_last, met).map_err(|why| {
                let read = |name| fs::read_to_string(left.join(name)).unwrap_or_default();
                format!(
                    "{}, run {run}; {met}\nits map:\n{}said:\n{}\nviolation: {why}",
                    self.name,
                    read("out.iso.map"),
                    read("stderr")
                )
            })?;
        }
        Ok(())
    }

    fn judge_run(&self, folder: &Path, disc: &[u8], is_last: bool, met: &mut Met) -> Result<(), String> {
        let ran = Ran::of_guest(folder)?;
        ran.fits()?;
        let left = Left::read(folder)?;
        left.as_ref().map_or(Ok(()), |left| left.is_of(disc))?;
        match (ran.status, left) {
            (None, _) if is_last => Err("killed, and by nobody".into()),
            (None, left) => {
                met.kills += 1;
                match left.filter(|left| left.finished() > 0) {
                    None => met.before_a_save += 1,
                    Some(left) if left.is_settled() => met.all_read += 1,
                    Some(_) => met.half_done += 1,
                }
                Ok(())
            }
            (Some(status), Some(left)) => {
                met.ended_before += u32::from(!is_last);
                met.images += 1;
                judge::digest_is_right(folder, &ran)?;
                match status {
                    0 => left.is_whole(disc, self.run_out()),
                    3 => left.is_complete_but_for(disc, self.run_out(), |sector| self.is_dead(sector)),
                    _ => Err(format!("status {status}")),
                }
            }
            (Some(status), None) => Err(format!("status {status}, and no image")),
        }
    }
}

/// How long a run lives, in ms.
#[derive(Clone, Copy)]
enum Life {
    /// From the start of the program on: perhaps not until it reads.
    OfProgram(u32),
    /// From the first save on, before it reads: however busy the machine is, some of these are met in mid-work.
    OfReading(u32),
}

impl Life {
    fn new(random: &mut Random) -> Self {
        let life = if random.percent(20) { Self::OfProgram } else { Self::OfReading };
        life(random.below(LONGEST_LIFE))
    }
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OfProgram(ms) => write!(f, "program:{ms}"),
            Self::OfReading(ms) => write!(f, "reading:{ms}"),
        }
    }
}

impl FromStr for Life {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, ms) = text.split_once(':').ok_or_else(|| format!("no life: {text}"))?;
        let ms = ms.parse().map_err(|error| format!("{text}: {error}"))?;
        Ok(if kind == "program" { Self::OfProgram(ms) } else { Self::OfReading(ms) })
    }
}

/// `lab --kill FOLDER NODE LIFE…`, in a guest: a run for each life, and one that is left alone at the end. A run that ends by itself
/// finishes its image, and the next begins anew. Each leaves in its folder `runN` what it said, and image and map as they were then.
pub fn run(words: &[String]) -> ExitCode {
    let ended = match words {
        [folder, node, lives @ ..] => kill_runs(Path::new(folder), node, lives),
        _ => Err("usage: lab --kill FOLDER NODE LIFE…".into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab: {error}");
            ExitCode::FAILURE
        }
    }
}

fn kill_runs(folder: &Path, node: &str, lives: &[String]) -> Result<(), Box<dyn Error>> {
    let lives: Vec<Option<Life>> = lives.iter().map(|life| life.parse().map(Some)).collect::<Result<_, _>>()?;
    for (run, life) in (1..).zip(lives.into_iter().chain([None])) {
        let left = folder.join(format!("run{run}"));
        let status = run_for(life, folder, node)?;
        for name in [&OUTPUT[..], &["stdout", "stderr"]].concat() {
            let file = folder.join(name);
            if file.exists() {
                fs::copy(&file, left.join(name))?;
            }
            if status.code().is_some() && OUTPUT.contains(&name) {
                fs::remove_file(&file)?;
            }
        }
        fs::write(left.join("status"), status.code().map_or_else(|| "killed".to_owned(), |code| code.to_string()))?;
    }
    Ok(())
}

/// A run, killed when its life is over.
fn run_for(life: Option<Life>, folder: &Path, node: &str) -> Result<ExitStatus, Box<dyn Error>> {
    let saved = || fs::metadata(folder.join(OUTPUT[1])).and_then(|meta| meta.modified()).ok();
    let before = saved();
    let mut child = judge::start(folder, &[node.to_owned(), OUTPUT[0].to_owned()])?;
    let Some(life) = life else { return Ok(child.wait()?) };
    let (mut begin, mut is_waiting) = (Instant::now(), matches!(life, Life::OfReading(_)));
    let (Life::OfProgram(ms) | Life::OfReading(ms)) = life;
    loop {
        if let Some(ended) = child.try_wait()? {
            return Ok(ended);
        }
        if is_waiting && saved() != before {
            (begin, is_waiting) = (Instant::now(), false);
        }
        if !is_waiting && begin.elapsed() >= Duration::from_millis(ms.into()) {
            child.kill()?;
            return Ok(child.wait()?);
        }
        thread::sleep(Duration::from_millis(25));
    }
}

/// Kills about so often; what is wrong ends it.
pub fn kill(discs: &Discs, seed: u64, wanted: u32, mut news: impl FnMut(&Met)) -> Result<Met, Box<dyn Error>> {
    let mut met = Met::default();
    let mut first = 1;
    while met.kills < wanted {
        let lives = (wanted - met.kills).div_ceil(DRIVES).min(LIVES);
        let victims: Vec<_> = (first..first + u64::from(DRIVES)).map(|number| Victim::new(seed, number, lives)).collect();
        first += u64::from(DRIVES);
        kill_in_a_guest(&victims, discs, &mut met).map_err(|why| format!("--seed {seed}, {why}"))?;
        news(&met);
    }
    if met.half_done * 10 < met.kills {
        return Err(format!("too few kills met a run in mid-work: {met}").into());
    }
    Ok(met)
}

fn kill_in_a_guest(victims: &[Victim], discs: &Discs, met: &mut Met) -> Result<(), Box<dyn Error>> {
    let guest = Guest::uml()?;
    fs::write(guest.file("disc.iso"), discs.first())?;
    fs::write(guest.file("rules"), RULES)?;
    let (mut plugged, mut killed) = (String::new(), String::new());
    for Victim { name, profile, dead, lives } in victims {
        for run in 1..=lives.len() + 1 {
            fs::create_dir_all(guest.file(&format!("{name}/run{run}")))?;
        }
        guest.damage(&format!("{name}.map"), SECTORS.into(), dead)?;
        writeln!(
            plugged,
            "plug_drive {name} emulated:/share/disc.iso,profile={profile},model=ideal,clock=real,damage=/share/{name}.map,faults=/share/rules"
        )?;
        let lives: String = lives.iter().map(|life| format!(" {life}")).collect();
        writeln!(killed, "    \"$LAB_PROGRAM\" --kill /share/{name} \"$(node {name})\"{lives} & runs=\"$runs $!\"")?;
    }
    guest
        .run(&format!("{plugged}kills() {{\n    runs=\n{killed}    for run in $runs; do wait $run; done\n}}\nchapter kills\n"))?;
    victims.iter().try_for_each(|victim| victim.judge(&guest.file(&victim.name), discs.first(), met))?;
    Ok(())
}
