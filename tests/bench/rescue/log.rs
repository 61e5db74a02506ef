//! GNU ddrescue's log of its reads (`--log-reads`). Pure.

use discsmith::mmc::{Extent, SECTOR};

/// What ddrescue read, in its order: which sectors, and whether they came. Fails at a line that is none of its lines.
pub fn parse(text: &str) -> Result<Vec<(Extent, bool)>, String> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| read(line).ok_or_else(|| format!("not a line of ddrescue's reads: {line}"))).collect()
}

/// A line: position, and bytes asked for, copied and not; all of them came, or none.
fn read(line: &str) -> Option<(Extent, bool)> {
    const SIZE: u64 = SECTOR as u64;
    let mut words = line.split_whitespace();
    let position = u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
    let mut bytes = || words.next()?.parse::<u64>().ok();
    let (size, copied, failed) = (bytes()?, bytes()?, bytes()?);
    let whole = position % SIZE == 0 && size % SIZE == 0 && size > 0 && [(size, 0), (0, size)].contains(&(copied, failed));
    let first = u32::try_from(position / SIZE).ok()?;
    let end = u32::try_from(position.checked_add(size)? / SIZE).ok()?;
    whole.then(|| (Extent::between(first, end), failed == 0))
}
