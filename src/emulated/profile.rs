//! Kinds of discs, and what follows from them.

/// A kind of disc: MMC's profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Profile {
    CdRom,
    CdR,
    CdRw,
    DvdRom,
    DvdPlusR,
    DvdMinusR,
    BdRom,
    BdR,
}

/// What decides on sectors, ECC blocks and speeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Cd,
    Dvd,
    Bd,
}

/// The largest FILE that is taken for a CD, in bytes: 80 minutes of 75 sectors a second, where QEMU draws the line too.
const LARGEST_CD: u64 = 80 * 60 * 75 * 2048;

impl Profile {
    pub(super) const ALL: [Self; 8] =
        [Self::CdRom, Self::CdR, Self::CdRw, Self::DvdRom, Self::DvdPlusR, Self::DvdMinusR, Self::BdRom, Self::BdR];

    /// The profile of a file of `bytes` bytes when the person names none.
    pub(super) fn by_size(bytes: u64) -> Self {
        match bytes {
            0 => Self::CdR,
            1..=LARGEST_CD => Self::CdRom,
            _ => Self::DvdRom,
        }
    }

    /// As the operand spells it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CdRom => "cd-rom",
            Self::CdR => "cd-r",
            Self::CdRw => "cd-rw",
            Self::DvdRom => "dvd-rom",
            Self::DvdPlusR => "dvd+r",
            Self::DvdMinusR => "dvd-r",
            Self::BdRom => "bd-rom",
            Self::BdR => "bd-r",
        }
    }

    /// Profile number (MMC-6, GET CONFIGURATION).
    pub(super) fn code(self) -> u16 {
        match self {
            Self::CdRom => 0x08,
            Self::CdR => 0x09,
            Self::CdRw => 0x0a,
            Self::DvdRom => 0x10,
            Self::DvdMinusR => 0x11,
            Self::DvdPlusR => 0x1b,
            Self::BdRom => 0x40,
            Self::BdR => 0x41,
        }
    }

    pub(super) fn family(self) -> Family {
        match self {
            Self::CdRom | Self::CdR | Self::CdRw => Family::Cd,
            Self::DvdRom | Self::DvdPlusR | Self::DvdMinusR => Family::Dvd,
            Self::BdRom | Self::BdR => Family::Bd,
        }
    }

    /// True when a disc of this kind can be blank.
    pub(super) fn recordable(self) -> bool {
        !matches!(self, Self::CdRom | Self::DvdRom | Self::BdRom)
    }

    /// Sectors that a blank disc has room for: an 80-minute CD, a single-layer DVD, a single-layer BD.
    pub(super) fn room(self) -> u32 {
        match self.family() {
            Family::Cd => 359_849,
            Family::Dvd => 2_295_104,
            Family::Bd => 12_219_392,
        }
    }
}

impl Family {
    /// Sectors in an ECC block. A CD corrects each sector by itself.
    pub(super) fn ecc_block(self) -> u32 {
        match self {
            Self::Cd => 1,
            Self::Dvd => 16,
            Self::Bd => 32,
        }
    }

    /// Bytes that pass the lens for one sector of data, in the unit that speeds are told in: a CD's speed counts raw sectors.
    pub(super) fn bytes_a_sector(self) -> u32 {
        match self {
            Self::Cd => 2352,
            Self::Dvd | Self::Bd => 2048,
        }
    }

    /// What the drive reads at when nobody asks for less, in kB/s: CD 24x, DVD 8x, BD 6x, a slim drive's average, with MMC's
    /// 1x rates of 176.4, 1385 and 4495 kB/s.
    pub(super) fn full_speed(self) -> u16 {
        match self {
            Self::Cd => 4234,
            Self::Dvd => 11_080,
            Self::Bd => 26_970,
        }
    }
}
