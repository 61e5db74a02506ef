//! Emulated sticks, good and bad: each fault ends with its own status, and none in a false success.

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::common::{Folder, Ran, finish, wait};
use crate::sticks::{HEAD, MIB, noise, spans};

/// What the stick held before: another image, which boots.
const OLD: u64 = 999;

/// An image, and a stick that holds something else.
fn prepared(image: &[u8], stick: usize) -> Folder {
    let folder = Folder::new();
    folder.write("a.iso", image);
    folder.write("s.img", noise(OLD, stick));
    folder
}

/// The image onto a stick with this fault, once for people and once for programs. Returns what each was told.
#[track_caller]
fn faulty(folder: &Folder, stick: usize, fault: &str, status: i32) -> (Ran, Value) {
    let operand = format!("emulated:s.img,{fault}");
    let ran = folder.flash(status, &["-y", "a.iso", &operand]);
    folder.write("s.img", noise(OLD, stick));
    let (_, result) = folder.flash_json(status, &["-y", "a.iso", &operand]);
    assert_eq!(result["verified"], status == 0, "{ran}");
    (ran, result)
}

#[test]
fn a_good_stick_holds_the_image_and_what_lay_behind_it() {
    const STICK: usize = 36 * MIB;
    // The last is long enough that every buffer was used before: nothing of what was in it comes after the image.
    for (bytes, options) in [
        (5 * MIB + 1, "sector=512"),
        (9 * MIB, "short-writes,seed=3"),
        (9 * MIB + 77, "short-writes,sector=4096"),
        (33 * MIB + 5, "sector=4096"),
    ] {
        let folder = prepared(&noise(1, bytes), STICK);
        let (ran, result) = faulty(&folder, STICK, options, 0);
        folder.must_be_equal("a.iso", "s.img");
        let end = bytes.next_multiple_of(if options.contains("4096") { 4096 } else { 512 });
        let stick = folder.read("s.img");
        assert!(stick[bytes..end].iter().all(|byte| *byte == 0), "the last sector is not filled with zeros");
        assert!(stick[end..] == noise(OLD, STICK)[end..], "what lay behind the image is not what it was");
        ran.must_say("written and verified");
        assert_eq!(result["bytes"], bytes);
        if let Some(sums) = folder.witness("sha256sum", &["a.iso"]) {
            let digest = sums.out()[..64].to_string();
            assert!(ran.out().contains(&digest) && result["digests"]["sha256"] == digest, "{ran}");
        }
    }
}

#[test]
fn odd_lengths_on_sectors_of_4096_bytes() {
    let lengths = [1, 511, 512, 2049, 4095, 4097, MIB - 1, MIB, MIB + 1, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1];
    for bytes in lengths {
        let folder = prepared(&noise(bytes as u64, bytes), 6 * MIB);
        let (_, result) = folder.flash_json(0, &["-y", "a.iso", "emulated:s.img,sector=4096"]);
        assert_eq!((&result["verified"], &result["bytes"]), (&true.into(), &bytes.into()));
        folder.must_be_equal("a.iso", "s.img");
        let (stick, end) = (folder.read("s.img"), bytes.next_multiple_of(4096));
        assert!(stick[bytes..end].iter().all(|byte| *byte == 0), "{bytes}: the last sector");
        assert!(stick[end..] == noise(OLD, 6 * MIB)[end..], "{bytes}: what lay behind the image");
    }
    let folder = prepared(&[], MIB);
    folder.flash(5, &["-y", "a.iso", "emulated:s.img,sector=4096"]).must_say("is empty");
    assert!(folder.read("s.img") == noise(OLD, MIB));
}

