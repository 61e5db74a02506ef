//! Sectors that came with effort are named: they are next to go.

use serde_json::{Value, json};

use crate::common::{Folder, disc};

const SECTORS: u32 = 4000;

fn folder(seed: u64, rules: &str) -> (Folder, Vec<u8>) {
    let folder = Folder::new();
    let mut image = disc(seed, SECTORS);
    // Zeros in place of data are what some bridges send with any sense; where all sectors say something, nothing is asked twice.
    image.chunks_exact_mut(2048).for_each(|sector| sector[100] |= 1);
    folder.write("disc.iso", &image);
    folder.write("rules", rules);
    (folder, image)
}

const DRIVE: &str = "emulated:disc.iso,faults=rules";

#[test]
fn what_the_drive_reports_as_recovered_is_listed_by_its_sector() {
    let (folder, image) = folder(1, "read 900 sense=1/17/01\nread 2000+3 sense=1/18/00 desc\n");
    let (_, result) = folder.json(0, &[DRIVE, "out.iso"]);
    folder.must_hold("out.iso", &image, &[]);
    // Of a command the drive names one sector.
    let weak = json!([{"first": 900, "count": 1}, {"first": 2000, "count": 1}]);
    assert_eq!(result["weak"], weak);
    let record: Value = serde_json::from_str(&folder.text("out.iso.json")).unwrap();
    assert_eq!(record["runs"][0]["weak"], weak);
}

#[test]
fn without_a_sector_named_the_whole_read_is() {
    let (folder, _) = folder(2, "read 900 sense=1/17/01 noinfo\n");
    let (_, result) = folder.json(0, &[DRIVE, "out.iso"]);
    let place = &result["weak"][0];
    let (first, count) = (place["first"].as_u64().unwrap(), place["count"].as_u64().unwrap());
    assert!(count > 1 && (first..first + count).contains(&900), "{place}");
}

#[test]
fn weak_sectors_of_earlier_runs_are_not_forgotten() {
    let (folder, _) = folder(3, "read 500 sense=1/17/01\nread 3000 sense=3/11/05\n");
    folder.ends(3, &[DRIVE, "out.iso"]).must_say("weak    1 place took the drive effort: sector 500;");
    folder.write("rules", "read 3000 sense=1/18/00\n");
    folder.ends(0, &[DRIVE, "out.iso", "-r1"]).must_say("weak    2 places took the drive effort: sector 500, sector 3000;");
}

#[test]
fn a_read_that_takes_a_second_too_long_took_effort_though_the_drive_says_nothing() {
    let folder = Folder::new();
    let (_, result) = folder.json(0, &["emulated:demo", "out.iso"]);
    let covers = |lba: u64| {
        let is_in = |place: &Value| {
            (place["first"].as_u64().unwrap()..).take(place["count"].as_u64().unwrap() as usize).any(|at| at == lba)
        };
        result["weak"].as_array().unwrap().iter().any(is_in)
    };
    for lba in [1500, 5200, 5202] {
        assert!(covers(lba), "{lba}: {}", result["weak"]);
    }
    assert!(!covers(2500) && !covers(4000), "{}", result["weak"]);
    let (_, result) = self::folder(4, "").0.json(0, &[DRIVE, "out.iso", "--speed", "1"]);
    assert_eq!(result["weak"], json!([]), "a slow drive is none that takes effort");
}
