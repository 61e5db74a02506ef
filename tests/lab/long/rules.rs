//! Random fault rules: discrip against a drive whose disc, firmware, cable and owner do what nobody would think of.

use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::Tally;
use super::judge::{self, Left, Ran};
use crate::disc::{self, SECTOR};
use crate::guest::Guest;
use crate::random::Random;
use crate::stories::Ending;

/// Sectors of the disc.
pub const SECTORS: u32 = 3000;

/// The longest that a drive behind the kernel's own drivers is gone, silent or slow at a time, in ms.
const LONGEST_WAIT: u32 = 400;

/// Commands with which the kernel identifies a drive, about.
const INQUIRIES: u32 = 8;

/// Runs without faults that it may take to get everything.
const CLEAN_RUNS: u32 = 3;

/// What a drive says when it fails, and what it says when nothing is wrong but the moment (key, ASC, ASCQ).
const SENSES: [&str; 22] = [
    "3/11/05", "3/11/00", "3/02/00", "3/0c/00", "3/10/00", "4/44/00", "4/09/02", "b/4b/03", "b/00/06", "5/21/00", "5/24/00",
    "5/64/00", "5/6f/03", "2/04/01", "2/04/00", "2/3a/00", "2/3a/02", "6/28/00", "6/29/00", "6/2a/01", "8/64/00", "d/00/00",
];

/// What a drive is asked beside its sectors: readiness, capacity, TOC, disc and track, configuration, events, mode, lock, speed.
const QUESTIONS: [&str; 12] = ["00", "25", "43", "51", "52", "46", "4a", "5a", "1e", "bb", "12", "ad"];

/// The discs: the first lies in the drive; of the others, one is equal where discs name themselves, and one is shorter.
pub struct Discs {
    folder: TempDir,
    discs: Vec<(&'static str, Vec<u8>)>,
    sha256: String,
}

impl Discs {
    /// Makes them; another seed gives others.
    pub fn new(seed: u64) -> Result<Self, Box<dyn std::error::Error>> {
        // In memory where that can be: nobody's disk has to flush a hundred thousand images.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { TempDir::with_prefix_in("lab-", memory)? } else { TempDir::new()? };
        let mut random = Random::of_round(seed, 0);
        let mut discs = Vec::new();
        for (name, sectors) in
            [("disc.iso", SECTORS), ("twin.iso", SECTORS), ("other.iso", SECTORS), ("short.iso", SECTORS - 700)]
        {
            let file = folder.path().join(name);
            disc::make(&file, random.next(), sectors as usize)?;
            let mut bytes = fs::read(&file)?;
            for _ in 0..20 {
                // Zeros, as on discs that people have: they prove nothing.
                let first = 500 + random.below(sectors - 600) as usize;
                bytes[first * SECTOR..][..(1 + random.below(60) as usize) * SECTOR].fill(0);
            }
            if let (true, Some((_, first))) = (name == "twin.iso", discs.first()) {
                let first: &Vec<u8> = first;
                bytes[..400 * SECTOR].copy_from_slice(&first[..400 * SECTOR]);
            }
            fs::write(&file, &bytes)?;
            discs.push((name, bytes));
        }
        let sum = Command::new("sha256sum").arg(folder.path().join("disc.iso")).output()?.stdout;
        let sha256 = String::from_utf8(sum)?.chars().take(64).collect();
        Ok(Self { folder, discs, sha256 })
    }