#[test]
fn a_stick_that_holds_less_than_it_says() {
    // Image and real size: far more, a little more, by one sector, by a part of the first MiB, less than the first MiB.
    let cases = [
        (20 * MIB, 8 * MIB),
        (9 * MIB, 8 * MIB),
        (8 * MIB + 512, 8 * MIB),
        (8 * MIB + 70_000, 8 * MIB),
        (6 * MIB, 5 * MIB - 512),
    ];
    for (bytes, real) in cases {
        for kind in ["wrap", "drop"] {
            let folder = prepared(&noise(2, bytes), 64 * MIB);
            let (ran, result) = faulty(&folder, 64 * MIB, &format!("real={real},{kind}"), 4);
            ran.must_say("does not boot");
            assert!(!spans(&result, "differences").is_empty(), "{bytes} on {real}, {kind}: {result}");
            folder.head_must_be_zero("s.img");
        }
    }
    let folder = prepared(&noise(2, 3 * MIB), 64 * MIB);
    let (_, result) = faulty(&folder, 64 * MIB, "real=512Ki,wrap", 4);
    assert!(!spans(&result, "differences").is_empty(), "{result}");
    // What fits is good.
    for kind in ["wrap", "drop"] {
        let folder = prepared(&noise(2, 8 * MIB), 64 * MIB);
        faulty(&folder, 64 * MIB, &format!("real=8M,{kind}"), 0);
        folder.must_be_equal("a.iso", "s.img");
    }
}

#[test]
fn a_fake_stick_is_found_also_by_an_image_of_zeros() {
    // The first MiB lands on zeros in the middle of the image, where zeros were read back a moment before.
    let mut image = noise(3, HEAD);
    image.resize(23 * MIB, 0);
    for real in ["6M", "5M", "7654400"] {
        let folder = prepared(&image, 64 * MIB);
        let (_, result) = faulty(&folder, 64 * MIB, &format!("real={real},wrap"), 4);
        assert!(!spans(&result, "differences").is_empty(), "{result}");
        folder.head_must_be_zero("s.img");
    }
    // And on something else between zeros.
    let noise = noise(4, HEAD);
    image[6 * MIB..7 * MIB].copy_from_slice(&noise);
    image.truncate(11 * MIB);
    let folder = prepared(&image, 64 * MIB);
    let (_, result) = faulty(&folder, 64 * MIB, "real=6M,wrap", 4);
    assert!(!spans(&result, "differences").is_empty(), "{result}");
}

#[test]
fn a_bit_that_is_stuck_is_named_to_the_sector() {
    let bytes = 9 * MIB + 300;
    let last = (bytes / 512 * 512) as u64;
    // In the first sector, in the first MiB, right behind it, in the middle, and in the last sector, which is no whole one.
    let places = [
        (0, 0),
        (700_000, 700_000 / 512 * 512),
        (MIB as u64, MIB as u64),
        (5_000_001, 5_000_001 / 512 * 512),
        (last + 299, last),
    ];
    for (flip, sector) in places {
        let folder = prepared(&noise(5, bytes), 12 * MIB);
        let (ran, result) = faulty(&folder, 12 * MIB, &format!("flip={flip}"), 4);
        let length = if sector == last { 300 } else { 512 };
        assert_eq!(spans(&result, "differences"), [(sector, length)], "{result}");
        assert!(spans(&result, "unreadable").is_empty(), "{result}");
        ran.must_say(&format!("differs: bytes {sector} to {} ", sector + length - 1));
        folder.head_must_be_zero("s.img");
    }
    // Behind the image, also in its last sector, nothing of it is touched.
    let folder = prepared(&noise(5, bytes), 12 * MIB);
    faulty(&folder, 12 * MIB, &format!("flip={},flip={}", last + 300, bytes + 5000), 0);
}

#[test]
fn several_places_are_all_named() {
    let folder = prepared(&noise(6, 14 * MIB), 16 * MIB);
    let flips: Vec<String> = [2u64, 3, 6, 13].iter().map(|at| format!("flip={}", at * MIB as u64 + 1024)).collect();
    let (ran, result) = faulty(&folder, 16 * MIB, &flips.join(","), 4);
    let right: Vec<(u64, u64)> = [2u64, 3, 6, 13].iter().map(|at| (at * MIB as u64 + 1024, 512)).collect();
    assert_eq!(spans(&result, "differences"), right);
    assert_eq!(ran.stderr.matches("differs: bytes").count(), 4, "{ran}");
}

