//! Everything readable comes off a damaged disc, and the map says what did not.

use std::collections::BTreeSet;

use crate::common::{Folder, Places, damage, disc, mapfile, random_damage};

/// ECC blocks of the kinds of disc.
const PROFILES: [(&str, u32); 3] = [("cd-rom", 1), ("dvd-rom", 16), ("bd-rom", 32)];

/// Cells of `grain` sectors that the damage touches.
fn touched(dead: &Places, grain: u32) -> usize {
    let cells = dead.iter().flat_map(|&(first, count)| first / grain..=(first + count - 1) / grain);
    cells.collect::<BTreeSet<u32>>().len()
}

#[test]
fn the_damaged_demo_ends_with_3_and_names_what_is_missing() {
    let folder = Folder::new();
    let look = folder.ends(0, &["emulated:demo,damaged", "out.iso", "-n"]);
    assert!(look.stderr.trim_end().ends_with("nothing was written"), "{look}");
    let ran = folder.ends(3, &["emulated:demo,damaged", "out.iso"]);
    for place in ["\nmissing sector 1200", "\n        sectors 3000 to 3019", "5600 to 5606", "--retries 6"] {
        ran.must_say(place);
    }
    folder.map_must_say("out.iso.map", &[(1200, 1), (3000, 20), (5600, 7)], 6166);
    folder.witness("isoinfo", &["-l", "-i", "out.iso"]);
}

#[test]
fn of_any_disc_with_any_damage_every_readable_sector_is_in_the_image() {
    for seed in 1..=24 {
        let (profile, _) = PROFILES[seed as usize % 3];
        let sectors = 2000 + (seed as u32 * 977) % 4000;
        println!("seed {seed}, {profile}, {sectors} sectors");
        let folder = Folder::new();
        let (image, dead) = (disc(seed, sectors), random_damage(seed, sectors));
        folder.write("disc.iso", &image);
        folder.write("damage", mapfile(&dead, '-', sectors));
        let drive = format!("emulated:disc.iso,profile={profile},damage=damage");
        let (_, result) = folder.json(3, &[&drive, "out.iso"]);
        folder.must_hold("out.iso", &image, &dead);
        folder.map_must_say("out.iso.map", &dead, sectors);
        let right: Vec<_> = dead.iter().map(|&(first, count)| (first.into(), count.into(), "medium".to_string())).collect();
        assert_eq!(damage(&result), right);
        assert_eq!(result["bad"], dead.iter().map(|(_, count)| count).sum::<u32>());
        assert_eq!((&result["whole"], &result["unread"]), (&false.into(), &0.into()));
    }
}

#[test]
fn a_long_scratch_costs_fewer_failing_reads_than_splitting_each_command_in_place() {
    for (profile, block) in PROFILES {
        let folder = Folder::new();
        let (image, dead) = (disc(7, 30_000), vec![(9_990, 3000), (20_000, 1), (29_950, 50)]);
        folder.write("disc.iso", &image);
        folder.write("damage", mapfile(&dead, '-', 30_000));
        let drive = format!("emulated:disc.iso,profile={profile},damage=damage");
        folder.ends(3, &[&drive, "out.iso", "--record", "commands"]);
        let failed = folder.failed_reads("commands");
        // Each dead sector fails once in any case. Split in place, each command of 64 KiB and each ECC block fails besides.
        let in_place = touched(&dead, 32) + if block > 1 { touched(&dead, block) } else { 0 };
        let besides = failed - touched(&dead, 1);
        println!("{profile}: {failed} failing reads, {besides} of them besides; {in_place} when split in place");
        assert!(besides < in_place / 2, "{profile}: {besides} failing reads besides, {in_place} when split in place");
        folder.map_must_say("out.iso.map", &dead, 30_000);
    }
}

#[test]
fn the_last_sectors_of_a_disc_are_not_cut_off() {
    // Through the kernel's block layer, an error in the last 75 sectors makes the disc shorter, and cp and dd end well.
    let (image, sectors) = (disc(11, 5120), 5120);
    for dead in [vec![(5110, 2)], vec![(5045, 75)], vec![(5119, 1)], vec![(2560, 2560)]] {
        println!("{dead:?}");
        let folder = Folder::new();
        folder.write("disc.iso", &image);
        folder.write("damage", mapfile(&dead, '-', sectors));
        folder.ends(3, &["emulated:disc.iso,profile=dvd-rom,damage=damage", "out.iso"]);
        folder.must_hold("out.iso", &image, &dead);
        folder.map_must_say("out.iso.map", &dead, sectors);
    }
}

