//! GNU ddrescue: reads an image as if it were the damaged disc, and says what it read.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use discsmith::mmc::SECTOR;
use discsmith::rescue::mapfile::Mapfile;
use discsmith::rescue::{Extents, State};

use crate::Result;
use crate::curve::{Curve, Read};
use crate::log;
use crate::replay::{self, Drive};

/// The manual's recipe for optical media (`-n -b2048`, then `-d -r1 -b2048`), in one run and without the retry, as discrip retries nothing
/// here either; and with the smaller cluster that it advises for slow drives, here a DVD's ECC block.
pub const OPTIONS: [&[&str]; 2] = [&["-b2048"], &["-b2048", "-c16"]];

/// Rescues an image with the drive's refusals in its place, and plays its reads through the drive of `operand`. With direct access each
/// is one command, and the kernel is not charged with any retry. Fails if drive and ddrescue don't agree on a read.
pub fn rescue(options: &[&str], disc: &Extents<State>, operand: &str) -> Result<Curve> {
    let folder = tempfile::tempdir_in(".")?;
    let [image, test, reads_log, map] = ["longer.iso", "test.map", "reads", "out.map"].map(|name| folder.path().join(name));
    // In test mode the input ends behind its last good sector, as no disc does: so there is one more, which is not asked for.
    let mut longer = Extents::new(disc.len() + 1, State::Finished);
    disc.iter().for_each(|run| longer.set(run.extent, run.value));
    File::create(&image)?.set_len(bytes(longer.len()))?;
    replay::write_map(&test, &longer)?;
    let done = Command::new("ddrescue")
        .args(["--quiet", "--sparse"])
        .args(options)
        .arg(format!("--test-mode={}", test.display()))
        .arg(format!("--log-reads={}", reads_log.display()))
        .arg(format!("--size={}", bytes(disc.len())))
        .args([image, folder.path().join("out.iso"), map.clone()])
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("ddrescue: {error}"))?;
    if !done.success() {
        return Err(format!("ddrescue ended with {done}").into());
    }
    let mut drive = Drive::open(operand)?;
    let mut reads = Vec::new();
    for (sectors, good) in log::parse(&fs::read_to_string(&reads_log)?)? {
        if drive.read(sectors)? != good {
            return Err(format!("drive and ddrescue don't agree on a read: {sectors:?}").into());
        }
        reads.push(Read { sectors, good, ended: drive.now() });
    }
    let map = Mapfile::parse(&fs::read_to_string(&map)?)?.to_extents(disc.len());
    Ok(Curve::new(reads, drive.now(), &map)?)
}

fn bytes(sectors: u32) -> u64 {
    u64::from(sectors) * SECTOR as u64
}