#[test]
fn sectors_that_can_not_be_written_are_named() {
    for at in [512u64, 2 * MIB as u64, 9_999_872] {
        let folder = prepared(&noise(7, 10 * MIB), 12 * MIB);
        let (ran, result) = faulty(&folder, 12 * MIB, &format!("eio={at}+1s@w"), 1);
        ran.must_say(&format!("writing bytes {at} to "));
        assert!(spans(&result, "differences").is_empty(), "{result}");
        if at > HEAD as u64 {
            folder.head_must_be_zero("s.img");
            ran.must_say("does not boot now");
        } else {
            // It could not be made zero: nothing is promised then.
            ran.must_not_say("does not boot");
        }
    }
}

#[test]
fn sectors_that_can_not_be_read_back_are_named() {
    for at in [0u64, 900 * 512, 2 * MIB as u64, (9 * MIB + 512) as u64] {
        let folder = prepared(&noise(8, 9 * MIB + 1000), 12 * MIB);
        let (ran, result) = faulty(&folder, 12 * MIB, &format!("eio={at}+1s@r"), 1);
        let length = if at as usize == 9 * MIB + 512 { 488 } else { 512 };
        assert_eq!(spans(&result, "unreadable").iter().map(|span| span.0).collect::<Vec<_>>(), [at], "{result}");
        assert!((length..=512).contains(&spans(&result, "unreadable")[0].1), "{result}");
        assert!(spans(&result, "differences").is_empty(), "{result}");
        ran.must_say(&format!("can't be read back: bytes {at} to "));
        folder.head_must_be_zero("s.img");
    }
    // Both at once: the difference weighs more.
    let folder = prepared(&noise(8, 9 * MIB), 12 * MIB);
    let (_, result) = faulty(&folder, 12 * MIB, "eio=3M+2s@r,flip=7M", 4);
    assert_eq!(spans(&result, "differences"), [(7 * MIB as u64, 512)]);
    assert_eq!(spans(&result, "unreadable"), [(3 * MIB as u64, 1024)]);
}

#[test]
fn pulled_out_in_mid_write() {
    let bytes = 9 * MIB + 5;
    let written = bytes.next_multiple_of(512);
    // At once, in the zeros of the head, behind them, in the body, with its last byte, while the head is written.
    for gone in [0, 1, MIB / 2, MIB, MIB + 1, 3 * MIB, 5_000_000, written - 1, written, written + MIB + 5, written + 2 * MIB - 1]
    {
        for cache in ["", ",cache=2M"] {
            let folder = prepared(&noise(9, bytes), 12 * MIB);
            let (ran, _) = faulty(&folder, 12 * MIB, &format!("gone-after={gone}{cache}"), 7);
            ran.must_say("is gone");
            if gone > MIB {
                let stick = folder.read("s.img");
                let is_zero = stick[..HEAD].iter().all(|byte| *byte == 0);
                // What was being written last is the head itself: all else was proved then.
                let is_proved = gone > written + MIB && stick[HEAD..bytes] == noise(9, bytes)[HEAD..];
                assert!(is_zero || is_proved, "gone after {gone}{cache}");
            } else if gone < MIB {
                ran.must_not_say("does not boot");
            }
        }
    }
}

#[test]
fn write_protected_or_too_small_and_nothing_is_touched() {
    let stick = 4 * MIB;
    for (options, bytes, says) in [
        ("readonly", 2 * MIB, "write-protected"),
        ("sector=512", 4 * MIB + 1, "too small"),
        ("sector=4096", 12 * MIB, "too small"),
    ] {
        let folder = prepared(&noise(10, bytes), stick);
        let (ran, _) = faulty(&folder, stick, options, 5);
        ran.must_say(says);
        assert!(folder.read("s.img") == noise(OLD, stick), "{options}");
    }
}

#[test]
fn a_cache_is_flushed_before_anything_is_claimed() {
    for options in ["cache=1M", "cache=64M", "cache=4M,short-writes,sector=4096"] {
        let folder = prepared(&noise(11, 9 * MIB + 1), 12 * MIB);
        faulty(&folder, 12 * MIB, options, 0);
        folder.must_be_equal("a.iso", "s.img");
    }
    // A stick that lies about its flush answers from its cache: nobody can know. What reached it must not boot half.
    let folder = prepared(&noise(11, 9 * MIB), 12 * MIB);
    folder.flash(0, &["-y", "a.iso", "emulated:s.img,cache=2M,nofua"]);
    folder.head_must_be_zero("s.img");
}

