//! discrip: reads the emulated drive itself, and records each command.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use discsmith::mmc::Extent;
use discsmith::rescue::mapfile::Mapfile;
use discsmith::rescue::{Extents, State};
use discsmith::scsi::Cdb;
use discsmith::scsi::recording::Line;

use crate::Result;
use crate::curve::{Curve, Read};

/// Statuses of a rescue that came to its end: all sectors are there, or some can't be read.
const DONE: [Option<i32>; 2] = [Some(0), Some(3)];

/// Rescues the disc of the drive of `operand`. Whatever discrip asks the drive for besides sectors costs it time as well. Fails if the
/// drive did not refuse what it refused before.
pub fn rescue(operand: &str, disc: &Extents<State>) -> Result<Curve> {
    let folder = tempfile::tempdir_in(".")?;
    let [image, record, map] = ["out.iso", "record", "out.iso.map"].map(|name| folder.path().join(name));
    let done = Command::new(env!("CARGO_BIN_EXE_discrip"))
        .args(["--quiet", "--digest", "crc32", "--record"])
        .arg(&record)
        .arg(format!("emulated:{operand}"))
        .arg(&image)
        .stdin(Stdio::null())
        .output()?;
    if !DONE.contains(&done.status.code()) {
        return Err(format!("discrip ended with {}: {}", done.status, String::from_utf8_lossy(&done.stderr)).into());
    }
    let mut reads = Vec::new();
    let mut ended = Duration::ZERO;
    for line in fs::read_to_string(&record)?.lines() {
        let line: Line = serde_json::from_str(line)?;
        ended = Duration::from_millis(line.at + line.took);
        if let Some((first, count)) = Cdb::new(&hex::decode(&line.cdb)?).sectors_read() {
            let good = line.error.is_none() && (line.status, line.host, line.driver, line.residual) == (0, 0, 0, 0);
            let sectors = Extent::between(first, first + count);
            if good == disc.next_with(State::Bad, first).is_some_and(|bad| bad.first < sectors.end()) {
                return Err(format!("drive and discrip don't agree on a read: {sectors:?}").into());
            }
            reads.push(Read { sectors, good, ended });
        }
    }
    let map = Mapfile::parse(&fs::read_to_string(&map)?)?.to_extents(disc.len());
    Ok(Curve::new(reads, ended, &map)?)
}
