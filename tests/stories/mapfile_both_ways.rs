//! A rescue begun by GNU ddrescue is ended by discrip, and the reverse, at any phase: the map is all that either knows of the other.

use std::time::{Duration, Instant};

use crate::common::{Dice, Folder, Places, SECTOR, disc, finish, installed, listening, mapfile, random_damage, wait};

const SECTORS: u32 = 4096;

/// A DVD: its ECC blocks give the trimming and the scraping something to do.
const DRIVE: &str = "emulated:disc.iso,damage=damage,profile=dvd-rom";

/// Damage that takes either program through all of its phases: single sectors, a scratch, and a ruin.
const DEAD: [(u32, u32); 4] = [(300, 1), (1000, 3), (1500, 90), (2600, 2)];

/// A damaged disc, and a rescue of it that two programs take in turns.
struct Rescue {
    folder: Folder,
    image: Vec<u8>,
    dead: Places,
    /// Sectors that were rescued when it was last looked.
    good: Vec<bool>,
}

impl Rescue {
    /// The last sector can be read: in ddrescue's test mode the input ends behind its last good sector, as no disc does.
    fn new(seed: u64, dead: &[(u32, u32)]) -> Self {
        let folder = Folder::new();
        let image = disc(seed, SECTORS);
        folder.write("disc.iso", &image);
        folder.write("damage", mapfile(dead, '-', SECTORS));
        Self { folder, image, dead: dead.to_vec(), good: vec![false; SECTORS as usize] }
    }

    /// ddrescue, which ends with 1 when a limit of its own ended it.
    fn ddrescue(&mut self, options: &[&str]) {
        let fixed = ["-q", "--test-mode=damage", "disc.iso", "out.iso", "out.iso.map"];
        let args = [options, &fixed].concat();
        let ran = finish(self.folder.command("ddrescue", &args), &args);
        assert!(matches!(ran.ended.code(), Some(0 | 1)) && self.folder.exists("out.iso.map"), "{ran}");
        self.look();
    }

    fn discrip(&mut self, options: &[&str]) -> i32 {
        let ran = self.folder.rip(&[&[DRIVE, "out.iso"], options].concat());
        let status = ran.ended.code().unwrap_or(-1);
        assert!(matches!(status, 0 | 3 | 7), "{ran}");
        self.look();
        status
    }

    fn is_dead(&self, lba: usize) -> bool {
        self.dead.iter().any(|&(first, count)| (first..first + count).contains(&(lba as u32)))
    }

    /// What must hold at any moment: ddrescuelog takes the map, what is `+` is there and right, stays so, and only what is dead is `-`.
    fn look(&mut self) {
        self.folder.witness("ddrescuelog", &["-t", "out.iso.map"]);
        let states = states(&self.folder.text("out.iso.map"));
        let image = self.folder.read("out.iso");
        for lba in 0..SECTORS as usize {
            let state = &states[lba * 4..lba * 4 + 4];
            let is_good = state.iter().all(|state| *state == b'+');
            assert!(is_good || !self.good[lba], "sector {lba} was lost");
            let bytes = lba * SECTOR..(lba + 1) * SECTOR;
            assert!(!is_good || image.get(bytes.clone()) == Some(&self.image[bytes]), "sector {lba} is not what the disc has");
            assert!(self.is_dead(lba) || !state.contains(&b'-'), "sector {lba} can be read, and is given up");
            self.good[lba] = is_good;
        }
    }

    /// The end of it, whoever came last.
    fn must_be_done(&self) {
        self.folder.map_must_say("out.iso.map", &self.dead, SECTORS);
        self.folder.must_hold("out.iso", &self.image, &self.dead);
        if self.dead.is_empty() {
            self.folder.witness("cmp", &["disc.iso", "out.iso"]);
        }
    }
}

/// The states of a map, one for each 512 bytes of the disc.
fn states(map: &str) -> Vec<u8> {
    let number = |word: &str| u64::from_str_radix(word.trim_start_matches("0x"), 16).unwrap() as usize / 512;
    let mut states = vec![b'?'; SECTORS as usize * 4];
    for line in map.lines().filter(|line| !line.starts_with('#')).skip(1) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (first, count) = (number(words[0]), number(words[1]));
        states[first..first + count].fill(words[2].as_bytes()[0]);
    }
    states
}