    /// Where they lie.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The one that lies in the drive.
    pub fn first(&self) -> &[u8] {
        &self.discs[0].1
    }
}

/// What one round does to the drive: the same each time.
pub struct Round {
    seed: u64,
    number: u64,
    /// Whether the disc is a CD, whose last two blocks may be no part of it.
    is_cd: bool,
    /// Sectors that die together.
    ecc_block: u64,
    options: String,
    damage: Vec<Range<u64>>,
    rules: Vec<String>,
    /// Sectors that the rules can make fail.
    struck: Vec<Range<u32>>,
    arguments: Vec<String>,
    /// Runs before the faults end.
    runs: u32,
    /// Whether sectors come wrong and nothing but a checksum tells.
    lies: bool,
}

impl Round {
    /// The round of this number under a seed.
    pub fn new(seed: u64, number: u64) -> Self {
        let mut random = Random::of_round(seed, number);
        let random = &mut random;
        let (profile, ecc_block) = *random.pick(&[
            ("cd-rom", 1),
            ("cd-rom", 1),
            ("cd-r", 1),
            ("dvd-rom", 16),
            ("dvd-rom", 16),
            ("dvd+r", 16),
            ("bd-rom", 32),
        ]);
        let loss = if ecc_block > 1 { *random.pick(&["0", "0.4", "1"]) } else { "0" };
        let options = format!("profile={profile},ecc-loss={loss},seed={}", random.below(1000));
        let lies = random.percent(8);
        let damage = if random.percent(70) { damage(random) } else { Vec::new() };
        let (mut rules, mut struck) = (Vec::new(), Vec::new());
        for _ in 0..random.below(6) {
            rules.push(rule(random, &mut struck));
        }
        if lies {
            let (first, count) = place(random);
            rules.push(format!("read {first}+{count} {}", random.pick(&["flip", "random"])));
        }
        let mut arguments = Vec::new();
        if random.percent(40) {
            arguments.extend(["--retries".to_owned(), (1 + random.below(3)).to_string()]);
        }
        if random.percent(50) {
            arguments.push("--json".to_owned());
        }
        if random.percent(50) {
            arguments.extend(["--wait-drive".to_owned(), random.pick(&["0s", "1s", "20s", "10m"]).to_string()]);
        }
        if random.percent(10) {
            arguments.extend(["--speed".to_owned(), "4".to_owned()]);
        }
        let runs = 1 + random.below(3);
        Self { seed, number, is_cd: ecc_block == 1, ecc_block, options, damage, rules, struck, arguments, runs, lies }
    }

    /// Plays it with discrip in this process's own drives, and judges every run; the statuses, or what is wrong.
    pub fn play(&self, discs: &Discs, tally: &mut Tally) -> Result<(), String> {
        self.play_judged(discs, tally).map_err(|why| self.told(discs.folder(), &why))
    }

    /// A violation, and all that is known of it.
    fn told(&self, folder: &Path, why: &str) -> String {
        let read = |name| fs::read_to_string(folder.join(name)).unwrap_or_default();
        format!("{self}\nits map:\n{}said:\n{}{}\nviolation: {why}", read("out.iso.map"), read("stdout"), read("stderr"))
    }

    fn play_judged(&self, discs: &Discs, tally: &mut Tally) -> Result<(), String> {
        let folder = discs.folder();
        clear(folder)?;
        self.prepare(folder, &self.damage, &self.rules)?;
        let mut command =
            vec![format!("emulated:disc.iso,{},damage=damage.map,faults=rules", self.options), "out.iso".to_owned()];
        command.extend(self.options_of_discrip(discs));
        for _ in 0..self.runs {
            let ran = judge::wait(judge::start(folder, &command)?, folder)?;
            tally.count(ran.status);
            self.judge(discs, folder, &ran)?;
        }
        if self.lies { Ok(()) } else { self.finish(discs, folder) }
    }

    fn options_of_discrip(&self, discs: &Discs) -> Vec<String> {
        let checksum = self.lies.then(|| ["--sha256".to_owned(), discs.sha256.clone()]);
        self.arguments.iter().cloned().chain(checksum.into_iter().flatten()).collect()
    }

    /// The same round for the kernel's own drivers, where time is real.
    fn served(mut self) -> Self {
        self.options += ",model=ideal,clock=real";
        self.rules = self.rules.iter().filter_map(|rule| served(rule)).collect();
        self
    }

