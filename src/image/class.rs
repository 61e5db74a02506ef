//! What kind of image it is, and what that means for whoever wants it on a stick.

use serde::Serialize;

use super::boot::{Answer, Row};

/// The kind of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A disc that boots from a stick as well, when it is written as it is.
    Hybrid,
    /// A disc that boots, but not from a stick.
    DiscOnly,
    /// A disc that installs Windows: sticks need its files, not its image.
    WindowsInstaller,
    /// A disc that does not boot.
    Data,
    /// A disk with partitions, for a stick or another disk.
    Disk,
    /// One file system without partitions, or what else fills a partition.
    FileSystem,
    /// A packed image: what it is shows once it is unpacked.
    Packed,
    /// Sectors of a CD as they lie on it, with what a drive takes off (ECMA-130).
    RawSectors,
    /// Nothing in it is known.
    Unknown,
}

impl Class {
    /// In a few words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hybrid => "image for discs and sticks",
            Self::DiscOnly => "image of a disc that boots, but not from a stick",
            Self::WindowsInstaller => "Windows installer",
            Self::Data => "image of a disc that does not boot",
            Self::Disk => "image of a disk with partitions",
            Self::FileSystem => "file system without partitions",
            Self::Packed => "packed image",
            Self::RawSectors => "raw sectors of a CD (2352 bytes each)",
            Self::Unknown => "nothing that is known",
        }
    }

    /// What is to be done with it, where that is not plain.
    pub fn advice(self) -> Option<&'static str> {
        match self {
            Self::WindowsInstaller => Some(
                "written to a stick as it is, it does not boot: a stick needs its files, on FAT32 (with install.wim split where it is larger than 4 GiB)",
            ),
            Self::DiscOnly => Some("written to a stick, it does not boot: burn it to a disc, or get an image for USB sticks"),
            Self::Packed => Some("unpack it first"),
            Self::RawSectors => {
                Some("it has no use on a stick: take the 2048 bytes of data of each sector (bchunk, or discrip of the disc)")
            }
            _ => None,
        }
    }
}

/// What an image is looked at for.
pub(super) struct Looks<'a> {
    pub(super) is_packed: bool,
    pub(super) is_raw: bool,
    pub(super) is_windows: bool,
    pub(super) has_volume: bool,
    pub(super) has_partitions: bool,
    pub(super) has_signature: bool,
    pub(super) boot: &'a [Row],
}

impl Looks<'_> {
    /// The kind.
    pub(super) fn class(&self) -> Class {
        let boots = |cell: fn(&Row) -> Answer| self.boot.iter().any(|row| cell(row) > Answer::No);
        match () {
            () if self.is_packed => Class::Packed,
            () if self.is_raw => Class::RawSectors,
            () if self.is_windows => Class::WindowsInstaller,
            () if self.has_volume && boots(|row| row.stick.answer) => Class::Hybrid,
            () if self.has_volume && boots(|row| row.disc.answer) => Class::DiscOnly,
            () if self.has_volume => Class::Data,
            () if self.has_partitions => Class::Disk,
            () if self.has_signature => Class::FileSystem,
            () => Class::Unknown,
        }
    }
}