#[test]
fn dead_sectors_at_the_very_beginning_and_in_the_volume_descriptor_do_not_end_the_run() {
    let (image, sectors) = (disc(12, 3000), 3000);
    for dead in [vec![(0, 1)], vec![(16, 1)], vec![(0, 40)]] {
        let folder = Folder::new();
        folder.write("disc.iso", &image);
        folder.write("damage", mapfile(&dead, '-', sectors));
        folder.ends(3, &["emulated:disc.iso,damage=damage", "out.iso"]);
        folder.must_hold("out.iso", &image, &dead);
    }
}

#[test]
fn one_dead_sector_takes_its_ecc_block_with_it_and_no_more() {
    let folder = Folder::new();
    let image = disc(13, 4000);
    folder.write("disc.iso", &image);
    folder.write("damage", mapfile(&[(1000, 1)], '-', 4000));
    // 1000 lies in the block 992 to 1007 of a DVD.
    folder.ends(3, &["emulated:disc.iso,profile=dvd-rom,damage=damage,ecc-loss=1", "out.iso"]);
    folder.must_hold("out.iso", &image, &[(992, 16)]);
}

#[test]
fn sectors_that_only_come_alone_come() {
    let folder = Folder::new();
    let image = disc(14, 3000);
    folder.write("disc.iso", &image);
    // The first five reads that touch it fail: copying, the block, and some tries alone.
    folder.write("rules", "read 1234 sense=3/11/05 times=5\n");
    folder.ends(0, &["emulated:disc.iso,faults=rules", "out.iso", "--retries", "4"]);
    folder.must_hold("out.iso", &image, &[]);
}

#[test]
fn retries_ask_each_dead_sector_once_a_pass() {
    let folder = Folder::new();
    folder.write("disc.iso", disc(15, 2000));
    folder.write("damage", mapfile(&[(700, 3)], '-', 2000));
    let count = |retries: &str, name: &str| {
        folder.ends(3, &["emulated:disc.iso,damage=damage", name, "--retries", retries, "--record", retries]);
        folder.failed_reads(retries)
    };
    assert_eq!(count("3", "b.iso"), count("0", "a.iso") + 9);
}

#[test]
fn without_scraping_blocks_that_failed_stay_untried_and_the_same_command_without_it_goes_on() {
    for (profile, block) in PROFILES {
        let folder = Folder::new();
        let (image, dead) = (disc(3, 6_000), vec![(1_003, 1), (3_000, 100)]);
        folder.write("disc.iso", &image);
        folder.write("damage", mapfile(&dead, '-', 6_000));
        let drive = format!("emulated:disc.iso,profile={profile},damage=damage");
        let (_, result) = folder.json(3, &[&drive, "out.iso", "--no-scrape"]);
        assert_eq!(result["unread"].as_u64().is_some_and(|unread| unread > 0), block > 1, "{profile}: {result}");
        if block > 1 {
            assert!(result["reasons"].to_string().contains("without --no-scrape"), "{result}");
        }
        folder.json(3, &[&drive, "out.iso"]);
        folder.must_hold("out.iso", &image, &dead);
        folder.map_must_say("out.iso.map", &dead, 6_000);
    }
}

#[test]
fn reversed_the_end_of_the_disc_comes_first() {
    let folder = Folder::new();
    let (image, dead) = (disc(5, 6_000), vec![(2_000, 30), (4_000, 1)]);
    folder.write("disc.iso", &image);
    folder.write("damage", mapfile(&dead, '-', 6_000));
    let drive = "emulated:disc.iso,profile=dvd-rom,damage=damage";
    folder.json(7, &[drive, "out.iso", "--reverse", "--max-errors", "1"]);
    let map = folder.text("out.iso.map");
    let last = map.lines().last().unwrap();
    assert!(last.ends_with('+'), "{map}");
    folder.json(3, &[drive, "out.iso", "-R"]);
    folder.must_hold("out.iso", &image, &dead);
    folder.map_must_say("out.iso.map", &dead, 6_000);
}
