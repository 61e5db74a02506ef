//! Digests, and what they should be.

use crate::common::{Folder, disc, mapfile};

/// A folder with disc.iso in it, and what sha256sum says of it.
fn summed(seed: u64) -> Option<(Folder, String)> {
    let folder = Folder::new();
    folder.write("disc.iso", disc(seed, 3000));
    let sum = folder.witness("sha256sum", &["disc.iso"])?.out()[..64].to_string();
    Some((folder, sum))
}

#[test]
fn the_digests_on_stdout_are_what_other_programs_check() {
    let folder = Folder::new();
    folder.write("disc.iso", disc(1, 3000));
    let ran = folder.ends(0, &["-q", "emulated:disc.iso", "out.iso"]);
    assert_eq!(ran.out().lines().count(), 4, "{ran}");
    for (program, tag) in [("sha256sum", "SHA256"), ("sha1sum", "SHA1"), ("md5sum", "MD5")] {
        let line: String = ran.out().lines().filter(|line| line.starts_with(tag)).map(|line| format!("{line}\n")).collect();
        folder.write("SUMS", line);
        folder.witness(program, &["-c", "SUMS"]);
    }
    folder.write("SUMS", ran.out());
    folder.witness("sha256sum", &["-c", "--ignore-missing", "SUMS"]);
}

#[test]
fn the_digests_of_an_image_with_holes_say_so() {
    let folder = Folder::new();
    folder.write("disc.iso", disc(2, 3000));
    folder.write("damage", mapfile(&[(100, 7)], '-', 3000));
    let ran = folder.ends(3, &["-q", "emulated:disc.iso,damage=damage", "out.iso"]);
    assert!(ran.out().starts_with("# 7 sectors of out.iso could not be read"), "{ran}");
    folder.write("SUMS", ran.out());
    folder.witness("sha256sum", &["-c", "--ignore-missing", "SUMS"]);
}

#[test]
fn digests_are_those_asked_for() {
    let folder = Folder::new();
    folder.write("disc.iso", disc(3, 1000));
    let ran = folder.ends(0, &["emulated:disc.iso", "out.iso", "--digest", "sha512,sha384,sha224"]);
    let tags: Vec<_> = ran.out().lines().map(|line| line.split(' ').next().unwrap().to_string()).collect();
    assert_eq!(tags, ["SHA224", "SHA384", "SHA512"]);
    folder.write("SUMS", ran.out().lines().filter(|line| line.starts_with("SHA512")).collect::<String>() + "\n");
    folder.witness("sha512sum", &["-c", "SUMS"]);
    folder.ends(2, &["emulated:disc.iso", "new.iso", "--digest", "sha257"]);
}

#[test]
fn the_right_checksum_is_confirmed_and_a_wrong_one_is_6() {
    let Some((folder, right)) = summed(4) else { return };
    let wrong = format!("{}{}", if right.starts_with('0') { '1' } else { '0' }, &right[1..]);
    for (n, (option, value, status)) in [
        ("--sha256", right.clone(), 0),
        ("--sha256", right.to_uppercase(), 0),
        ("--sha256", wrong.clone(), 6),
        ("--checksum", format!("sha256:{right}"), 0),
        ("--checksum", format!("sha256:{wrong}"), 6),
        ("--checksum", format!("md5:{}", &right[..32]), 6),
        ("--sha256", right[..63].to_string(), 2),
        ("--checksum", "sha256:hello".into(), 2),
        ("--checksum", "no-such-file".into(), 2),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("{n}.iso");
        folder.ends(status, &["emulated:disc.iso", &name, option, &value]);
        assert_eq!(folder.exists(&name), status != 2);
        if status != 2 {
            // The image is complete; the answer stays the same, and no file is touched.
            folder.ends(status, &["emulated:disc.iso", &name, option, &value]);
        }
    }
}

#[test]
fn a_publishers_list_is_searched_for_the_images_name() {
    let Some((folder, right)) = summed(5) else { return };
    let other = "0".repeat(64);
    folder.write("SHA256SUMS", format!("{other}  other.iso\n{right} *debian.iso\n"));
    folder.ends(0, &["emulated:disc.iso", "debian.iso", "--checksum", "SHA256SUMS"]).must_say("matches");
    folder.ends(6, &["emulated:disc.iso", "other.iso", "--checksum", "SHA256SUMS"]).must_say("other.iso");
    folder.write("nonsense", "hello\n");
    folder.ends(2, &["emulated:disc.iso", "out.iso", "--checksum", "nonsense"]);
}

#[test]
fn a_checksum_needs_no_other_digests_to_be_asked_for() {
    let Some((folder, right)) = summed(6) else { return };
    folder.ends(0, &["emulated:disc.iso", "out.iso", "--digest", "md5", "--sha256", &right]);
}

#[test]
fn a_damaged_image_does_not_pass_for_the_published_one() {
    let Some((folder, right)) = summed(7) else { return };
    folder.write("damage", mapfile(&[(100, 7)], '-', 3000));
    // 6 goes before 3, and the result names both reasons, and how they hang together.
    let (_, result) = folder.json(6, &["emulated:disc.iso,damage=damage", "out.iso", "--sha256", &right]);
    for reason in ["does not match its checksum", "while sectors are missing", "7 of 3000 sectors"] {
        assert!(result["reasons"].to_string().contains(reason), "{reason} is not in {result}");
    }
    // Read on another drive, it is whole, and right.
    folder.ends(0, &["emulated:disc.iso", "out.iso", "--retries", "1", "--sha256", &right]);
}
