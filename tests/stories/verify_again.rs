//! The same medium read twice: what can't make up its mind is not to be trusted.

use crate::common::{Folder, disc};
use crate::verify_media::places;

fn folder(faults: &str) -> Folder {
    let folder = Folder::new();
    folder.write("a.iso", disc(20, 5000));
    folder.write("faults", faults);
    folder
}

const DRIVE: &str = "emulated:a.iso,profile=cd-rom,faults=faults";

#[test]
fn a_disc_that_reads_the_same_twice_is_steady() {
    let folder = folder("");
    folder.verify(0, &["--again", DRIVE]).must_say("came out the same twice");
    let result = folder.verify_json(0, &["--again", "a.iso"]);
    assert_eq!((result["identical"].as_bool(), result["against"].as_str()), (Some(true), Some("reading")));
}

#[test]
fn sectors_that_come_out_different_are_named() {
    let folder = folder("read 700+2 random\nread 4000 random\n");
    let result = folder.verify_json(4, &["--again", DRIVE]);
    assert_eq!(places(&result, "unsteady"), [(700 * 2048, 4096), (4000 * 2048, 2048)]);
    assert_eq!(result["identical"], false);
    let ran = folder.verify(4, &["--again", DRIVE]);
    ran.must_say("other bytes at the second reading");
    assert!(!ran.stderr.contains("same"), "{ran}");
}

#[test]
fn a_disc_that_was_right_once_is_not_right() {
    // The first reading is the image's; from then on one bit is wrong.
    let folder = folder("read 700 flip skip=1\n");
    folder.verify(0, &["a.iso", DRIVE]);
    let result = folder.verify_json(4, &["a.iso", DRIVE, "--again"]);
    assert!(places(&result, "differences").is_empty());
    assert_eq!(places(&result, "unsteady"), [(700 * 2048, 2048)]);
    let sum = folder.witness("sha256sum", &["a.iso"]).map(|sum| sum.out()[..64].to_string()).unwrap_or_default();
    if !sum.is_empty() {
        folder.verify(4, &[DRIVE, "--sha256", &sum, "--again"]);
    }
}

#[test]
fn a_wrong_bit_that_stays_is_a_difference_and_steady() {
    let folder = folder("read 700 flip\n");
    let result = folder.verify_json(4, &["a.iso", DRIVE, "--again"]);
    assert_eq!((places(&result, "differences"), places(&result, "unsteady")), (vec![(700 * 2048, 2048)], vec![]));
}

#[test]
fn what_can_be_read_only_once_counts_as_unreadable() {
    // The second time not; or the first time not, in three reads of ever fewer sectors.
    for rule in ["read 700 sense=3/11/05 skip=1\n", "read 700 sense=3/11/05 times=3\n"] {
        let folder = folder(rule);
        let result = folder.verify_json(3, &["a.iso", DRIVE, "--again"]);
        assert_eq!((places(&result, "unreadable"), places(&result, "unsteady")), (vec![(700 * 2048, 2048)], vec![]), "{rule}");
    }
}

#[test]
fn a_drive_that_reports_success_and_sends_nothing_proves_nothing() {
    let folder = folder("read 700 stale\n");
    let result = folder.verify_json(3, &["a.iso", DRIVE, "--again"]);
    assert_eq!(places(&result, "unreadable"), [(700 * 2048, 2048)]);
    // The whole disc.
    folder.write("faults", "read * stale\n");
    let ran = folder.verify(7, &["a.iso", DRIVE]);
    assert!(!ran.stderr.contains("same"), "{ran}");
}

#[test]
fn troubles_of_the_drive_are_no_differences() {
    for (rule, status) in [
        ("read 3000 sense=6/29/00 times=2", 0),
        ("read 3000 sense=2/04/01 times=3", 0),
        ("read 3000 hang=60000 times=1", 0),
        ("read 3000 host=7 times=2", 0),
        ("read 3000 sense=6/28/00 times=1", 0),
        ("read 3000 sense=6/28/00 times=1 disc=other.iso", 7),
        ("read 3000 sense=2/3a/00 disc=", 7),
        ("read 3000 gone", 7),
        ("read 3000 host=7", 3),
    ] {
        let folder = folder(&format!("{rule}\n"));
        folder.write("other.iso", disc(21, 5000));
        let result = folder.verify_json(status, &["a.iso", DRIVE]);
        assert!(places(&result, "differences").is_empty(), "{rule}: {result}");
        assert_eq!(result["identical"] == true, status != 7, "{rule}: {result}");
    }
}
