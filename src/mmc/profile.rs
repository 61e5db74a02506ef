//! Profiles: what kind of disc lies in the drive (MMC-6, GET CONFIGURATION).

use std::fmt;

/// The current profile, a number as in MMC-6 table "Profile list".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile(pub u16);

/// How a disc is built, as far as reading cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// CD: tracks, sessions, one sector an error-correction unit as the host sees it.
    Cd,
    /// DVD and HD DVD: ECC blocks of 16 sectors.
    Dvd,
    /// BD: ECC blocks (clusters) of 32 sectors.
    Bd,
}

impl Profile {
    /// The profile in a GET CONFIGURATION reply; `None` when no disc is current.
    pub fn parse(reply: &[u8]) -> Option<Self> {
        super::u16_at(reply, 6).filter(|profile| *profile != 0).map(Self)
    }

    /// How the disc is built. Unknown numbers count as CD: the smallest unit is right for any disc.
    pub fn family(self) -> Family {
        match self.0 {
            0x10..=0x2f | 0x50..=0x5f => Family::Dvd,
            0x40..=0x4f => Family::Bd,
            _ => Family::Cd,
        }
    }

    /// The name that the record uses, e.g. `dvd+r`.
    pub fn name(self) -> &'static str {
        match self.0 {
            0x08 => "cd-rom",
            0x09 => "cd-r",
            0x0a => "cd-rw",
            0x10 => "dvd-rom",
            0x11 => "dvd-r",
            0x12 => "dvd-ram",
            0x13 | 0x14 | 0x17 => "dvd-rw",
            0x15 | 0x16 => "dvd-r-dl",
            0x1a => "dvd+rw",
            0x1b => "dvd+r",
            0x2a => "dvd+rw-dl",
            0x2b => "dvd+r-dl",
            0x40 => "bd-rom",
            0x41 | 0x42 => "bd-r",
            0x43 => "bd-re",
            0x50 => "hd-dvd-rom",
            0x51 => "hd-dvd-r",
            0x52 => "hd-dvd-ram",
            _ => "unknown",
        }
    }

    /// True when the drive reports the size that the disc was formatted to, not what was written.
    pub fn is_overwritable(self) -> bool {
        matches!(self.0, 0x12 | 0x13 | 0x1a | 0x2a | 0x43 | 0x52)
    }
}

impl Family {
    /// Sectors of an ECC block.
    pub fn block(self) -> u32 {
        match self {
            Self::Cd => 1,
            Self::Dvd => 16,
            Self::Bd => 32,
        }
    }

    /// Read speed 1x in kB/s of 1000 bytes, as SET CD SPEED counts (MMC-6; figures as in redumper).
    pub fn single_speed(self) -> f64 {
        match self {
            Self::Cd => 176.4,
            Self::Dvd => 1385.0,
            Self::Bd => 4495.5,
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
