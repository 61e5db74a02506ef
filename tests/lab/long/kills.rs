//! discrip on the kernel's own sr, killed at random moments and resumed by the same command until it is done; then anew.

use std::error::Error;
use std::fmt::{self, Write};
use std::fs;
use std::ops::Range;
use std::path::Path;

use super::judge::{self, Left, Ran};
use super::rules::{Discs, SECTORS, damage};
use crate::guest::Guest;
use crate::random::Random;

/// The longest life of a run in ms. The first save comes after a second, and one life is not enough for a disc.
const LONGEST_LIFE: u32 = 2200;

/// What the drives do all the while: ten places of the disc are slow, so that a run sees more than one save; elsewhere a read takes a moment.
const RULES: &str = "read 100 delay=250\nread 400 delay=250\nread 700 delay=250\nread 1000 delay=250\nread 1300 delay=250\n\
                     read 1600 delay=250\nread 1900 delay=250\nread 2200 delay=250\nread 2500 delay=250\nread 2800 delay=250\n\
                     read * delay=2\n";

/// Dead sectors in a row: each takes 8 ms, and so does each of them in every run that was not saved.
const LONGEST_SCRATCH: u64 = 50;

/// Drives of a guest, read at the same time: they wait for half of it.
const DRIVES: u32 = 4;

/// Kills at most in one guest, on each drive; each leaves a copy of its image behind until it is judged.
const LIVES: u32 = 12;

/// `killed NAME LIFE…`: a run for each life, in seconds, and one that is left alone at the end. A run that ends by itself
/// finishes its image, and the next begins anew. Each leaves in its folder `runN` what it said, and image and map as they were then.
/// Few processes: a guest takes 40 ms to start one.
const WORDS: &str = r#"
killed() {
    cd "/share/$1"
    node=$(node "$1") run=0
    shift
    for life in "$@" whole; do
        run=$((run + 1)) status=0
        discrip "$node" out.iso >run$run/stdout 2>run$run/stderr </dev/null &
        [ "$life" = whole ] || { sleep "$life"; kill -9 $! || :; }
        wait $! || status=$?
        [ ! -e out.iso ] || cp out.iso* run$run/
        echo $status >run$run/status
        [ $status = 137 ] || rm out.iso*
    done 2>/dev/null
}
"#;

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
    /// In ms.
    lives: Vec<u32>,
}

impl Victim {
    fn new(seed: u64, number: u64, kills: u32) -> Self {
        let mut random = Random::of_round(seed, number);
        let mut dead = if random.percent(70) { damage(&mut random) } else { Vec::new() };
        dead.retain(|range| range.end - range.start <= LONGEST_SCRATCH);
        let profile = *random.pick(&["cd-rom", "dvd-rom"]);
        let lives = (0..kills).map(|_| random.below(LONGEST_LIFE)).collect();
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
        let lives: String = lives.iter().map(|life| format!(" {}.{:03}", life / 1000, life % 1000)).collect();
        writeln!(killed, "    killed {name}{lives} & runs=\"$runs $!\"")?;
    }
    guest.run(&format!(
        "{WORDS}{plugged}kills() {{\n    runs=\n{killed}    for run in $runs; do wait $run; done\n}}\nchapter kills\n"
    ))?;
    victims.iter().try_for_each(|victim| victim.judge(&guest.file(&victim.name), discs.first(), met))?;
    Ok(())
}
