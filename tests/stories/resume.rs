//! The same command goes on: on another drive, without its record, after ddrescue; never with another disc.

use serde_json::Value;

use crate::common::{Folder, disc, installed, mapfile, volume};

const SECTORS: u32 = 4096;

fn begun(seed: u64, dead: &[(u32, u32)]) -> (Folder, Vec<u8>) {
    let folder = Folder::new();
    let image = disc(seed, SECTORS);
    folder.write("disc.iso", &image);
    folder.write("damage", mapfile(dead, '-', SECTORS));
    folder.ends(3, &["emulated:disc.iso,damage=damage", "out.iso"]);
    (folder, image)
}

#[test]
fn another_drive_reads_what_the_first_one_could_not() {
    let (folder, image) = begun(1, &[(500, 40), (3000, 2)]);
    std::fs::create_dir(folder.path("elsewhere")).unwrap();
    std::fs::copy(folder.path("disc.iso"), folder.path("elsewhere/disc.iso")).unwrap();
    folder.write("damage2", mapfile(&[(100, 30), (520, 5)], '-', SECTORS));
    folder.ends(3, &["emulated:elsewhere/disc.iso,damage=damage2,model=ideal", "out.iso", "--retries", "1"]);
    folder.must_hold("out.iso", &image, &[(520, 5)]);
    folder.map_must_say("out.iso.map", &[(520, 5)], SECTORS);
    let record: Value = serde_json::from_str(&folder.text("out.iso.json")).unwrap();
    let runs = record["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    assert_ne!(runs[0]["drive"]["node"], runs[1]["drive"]["node"]);
    // Each sector's origin stays known: the second run read what was missing, and nothing else.
    assert_eq!(runs[1]["read"].to_string(), r#"[{"count":20,"first":500},{"count":15,"first":525},{"count":2,"first":3000}]"#);
    // A third drive reads the rest.
    folder.ends(0, &["emulated:disc.iso", "out.iso", "--retries", "1"]);
    folder.must_hold("out.iso", &image, &[]);
}

#[test]
fn another_disc_is_refused_with_the_evidence() {
    let (folder, image) = begun(2, &[(500, 40)]);
    let before = (folder.read("out.iso"), folder.text("out.iso.map"), folder.text("out.iso.json"));
    let mut twin = disc(3, SECTORS);
    twin[..64 * 2048].copy_from_slice(&image[..64 * 2048]);
    for (other, evidence) in
        [(disc(4, SECTORS), "differs"), (twin, "differs"), (disc(5, SECTORS / 2), "sectors"), (disc(6, SECTORS * 2), "sectors")]
    {
        folder.write("other.iso", other);
        for options in [&["--retries", "1"][..], &["--retries", "1", "--same-disc"], &["--retries", "1", "--yes"]] {
            let ran = folder.ends(5, &[&["emulated:other.iso", "out.iso"], options].concat());
            ran.must_say("another disc");
            ran.must_say(evidence);
        }
    }
    assert!((folder.read("out.iso"), folder.text("out.iso.map"), folder.text("out.iso.json")) == before);
}

#[test]
fn without_its_record_an_image_is_resumed_by_its_sectors() {
    let (folder, image) = begun(7, &[(500, 40)]);
    folder.remove(&["out.iso.json"]);
    folder.write("other.iso", disc(8, SECTORS));
    folder.ends(5, &["emulated:other.iso", "out.iso", "--retries", "1"]).must_say("differs");
    folder.ends(0, &["emulated:disc.iso", "out.iso", "--retries", "1"]);
    folder.must_hold("out.iso", &image, &[]);
}

#[test]
fn a_record_that_is_damaged_does_not_stand_in_the_way() {
    let (folder, image) = begun(9, &[(500, 40)]);
    folder.write("out.iso.json", "{\"format\":1,");
    folder.ends(0, &["emulated:disc.iso", "out.iso", "--retries", "1"]);
    folder.must_hold("out.iso", &image, &[]);
}

#[test]
fn where_nothing_tells_the_person_has_to_say_that_it_is_the_same_disc() {
    let folder = Folder::new();
    let image = disc(10, SECTORS);
    folder.write("disc.iso", &image);
    // Sectors 1000 to 1199 were read long ago; they are dead now, and so is the volume descriptor.
    let mut old = vec![0; image.len()];
    old[1000 * 2048..1200 * 2048].copy_from_slice(&image[1000 * 2048..1200 * 2048]);
    folder.write("out.iso", old);
    folder.write("out.iso.map", mapfile(&[(0, 1000), (1200, SECTORS - 1200)], '?', SECTORS));
    folder.write("damage", mapfile(&[(16, 16), (1000, 200)], '-', SECTORS));
    folder.ends(5, &["emulated:disc.iso,damage=damage", "out.iso"]).must_say("--same-disc");
    folder.ends(3, &["emulated:disc.iso,damage=damage", "out.iso", "--same-disc"]);
    folder.must_hold("out.iso", &image, &[(16, 16)]);
}

#[test]
fn what_ddrescue_began_is_taken_over() {
    if !installed("ddrescue") {
        return;
    }
    let dead = [(300, 5), (2000, 300)];
    for (seed, options) in [(11, "-q"), (12, "-qn"), (13, "-qnN"), (14, "-qs3Mi")] {
        println!("ddrescue {options}, seed {seed}");
        let folder = Folder::new();
        let image = disc(seed, SECTORS);
        folder.write("disc.iso", &image);
        // In ddrescue's test mode what is not finished in the map can't be read.
        folder.write("damage", mapfile(&dead, '-', SECTORS));
        folder.witness("ddrescue", &[options, "-b2048", "--test-mode=damage", "disc.iso", "out.iso", "out.iso.map"]);
        folder.ends(3, &["emulated:disc.iso,damage=damage", "out.iso"]);
        folder.must_hold("out.iso", &image, &dead);
        folder.map_must_say("out.iso.map", &dead, SECTORS);
        folder.ends(0, &["emulated:disc.iso", "out.iso", "--retries", "1"]);
        folder.must_hold("out.iso", &image, &[]);
    }
}

#[test]
fn a_disc_that_another_program_took_for_shorter_is_read_to_its_end() {
    // As ddrescue leaves it when the kernel has made the disc shorter: image and map end together, and all is finished.
    let folder = Folder::new();
    let image = disc(21, SECTORS);
    let seen = SECTORS - 60;
    folder.write("disc.iso", &image);
    folder.write("out.iso", &image[..seen as usize * 2048]);
    folder.write("out.iso.map", mapfile(&[], '-', seen));
    folder.ends(0, &["emulated:disc.iso", "out.iso"]);
    folder.must_hold("out.iso", &image, &[]);
    // The whole disc is known as such without a record, too.
    folder.remove(&["out.iso.json"]);
    folder.ends(0, &["emulated:disc.iso", "out.iso"]).must_say("is complete already");
}

#[test]
fn ddrescue_takes_over_what_discrip_began() {
    if !installed("ddrescue") {
        return;
    }
    let folder = Folder::new();
    let image = disc(15, SECTORS);
    folder.write("disc.iso", &image);
    folder.write("damage", mapfile(&[(100, 50), (700, 1)], '-', SECTORS));
    folder.write("rules", "read 3000+10 gone\n");
    folder.ends(7, &["emulated:disc.iso,damage=damage,faults=rules", "out.iso", "named.map", "--wait-drive", "1s"]);
    assert!(!folder.exists("out.iso.map"));
    folder.witness("ddrescue", &["-q", "-b2048", "-r1", "disc.iso", "out.iso", "named.map"]);
    folder.must_hold("out.iso", &image, &[]);
    folder.witness("ddrescuelog", &["-D", "named.map"]);
    folder.ends(0, &["emulated:disc.iso", "out.iso", "named.map"]);
}

#[test]
fn sectors_that_are_finished_are_never_written_again() {
    let (folder, image) = begun(16, &[(500, 40)]);
    // Samples are compared at the begin of an area and every 128 sectors; this one lies between them.
    let mut marked = folder.read("out.iso");
    marked[192 * 2048 + 64..192 * 2048 + 80].copy_from_slice(b"do not overwrite");
    folder.write("out.iso", &marked);
    folder.ends(0, &["emulated:disc.iso", "out.iso", "--retries", "1"]);
    let mut right = image;
    right[192 * 2048 + 64..192 * 2048 + 80].copy_from_slice(b"do not overwrite");
    folder.must_hold("out.iso", &right, &[]);
}

#[test]
fn an_image_that_lost_its_sectors_is_refused() {
    let (folder, _) = begun(17, &[(500, 40)]);
    let image = folder.read("out.iso");
    folder.write("out.iso", &image[..100_000]);
    folder.ends(5, &["emulated:disc.iso", "out.iso", "--retries", "1"]).must_say("put the image back");
    folder.remove(&["out.iso"]);
    folder.ends(5, &["emulated:disc.iso", "out.iso", "--retries", "1"]).must_say("vanished");
    folder.write("out.iso.map", "this is no map\n");
    folder.write("out.iso", image);
    folder.ends(5, &["emulated:disc.iso", "out.iso"]).must_say("map");
}

#[test]
fn a_finished_image_is_left_alone() {
    let folder = Folder::new();
    folder.write("disc.iso", disc(18, SECTORS));
    let first = folder.ends(0, &["emulated:disc.iso", "out.iso"]);
    let files = ["out.iso", "out.iso.map", "out.iso.json"];
    let state = || files.map(|name| (std::fs::metadata(folder.path(name)).unwrap().modified().unwrap(), folder.read(name)));
    let before = state();
    let again = folder.ends(0, &["emulated:disc.iso", "out.iso", "--record", "commands"]);
    again.must_say("complete");
    assert_eq!(again.out(), first.out());
    assert!(state() == before);
    assert!(!folder.exists("commands"), "the drive was not left alone");
}

#[test]
fn a_finished_image_with_holes_stays_3_and_is_left_alone() {
    let (folder, _) = begun(19, &[(500, 40)]);
    let before = (folder.read("out.iso"), folder.text("out.iso.map"), folder.text("out.iso.json"));
    folder.ends(3, &["emulated:disc.iso", "out.iso"]);
    assert!((folder.read("out.iso"), folder.text("out.iso.map"), folder.text("out.iso.json")) == before);
}

#[test]
fn a_finished_image_without_its_record_gets_its_digests_all_the_same() {
    let (folder, _) = begun(20, &[(500, 40)]);
    let right = folder.ends(3, &["emulated:disc.iso", "out.iso"]).out();
    folder.remove(&["out.iso.json"]);
    assert_eq!(folder.ends(3, &["emulated:disc.iso", "out.iso"]).out(), right);
}

#[test]
fn other_digests_of_a_finished_image_are_computed_from_it() {
    let folder = Folder::new();
    folder.write("disc.iso", disc(21, SECTORS));
    folder.ends(0, &["emulated:disc.iso", "out.iso"]);
    let ran = folder.ends(0, &["emulated:disc.iso", "out.iso", "--digest", "sha512"]);
    folder.write(
        "SUMS",
        ran.out().lines().filter(|line| line.starts_with("SHA512")).map(|line| format!("{line}\n")).collect::<String>(),
    );
    folder.witness("sha512sum", &["-c", "SUMS"]);
}

#[test]
fn a_kill_between_the_map_without_run_out_and_the_cut_of_the_image_is_made_good() {
    let folder = Folder::new();
    let mut image = disc(22, 5000);
    volume(&mut image, 0, "TAO", 4998);
    folder.write("disc.iso", &image);
    let drive = "emulated:disc.iso,layout=tao@0+5000";
    let right = folder.ends(0, &[drive, "out.iso"]).out();
    // As it lies there after such a kill: the map is short, the image is not, and the record has no digests yet.
    let mut longer = folder.read("out.iso");
    longer.resize(5000 * 2048, 0);
    folder.write("out.iso", longer);
    let mut record: Value = serde_json::from_str(&folder.text("out.iso.json")).unwrap();
    record["digests"] = serde_json::json!({});
    folder.write("out.iso.json", record.to_string());
    assert_eq!(folder.ends(0, &[drive, "out.iso"]).out(), right);
    folder.must_hold("out.iso", &image[..4998 * 2048], &[]);
}