    /// What a guest does for this round, in a folder of its own; each run leaves a folder.
    fn script(&self, discs: &Discs) -> String {
        let (number, options, runs) = (self.number, &self.options, self.runs);
        let arguments = self.options_of_discrip(discs).join(" ");
        format!(
            "round_{number}() {{
    cd /share/round{number}
    plug_drive d{number} emulated:/share/disc.iso,{options},damage=/share/round{number}/damage.map,faults=/share/round{number}/rules
    for run in $(seq {runs}); do
        wait_for drive_is_back d{number}
        mkdir run$run
        status=0
        timeout 120 discrip \"$(node d{number})\" out.iso {arguments} >run$run/stdout 2>run$run/stderr || status=$?
        for file in out.iso out.iso.map; do [ ! -e $file ] || cp $file run$run/; done
        echo $status >run$run/status
    done
    unplug_drive d{number}
}}
chapter round_{number}\n"
        )
    }

    /// Judges what the guest left of this round.
    fn judge_served(&self, discs: &Discs, folder: &Path, tally: &mut Tally) -> Result<(), String> {
        for run in 1..=self.runs {
            let left = folder.join(format!("run{run}"));
            let ran = Ran::of_guest(&left).map_err(|error| format!("run {run}: {error}"))?;
            tally.count(ran.status);
            self.judge(discs, &left, &ran).map_err(|why| self.told(&left, &why))?;
        }
        if self.lies { Ok(()) } else { self.finish(discs, folder).map_err(|why| self.told(folder, &why)) }
    }

    /// Damage and rules, for the drive to read.
    fn prepare(&self, folder: &Path, damage: &[Range<u64>], rules: &[String]) -> Result<(), String> {
        let write = |name: &str, text: String| fs::write(folder.join(name), text).map_err(|error| format!("{name}: {error}"));
        write("damage.map", disc::damage(SECTORS.into(), damage))?;
        write("rules", rules.iter().map(|rule| format!("{rule}\n")).collect())
    }

    /// What has to be true after each run, however it ended.
    fn judge(&self, discs: &Discs, folder: &Path, ran: &Ran) -> Result<(), String> {
        ran.fits()?;
        judge::digest_is_right(folder, ran)?;
        let left = Left::read(folder)?;
        if self.lies {
            return match (ran.status, left) {
                (Some(0), Some(left)) => left.is_whole(discs.first(), 0),
                (Some(6), Some(left)) if left.is_whole(discs.first(), 0).is_ok() => {
                    Err("the image is right, and called wrong".into())
                }
                (Some(0 | 3), None) => Err("done without an image".into()),
                _ => Ok(()),
            };
        }
        let Some(left) = left else {
            return if matches!(ran.status, Some(0 | 3)) { Err("done without an image".into()) } else { Ok(()) };
        };
        // Another disc may have been in the drive all the time that sectors came; but no image is of two.
        let verdicts: Vec<_> = discs.discs.iter().map(|(_, disc)| left.is_of(disc).map(|()| disc)).collect();
        let mut of = verdicts.iter().flatten();
        let Some(disc) = of.next() else { return verdicts.into_iter().next().unwrap_or(Ok(&discs.discs[0].1)).map(drop) };
        let run_out = if self.is_cd && self.may_fail(disc.len() / SECTOR - 1) { 2 } else { 0 };
        let verdict = |disc: &Vec<u8>| match ran.status {
            Some(0) => left.is_whole(disc, run_out),
            Some(3) => left.is_complete_but_for(disc, run_out, |sector| self.may_fail(sector)),
            Some(1) if self.knows_no_read() => Ok(()),
            Some(1 | 6) => Err("a status that nothing here can be the reason of".to_owned()),
            _ => Ok(()),
        };
        let first = verdict(disc);
        if first.is_ok() || of.any(|disc| verdict(disc).is_ok()) { Ok(()) } else { first }
    }

    /// Without its faults the drive gives everything to the same command, if it is told to try again what failed.
    fn finish(&self, discs: &Discs, folder: &Path) -> Result<(), String> {
        self.prepare(folder, &[], &[])?;
        let of = |disc: &[u8]| Ok::<_, String>(Left::read(folder)?.is_none_or(|left| left.is_of(disc).is_ok()));
        for (name, disc) in &discs.discs {
            if !of(disc)? {
                continue;
            }
            let disc = discs.folder().join(name);
            let drive = format!("emulated:{},{},damage=damage.map,faults=rules", disc.display(), self.options);
            let command = [drive.as_str(), "out.iso", "--retries", "1"].map(str::to_owned);
            for _ in 0..CLEAN_RUNS {
                let ran = judge::wait(judge::start(folder, &command)?, folder)?;
                self.judge(discs, folder, &ran).map_err(|why| format!("without faults: {why}"))?;
                match ran.status {
                    Some(0) => return Ok(()),
                    Some(5) => break, // of another disc, where no sector tells yet
                    _ => {}
                }
            }
        }
        Err(format!("not whole after {CLEAN_RUNS} runs without faults"))
    }

    /// Whether the drive says of every read that it does not know the command.
    fn knows_no_read(&self) -> bool {
        let is_of_all =
            |rule: &String| rule.contains(" * ") && rule.contains("5/24") && !rule.contains("times=") && !rule.contains("skip=");
        self.rules.iter().any(is_of_all)
    }

    /// Whether something is wrong with this sector.
    fn may_fail(&self, sector: usize) -> bool {
        let damaged = self.damage.iter().any(|range| {
            let (first, end) = (range.start - range.start % self.ecc_block, range.end.next_multiple_of(self.ecc_block));
            (first as usize..end as usize).contains(&sector)
        });
        damaged || self.struck.iter().any(|range| (range.start as usize..range.end as usize).contains(&sector))
    }
}

