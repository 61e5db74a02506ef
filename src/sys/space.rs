//! How much an output can take.

use std::io;
use std::path::Path;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::sys::statfs::{FsType, MSDOS_SUPER_MAGIC, statfs};
use nix::sys::statvfs::statvfs;

/// The longest file on FAT, whose length field has 32 bits.
const FAT_FILE: u64 = u32::MAX as u64;

/// What a folder can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes free for this user.
    pub free: u64,
    /// The longest file, where that is known to be limited.
    pub ceiling: Option<Ceiling>,
}

/// The longest file that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceiling {
    /// Bytes.
    pub bytes: u64,
    /// Who says so.
    pub cause: Cause,
}

/// What limits the length of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// FAT ends at 4 GiB - 1.
    Fat,
    /// RLIMIT_FSIZE, `ulimit -f`.
    ResourceLimit,
}

impl Space {
    /// Asks the file system that holds `path`, which must exist.
    ///
    /// # Errors
    /// Those of statfs(2) and getrlimit(2).
    pub fn at(path: &Path) -> io::Result<Self> {
        let counts = statvfs(path)?;
        // The types' widths differ between architectures.
        #[allow(clippy::useless_conversion)]
        let (blocks, size) = (u64::from(counts.blocks_available()), u64::from(counts.fragment_size()));
        let (allowed, _) = getrlimit(Resource::RLIMIT_FSIZE)?;
        Ok(Self { free: blocks.saturating_mul(size), ceiling: lowest(statfs(path)?.filesystem_type(), allowed) })
    }
}

fn lowest(kind: FsType, allowed: libc::rlim_t) -> Option<Ceiling> {
    let fat = (kind == MSDOS_SUPER_MAGIC).then_some(Ceiling { bytes: FAT_FILE, cause: Cause::Fat });
    let process = (allowed != RLIM_INFINITY).then_some(Ceiling { bytes: allowed, cause: Cause::ResourceLimit });
    [fat, process].into_iter().flatten().min_by_key(|ceiling| ceiling.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_limit_counts() {
        let other = FsType(0xef53);
        assert_eq!(lowest(other, RLIM_INFINITY), None);
        assert_eq!(lowest(MSDOS_SUPER_MAGIC, RLIM_INFINITY).map(|c| c.bytes), Some(4_294_967_295));
        assert_eq!(lowest(MSDOS_SUPER_MAGIC, 1024), Some(Ceiling { bytes: 1024, cause: Cause::ResourceLimit }));
        assert_eq!(lowest(MSDOS_SUPER_MAGIC, u64::MAX - 1).map(|c| c.cause), Some(Cause::Fat));
    }

    #[test]
    fn free_space_is_what_df_says() {
        let folder = tempfile::tempdir().unwrap();
        let df = std::process::Command::new("df").args(["-B1", "--output=avail"]).arg(folder.path()).output().unwrap();
        let theirs: u64 = String::from_utf8(df.stdout).unwrap().lines().nth(1).unwrap().trim().parse().unwrap();
        let ours = Space::at(folder.path()).unwrap().free;
        // Other programs write meanwhile.
        assert!(ours.abs_diff(theirs) < theirs / 10 + (1 << 30), "{ours} and {theirs}");
        assert!(Space::at(&folder.path().join("missing")).is_err());
    }
}
