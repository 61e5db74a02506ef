//! discrip killed at random moments, and resumed by the same command until it is done; then from the beginning.

use std::fmt;
use std::fs;
use std::time::Duration;

use super::judge::{self, Left};
use super::rules::{Discs, SECTORS, clear, damage};
use crate::disc;
use crate::random::Random;

/// The longest life of a run in ms: from the beginning one takes about as long, and resumed it takes less.
const LONGEST_LIFE: u32 = 900;

/// What a drive does all the while: each read takes time, and now and then it drops off the bus, and all that was read is saved.
const RULES: &str = "read * skip=9 times=1 gone=40\nread * skip=24 times=1 gone=40\nread * delay=2\n";

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

/// Kills so often; what is wrong ends it.
pub fn kill(discs: &Discs, seed: u64, wanted: u32, mut news: impl FnMut(&Met)) -> Result<Met, String> {
    let mut met = Met::default();
    for number in 1.. {
        if met.kills >= wanted {
            break;
        }
        one_image(discs, seed, number, wanted, &mut met).map_err(|why| {
            let read = |name| fs::read_to_string(discs.folder().join(name)).unwrap_or_default();
            format!(
                "--seed {seed}, image {number}; {met}\nits map:\n{}said:\n{}\nviolation: {why}",
                read("out.iso.map"),
                read("stderr")
            )
        })?;
        news(&met);
    }
    if met.half_done * 4 < met.kills {
        return Err(format!("too few kills met a run in mid-work: {met}"));
    }
    Ok(met)
}

/// One image, killed until it is done.
fn one_image(discs: &Discs, seed: u64, number: u64, wanted: u32, met: &mut Met) -> Result<(), String> {
    let folder = discs.folder();
    let mut random = Random::of_round(seed, number);
    let dead = if random.percent(70) { damage(&mut random) } else { Vec::new() };
    let is_dead = |sector: usize| dead.iter().any(|range| (range.start as usize..range.end as usize).contains(&sector));
    let profile = *random.pick(&["cd-rom", "dvd-rom"]);
    let run_out = if profile == "cd-rom" && is_dead(SECTORS as usize - 1) { 2 } else { 0 };
    clear(folder)?;
    for (name, text) in [("damage.map", disc::damage(SECTORS.into(), &dead)), ("rules", RULES.to_owned())] {
        fs::write(folder.join(name), text).map_err(|error| format!("{name}: {error}"))?;
    }
    let drive = format!("emulated:disc.iso,profile={profile},model=ideal,clock=real,damage=damage.map,faults=rules");
    let command = [drive, "out.iso".to_owned()];
    loop {
        let life = (met.kills < wanted).then(|| Duration::from_millis(random.below(LONGEST_LIFE).into()));
        let ran = judge::wait(judge::start(folder, &command)?, folder, life)?;
        ran.fits()?;
        let left = Left::read(folder)?;
        if let Some(left) = &left {
            left.is_of(discs.first())?;
        }
        match (ran.status, left) {
            (None, left) => {
                met.kills += 1;
                let saved = left.as_ref().is_some_and(|left| left.finished() > 0);
                let settled = left.as_ref().is_some_and(Left::is_settled);
                met.before_a_save += u32::from(!saved);
                met.half_done += u32::from(saved && !settled);
                met.all_read += u32::from(saved && settled);
            }
            (Some(status), Some(left)) => {
                met.ended_before += u32::from(life.is_some());
                met.images += 1;
                judge::digest_is_right(folder, &ran)?;
                return match status {
                    0 => left.is_whole(discs.first(), run_out),
                    3 => left.is_complete_but_for(discs.first(), run_out, is_dead),
                    _ => Err(format!("status {status}")),
                };
            }
            (Some(status), None) => return Err(format!("status {status}, and no image")),
        }
    }
}