/// A rule as a target can pass it on, and so that it ends soon: times are cut, and what makes the kernel or discrip wait happens
/// four times at most. None for `stale`, which from a target is what the command before brought, and for the `short=0` that it takes for a whole
/// transfer. `host=` and `driver=` are aborted commands there.
fn served(rule: &str) -> Option<String> {
    const WAITS: [&str; 5] = ["delay=", "hang=", "gone", "status=", "sense=2/04/"];
    if rule.split(' ').any(|word| ["stale", "short=0"].contains(&word)) {
        return None;
    }
    let is_gone = rule.contains("gone");
    let shorter = |(at, word): (usize, &str)| match word.split_once('=') {
        Some((name @ ("delay" | "hang" | "gone"), time)) => Some(format!("{name}={}", time.parse::<u32>().ok()? % LONGEST_WAIT)),
        None if word == "gone" => Some(format!("gone={LONGEST_WAIT}")),
        // The kernel asks as well while it attaches the drive, and one that goes away meanwhile does not come back.
        _ if is_gone && at == 0 => Some("read".to_owned()),
        _ => Some(word.to_owned()),
    };
    let mut words = rule.split(' ').enumerate().map(shorter).collect::<Option<Vec<_>>>()?;
    let waits = words.iter().any(|word| WAITS.iter().any(|wait| word.starts_with(wait)));
    if waits && !words.iter().any(|word| word.starts_with("times=")) {
        words.push("times=4".to_owned());
    }
    // A drive that the kernel can't identify gets no node.
    if ["any", "12"].iter().any(|op| rule.starts_with(&format!("{op} *"))) {
        match words.iter_mut().find(|word| word.starts_with("skip=")) {
            Some(skip) => *skip = format!("skip={}", skip["skip=".len()..].parse::<u32>().ok()? + INQUIRIES),
            None => words.push(format!("skip={INQUIRIES}")),
        }
    }
    Some(words.join(" "))
}

/// Plays rounds through the kernel's own sr, all in one guest; what the guest said, or what is wrong with the first that fails.
pub fn play_served(discs: &Discs, seed: u64, numbers: Range<u64>, tally: &mut Tally) -> Ending {
    let guest = Guest::uml()?;
    for (name, disc) in &discs.discs {
        fs::write(guest.file(name), disc)?;
    }
    let rounds: Vec<_> = numbers.map(|number| Round::new(seed, number).served()).collect();
    let mut script = String::new();
    for round in &rounds {
        let folder = guest.file(&format!("round{}", round.number));
        fs::create_dir(&folder)?;
        let there = |rule: &String| {
            discs.discs.iter().fold(rule.clone(), |rule, (name, _)| rule.replace(name, &format!("/share/{name}")))
        };
        round.prepare(&folder, &round.damage, &round.rules.iter().map(there).collect::<Vec<_>>())?;
        script += &round.script(discs);
    }
    let said = guest.run(&script).map_err(|error| {
        let why = error.to_string();
        let failed = rounds.iter().filter(|round| why.contains(&format!("round_{}: FAILED", round.number)));
        failed.map(Round::to_string).collect::<String>() + &why
    })?;
    for round in &rounds {
        round.judge_served(discs, &guest.file(&format!("round{}", round.number)), tally)?;
    }
    Ok(said)
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "--seed {} --round {}: {} runs of {} {}",
            self.seed,
            self.number,
            self.runs,
            self.options,
            self.arguments.join(" ")
        )?;
        writeln!(f, "damage: {:?}", self.damage)?;
        self.rules.iter().try_for_each(|rule| writeln!(f, "rule: {rule}"))
    }
}

