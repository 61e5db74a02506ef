//! Killed two hundred times at random moments, and resumed by the same command: the same image, map and digests.

use std::time::{Duration, Instant};

use crate::common::{Dice, Folder, Places, blocks, disc, mapfile, volume, wait};

/// How a disc is read that is killed all the time.
struct Case {
    name: &'static str,
    options: &'static str,
    sectors: u32,
    dead: Places,
    /// Sectors of the image, where they are not those of the disc.
    kept: u32,
    kills: u32,
    seed: u64,
}

impl Case {
    fn survive(&self) {
        println!("{}, seed {}", self.name, self.seed);
        let undisturbed = Folder::new();
        let mut image = disc(self.seed, self.sectors);
        volume(&mut image, 0, "KILLED", self.kept);
        let drive = format!("emulated:disc.iso,{}", self.options);
        let status = if self.dead.is_empty() { 0 } else { 3 };
        let prepare = |folder: &Folder| {
            folder.write("disc.iso", &image);
            folder.write("damage", mapfile(&self.dead, '-', self.sectors));
            // The drive drops off the bus now and then, and the map is saved each time: kills meet images half done, too.
            let gone: String = (1..8).map(|n| format!("read * skip={} times=1 gone=500\n", n * 11)).collect();
            folder.write("rules", gone);
        };
        prepare(&undisturbed);
        let begin = Instant::now();
        let right = undisturbed.ends(status, &[&drive, "out.iso"]);
        let mut full = begin.elapsed();
        undisturbed.must_hold("out.iso", &image[..self.kept as usize * 2048], &self.dead);

        let folder = Folder::new();
        prepare(&folder);
        let mut dice = Dice(self.seed);
        let (mut kills, mut unsaved, mut half_done, mut reading_done) = (0, 0, 0, 0);
        while kills < self.kills {
            let from_nothing = !folder.exists("out.iso.map");
            let mut child = folder.discrip(&[&drive, "out.iso"]).spawn().unwrap();
            let (begin, life) = (Instant::now(), full.mul_f64(f64::from(dice.below(1000)) / 800.0));
            while begin.elapsed() < life && child.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
            // The first run may have been slow for a reason of its own; runs that only go on are short.
            full = if from_nothing && begin.elapsed() < life { begin.elapsed() } else { full };
            child.kill().unwrap();
            let ran = wait(child, "the one that is killed");
            let map = if folder.exists("out.iso.map") { blocks(&folder.text("out.iso.map")) } else { Vec::new() };
            let has = |state: &str| map.iter().any(|line| line.ends_with(state));
            match ran.ended.code() {
                None => {
                    kills += 1;
                    unsaved += u32::from(!has("+"));
                    half_done += u32::from(has("+") && (has("?") || has("*") || has("/")));
                    reading_done += u32::from(has("+") && !has("?") && !has("*") && !has("/"));
                }
                Some(code) => {
                    assert_eq!(code, status, "{ran}");
                    // It was quicker than the killer: once more from the beginning.
                    self.compare(&folder, &undisturbed, &image);
                    for name in folder.names().iter().filter(|name| name.starts_with("out.iso")) {
                        folder.remove(&[name]);
                    }
                }
            }
        }
        println!("{kills} kills: {unsaved} before anything was saved, {half_done} half done, {reading_done} after the last read");
        assert!(half_done > 0, "the kills did not spread over the run");
        let ran = folder.ends(status, &[&drive, "out.iso"]);
        assert_eq!(ran.out(), right.out(), "the digests differ");
        self.compare(&folder, &undisturbed, &image);
        let left: Vec<String> = folder.names().into_iter().filter(|name| name.starts_with("out.iso")).collect();
        assert!(left.len() <= 3, "left behind: {left:?}");
    }

    fn compare(&self, folder: &Folder, undisturbed: &Folder, image: &[u8]) {
        folder.must_hold("out.iso", &image[..self.kept as usize * 2048], &self.dead);
        assert_eq!(blocks(&folder.text("out.iso.map")), blocks(&undisturbed.text("out.iso.map")), "the maps differ");
    }
}

#[test]
fn a_whole_cd() {
    Case {
        name: "whole",
        options: "profile=cd-rom,faults=rules",
        sectors: 20_000,
        dead: vec![],
        kept: 20_000,
        kills: 60,
        seed: 101,
    }
    .survive();
}

#[test]
fn a_damaged_cd() {
    let dead = vec![(0, 3), (777, 1), (3000, 90), (6_000, 2), (6_990, 10)];
    Case { name: "cd", options: "damage=damage,faults=rules", sectors: 7_000, dead, kept: 7_000, kills: 50, seed: 102 }.survive();
}

#[test]
fn a_damaged_dvd() {
    let dead = vec![(100, 1), (3000, 400), (5777, 33), (7_900, 100)];
    let options = "profile=dvd-rom,damage=damage,faults=rules";
    Case { name: "dvd", options, sectors: 8_000, dead, kept: 8_000, kills: 50, seed: 103 }.survive();
}

#[test]
fn a_cd_written_track_at_once() {
    let options = "layout=tao@0+8000,faults=rules";
    Case { name: "tao", options, sectors: 8_000, dead: vec![], kept: 7_998, kills: 40, seed: 104 }.survive();
}

#[test]
fn a_run_that_has_just_begun_leaves_something_that_can_be_resumed() {
    let folder = Folder::new();
    let image = disc(105, 3000);
    folder.write("disc.iso", &image);
    for delay in 0..20 {
        let mut child = folder.discrip(&["emulated:disc.iso", "out.iso"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(delay));
        child.kill().unwrap();
        wait(child, "the one that is killed");
    }
    folder.ends(0, &["emulated:disc.iso", "out.iso"]);
    folder.must_hold("out.iso", &image, &[]);
}
