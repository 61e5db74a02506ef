//! Is it the same disc? Three-valued: what can't be read proves nothing.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::mmc::{Family, SECTOR};
use crate::rescue::policy::RUN_OUT;

use super::{Layout, Track};

/// What tells one disc from another. Kept in the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Kind of disc, e.g. `dvd-rom`. Drives may name the same disc differently.
    pub kind: String,
    /// Label of the volume.
    pub label: Option<String>,
    /// Sectors.
    pub sectors: u32,
    /// Tracks.
    pub tracks: Vec<Track>,
    /// Digests of the 16 sectors from LBA 16 of the first data track.
    pub system_area: SystemArea,
}

/// SHA-256 of each sector in hex, `None` where it could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SystemArea(pub Vec<Option<String>>);

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sameness {
    /// The same disc, or a copy that is equal wherever it was looked at.
    Same,
    /// Another one; the evidence.
    Other(String),
    /// Nothing that could be compared says anything.
    CantTell,
}

impl Identity {
    /// The identity of a disc with this layout.
    pub fn new(layout: &Layout, label: Option<String>, system_area: SystemArea) -> Self {
        Self { kind: layout.kind().into(), label, sectors: layout.size.sectors, tracks: layout.tracks.clone(), system_area }
    }

    /// Compares with what was known of the disc before. Drives differ by the run-out blocks of a CD and by the ECC block at
    /// the end of a DVD or BD; anything more, or one sector that differs, is a contradiction.
    pub fn compare(&self, known: &Self, family: Family) -> Sameness {
        let tolerance = family.block().max(RUN_OUT);
        if self.sectors.abs_diff(known.sectors) > tolerance {
            return Sameness::Other(format!(
                "the disc in the drive has {} sectors, that of the image {}",
                self.sectors, known.sectors
            ));
        }
        let starts = |identity: &Self| identity.tracks.iter().map(|track| (track.extent.first, track.kind)).collect::<Vec<_>>();
        if !self.tracks.is_empty() && !known.tracks.is_empty() && starts(self) != starts(known) {
            return Sameness::Other("the table of contents of the disc in the drive is another one".into());
        }
        self.system_area.compare(&known.system_area)
    }
}

impl SystemArea {
    /// The digest of one sector, as this list holds it.
    pub fn digest(sector: &[u8]) -> String {
        hex::encode(Sha256::digest(sector))
    }

    /// Compares sector by sector. Sectors of zeros are on many discs and tell nothing.
    pub fn compare(&self, known: &Self) -> Sameness {
        let zero = Self::digest(&[0; SECTOR]);
        let mut answer = Sameness::CantTell;
        for (index, pair) in self.0.iter().zip(&known.0).enumerate() {
            match pair {
                (Some(here), Some(there)) if here != there => {
                    return Sameness::Other(format!("sector {} of the first data track differs", 16 + index));
                }
                (Some(here), Some(_)) if *here != zero => answer = Sameness::Same,
                _ => {}
            }
        }
        answer
    }
}

impl Sameness {
    /// Both pieces of evidence together: a contradiction wins, then a proof.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Other(why), _) | (_, Self::Other(why)) => Self::Other(why),
            (Self::Same, _) | (_, Self::Same) => Self::Same,
            _ => Self::CantTell,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disc(sectors: u32, area: &[Option<&[u8]>]) -> Identity {
        let area = area.iter().map(|sector| sector.map(SystemArea::digest)).collect();
        Identity { kind: "cd-rom".into(), label: None, sectors, tracks: Vec::new(), system_area: SystemArea(area) }
    }

    #[test]
    fn unreadable_is_absent_not_different() {
        let (a, b): (&[u8], &[u8]) = (b"first", b"second");
        let whole = disc(1000, &[Some(a), Some(b)]);
        assert_eq!(whole.compare(&disc(1000, &[None, Some(b)]), Family::Cd), Sameness::Same);
        assert_eq!(whole.compare(&disc(1000, &[None, None]), Family::Cd), Sameness::CantTell);
        assert!(matches!(whole.compare(&disc(1000, &[None, Some(a)]), Family::Cd), Sameness::Other(_)));
    }

    #[test]
    fn sizes_may_differ_by_run_out_and_no_more() {
        let sector: &[u8] = b"same";
        let compare = |sectors| disc(1000, &[Some(sector)]).compare(&disc(sectors, &[Some(sector)]), Family::Cd);
        assert_eq!(compare(998), Sameness::Same);
        assert!(matches!(compare(997), Sameness::Other(_)));
    }

    #[test]
    fn zeros_prove_nothing() {
        let zero: &[u8] = &[0; SECTOR];
        assert_eq!(disc(1000, &[Some(zero)]).compare(&disc(1000, &[Some(zero)]), Family::Cd), Sameness::CantTell);
    }
}
