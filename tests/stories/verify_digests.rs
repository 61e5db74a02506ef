//! A medium without its image: a digest, a list, or a ledger tells how it should be.

use serde_json::json;

use crate::common::{Folder, SECTOR, disc};
use crate::verify_media::places;

const CHUNK: usize = 4 << 20;

/// What sha256sum says of these bytes.
fn sha256(folder: &Folder, bytes: &[u8]) -> Option<String> {
    folder.write("part", bytes);
    folder.witness("sha256sum", &["part"]).map(|sum| sum.out()[..64].to_string())
}

#[test]
fn a_file_has_its_digest_or_not() {
    let folder = Folder::new();
    let mut image = disc(30, 4000);
    folder.write("a.iso", &image);
    let Some(sum) = sha256(&folder, &image) else { return };
    folder.verify(0, &["a.iso", "--sha256", &sum]).must_say("have the digest that was expected");
    folder.write("SUMS", format!("{}  b.iso\n{sum} *a.iso\n", "0".repeat(64)));
    folder.verify(0, &["a.iso", "--checksum", "SUMS"]);
    folder.verify(0, &["a.iso", "emulated:a.iso", "--checksum", "SUMS"]);
    image[4_000_000] ^= 1;
    folder.write("a.iso", &image);
    let ran = folder.verify(4, &["a.iso", "--sha256", &sum]);
    ran.must_say(&format!("expected sha256 {sum}"));
    assert!(!ran.stderr.contains("same"), "{ran}");
    // Medium and image agree, and are not what was published.
    folder.verify(6, &["a.iso", "emulated:a.iso", "--checksum", "SUMS"]).must_say("not what was published");
    // What follows the image is a part of the file, as for sha256sum.
    image[4_000_000] ^= 1;
    image.push(0);
    folder.write("a.iso", &image);
    folder.verify(4, &["a.iso", "--sha256", &sum]).must_say("1 bytes follow");
    folder.verify(0, &["a.iso", "--sha256", &sum, "--size", "8192000"]);
    folder.verify(0, &["a.iso", "--sha256", &sum, "--size", "4000s"]);
    folder.verify(4, &["a.iso", "--sha256", &sum, "--size", "9000000"]).must_say("too short");
    folder.verify(2, &["a.iso", "--sha256", "123"]);
    folder.verify(2, &["a.iso", "--checksum", "no-such-list"]);
}

#[test]
fn of_a_stick_the_length_that_its_file_system_claims_is_tried_too() {
    let folder = Folder::new();
    let image = disc(31, 4000);
    let mut stick = image.clone();
    stick.resize(16 << 20, 0x77);
    folder.write("stick", &stick);
    let Some(sum) = sha256(&folder, &image) else { return };
    let result = folder.verify_json(0, &["emulated:stick,readonly", "--sha256", &sum]);
    assert_eq!((result["bytes"].as_u64(), result["digests"]["sha256"].as_str()), (Some(4000 * 2048), Some(sum.as_str())));
    let Some(whole) = sha256(&folder, &stick) else { return };
    folder.verify(0, &["emulated:stick,readonly", "--sha256", &whole]);
    // An image that says nothing of its length.
    stick[16 * SECTOR..18 * SECTOR].fill(1);
    folder.write("stick", &stick);
    let Some(sum) = sha256(&folder, &stick[..4000 * SECTOR]) else { return };
    folder.verify(4, &["emulated:stick,readonly", "--sha256", &sum]).must_say("--size N");
    folder.verify(0, &["emulated:stick,readonly", "--sha256", &sum, "--size", "4000s"]);
}

#[test]
fn with_unreadable_sectors_a_digest_proves_nothing_and_denies_nothing() {
    let folder = Folder::new();
    let image = disc(32, 4000);
    folder.write("a.iso", &image);
    folder.write("faults", "read 1000 sense=3/11/05\n");
    let Some(sum) = sha256(&folder, &image) else { return };
    let ran = folder.verify(3, &["emulated:a.iso,profile=cd-rom,faults=faults", "--sha256", &sum]);
    ran.must_say("can't be told");
    assert!(!ran.stderr.contains("partly"), "{ran}");
}

/// A ledger as isoflash writes it.
fn ledger(folder: &Folder, image: &[u8], chunk: usize) -> Option<serde_json::Value> {
    let chunks: Option<Vec<String>> = image.chunks(chunk).map(|part| sha256(folder, part)).collect();
    Some(json!({"format": 1, "size": image.len(), "chunk": chunk, "sha256": sha256(folder, image)?, "chunks": chunks?}))
}

#[test]
fn a_ledger_names_the_chunks_that_differ() {
    let folder = Folder::new();
    let image = disc(33, 5000);
    for chunk in [CHUNK, 1_000_000] {
        let Some(ledger) = ledger(&folder, &image, chunk) else { return };
        folder.write("ledger", ledger.to_string());
        let mut stick = image.clone();
        stick.resize(12 << 20, 1);
        folder.write("stick", &stick);
        folder.verify(0, &["emulated:stick,readonly", "--ledger", "ledger"]).must_say("as the ledger says");
        stick[CHUNK] ^= 1;
        folder.write("stick", &stick);
        let result = folder.verify_json(4, &["stick", "--ledger", "ledger"]);
        let first = (CHUNK / chunk * chunk) as u64;
        assert_eq!(places(&result, "differences"), [(first, chunk as u64)]);
        // Short, and what is there is right.
        folder.write("short", &image[..chunk + 5]);
        let result = folder.verify_json(4, &["short", "--ledger", "ledger"]);
        assert_eq!((places(&result, "differences"), places(&result, "holes")), (vec![], vec![(chunk as u64, 5)]));
        // A chunk that can't be read as a whole.
        folder.write("stick", [&image[..], &[0; 4096][..]].concat());
        let result = folder.verify_json(3, &["emulated:stick,readonly,eio=10+1@r", "--ledger", "ledger"]);
        assert_eq!((places(&result, "unreadable"), places(&result, "holes")), (vec![(0, 512)], vec![(0, chunk as u64)]));
    }
}

#[test]
fn a_hurt_ledger_is_no_ledger() {
    let folder = Folder::new();
    let image = disc(34, 100);
    folder.write("a.iso", &image);
    let Some(good) = ledger(&folder, &image, CHUNK) else { return };
    let text = good.to_string();
    for hurt in [
        text[..text.len() / 2].to_string(),
        text.replace("\"size\":204800", "\"size\":204800000"),
        text.replace("\"format\":1", "\"format\":2"),
        text.replace("\"chunk\":4194304", "\"chunk\":0"),
        text.replace(good["sha256"].as_str().unwrap(), &"0".repeat(64)).replacen(
            &"0".repeat(64),
            good["sha256"].as_str().unwrap(),
            1,
        ),
        String::from("{}"),
    ] {
        folder.write("ledger", &hurt);
        let ran = crate::common::finish(folder.command(crate::common::ISOVERIFY, &["a.iso", "--ledger", "ledger"]), &["a.iso"]);
        assert!([Some(2), Some(4)].contains(&ran.ended.code()) && !ran.stderr.contains("same"), "{hurt}\n{ran}");
    }
    folder.write("ledger", json!({"format": 1, "size": 0, "chunk": CHUNK, "sha256": "0".repeat(64), "chunks": []}).to_string());
    folder.verify(5, &["a.iso", "--ledger", "ledger"]).must_say("nothing to compare");
    folder.verify(2, &["a.iso", "--ledger", "none"]);
    folder.verify(2, &["a.iso", "a.iso", "--ledger", "ledger"]);
}
