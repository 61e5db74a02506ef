//! The terminal of the person who started this.

use std::error::Error;
use std::fs::File;
use std::process::Command;

/// Its node.
pub const NODE: &str = "/dev/tty";

/// Its settings, as stty takes them back.
pub fn settings() -> Result<String, Box<dyn Error>> {
    stty("-g")
}

/// How many lines and columns it has.
pub fn size() -> Result<(u16, u16), Box<dyn Error>> {
    let answer = stty("size")?;
    let (lines, columns) = answer.split_once(' ').ok_or_else(|| format!("stty size: {answer}"))?;
    Ok((lines.parse()?, columns.parse()?))
}

fn stty(what: &str) -> Result<String, Box<dyn Error>> {
    let terminal = File::open(NODE).map_err(|error| format!("this needs a terminal: {error}"))?;
    let answer = Command::new("stty").arg(what).stdin(terminal).output()?;
    Ok(String::from_utf8(answer.stdout)?.trim().to_owned())
}