#[test]
fn a_stick_made_of_the_image_itself() {
    let folder = prepared(&noise(12, 2 * MIB), MIB);
    std::fs::hard_link(folder.path("a.iso"), folder.path("hard.iso")).unwrap();
    std::os::unix::fs::symlink("a.iso", folder.path("soft.iso")).unwrap();
    for name in ["a.iso", "./a.iso", "hard.iso", "soft.iso"] {
        folder.flash(5, &["-y", "a.iso", &format!("emulated:{name}")]).must_say("the image a.iso itself");
        folder.flash(5, &["-y", name, "emulated:a.iso"]).must_say("itself");
    }
    assert!(folder.read("a.iso") == noise(12, 2 * MIB));
}

#[test]
fn a_checksum_that_holds_and_one_that_does_not() {
    let image = noise(13, 5 * MIB + 3);
    let folder = prepared(&image, 8 * MIB);
    let Some(sums) = folder.witness("sha256sum", &["a.iso"]) else { return };
    let right = sums.out()[..64].to_string();
    let wrong = right.replace(['0', '1'], "2");
    folder.write("SUMS", sums.out());
    folder.write("WRONG", format!("{wrong}  a.iso\n"));
    folder.write("OTHER", format!("{wrong}  b.iso\n{wrong}  c.iso\n"));
    for good in [["--sha256", &right], ["--checksum", "SUMS"]] {
        folder.write("s.img", noise(OLD, 8 * MIB));
        let ran = folder.flash(0, &["-y", "a.iso", "emulated:s.img", good[0], good[1]]);
        ran.must_say("matches the expected");
        folder.must_be_equal("a.iso", "s.img");
    }
    // Of a list that names others, any digest may be that of an image that was renamed; none is.
    for bad in [["--sha256", &wrong], ["--checksum", "WRONG"], ["--checksum", "OTHER"]] {
        folder.write("s.img", noise(OLD, 8 * MIB));
        let args = ["-y", "a.iso", "emulated:s.img", bad[0], bad[1]];
        folder.flash(6, &args).must_say("does not match its checksum");
        folder.head_must_be_zero("s.img");
        folder.flash_json(6, &args);
    }
    // A list that is none: told before anything is written.
    folder.write("s.img", noise(OLD, 8 * MIB));
    for list in ["a.iso", "none"] {
        let ran = finish(folder.isoflash(&["-y", "a.iso", "emulated:s.img", "--checksum", list]), &[list]);
        ran.must_be(2);
        ran.must_not_claim();
        assert!(folder.read("s.img") == noise(OLD, 8 * MIB), "{list}");
    }
}

#[test]
fn not_verified_says_so() {
    let folder = prepared(&noise(14, 3 * MIB), 4 * MIB);
    // A stick that would not stand the proof.
    let args = ["-y", "a.iso", "emulated:s.img,flip=2M", "--no-verify"];
    let ran = folder.flash(0, &args);
    ran.must_say("NOT verified");
    ran.must_not_claim_proof();
    let (_, result) = folder.flash_json(0, &args);
    assert_eq!(result["verified"], false);
    folder.must_be_equal("a.iso", "s.img");
}

impl Ran {
    #[track_caller]
    fn must_not_claim_proof(&self) {
        self.must_not_say("written and verified");
        assert!(!self.out().contains("read back"), "{self}");
    }
}

