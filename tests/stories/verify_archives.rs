//! Many images: is each still what its record, or a list, says?

use crate::common::{Folder, disc};

/// Three images with records, the last one of a damaged disc.
fn archive() -> Folder {
    let folder = Folder::new();
    folder.write("disc", disc(40, 3000));
    folder.write("damage", "0 ?\n204800 4096 -\n");
    for (name, drive, status) in [
        ("a.iso", "disc,profile=cd-rom", 0),
        ("b.iso", "disc,profile=dvd-rom", 0),
        ("c.iso", "disc,profile=cd-rom,damage=damage", 3),
    ] {
        folder.ends(status, &["-q", &format!("emulated:{drive}"), name]);
    }
    folder
}

fn flip(folder: &Folder, name: &str, at: usize) {
    let mut bytes = folder.read(name);
    bytes[at] ^= 1;
    folder.write(name, bytes);
}

#[test]
fn images_that_are_what_they_were_are_ok() {
    let folder = archive();
    let ran = folder.verify(0, &["a.iso", "b.iso", "c.iso"]);
    let lines: Vec<String> = ran.out().lines().map(Into::into).collect();
    assert!(lines.len() == 3 && lines.iter().all(|line| line.contains(": OK (")), "{ran}");
    assert!(lines[2].contains("2 sectors of its disc are missing"), "{ran}");
    assert_eq!(folder.verify(0, &["a.iso"]).out().lines().count(), 1);
    folder.verify(0, &["a.iso", "b.iso"]).must_say("its own record");
}

#[test]
fn one_that_changed_is_named_and_the_others_are_still_checked() {
    let folder = archive();
    flip(&folder, "b.iso", 3_000_000);
    let ran = folder.verify(4, &["a.iso", "b.iso", "c.iso", "-q"]);
    let verdicts: Vec<String> = ran.out().lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(verdicts, ["a.iso: OK", "b.iso: DIFFERENT", "c.iso: OK"], "{ran}");
    let (events, result) = {
        let mut events = folder.verify(4, &["a.iso", "b.iso", "c.iso", "--json"]).events();
        let result = events.pop().unwrap();
        (events, result)
    };
    let checked: Vec<i64> =
        events.iter().filter(|event| event["event"] == "checked").map(|event| event["status"].as_i64().unwrap()).collect();
    assert_eq!((checked, result["status"].as_i64()), (vec![0, 4, 0], Some(4)));
    // Cut, or grown.
    for length in [100, 3000 * 2048 + 1] {
        let mut bytes = folder.read("a.iso");
        bytes.resize(length, 0);
        folder.write("long.iso", bytes);
        std::fs::copy(folder.path("a.iso.json"), folder.path("long.iso.json")).unwrap();
        folder.verify(4, &["long.iso"]);
    }
}

#[test]
fn one_that_nothing_is_known_of_was_not_checked() {
    let folder = archive();
    let record = folder.text("a.iso.json");
    folder.write("x.iso", folder.read("a.iso"));
    for hurt in [
        record.replacen("\"digests\":{", "\"digests\":{\"sha3\":\"00\",", 1),
        record.replacen("\"format\":1", "\"format\":2", 1),
        record[..record.len() / 2].into(),
        "{}".into(),
    ] {
        assert_ne!(hurt, record);
        folder.write("x.iso.json", hurt);
        let ran = folder.verify(1, &["x.iso"]);
        assert!(ran.out().starts_with("x.iso: NOT CHECKED (") && ran.out().lines().count() == 1, "{ran}");
    }
    folder.remove(&["x.iso.json"]);
    folder.verify(1, &["a.iso", "x.iso", "c.iso"]);
    folder.verify(1, &["a.iso", "gone.iso", "c.iso"]);
    flip(&folder, "c.iso", 5);
    // A difference outweighs what could not be checked.
    folder.verify(4, &["a.iso", "gone.iso", "c.iso"]);
    folder.verify(2, &["a.iso", "b.iso", "emulated:disc"]);
    folder.verify(2, &["a.iso", "b.iso", "c.iso", "--again"]);
}

#[test]
fn a_list_checks_each_file_against_its_line_as_sha256sum_does() {
    let folder = archive();
    let Some(list) = folder.witness("sha256sum", &["a.iso", "b.iso", "c.iso"]) else { return };
    folder.write("SUMS", &list.stdout);
    folder.verify(0, &["a.iso", "b.iso", "c.iso", "--checksum", "SUMS"]);
    flip(&folder, "a.iso", 0);
    let ran = folder.verify(4, &["a.iso", "b.iso", "c.iso", "--checksum", "SUMS"]);
    assert!(ran.out().starts_with("a.iso: DIFFERENT") && ran.out().contains("b.iso: OK"), "{ran}");
    folder.verify(2, &["a.iso", "b.iso", "c.iso", "--sha256", &"0".repeat(64)]);
}
