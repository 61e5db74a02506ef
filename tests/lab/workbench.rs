//! A guest for a person to work in: a damaged disc lies in a drive, and a bad stick is plugged in.

use std::error::Error;
use std::fs::{self, File};
use std::io::{Read, Write, stdout};
use std::path::Path;

use crate::guest::stick::{Bus, Stick};
use crate::guest::{Ending, Guest, Kind, terminal};

/// What a shell says of a command that was killed: a script whose machine lost its power has no status of its own.
const KILLED: u8 = 137;
const SECTORS: usize = 5000;
/// The drive is called `hurt` in the script. Its time is real: one that hangs or is gone for a while is so for the person, too.
const DRIVE: &str = "plug_drive hurt emulated:/share/disc.iso,damage=/share/damage.map,clock=real,model=ideal || exit\n";
/// A fake: an eighth of it is there, and what is written past that overwrites what was written before.
const STICK: &str = "stick.img,size=64M,real=8M,wrap";
/// Where the person's own script stands.
const SCRIPT: &str = "own";

/// Runs a script of one's own, prints what it prints, and returns its exit status.
pub fn run(script: &Path, kind: Kind) -> Result<u8, Box<dyn Error>> {
    let text = fs::read(script).map_err(|error| format!("{}: {error}", script.display()))?;
    let guest = furnished(Guest::of(kind)?, kind)?;
    fs::write(guest.file(SCRIPT), text)?;
    fs::write(guest.file("output"), "")?;
    let mut output = File::open(guest.file("output"))?;
    let mut show = || {
        let mut news = Vec::new();
        output.read_to_end(&mut news)?;
        stdout().write_all(&news)?;
        stdout().flush()
    };
    let ending = guest.play(&format!("{DRIVE}. /share/{SCRIPT} || exit"), None, &mut show);
    show()?;
    Ok(match ending? {
        Ending::Exit(status) => status,
        Ending::PowerCut => KILLED,
    })
}

/// Gives the person a shell, and says how that ended.
pub fn shell() -> Result<(), Box<dyn Error>> {
    let guest = furnished(Guest::at_terminal()?, Kind::Qemu)?;
    fs::write(guest.file("words"), include_str!("guest/words.sh"))?;
    fs::write(guest.file("shell"), include_str!("guest/shell.sh"))?;
    let (lines, columns) = terminal::size()?;
    let kind = std::env::var("TERM").unwrap_or_else(|_| "dumb".to_owned());
    println!("lab: a guest starts; this takes some seconds");
    let script = format!("{DRIVE}ROWS={lines} COLS={columns} TERM={kind}\n. /share/shell");
    let ending = guest.play(&script, None, || Ok(()));
    let output = fs::read_to_string(guest.file("output")).unwrap_or_default();
    drop(guest); // and the terminal is as it was
    print!("\n{output}");
    match ending? {
        Ending::Exit(status) => println!("lab: the shell ended with {status}, and the guest is gone with all that was in it"),
        Ending::PowerCut => println!("lab: the power was cut"),
    }
    Ok(())
}

/// A disc, what of it is dead, another disc, and in a QEMU guest the stick.
fn furnished(guest: Guest, kind: Kind) -> Result<Guest, Box<dyn Error>> {
    guest.disc("disc.iso", 31, SECTORS)?;
    guest.disc("other.iso", 32, SECTORS)?;
    guest.damage("damage.map", SECTORS as u64, &[1000..1002, 2000..2016, 4990..4991])?;
    if kind == Kind::Uml {
        return Ok(guest);
    }
    Ok(guest.with_sticks([Stick::emulated(Bus::Usb, STICK)]))
}