#[test]
fn a_ledger_is_kept_and_replaces_nothing_else() {
    let folder = prepared(&noise(15, 9 * MIB), 12 * MIB);
    let args = ["-y", "a.iso", "emulated:s.img", "--ledger", "led"];
    for _ in 0..2 {
        folder.flash(0, &args);
        let ledger: Value = serde_json::from_str(&folder.text("led")).unwrap();
        // Other people's tools know what the second 4 MiB are.
        let sum = folder.shell("dd if=a.iso bs=4M skip=1 count=1 status=none | sha256sum | cut -c1-64").out();
        assert!(ledger.to_string().contains(sum.trim()), "{ledger}");
    }
    folder.write("led", "my letters");
    folder.write("s.img", noise(OLD, 12 * MIB));
    folder.flash(5, &args).must_say("is no ledger");
    assert_eq!(folder.text("led"), "my letters");
    assert!(folder.read("s.img") == noise(OLD, 12 * MIB));
    // A stick that failed has no ledger.
    folder.remove(&["led"]);
    folder.flash(4, &["-y", "a.iso", "emulated:s.img,flip=3M", "--ledger", "led"]);
    assert!(!folder.exists("led"));
}

#[test]
fn an_image_with_holes_needs_a_word_of_its_own() {
    let folder = prepared(&noise(16, 3 * MIB), 4 * MIB);
    folder.write("a.iso.map", format!("0x0 + 1\n0x0 0x100000 +\n0x100000 0x1000 -\n0x101000 0x{:x} +\n", 3 * MIB - 0x101000));
    folder.flash(5, &["-y", "a.iso", "emulated:s.img"]).must_say("--allow-holes");
    folder.flash(5, &["a.iso", "emulated:s.img"]).must_say("--allow-holes");
    assert!(folder.read("s.img") == noise(OLD, 4 * MIB));
    folder.flash(0, &["-y", "a.iso", "emulated:s.img", "--allow-holes"]);
    folder.must_be_equal("a.iso", "s.img");
}

/// isoflash with this on stdin.
fn piped(folder: &Folder, args: &[&str], bytes: &[u8]) -> Ran {
    let mut command = folder.isoflash(args);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let (mut stdin, bytes) = (child.stdin.take().unwrap(), bytes.to_vec());
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&bytes)));
    let ran = wait(child, &args.join(" "));
    feeder.join().unwrap();
    ran
}

#[test]
fn an_image_from_a_stream() {
    for bytes in [1, 700_000, MIB, 5 * MIB + 9] {
        let image = noise(17, bytes);
        let folder = prepared(&image, 6 * MIB);
        let ran = piped(&folder, &["-y", "-", "emulated:s.img"], &image);
        ran.must_be(0);
        ran.must_say("written and verified");
        folder.must_be_equal("a.iso", "s.img");
    }
    let folder = prepared(&[], 6 * MIB);
    let ran = piped(&folder, &["-y", "-", "emulated:s.img"], &[]);
    ran.must_be(5);
    assert!(folder.read("s.img") == noise(OLD, 6 * MIB));
    // Too long for the stick, which only the end can tell.
    let ran = piped(&folder, &["-y", "-", "emulated:s.img"], &noise(17, 8 * MIB));
    ran.must_be(5);
    ran.must_say("too small");
    ran.must_not_claim();
    folder.head_must_be_zero("s.img");
    // A difference is named by the chunk: the stream can't be read again.
    let ran = piped(&folder, &["-y", "-", "emulated:s.img,flip=5M", "--json"], &noise(17, 5 * MIB + 512));
    ran.must_be(4);
    assert_eq!(spans(ran.events().last().unwrap(), "differences"), [(4 * MIB as u64, (MIB + 512) as u64)]);
}

