//! `--repair`: what comes back wrong is written again, within bounds; and a stick that needed it gets a warning.

use crate::common::{Folder, finish, told};
use crate::sticks::{MIB, noise, spans};

const BYTES: usize = 14 * MIB + 99;

/// An image, and a stick that holds something else.
fn prepared(seed: u64) -> Folder {
    let folder = Folder::new();
    folder.write("a.iso", noise(seed, BYTES));
    folder.write("s.img", noise(999, 16 * MIB));
    folder
}

#[test]
fn a_weak_place_is_written_again() {
    let operand = format!("emulated:s.img,weak=5M@1,weak={}@2", BYTES - 1);
    let folder = prepared(1);
    let ran = folder.flash(0, &["-y", "--repair", "a.iso", &operand]);
    ran.must_say("WARNING");
    ran.must_say("needed repair in 2 places");
    folder.must_be_equal("a.iso", "s.img");
    if let Some(sums) = folder.witness("sha256sum", &["a.iso"]) {
        assert!(ran.out().contains(&sums.out()[..64]), "{ran}");
    }
    folder.write("s.img", noise(999, 16 * MIB));
    let (events, result) = folder.flash_json(0, &["-y", "--repair", "a.iso", &operand]);
    let last = (BYTES / 512 * 512) as u64;
    assert_eq!(spans(&result, "repaired"), [(5 * MIB as u64, 512), (last, 99)]);
    assert!(spans(&result, "differences").is_empty() && result["finding"].is_null(), "{result}");
    assert!(told(&events).contains("round 1 of 3") && told(&events).contains("round 2 of 3"), "{events:?}");
    // In the first MiB the third write is the image's: zeros come before it, twice.
    let (_, result) = folder.flash_json(0, &["-y", "--repair", "a.iso", "emulated:s.img,weak=100@3"]);
    assert_eq!(spans(&result, "repaired"), [(0, 512)]);
    folder.must_be_equal("a.iso", "s.img");
    // Good ones need none, and nothing is said.
    let (_, result) = folder.flash_json(0, &["-y", "--repair", "a.iso", "emulated:s.img"]);
    assert!(spans(&result, "repaired").is_empty() && !result["reasons"].to_string().contains("WARNING"), "{result}");
}

#[test]
fn without_repair_it_is_named() {
    let folder = prepared(2);
    folder.flash(4, &["-y", "a.iso", "emulated:s.img,weak=5M@1"]).must_say("try --repair");
    folder.head_must_be_zero("s.img");
    folder.flash(4, &["-y", "a.iso", "emulated:s.img,real=8M,drop"]).must_not_say("--repair");
    folder.flash(2, &["-y", "--repair", "--no-verify", "a.iso", "emulated:s.img"]);
}

#[test]
fn what_does_not_hold_is_given_up() {
    let folder = prepared(3);
    folder.flash(4, &["-y", "--repair", "a.iso", "emulated:s.img,weak=9M@9"]).must_say("written again 3 times");
    folder.head_must_be_zero("s.img");
    folder.flash(4, &["-y", "--repair", "a.iso", "emulated:s.img,flip=9M"]).must_say("written again 3 times");
    folder.flash(1, &["-y", "--repair", "a.iso", "emulated:s.img,eio=9M+512@r"]).must_say("written again 3 times");
    folder.head_must_be_zero("s.img");
    // Nor the first MiB: it is written once more in each round, and not one time in the end.
    folder.flash(4, &["-y", "--repair", "a.iso", "emulated:s.img,weak=100@99"]).must_not_claim();
}

#[test]
fn a_fake_is_not_repaired() {
    for kind in ["wrap", "drop"] {
        let folder = prepared(4);
        let (_, result) = folder.flash_json(4, &["-y", "--repair", "a.iso", &format!("emulated:s.img,real=8M,{kind}")]);
        assert!(result["reasons"].to_string().contains("--repair does not help there"), "{result}");
        assert!(spans(&result, "repaired").is_empty(), "{result}");
        folder.head_must_be_zero("s.img");
    }
}

#[test]
fn a_stream_can_not_be_read_again() {
    let folder = prepared(5);
    let mut command = folder.isoflash(&["-y", "--repair", "-", "emulated:s.img,weak=5M@1"]);
    command.stdin(std::fs::File::open(folder.path("a.iso")).unwrap());
    let ran = finish(command, &["a stream"]);
    ran.must_be(4);
    ran.must_say("this was a stream");
    folder.head_must_be_zero("s.img");
}