#[test]
fn discrip_ends_what_ddrescue_left_in_any_phase() {
    if !installed("ddrescue") {
        return;
    }
    let stops: [&[&str]; 14] = [
        &["--cpass=1", "-nN"],
        &["--cpass=1,2", "-nN"],
        &["-nN"],
        &["-N"],
        &["-n"],
        &["-X1"],
        &["-X3"],
        &["-X8"],
        &["-X20"],
        &["-E1"],
        &["-e2"],
        &["-R", "-X6"],
        &["-c16", "-X10"],
        &["-r2", "-X120"],
    ];
    for (seed, options) in (100..).zip(stops) {
        println!("ddrescue {options:?}");
        let mut rescue = Rescue::new(seed, &DEAD);
        rescue.ddrescue(&[options, &["-b2048"]].concat());
        assert_eq!(rescue.discrip(&[]), 3);
        rescue.must_be_done();
    }
}

#[test]
fn ddrescues_blocks_of_512_bytes_are_joined_to_sectors() {
    if !installed("ddrescue") {
        return;
    }
    let mut torn = 0;
    for (seed, options) in
        (200..).zip([&["-X9"][..], &["-X15"], &["-X40"], &["-n"], &["-X200"], &["-R", "-X30"], &["-b1024", "-X25"]])
    {
        println!("ddrescue {options:?}");
        let mut rescue = Rescue::new(seed, &DEAD);
        rescue.ddrescue(options);
        torn +=
            states(&rescue.folder.text("out.iso.map")).chunks(4).filter(|sector| sector.iter().any(|s| *s != sector[0])).count();
        assert_eq!(rescue.discrip(&[]), 3);
        rescue.must_be_done();
    }
    assert!(torn > 0, "no sector of several states was ever seen");
}

#[test]
fn ddrescue_ends_what_discrip_left_in_any_phase() {
    if !installed("ddrescue") {
        return;
    }
    let mut phases = Vec::new();
    for (seed, errors) in (300..).zip(["1", "2", "3", "5", "8", "12", "20", "40", "80", "100", "150"]) {
        for options in [&[][..], &["--retries", "2"]] {
            println!("--max-errors {errors} {options:?}");
            let mut rescue = Rescue::new(seed, &DEAD);
            rescue.discrip(&[&["--max-errors", errors], options].concat());
            let map = rescue.folder.text("out.iso.map");
            let status = map.lines().find(|line| !line.starts_with('#')).and_then(|line| line.split_whitespace().nth(1)).unwrap();
            phases.push(status.to_string());
            rescue.ddrescue(&["-b2048"]);
            rescue.must_be_done();
        }
    }
    phases.sort();
    phases.dedup();
    assert!(phases.len() > 2, "stopped in no phase but {phases:?}");
}

#[test]
fn ddrescue_ends_what_is_left_of_a_discrip_that_was_killed() {
    if !installed("ddrescue") {
        return;
    }
    for (seed, life) in [(400, 1200), (401, 1700), (402, 2600)] {
        println!("killed after {life} ms");
        let mut rescue = Rescue::new(seed, &DEAD);
        // A drive that lives in the wall's time, so that there is a moment to kill it in.
        rescue.folder.write("rules", "read * delay=60\n");
        let drive = "emulated:disc.iso,damage=damage,profile=dvd-rom,faults=rules,clock=real,model=ideal";
        let mut run = rescue.folder.discrip(&[drive, "out.iso"]).spawn().unwrap();
        listening(&run);
        let begin = Instant::now();
        while !rescue.folder.exists("out.iso.map") {
            assert!(begin.elapsed() < Duration::from_secs(60), "no map");
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(life));
        run.kill().unwrap();
        wait(run, "the one that is killed");
        rescue.look();
        rescue.ddrescue(&["-b2048"]);
        rescue.must_be_done();
    }
}