#[test]
fn an_image_from_a_pipe_with_a_name() {
    let folder = prepared(&noise(18, 5 * MIB), 6 * MIB);
    nix::unistd::mkfifo(&folder.path("p"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let feeder = folder.command("sh", &["-c", "cat a.iso > p"]).spawn().unwrap();
    folder.flash(0, &["-y", "p", "emulated:s.img"]);
    wait(feeder, "cat").must_be(0);
    folder.must_be_equal("a.iso", "s.img");
    // Nobody writes: a signal ends it all the same, and nothing was touched.
    folder.write("s.img", noise(OLD, 6 * MIB));
    let child = folder.isoflash(&["-y", "p", "emulated:s.img"]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(400));
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    let ran = wait(child, "the one that waits");
    ran.must_die_by(15);
    ran.must_not_claim();
    assert!(folder.read("s.img") == noise(OLD, 6 * MIB));
}

#[test]
fn a_packed_image_is_refused() {
    for magic in [&b"\x1f\x8b\x08"[..], b"\xfd7zXZ\0", b"PK\x03\x04", b"\x28\xb5\x2f\xfd"] {
        let mut image = noise(19, MIB);
        image[..magic.len()].copy_from_slice(magic);
        let folder = prepared(&image, 4 * MIB);
        folder.flash(5, &["-y", "a.iso", "emulated:s.img"]).must_say("packed");
        assert!(folder.read("s.img") == noise(OLD, 4 * MIB));
    }
}

#[test]
fn an_image_that_changes_while_it_is_read() {
    // Long enough that the other hand comes in between; until it does, it is tried again.
    let tries = 12;
    for (change, says) in [("truncate -s 70M a.iso", "shorter"), ("printf x | dd of=a.iso conv=notrunc status=none", "changed")] {
        let caught = (0..tries).any(|attempt| {
            let folder = prepared(&noise(20, 96 * MIB), 100 * MIB);
            let child = folder.isoflash(&["-y", "a.iso", "emulated:s.img", "--digest", "sha512,sha256,md5"]).spawn().unwrap();
            // From its first write on: the head of the stick becomes zero.
            let path = folder.path("s.img");
            let begun = || {
                let mut head = [0; 16];
                let file = std::fs::File::open(&path).unwrap();
                std::os::unix::fs::FileExt::read_exact_at(&file, &mut head, 0).unwrap();
                head == [0; 16]
            };
            while !begun() {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_millis(attempt * 3));
            folder.shell(change);
            let ran = wait(child, change);
            match ran.ended.code() {
                Some(6) => {
                    ran.must_say(says);
                    ran.must_not_claim();
                    folder.head_must_be_zero("s.img");
                    true
                }
                // It had been read to its end.
                Some(0) => false,
                _ => panic!("{ran}"),
            }
        });
        assert!(caught, "{change}: the image was never changed in time");
    }
}

#[test]
fn another_stick_than_expected() {
    let folder = prepared(&noise(21, MIB), 4 * MIB);
    let expect = |status, what: &str| folder.flash(status, &["-y", "a.iso", "emulated:s.img", "--expect", what]);
    expect(5, "serial=EMUSTICK2").must_say("another serial number");
    expect(5, "serial=emustick1");
    expect(5, "size=5M").must_say("another size");
    expect(5, "serial=EMUSTICK1,size=4194303");
    expect(5, "serial=OTHER,size=4M");
    expect(2, "colour=red");
    assert!(folder.read("s.img") == noise(OLD, 4 * MIB));
    expect(0, "serial=EMUSTICK1,size=4M");
    folder.must_be_equal("a.iso", "s.img");
}

#[test]
fn looking_writes_nothing() {
    let folder = prepared(&noise(22, MIB), 4 * MIB);
    let stamp = || std::fs::metadata(folder.path("s.img")).unwrap().modified().unwrap();
    let before = (stamp(), folder.names());
    for args in [&["-n", "a.iso", "emulated:s.img"][..], &["-n", "-y", "a.iso", "emulated:s.img", "--ledger", "led"]] {
        let ran = folder.flash(0, args);
        ran.must_say("nothing was written");
        ran.must_not_claim();
    }
    folder.flash(5, &["-n", "a.iso", "emulated:s.img,readonly"]);
    // What --yes alone would not be enough for is told, unless more than that was said.
    folder.shell("cp s.img luks.img; printf 'LUKS\\272\\276\\0\\002' | dd of=luks.img conv=notrunc status=none").must_be(0);
    folder.flash(0, &["-n", "a.iso", "emulated:luks.img"]).must_say("--yes alone");
    folder.flash(0, &["-n", "a.iso", "emulated:luks.img", "--expect", "size=4M"]).must_not_say("--yes alone");
    folder.remove(&["luks.img"]);
    let (_, result) = folder.flash_json(0, &["-n", "-y", "a.iso", "emulated:s.img"]);
    assert_eq!((&result["verified"], &result["written"]), (&false.into(), &0.into()));
    assert_eq!((stamp(), folder.names()), before);
    assert!(folder.read("s.img") == noise(OLD, 4 * MIB));
}

#[test]
fn nobody_is_there_to_say_yes() {
    let folder = prepared(&noise(23, MIB), 4 * MIB);
    folder.flash(5, &["a.iso", "emulated:s.img"]).must_say("--yes");
    folder.flash(2, &["a.iso", "emulated:s.img", "--json"]);
    folder.flash(2, &["-y"]);
    folder.flash(2, &["-y", "a.iso", "emulated:s.img,colour=red"]);
    folder.flash(1, &["-y", "missing.iso", "emulated:s.img"]);
    folder.flash(5, &["-y", ".", "emulated:s.img"]);
    assert!(folder.read("s.img") == noise(OLD, 4 * MIB));
}

#[test]
fn what_scripts_see() {
    let folder = prepared(&noise(24, 5 * MIB), 8 * MIB);
    let (events, result) = folder.flash_json(0, &["-y", "a.iso", "emulated:s.img"]);
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names[..2], ["source", "medium"], "{names:?}");
    let phases: Vec<&str> =
        events.iter().filter(|event| event["event"] == "phase").map(|e| e["name"].as_str().unwrap()).collect();
    assert_eq!(phases, ["write", "flush", "verify"]);
    assert!(events.iter().all(|event| event["v"] == 1));
    assert_eq!((&result["written"], &result["image"]), (&(5 * MIB).into(), &"a.iso".into()));
    let ran = folder.flash(0, &["-y", "-q", "a.iso", "emulated:s.img"]);
    ran.must_not_say("now ");
    assert!(ran.out().contains("SHA256 (a.iso) = "), "{ran}");
    // What it prints, sha256sum believes.
    folder.write("said", ran.out());
    folder.witness("sha256sum", &["-c", "said"]);
    let ran = folder.flash(0, &["-y", "a.iso", "emulated:s.img", "--digest", "md5,sha1"]);
    assert!(ran.out().contains("MD5 (a.iso)") && ran.out().contains("SHA1 (a.iso)") && !ran.out().contains("SHA256"), "{ran}");
}

/// isoflash that waits for the rest of its image.
fn waiting(folder: &Folder, image: &[u8]) -> (std::process::Child, std::process::ChildStdin) {
    let mut child = folder.isoflash(&["-y", "-", "emulated:s.img"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(image).unwrap();
    stdin.flush().unwrap();
    // All whole chunks of it were written by then: it waits for the next.
    let end = image.len() / (4 * MIB) * 4 * MIB;
    let begin = Instant::now();
    while folder.read("s.img")[end - 1] != image[end - 1] {
        assert!(begin.elapsed() < Duration::from_secs(60), "it does not write");
        std::thread::sleep(Duration::from_millis(20));
    }
    (child, stdin)
}

#[test]
fn a_signal_asks_where_it_stands() {
    let folder = prepared(&noise(25, 9 * MIB), 12 * MIB);
    let (child, stdin) = waiting(&folder, &noise(25, 9 * MIB));
    kill(Pid::from_raw(child.id() as i32), Signal::SIGUSR1).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    drop(stdin);
    let ran = wait(child, "asked");
    ran.must_be(0);
    ran.must_say("writing: ");
    folder.must_be_equal("a.iso", "s.img");
}

#[test]
fn a_signal_in_mid_write_ends_it_and_nothing_boots() {
    for (signal, number) in [(Signal::SIGINT, 2), (Signal::SIGTERM, 15), (Signal::SIGHUP, 1)] {
        let folder = prepared(&noise(26, 9 * MIB), 12 * MIB);
        let (child, stdin) = waiting(&folder, &noise(26, 9 * MIB));
        kill(Pid::from_raw(child.id() as i32), signal).unwrap();
        let ran = wait(child, "interrupted");
        drop(stdin);
        ran.must_die_by(number);
        ran.must_say("stopped");
        ran.must_not_claim();
        folder.head_must_be_zero("s.img");
    }
}
