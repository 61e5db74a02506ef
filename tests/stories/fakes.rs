//! Sticks that don't hold what was written to them: a fake that wraps, one that drops, and one that flips bits are told apart.

use serde_json::{Value, json};

use crate::common::{Folder, Ran, finish};
use crate::sticks::{ISOFLASH, MIB, noise};

/// What the stick held before.
const OLD: u64 = 999;

const STICK: usize = 48 * MIB;

/// The image onto such a stick, which held other data before: what is said and what is found.
#[track_caller]
fn told(image: &[u8], faults: &str) -> (Ran, Value) {
    let folder = Folder::new();
    folder.write("a.iso", image);
    folder.write("s.img", noise(OLD, MIB).repeat(STICK / MIB));
    let ran = folder.flash(4, &["-y", "a.iso", &format!("emulated:s.img,{faults}")]);
    let (_, result) = folder.flash_json(4, &["-y", "a.iso", &format!("emulated:fresh.img,size={STICK},{faults}")]);
    // Nothing of what it was tried with is left.
    folder.head_must_be_zero("fresh.img");
    (ran, result["finding"].clone())
}

/// Noise in these MiB, zeros elsewhere.
fn sparse(mib: usize, noisy: &[usize]) -> Vec<u8> {
    let mut image = vec![0; mib * MIB];
    for at in noisy {
        image[at * MIB..(at + 1) * MIB].copy_from_slice(&noise(*at as u64, MIB));
    }
    image
}

/// The same so many bytes over and over.
fn repeated(bytes: usize, period: usize) -> Vec<u8> {
    noise(5, period).into_iter().cycle().take(bytes).collect()
}

#[test]
fn a_stick_that_wraps_is_a_fake_and_its_real_size_is_named() {
    for (image, real) in [
        // Far more than it holds, a little more, by a sector.
        (noise(2, 20 * MIB), 8 * MIB),
        (noise(2, 9 * MIB), 8 * MIB),
        (noise(2, 8 * MIB + 70_000), 8 * MIB),
        (noise(2, 8 * MIB + 1), 8 * MIB),
        // Real sizes that are no multiple of anything.
        (noise(2, 9 * MIB), 5 * MIB + 3 * 512),
        (noise(2, 20 * MIB + 77), 7 * MIB + 512),
        // Several times around; less than a chunk; less than what is withheld.
        (noise(2, 42 * MIB), 8 * MIB),
        (noise(2, 17 * MIB), 3 * MIB + 512),
        (noise(2, 3 * MIB), 1536),
        (noise(2, 3 * MIB), 512 << 10),
        (noise(2, 700_000), 300 << 10),
        // Zeros where addresses meet, and sectors that occur again and again.
        (sparse(16, &[0]), 8 * MIB),
        (sparse(16, &[0, 3]), 8 * MIB),
        (sparse(30, &[0, 12, 29]), 11 * MIB + 512),
        (repeated(20 * MIB, MIB), 8 * MIB),
        (repeated(20 * MIB, 512), 8 * MIB),
        (repeated(20 * MIB, 3 * MIB + 512), 8 * MIB),
    ] {
        let (ran, finding) = told(&image, &format!("real={real},wrap"));
        assert_eq!(finding, json!({ "kind": "wraps", "holds": real }), "{} bytes: {ran}", image.len());
        ran.must_say("is a fake: it claims 50.3 MB and holds ");
        ran.must_say(&format!(" at most (byte {real} is byte 0 again); do not trust it with anything"));
    }
}

#[test]
fn a_stick_that_drops_is_told_from_where_it_does() {
    for (image, real, from) in [
        (noise(3, 20 * MIB), 8 * MIB, 8 * MIB),
        (noise(3, 9 * MIB), 8 * MIB, 8 * MIB),
        (noise(3, 8 * MIB + 70_000), 8 * MIB, 8 * MIB),
        (noise(3, 9 * MIB), 5 * MIB + 3 * 512, 5 * MIB + 3 * 512),
        (noise(3, 42 * MIB), 8 * MIB, 8 * MIB),
        (noise(3, 17 * MIB), 3 * MIB + 512, 3 * MIB + 512),
        (noise(3, 3 * MIB), 512 << 10, 512 << 10),
        (noise(3, 700_000), 300 << 10, 300 << 10),
        (repeated(20 * MIB, MIB), 8 * MIB, 8 * MIB),
        // Of zeros nobody knows whether they came back: it is the first byte that can tell.
        (sparse(30, &[0, 3, 14, 29]), 8 * MIB, 14 * MIB),
        (sparse(31, &[0, 3, 14]), 8 * MIB, 14 * MIB),
    ] {
        let (ran, finding) = told(&image, &format!("real={real},drop"));
        assert_eq!(finding, json!({ "kind": "loses", "from": from }), "{} bytes: {ran}", image.len());
        ran.must_say("is a fake, or worn out: it claims 50.3 MB");
        ran.must_say(&format!("nothing that was written from byte {from} ("));
        ran.must_say("do not trust it with anything");
    }
}

