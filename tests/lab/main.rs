//! The lab: the programs against the kernel's own drivers for optical drives and USB sticks, in virtual machines (README.md).
//!
//! The stories run one after the other, as each machine takes a core; `cargo test --test lab -- WORD` runs those with WORD
//! in their name, and `--nocapture` prints what all of them said.

mod disc;
mod guest;
mod long;
mod random;
mod server;
mod stories;
mod trees;
mod workbench;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// A story, or something that is captured.
type Told = Box<dyn Fn() -> stories::Ending>;

fn main() -> ExitCode {
    if let [_, mode, words @ ..] = &std::env::args().collect::<Vec<_>>()[..]
        && mode == "--serve-drive"
    {
        return server::run(words);
    }
    let (options, words): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|word| word.starts_with('-'));
    let is_given = |name| options.iter().any(|option| option == name);
    if let Some(what) = guest::missing() {
        println!("lab: skipped (no {what}; run make lab-setup)");
        return ExitCode::from(u8::from(["--shell", "--run", "--long"].into_iter().any(is_given)));
    }
    if is_given("--long") {
        return long::run();
    }
    if is_given("--shell") {
        return status(workbench::shell());
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
        stories::all().map(|(name, story)| (name, Box::new(story) as Box<_>)).collect()
    };
    let is_shown = |line: &&str| line.starts_with("note: ") || is_given("--nocapture");
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for (name, story) in told {
        if !words.is_empty() && !words.iter().any(|word| name.contains(word.as_str())) {
            skipped += 1;
            continue;
        }
        let start = Instant::now();
        let ending = story();
        let took = start.elapsed().as_secs();
        match ending {
            Ok(output) => {
                passed += 1;
                println!("test {name} ... ok ({took} s)");
                output.lines().filter(is_shown).for_each(|line| println!("    {line}"));
            }
            Err(error) => {
                failed += 1;
                println!("test {name} ... FAILED ({took} s)\n{error}");
            }
        }
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    ExitCode::from(u8::from(failed > 0))
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