#[test]
fn any_map_in_ddrescues_grammar_is_gone_on_with() {
    for (seed, status) in (500..).zip("?*/-FG+".chars().cycle().take(28)) {
        println!("seed {seed}, status {status}");
        let mut dice = Dice(seed);
        let mut rescue = Rescue::new(seed, &random_damage(seed, SECTORS - 1));
        // Blocks of whole sectors and of parts of them, in any state that is true of the disc; and garbage where nothing was read.
        let unit = if seed % 2 == 0 { SECTOR } else { 512 };
        let mut image = vec![0xaa; rescue.image.len()];
        let mut map =
            format!("0x{:08X}     {status}               {}\n", dice.below(SECTORS + 1) as usize * unit, 1 + dice.below(3));
        let mut at = 0;
        while at < image.len() {
            let end = (at + (1 + dice.below(300) as usize) * unit).min(image.len());
            let lbas = || at / SECTOR..end.div_ceil(SECTOR);
            let state = match dice.below(5) {
                0 if lbas().all(|lba| !rescue.is_dead(lba)) => '+',
                1 if lbas().all(|lba| rescue.is_dead(lba)) => '-',
                2 => '*',
                3 => '/',
                _ => '?',
            };
            if state == '+' {
                image[at..end].copy_from_slice(&rescue.image[at..end]);
            }
            map += &format!("0x{at:08X}  0x{:08X}  {state}\n", end - at);
            at = end;
        }
        rescue.folder.write("out.iso", image);
        rescue.folder.write("out.iso.map", map);
        rescue.look();
        rescue.discrip(&["--same-disc"]);
        rescue.must_be_done();
    }
}

#[test]
fn two_programs_that_take_turns_get_everything_that_can_be_read() {
    if !installed("ddrescue") {
        return;
    }
    for seed in 600..606 {
        println!("seed {seed}");
        let mut dice = Dice(seed);
        let dead = random_damage(seed, SECTORS - 1);
        let mut rescue = Rescue::new(seed, &dead);
        for _ in 0..12 {
            let some = (1 + dice.below(12)).to_string();
            match dice.below(6) {
                0 => rescue.ddrescue(&["-b2048", "-X", &some]),
                1 => rescue.ddrescue(&["-b2048", "-c16", "-R", "-X", &some]),
                2 => rescue.ddrescue(&["-X", &some]),
                3 => rescue.ddrescue(&["-b2048", "-A", "-nN", "--cpass=1"]),
                4 => drop(rescue.discrip(&["--max-time", &format!("{some}s")])),
                _ => drop(rescue.discrip(&["--max-errors", &some])),
            }
        }
        if seed % 2 == 0 {
            rescue.discrip(&[]);
        }
        rescue.ddrescue(&["-b2048"]);
        rescue.discrip(&[]);
        rescue.must_be_done();
    }
}

#[test]
fn what_ddrescue_gave_up_is_left_to_retries_and_that_is_said() {
    if !installed("ddrescue") {
        return;
    }
    let mut rescue = Rescue::new(650, &DEAD);
    rescue.discrip(&["--max-errors", "1"]);
    rescue.ddrescue(&["-b2048"]);
    let good_copy = "emulated:disc.iso,profile=dvd-rom,serial=OTHER";
    let left = rescue.folder.ends(3, &[good_copy, "out.iso"]);
    left.must_say("(--retries 6 tries them again)");
    assert!(!left.stderr.contains("another drive tries"), "{left}");
    rescue.folder.ends(0, &[good_copy, "out.iso", "--retries", "6"]);
    rescue.folder.witness("cmp", &["disc.iso", "out.iso"]);
}

#[test]
fn a_map_that_ends_before_the_disc_is_one_of_a_part_of_it() {
    let mut rescue = Rescue::new(700, &DEAD);
    let known = 2000;
    rescue.folder.write("out.iso", &rescue.image[..known * SECTOR]);
    let dead: Places = DEAD.into_iter().filter(|(first, _)| (*first as usize) < known).collect();
    rescue.folder.write("out.iso.map", mapfile(&dead, '*', known as u32));
    rescue.discrip(&[]);
    rescue.must_be_done();
}

#[test]
fn a_map_that_goes_past_the_end_of_the_disc_is_refused_unless_nothing_is_known_there() {
    // The first 1000 sectors are all good, as the map will say.
    let rescue = Rescue::new(701, &DEAD[1..]);
    rescue.folder.write("out.iso", &rescue.image[..1000 * SECTOR]);
    let begun = |states: &str| {
        let mut map = String::from("0x00000000     ?               1\n0x00000000  0x001F4000  +\n");
        map += states;
        rescue.folder.write("out.iso.map", &map);
        map
    };
    // Another disc, which was longer.
    let map = begun("0x001F4000  0x00800000  ?\n0x009F4000  0x00001000  *\n");
    rescue.folder.ends(5, &[DRIVE, "out.iso"]).must_say("sectors");
    assert_eq!(rescue.folder.text("out.iso.map"), map);
    // ddrescue's, where it could not tell how long its input is.
    begun("0x001F4000  0x7FFFFFFFFFE0BFFF  ?\n");
    rescue.folder.ends(3, &[DRIVE, "out.iso"]);
    rescue.must_be_done();
}
