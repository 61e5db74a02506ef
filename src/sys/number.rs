//! What tells one device from another, whatever its nodes are called.

use std::fmt;
use std::str::FromStr;

use nix::sys::stat::{major, minor};

/// Major and minor number of a block or a character device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceNumber {
    /// The driver: 11 is sr, 21 is sg (the kernel's devices.txt).
    pub major: u64,
    /// The device among that driver's.
    pub minor: u64,
}

impl From<u64> for DeviceNumber {
    /// From `st_rdev`.
    fn from(packed: u64) -> Self {
        Self { major: major(packed), minor: minor(packed) }
    }
}

impl fmt::Display for DeviceNumber {
    /// `11:0`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

impl FromStr for DeviceNumber {
    type Err = std::num::ParseIntError;

    /// From `11:0`, as sysfs and mountinfo write it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (major, minor) = text.trim_end().split_once(':').unwrap_or((text, ""));
        Ok(Self { major: major.parse()?, minor: minor.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_name_the_same_device() {
        assert_eq!("11:3\n".parse(), Ok(DeviceNumber::from(nix::sys::stat::makedev(11, 3))));
        assert!("11".parse::<DeviceNumber>().is_err());
        assert!("a:b".parse::<DeviceNumber>().is_err());
    }
}
