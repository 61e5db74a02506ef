//! A large disc with very many places of damage: memory stays small. The full size is in tests/bench/memory.sh.

use std::fs;
use std::time::Duration;

use crate::common::{Dice, Folder, mapfile, wait};

#[test]
fn twenty_thousand_places_of_damage_fit_into_64_mib() {
    const SECTORS: u32 = 2_000_000;
    let folder = Folder::new();
    fs::File::create(folder.path("disc.iso")).unwrap().set_len(u64::from(SECTORS) * 2048).unwrap();
    let mut dice = Dice(1);
    let dead: Vec<_> = (0..20_000).map(|n| (n * 100 + 40 + dice.below(50), 1 + dice.below(6))).collect();
    folder.write("damage", mapfile(&dead, '-', SECTORS));
    let drive = "emulated:disc.iso,profile=bd-rom,damage=damage";
    let mut child = folder.discrip(&["-q", drive, "/dev/null", "scan.map"]).spawn().unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(peak);
        std::thread::sleep(Duration::from_millis(20));
    }
    wait(child, "the scan").must_be(3);
    println!("peak: {peak} kB");
    assert!(peak > 0 && peak < 64 << 10, "{peak} kB");
    folder.map_must_say("scan.map", &dead, SECTORS);
}
