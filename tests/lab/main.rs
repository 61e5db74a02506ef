//! The lab: the programs against the kernel's own drivers for optical drives and USB sticks, in virtual machines (README.md).
//!
//! Stories run side by side, one a core; `cargo test --test lab -- WORD` runs those with WORD
//! in their name, and `--nocapture` prints what all of them said.

mod compare;
mod disc;
mod guest;
mod long;
mod random;
mod server;
mod stories;
mod trees;
mod workbench;

use std::error::Error;
use std::num::NonZero;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

/// A story, or something that is captured.
type Told = Box<dyn Fn() -> stories::Ending + Sync>;

/// Machines at once, at most: each takes a core and a GiB of memory.
const MOST_MACHINES: usize = 4;

fn main() -> ExitCode {
    if let [_, mode, words @ ..] = &std::env::args().collect::<Vec<_>>()[..] {
        match mode.as_str() {
            "--serve-drive" => return server::run(words),
            "--kill" => return long::run_killed(words),
            _ => {}
        }
    }
    let (options, words): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|word| word.starts_with('-'));
    let is_given = |name| options.iter().any(|option| option == name);
    let missing = guest::missing();
    if let Some(what) = &missing {
        println!("lab: guests skipped (no {what}; run make lab-setup)");
        if ["--shell", "--run", "--compare", "--long", "--trees"].into_iter().any(is_given) {
            return ExitCode::FAILURE;
        }
    }
    if is_given("--compare") {
        return status(compare::run().map(|()| 0));
    }
    if is_given("--long") {
        return long::run();
    }
    if is_given("--shell") {
        return status(workbench::shell().map(|()| 0));
    }
    if is_given("--run") {
        let [script] = &words[..] else { return status(Err("--run needs one script".into())) };
        let kind = if is_given("--uml") { guest::Kind::Uml } else { guest::Kind::Qemu };
        return status(workbench::run(Path::new(script), kind));
    }
    let is_capture = is_given("--trees");
    let told: Vec<(&str, Told)> = if is_capture {
        trees::ALL.iter().map(|tree| (tree.name, Box::new(|| tree.capture()) as Box<_>)).collect()
    } else {
        let of_guests = stories::of_guests().filter(|_| missing.is_none());
        stories::without_guest().chain(of_guests).map(|(name, story)| (name, Box::new(story) as Box<_>)).collect()
    };
    let (told, skipped): (Vec<_>, Vec<_>) =
        told.into_iter().partition(|(name, _)| words.is_empty() || words.iter().any(|word| name.contains(word.as_str())));
    let failed = tell(&told, is_given("--nocapture"));
    println!("{} passed, {failed} failed, {} skipped", told.len() - failed, skipped.len());
    ExitCode::from(u8::from(failed > 0))
}

/// Tells stories, as many at once as there are cores for machines; returns how many failed.
fn tell(told: &[(&str, Told)], is_all_shown: bool) -> usize {
    let is_shown = |line: &&str| line.starts_with("note: ") || is_all_shown;
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let machines = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_MACHINES);
    thread::scope(|scope| {
        for _ in 0..machines {
            scope.spawn(|| {
                while let Some((name, story)) = told.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let start = Instant::now();
                    let ending = story();
                    let took = start.elapsed().as_secs();
                    match ending {
                        Ok(output) => {
                            let shown: String = output.lines().filter(is_shown).map(|line| format!("    {line}\n")).collect();
                            print!("test {name} ... ok ({took} s)\n{shown}");
                        }
                        Err(error) => {
                            failed.fetch_add(1, Ordering::Relaxed);
                            println!("test {name} ... FAILED ({took} s)\n{error}");
                        }
                    }
                }
            });
        }
    });
    failed.into_inner()
}

/// A script's exit status is the program's.
fn status(ended: Result<u8, Box<dyn Error>>) -> ExitCode {
    ended.map_or_else(
        |error| {
            eprintln!("lab: {error}");
            ExitCode::FAILURE
        },
        ExitCode::from,
    )
}
