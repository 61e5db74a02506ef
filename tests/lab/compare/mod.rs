//! The same twelve faults for our programs and for those that people use today: which status each gave, what of the data was lost, and
//! what it said. `make compare` writes docs/comparison.md with it, whatever it shows.
//!
//! Discs are read through the kernel's sr and sg drivers from the emulated drive, in User Mode Linux; sticks are written through
//! usb-storage in QEMU, pulled out, plugged in again and read. The data is judged here, byte for byte.

mod faults;
mod page;
mod tools;

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use self::faults::{DISCS, SECTORS, STICKS};
use self::tools::{READERS, WRITERS};
use crate::guest::stick::{Bus, Stick};
use crate::guest::{Ending, Guest};

const SECTOR: usize = 2048;

/// What a tool did with a fault.
pub struct Outcome {
    /// Its exit status; 124: it was stopped after three minutes.
    pub status: i32,
    /// Sectors of the original that are not where they belong.
    pub lost: usize,
    /// What it printed.
    pub said: String,
}

/// Puts every tool on trial and writes the page.
pub fn run() -> Result<(), Box<dyn Error>> {
    let mut versions = String::new();
    let discs = read_discs(&mut versions)?;
    let sticks = write_sticks()?;
    let page = page::render(&versions, &discs, &sticks)?;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/comparison.md");
    fs::write(&file, page)?;
    println!("docs/comparison.md is written");
    Ok(())
}

/// An outcome for each disc and tool.
fn read_discs(versions: &mut String) -> Result<Vec<Vec<Outcome>>, Box<dyn Error>> {
    let guest = Guest::uml()?;
    let disc = fs::read(guest.disc("disc.iso", 51, SECTORS as usize)?)?;
    guest.disc("other.iso", 52, SECTORS as usize)?;
    let mut script = include_str!("words.sh").to_owned();
    for fault in &DISCS {
        guest.damage(&format!("{}.damage", fault.name), SECTORS.into(), fault.dead)?;
        fs::write(guest.file(&format!("{}.rules", fault.name)), fault.rules)?;
    }
    // The slow ones all at once, beside the others: each has a drive of its own.
    let (slow, quick): (Vec<_>, Vec<_>) = DISCS.iter().partition(|fault| fault.is_slow);
    for (faults, clock, how) in [(slow, ",clock=real,model=ideal", " &"), (quick, "", "")] {
        for fault in faults {
            for (number, tool) in READERS.iter().enumerate() {
                writeln!(script, "plug {} {number} '{clock}'\nreads {0} {number} '{}'{how}", fault.name, tool.command)?;
            }
        }
    }
    script += "wait\nversions\n";
    play(&guest, &script)?;
    let output = fs::read_to_string(guest.file("output"))?;
    *versions = output.lines().filter_map(|line| line.strip_prefix("version: ")).collect::<Vec<_>>().join("; ");
    let outcome = |fault: &str, number| outcome(&guest, fault, number, &disc);
    DISCS.iter().map(|fault| (0..READERS.len()).map(|number| outcome(fault.name, number)).collect()).collect()
}

/// An outcome for each stick and tool.
fn write_sticks() -> Result<Vec<Vec<Outcome>>, Box<dyn Error>> {
    let mut all: Vec<Vec<Outcome>> = STICKS.iter().map(|_| Vec::new()).collect();
    for (number, tool) in WRITERS.iter().enumerate() {
        let guest = Guest::new()?;
        let disc = fs::read(guest.disc("disc.iso", 51, SECTORS as usize)?)?;
        let mut script = include_str!("words.sh").to_owned();
        for (socket, fault) in STICKS.iter().enumerate() {
            writeln!(script, "writes {} {number} {socket} '{}'", fault.name, tool.command)?;
        }
        let stick = |fault: &faults::Stick| Stick::emulated(Bus::Usb, &format!("{}.img,{}", fault.name, fault.options));
        let sticks: Vec<_> = STICKS.iter().map(stick).collect();
        let guest = guest.with_sticks(sticks);
        play(&guest, &script)?;
        for (outcomes, fault) in all.iter_mut().zip(&STICKS) {
            outcomes.push(outcome(&guest, fault.name, number, &disc)?);
        }
    }
    Ok(all)
}

/// Runs a script to its end; the trials of a guest may take half an hour.
fn play(guest: &Guest, script: &str) -> Result<(), Box<dyn Error>> {
    match guest.play(script, Some(Duration::from_secs(1800)), || Ok(()))? {
        Ending::Exit(0) => Ok(()),
        _ => Err(fs::read_to_string(guest.file("output"))?.into()),
    }
}

/// What lies in the folder of a trial: its status, what was said, and the data that came of it.
fn outcome(guest: &Guest, fault: &str, number: usize, original: &[u8]) -> Result<Outcome, Box<dyn Error>> {
    let folder = guest.file(&format!("{fault}-{number}"));
    let read = |file| fs::read(folder.join(file)).map_err(|error| format!("{}/{file}: {error}", folder.display()));
    let text = |file| read(file).map(|text| String::from_utf8_lossy(&text).into_owned());
    let (status, said) = (text("status")?.trim().parse()?, text("said")?);
    let data = match read("data") {
        Err(_) if status != 0 => Vec::new(), // it gave up before it made any
        data => data?,
    };
    let wrong = |(number, sector): (usize, &[u8])| data.get(number * SECTOR..number * SECTOR + sector.len()) != Some(sector);
    let lost = original.chunks(SECTOR).enumerate().filter(|&(number, sector)| wrong((number, sector))).count();
    Ok(Outcome { status, lost, said })
}
