//! Discs that were written in part: what was never written is no damage where nothing can have been, and costs a few reads.

use crate::common::{Folder, damage, disc, told, volume};

const SECTORS: u32 = 4000;

/// A disc whose file system has so many sectors, and that is blank in one place.
fn partly_written(seed: u64, volume_sectors: u32, blank: (u32, u32)) -> (Folder, Vec<u8>) {
    let folder = Folder::new();
    let mut image = disc(seed, SECTORS);
    volume(&mut image, 0, "STORY", volume_sectors);
    folder.write("disc.iso", &image);
    folder.write("rules", format!("read {}+{} sense=8/64/00\n", blank.0, blank.1));
    (folder, image)
}

const DRIVE: &str = "emulated:disc.iso,faults=rules";

#[test]
fn a_tail_behind_the_file_system_that_was_never_written_is_zero_and_no_damage() {
    let tail = (3000, 1000);
    let (folder, image) = partly_written(1, 2500, tail);
    let (events, result) = folder.json(0, &[DRIVE, "out.iso"]);
    folder.must_hold("out.iso", &image, &[tail]);
    folder.map_must_say("out.iso.map", &[], SECTORS);
    assert!(told(&events).contains("blank never written"), "{}", told(&events));
    assert!(result["failed_reads"].as_u64().unwrap() < 150, "{result}");
}

#[test]
fn what_is_blank_where_a_file_may_lie_is_missing() {
    for (seed, volume_sectors, blank) in [(2, SECTORS, (3000, 1000)), (3, 2500, (2600, 100))] {
        let (folder, image) = partly_written(seed, volume_sectors, blank);
        let (_, result) = folder.json(3, &[DRIVE, "out.iso"]);
        folder.must_hold("out.iso", &image, &[blank]);
        assert_eq!(damage(&result), [(blank.0.into(), blank.1.into(), "blank".into())]);
    }
}
