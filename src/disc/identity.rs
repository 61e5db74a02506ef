//! Is it the same disc? Three-valued: what can't be read proves nothing.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::mmc::{Family, SECTOR};
use crate::rescue::policy::RUN_OUT;

use super::{Layout, Track, TrackKind};

/// Where volumes name themselves, from the begin of their track (ECMA-119, 6.2.1).
const SYSTEM_AREA: u32 = 16;

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

/// Sectors of a disc that were compared with what was known of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compared {
    /// How many are equal, of those that say something: zeros are on many discs.
    pub equal: usize,
    /// LBAs of those that differ.
    pub different: Vec<u32>,
}

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
    ///
    /// # Errors
    /// A contradiction that no sector is needed for: length, table of contents.
    pub fn compare(&self, known: &Self, family: Family) -> Result<Compared, String> {
        let tolerance = family.block().max(RUN_OUT);
        if self.sectors.abs_diff(known.sectors) > tolerance {
            return Err(format!("the disc in the drive has {} sectors, that of the image {}", self.sectors, known.sectors));
        }
        let starts = |identity: &Self| identity.tracks.iter().map(|track| (track.extent.first, track.kind)).collect::<Vec<_>>();
        if !self.tracks.is_empty() && !known.tracks.is_empty() && starts(self) != starts(known) {
            return Err("the table of contents of the disc in the drive is another one".into());
        }
        let first = self.tracks.iter().find(|track| track.kind == TrackKind::Data).map_or(0, |track| track.extent.first);
        Ok(self.system_area.compare(&known.system_area, first))
    }
}

impl SystemArea {
    /// The digest of one sector, as this list holds it.
    pub fn digest(sector: &[u8]) -> String {
        hex::encode(Sha256::digest(sector))
    }

    /// LBAs of its sectors that came; `first` is the LBA that the first data track begins at.
    pub fn that_came(&self, first: u32) -> Vec<u32> {
        (first + SYSTEM_AREA..).zip(&self.0).filter(|(_, digest)| digest.is_some()).map(|(lba, _)| lba).collect()
    }

    /// Compares sector by sector; `first` is the LBA that the first data track begins at.
    pub fn compare(&self, known: &Self, first: u32) -> Compared {
        let zero = Self::digest(&[0; SECTOR]);
        let mut compared = Compared::default();
        for (lba, pair) in (first + SYSTEM_AREA..).zip(self.0.iter().zip(&known.0)) {
            match pair {
                (Some(here), Some(there)) if here != there => compared.different.push(lba),
                (Some(here), Some(_)) if *here != zero => compared.equal += 1,
                _ => {}
            }
        }
        compared
    }
}

impl Compared {
    /// So many differences are named; and where so many were found, the disc is not asked for more.
    pub const NAMED: usize = 8;

    /// Both pieces of evidence together.
    pub fn and(self, other: Self) -> Self {
        Self { equal: self.equal + other.equal, different: [self.different, other.different].concat() }
    }

    /// A contradiction wins, then a proof.
    pub fn verdict(mut self) -> Sameness {
        if self.different.is_empty() {
            return if self.equal > 0 { Sameness::Same } else { Sameness::CantTell };
        }
        self.different.sort_unstable();
        let differ = self.different.len();
        let named: Vec<String> = self.different.iter().take(Self::NAMED).map(u32::to_string).collect();
        let more = if differ > Self::NAMED { ", …" } else { "" };
        let edition = if self.equal > 3 * differ { ": it may be another pressing or edition" } else { "" };
        Sameness::Other(format!(
            "it differs in {differ} of {} sectors that were compared (LBA {}{more}), {} are equal{edition}",
            differ + self.equal,
            named.join(", "),
            self.equal
        ))
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
        let verdict = |area: &[Option<&[u8]>]| whole.compare(&disc(1000, area), Family::Cd).unwrap().verdict();
        assert_eq!(verdict(&[None, Some(b)]), Sameness::Same);
        assert_eq!(verdict(&[None, None]), Sameness::CantTell);
        assert!(matches!(verdict(&[None, Some(a)]), Sameness::Other(why) if why.contains("LBA 17")));
    }

    #[test]
    fn sizes_may_differ_by_run_out_and_no_more() {
        let sector: &[u8] = b"same";
        let compare = |sectors| disc(1000, &[Some(sector)]).compare(&disc(sectors, &[Some(sector)]), Family::Cd);
        assert_eq!(compare(998).unwrap().verdict(), Sameness::Same);
        assert!(compare(997).is_err());
    }

    #[test]
    fn zeros_prove_nothing() {
        let zero: &[u8] = &[0; SECTOR];
        let compared = disc(1000, &[Some(zero)]).compare(&disc(1000, &[Some(zero)]), Family::Cd);
        assert_eq!(compared.unwrap().verdict(), Sameness::CantTell);
    }

    #[test]
    fn what_differs_is_named_and_what_is_equal_is_counted() {
        let told = |equal, different: std::ops::Range<u32>| match (Compared { equal, different: different.collect() }).verdict() {
            Sameness::Other(why) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            told(40, 100..102),
            "it differs in 2 of 42 sectors that were compared (LBA 100, 101), 40 are equal: it may be another pressing or edition"
        );
        let stranger = told(0, 0..10);
        assert!(stranger.contains("LBA 0, 1, 2, 3, 4, 5, 6, 7, …), 0 are equal") && !stranger.contains("edition"), "{stranger}");
    }
}
