//! Discs: images of any size made by xorriso, full of bytes that occur only once.

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::BufWriter;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use crate::random::Random;

/// Bytes of a disc's sector.
pub const SECTOR: usize = 2048;

/// Makes `file`, an ISO 9660 file system on a disc of so many sectors; another seed gives another disc.
/// The last 400 sectors or so lie behind the file system, as run-out and padding do on real discs, but are random too.
pub fn make(file: &Path, seed: u64, sectors: usize) -> Result<(), Box<dyn Error>> {
    let content = file.with_extension("bin");
    let mut random = Random::new(seed);
    let mut writer = BufWriter::new(File::create(&content)?);
    random.fill(&mut writer, sectors - 400)?;
    writer.into_inner()?;
    let made = Command::new("xorriso")
        .args(["-as", "mkisofs", "-quiet", "-no-pad", "-R", "-V"])
        .arg(format!("LAB_{seed}"))
        .arg("-o")
        .args([file, &content])
        .output()
        .map_err(|error| format!("xorriso: {error}"))?;
    std::fs::remove_file(&content)?;
    if !made.status.success() {
        return Err(format!("xorriso ended with {}: {}", made.status, String::from_utf8_lossy(&made.stderr)).into());
    }
    let used = usize::try_from(file.metadata()?.len())? / SECTOR;
    random.fill(&mut OpenOptions::new().append(true).open(file)?, sectors - used)?;
    Ok(())
}

/// So many sectors of bytes that occur only there; another seed gives others.
pub fn noise(seed: u64, sectors: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(sectors * SECTOR);
    Random::new(seed).fill(&mut bytes, sectors)?;
    Ok(bytes)
}

/// The ddrescue mapfile of a disc of so many sectors, of which these, in order, are dead.
pub fn damage(sectors: u64, dead: &[Range<u64>]) -> String {
    let mut lines = vec!["0x0 + 1".to_owned()];
    let mut line = |range: Range<u64>, state| {
        if !range.is_empty() {
            lines.push(format!("{:#X} {:#X} {state}", range.start * SECTOR as u64, (range.end - range.start) * SECTOR as u64));
        }
    };
    let mut next = 0;
    for range in dead {
        line(next..range.start, '+');
        line(range.clone(), '-');
        next = range.end;
    }
    line(next..sectors, '+');
    lines.join("\n") + "\n"
}