#[test]
fn a_stick_that_flips_bits_is_told_by_how_many() {
    let near = (0..9 * MIB / 512).flat_map(|number: usize| [(number as u8) | 1, (number >> 8) as u8].repeat(256)).collect();
    for (image, flips, bits) in [
        (noise(4, 9 * MIB + 300), &[5_000_001][..], 1),
        (noise(4, 9 * MIB + 300), &[1_700_000, 1_700_001, 5_000_001, 9 * MIB + 299], 4),
        // What is withheld comes last.
        (noise(4, 9 * MIB), &[700_000], 1),
        (sparse(12, &[0, 11]), &[3 * MIB + 5, 6 * MIB], 2),
        // Each sector is almost the next one.
        (near, &[MIB, 8 * MIB + 512], 2),
    ] {
        let faults: Vec<String> = flips.iter().map(|at| format!("flip={at}")).collect();
        let (ran, finding) = told(&image, &faults.join(","));
        let sectors: std::collections::BTreeSet<usize> = flips.iter().map(|at| at / 512).collect();
        let right = json!({ "kind": "flips", "bits": bits, "sectors": sectors.len(), "first": flips[0] });
        assert_eq!(finding, right, "{ran}");
        ran.must_say(&format!("came back wrong, the first in byte {}", flips[0]));
    }
}

#[test]
fn sectors_of_4096_bytes_are_told_in_the_same_way() {
    let real = 5 * MIB + 3 * 4096;
    for (faults, right) in [
        (format!("real={real},wrap"), json!({ "kind": "wraps", "holds": real })),
        (format!("real={real},drop"), json!({ "kind": "loses", "from": real })),
        ("flip=5000001".into(), json!({ "kind": "flips", "bits": 1, "sectors": 1, "first": 5_000_001 })),
        // A bad page is no sign that all behind it is gone: the image ends with it.
        (format!("real={},drop", 9 * MIB - 8 * 4096), Value::Null),
    ] {
        let (ran, finding) = told(&noise(8, 9 * MIB), &format!("{faults},sector=4096"));
        assert_eq!(finding, right, "{faults}: {ran}");
    }
}

#[test]
fn a_stream_tells_of_a_fake_as_well() {
    for real in [3 * MIB + 512, 8 * MIB] {
        let folder = Folder::new();
        folder.write("a.iso", noise(6, 20 * MIB));
        let script = format!("{ISOFLASH} -y --json - emulated:s.img,size=48M,real={real},wrap < a.iso");
        let ran = finish(folder.command("bash", &["-c", &script]), &[&script]);
        ran.must_be(4);
        assert_eq!(ran.events().pop().unwrap()["finding"], json!({ "kind": "wraps", "holds": real }), "{ran}");
    }
}

#[test]
fn nothing_is_said_without_proof() {
    // A bit that flips on a stick that drops; a single sector that is lost, which may be a bad one; a stick that holds the image.
    for (image, faults, status) in [
        (noise(7, 20 * MIB), "real=8M,drop,flip=3M", 4),
        (noise(7, 8 * MIB + 512), "real=8M,drop", 4),
        (noise(7, 8 * MIB), "real=8M,drop", 0),
        (noise(7, 8 * MIB), "real=8M,wrap", 0),
        (noise(7, 8 * MIB), "eio=3M+1s@r,flip=4M", 4),
    ] {
        let folder = Folder::new();
        folder.write("a.iso", &image);
        let (_, result) = folder.flash_json(status, &["-y", "a.iso", &format!("emulated:s.img,size=48M,{faults}")]);
        assert_eq!(result["finding"], Value::Null, "{faults}: {result}");
    }
}