/// Removes what an earlier round left.
pub fn clear(folder: &Path) -> Result<(), String> {
    for entry in fs::read_dir(folder).map_err(|error| error.to_string())?.flatten() {
        if entry.file_name().to_string_lossy().starts_with("out.iso") {
            fs::remove_file(entry.path()).map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

/// Damage of all shapes: single sectors, scratches, and the end of the disc.
pub fn damage(random: &mut Random) -> Vec<Range<u64>> {
    let mut dead = vec![false; SECTORS as usize];
    for _ in 0..1 + random.below(8) {
        let longest = *random.pick(&[1, 3, 40, 500]);
        let (first, count) = (random.below(SECTORS), 1 + random.below(longest));
        dead[first as usize..(first + count).min(SECTORS) as usize].fill(true);
    }
    if random.percent(25) {
        dead[(SECTORS - 1 - random.below(75)) as usize..].fill(true);
    }
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for (lba, _) in (0..).zip(dead).filter(|(_, dead)| *dead) {
        match ranges.last_mut() {
            Some(range) if range.end == lba => range.end += 1,
            _ => ranges.push(lba..lba + 1),
        }
    }
    ranges
}

/// Some sectors: first and count.
fn place(random: &mut Random) -> (u32, u32) {
    let first = random.below(SECTORS);
    let longest = *random.pick(&[1, 2, 20, 300]);
    (first, (1 + random.below(longest)).min(SECTORS - first))
}

/// One rule; what it can make fail is added to `struck`.
fn rule(random: &mut Random, struck: &mut Vec<Range<u32>>) -> String {
    let is_about_sectors = random.percent(75);
    let (on, range) = if !is_about_sectors {
        let question = if random.percent(30) { "any" } else { random.pick(&QUESTIONS) };
        (question, "*".to_owned())
    } else if random.percent(30) {
        ("read", "*".to_owned())
    } else {
        let (first, count) = place(random);
        (*random.pick(&["read", "read", "any", "28"]), format!("{first}+{count}"))
    };
    match range.split_once('+').map(|(first, count)| (first.parse::<u32>(), count.parse::<u32>())) {
        Some((Ok(first), Ok(count))) => struck.push(first..first + count),
        _ if on == "any" || is_about_sectors => struck.push(0..SECTORS),
        _ => {}
    }
    let action = action(random, is_about_sectors);
    let mut rule = format!("{on} {range} {action}");
    // What strikes everywhere and always leaves nothing to see.
    let ends = action.contains("gone") || action.contains("disc=") || random.percent(if range == "*" { 93 } else { 40 });
    if ends {
        let most = if action.contains("disc=") { 1 } else { 4 };
        rule += &format!(" times={}", 1 + random.below(most));
    }
    if random.percent(if range == "*" { 80 } else { 30 }) {
        rule += &format!(" skip={}", random.below(40));
    }
    rule
}

/// What a rule does. A lie that no byte tells is not among it, but of sectors that were not sent: `stale`.
fn action(random: &mut Random, is_about_sectors: bool) -> String {
    let sense = |random: &mut Random| {
        let mut text = format!("sense={}", random.pick(&SENSES));
        for word in ["noinfo", "desc"] {
            if random.percent(25) {
                text += &format!(" {word}");
            }
        }
        text
    };
    match random.below(if is_about_sectors { 20 } else { 17 }) {
        0..=6 => sense(random),
        7 => format!("{} delay={}", sense(random), random.below(50_000)),
        8 => format!("delay={}", random.below(50_000)),
        9 => format!("hang={}", random.below(120_000)),
        10 => format!("host={}", random.pick(&["1", "2", "3", "4", "5", "7", "8", "b", "e"])),
        11 => format!("driver={}", random.pick(&["4", "6", "8"])),
        12 => format!("status={}", random.pick(&["2", "8", "18", "28", "40"])),
        13 => format!("gone={}", random.below(200_000)),
        14 => random.pick(&["gone", "disc= sense=6/28/00", "disc= sense=2/3a/02"]).to_string(),
        15 => format!("disc={} sense=6/28/00", random.pick(&["twin.iso", "other.iso", "short.iso", "disc.iso"])),
        16 => "sense=6/29/00".to_owned(),
        17 => format!("short={}", random.below(70_000)),
        18 => "stale".to_owned(),
        _ => format!("sense=1/17/01 delay={}", random.below(3000)),
    }
}
