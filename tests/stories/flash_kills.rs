//! Killed or unplugged at random moments: the stick holds the whole image, or boots nowhere.
//!
//! A sample each time; DISCSMITH_KILLS=500 makes it five hundred.

use std::time::{Duration, Instant};

use crate::common::{Dice, Folder, wait};
use crate::sticks::{HEAD, MIB, noise};

const BYTES: usize = 48 * MIB + 1234;
const STICK: usize = 50 * MIB;
/// What is compared, and sent if it differs.
const UNIT: usize = 64 << 10;

fn wanted(sample: u32) -> u32 {
    std::env::var("DISCSMITH_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(sample)
}

/// What became of the stick.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Left {
    /// Nothing was written yet.
    Old,
    /// The first MiB is zero.
    Dead,
    /// The whole image.
    Whole,
}

/// Anything else is a stick that boots half an image.
#[track_caller]
pub fn left(stick: &[u8], image: &[u8], old: &[u8], how: &str) -> Left {
    let is_dead = stick[..HEAD].iter().all(|byte| *byte == 0);
    match () {
        () if stick[..image.len()] == *image => Left::Whole,
        () if is_dead => Left::Dead,
        () if stick == old => Left::Old,
        () => {
            // The zeros of the first MiB themselves are not written at once: up to where they are, it is zero; behind, it is old.
            let zeros = stick[..HEAD].iter().take_while(|byte| **byte == 0).count();
            let is_being_blanked = zeros > 0 && stick[zeros..] == old[zeros..];
            // And the head itself comes last, when all else was proved: a part of it, and zeros from there on.
            let given = stick[..HEAD].iter().zip(image).take_while(|(stick, image)| stick == image).count();
            let is_being_finished =
                given > 0 && stick[given..HEAD].iter().all(|byte| *byte == 0) && stick[HEAD..image.len()] == image[HEAD..];
            assert!(is_being_blanked || is_being_finished, "{how}: the stick holds half an image that may boot");
            if is_being_blanked { Left::Old } else { Left::Dead }
        }
    }
}

#[test]
fn killed_at_any_moment() {
    let (image, old) = (noise(1, BYTES), noise(2, STICK));
    let folder = Folder::new();
    folder.write("a.iso", &image);
    for (seed, options) in [(1, "cache=4M"), (2, "sector=512"), (3, "cache=64M,sector=4096,short-writes")] {
        let operand = format!("emulated:s.img,{options}");
        let args = ["-y", "a.iso", operand.as_str()];
        folder.write("s.img", &old);
        let begin = Instant::now();
        folder.flash(0, &args);
        let full = begin.elapsed();
        let mut dice = Dice(seed);
        let (mut kills, mut found) = (0, Vec::new());
        // Where the first run was slow for a reason of its own, kills may all come too late: then some more.
        while kills < wanted(12) || (kills < 100 && !found.contains(&Left::Dead)) {
            folder.write("s.img", &old);
            let mut child = folder.isoflash(&args).spawn().unwrap();
            // A little longer than it takes, for the moments of the head at the end.
            let life = full.mul_f64(f64::from(dice.below(1100)) / 1000.0);
            std::thread::sleep(life);
            child.kill().unwrap();
            let ran = wait(child, "the one that is killed");
            let state = left(&folder.read("s.img"), &image, &old, &format!("{options}, killed after {life:?} of {full:?}"));
            match ran.ended.code() {
                Some(0) => assert_eq!(state, Left::Whole, "{ran}"),
                Some(_) => panic!("{ran}"),
                None => ran.must_not_claim(),
            }
            kills += 1;
            found.push(state);
            go_on(&folder, &operand, &image);
        }
        let count = |state| found.iter().filter(|found| **found == state).count();
        let (dead, whole) = (count(Left::Dead), count(Left::Whole));
        println!("{options}: {dead} left dead, {whole} whole, {} untouched", count(Left::Old));
        assert!(dead > 0, "the kills did not spread over the run");
        folder.must_be_equal("a.iso", "s.img");
    }
}

/// The same command goes on with what is on the stick. It would be gone if more were sent than what is missing, and the first MiB three times.
#[track_caller]
fn go_on(folder: &Folder, operand: &str, image: &[u8]) {
    let stick = folder.read("s.img");
    let held = stick[HEAD..].iter().zip(&image[HEAD..]).take_while(|(held, image)| held == image).count();
    let most = 3 * HEAD + (image.len() - HEAD - held).next_multiple_of(UNIT) + UNIT;
    // None is left by a run that was through.
    let has_journal = folder.path("state/discsmith/isoflash").read_dir().is_ok_and(|mut journals| journals.next().is_some());
    let limit = if has_journal { format!(",gone-after={most}") } else { String::new() };
    folder.flash(0, &["-y", "a.iso", &format!("{operand}{limit}")]);
    assert!(folder.read("s.img")[..image.len()] == *image, "{operand}{limit}: went on to something else");
}

#[test]
fn killed_while_it_waits_for_the_image() {
    // What reached the medium by then is known: the first chunks, without the head.
    let (image, old) = (noise(3, 9 * MIB), noise(4, 12 * MIB));
    let folder = Folder::new();
    folder.write("s.img", &old);
    let mut command = folder.isoflash(&["-y", "-", "emulated:s.img"]);
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, &image).unwrap();
    let begin = Instant::now();
    while folder.read("s.img")[8 * MIB - 1] != image[8 * MIB - 1] {
        assert!(begin.elapsed() < Duration::from_secs(60), "it does not write");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    wait(child, "the one that is killed").must_not_claim();
    let stick = folder.read("s.img");
    folder.head_must_be_zero("s.img");
    assert!(stick[HEAD..8 * MIB] == image[HEAD..8 * MIB] && stick[8 * MIB..] == old[8 * MIB..]);
}

#[test]
fn unplugged_at_any_byte() {
    let bytes = 9 * MIB + 99;
    let (image, old) = (noise(5, bytes), noise(6, 12 * MIB));
    let folder = Folder::new();
    folder.write("a.iso", &image);
    let mut dice = Dice(7);
    for number in 0..wanted(24) {
        folder.write("s.img", &old);
        // All that is written: the body, and the first MiB three times.
        let gone = dice.below((bytes + 2 * MIB) as u32);
        let options = ["cache=1M", "cache=64M,sector=4096", "short-writes", "cache=3M,short-writes"][number as usize % 4];
        let operand = format!("emulated:s.img,gone-after={gone},{options}");
        let ran = folder.flash(7, &["-y", "a.iso", &operand]);
        ran.must_say("is gone");
        let state = left(&folder.read("s.img"), &image, &old, &operand);
        assert!(state != Left::Whole || gone as usize > bytes + MIB, "{operand}: {state:?}");
    }
}
