//! What lies where on a disc, decided before the first read, and how long its image is, with the evidence.

use serde::{Deserialize, Serialize};

use crate::mmc::{DiscStatus, Extent, Family, Profile};
use crate::rescue::Geometry;
use crate::rescue::policy::RUN_OUT;

use super::{Facts, Region, RegionClass};

/// A disc that can be imaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Its profile, where the drive knows profiles.
    pub profile: Option<Profile>,
    /// Number of sessions.
    pub sessions: u16,
    /// Its tracks.
    pub tracks: Vec<Track>,
    /// How long the image is.
    pub size: SizeDecision,
    /// What is zero by definition.
    pub regions: Vec<Region>,
    /// The disc carries a protection system.
    pub copy_protected: bool,
}

/// One track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// Number, from 1.
    pub number: u16,
    /// Session, from 1.
    pub session: u16,
    /// What it holds.
    pub kind: TrackKind,
    /// Where it lies.
    #[serde(flatten)]
    pub extent: Extent,
}

/// What a track holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrackKind {
    /// Sectors of 2048 bytes.
    Data,
    /// Samples.
    Audio,
}

/// The length of the image, with the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizeDecision {
    /// Sectors of the image.
    pub sectors: u32,
    /// The source that was believed.
    pub chosen: String,
    /// What each source says.
    pub candidates: Vec<Candidate>,
    /// The reason.
    pub why: String,
}

/// What one source says of the disc's length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The command that it comes from.
    pub source: String,
    /// Sectors from LBA 0.
    pub sectors: u32,
}

/// Why a disc is not for this program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Only audio tracks.
    #[error(
        "this is an audio disc (tracks: {0}): it has no data sectors to copy; use an audio ripper (cyanrip, whipper, cdparanoia)"
    )]
    Audio(usize),
    /// Nothing recorded.
    #[error("this disc is blank ({0}): there is nothing to copy")]
    Blank(String),
    /// Sectors of another size.
    #[error("this disc has blocks of {0} bytes, not 2048: discrip can't copy it")]
    BlockLength(u32),
    /// No source says how large it is.
    #[error("the drive does not say how large this disc is: clean the disc, or try another drive")]
    NoSize,
}

const TRACK_INFORMATION: &str = "read-track-information";
const CAPACITY: &str = "read-capacity";
const TOC: &str = "toc-lead-out";
const PHYSICAL: &str = "physical-format";

impl Layout {
    /// Decides from what the drive said.
    pub fn decide(facts: &Facts) -> Result<Self, Refusal> {
        let name = facts.profile.map_or_else(|| "disc".to_string(), |profile| profile.to_string());
        if facts.disc.is_some_and(|disc| disc.status == DiscStatus::Blank) {
            return Err(Refusal::Blank(name));
        }
        // The kernel's sr driver takes these lengths for 2048 as well: drives report them after an audio disc.
        if let Some(capacity) = facts.capacity.filter(|c| !matches!(c.block_length, 0 | 2048 | 2324 | 2332 | 2336 | 2340 | 2352))
        {
            return Err(Refusal::BlockLength(capacity.block_length));
        }
        let tracks = tracks(facts);
        if !tracks.is_empty() && tracks.iter().all(|track| track.kind == TrackKind::Audio) {
            return Err(Refusal::Audio(tracks.len()));
        }
        let size = size(facts, &tracks)?;
        let sessions = tracks.iter().map(|track| track.session).max().unwrap_or(1);
        Ok(Self {
            profile: facts.profile,
            sessions,
            regions: regions(&tracks, size.sectors),
            tracks,
            size,
            copy_protected: facts.copy_protected,
        })
    }

    /// How the disc is built; a drive that knows no profiles is taken for a CD drive.
    pub fn family(&self) -> Family {
        self.profile.map_or(Family::Cd, Profile::family)
    }

    /// The name of the kind of disc.
    pub fn kind(&self) -> &'static str {
        self.profile.map_or("disc", Profile::name)
    }

    /// What the planner needs to know. `longest`: sectors of the longest read.
    pub fn geometry(&self, longest: u32) -> Geometry {
        let data = cd_data_tracks(self.kind(), &self.tracks, self.size.sectors);
        let tails = data.into_iter().filter_map(|track| track.end().checked_sub(RUN_OUT));
        let starts = self.tracks.iter().map(|track| track.extent.first);
        let edges = self.regions.iter().flat_map(|region| [region.extent.first, region.extent.end()]);
        let mut borders: Vec<u32> = tails.chain(starts).chain(edges).filter(|lba| (1..self.size.sectors).contains(lba)).collect();
        borders.sort_unstable();
        borders.dedup();
        Geometry { block: self.family().block(), borders, longest }
    }

    /// The two lengths that the sources disagree about, the one chosen and the other: sectors in between are worth a look.
    pub fn doubt(&self) -> Option<(u32, u32)> {
        let believed = |c: &&Candidate| [TRACK_INFORMATION, CAPACITY].contains(&c.source.as_str()) || c.source == TOC;
        let claims = || self.size.candidates.iter().filter(believed).map(|candidate| candidate.sectors);
        let (low, high) = (claims().min()?, claims().max()?);
        let audio_follows = self.tracks.last().is_some_and(|track| track.kind == TrackKind::Audio);
        (low < high && low > 0 && !audio_follows).then_some((low, high))
    }

    /// Settles the length after a look at the disc.
    pub fn settle(&mut self, sectors: u32, why: String) {
        let source = self.size.candidates.iter().find(|candidate| candidate.sectors == sectors);
        self.size.chosen = source.map_or_else(|| "probe".into(), |candidate| candidate.source.clone());
        self.size.sectors = sectors;
        self.size.why = why;
        if let Some(last) = self.tracks.last_mut() {
            last.extent = Extent::between(last.extent.first, sectors.max(last.extent.first));
        }
        self.regions = regions(&self.tracks, sectors);
    }
}

/// The data tracks of a CD, cut to an image of so many sectors: each may end with two run-out blocks. Other discs have none.
pub fn cd_data_tracks(kind: &str, tracks: &[Track], sectors: u32) -> Vec<Extent> {
    if !kind.starts_with("cd-") {
        return Vec::new();
    }
    if tracks.is_empty() {
        return vec![Extent { first: 0, count: sectors }];
    }
    let data = tracks.iter().filter(|track| track.kind == TrackKind::Data && track.extent.first < sectors);
    data.map(|track| Extent::between(track.extent.first, track.extent.end().min(sectors))).collect()
}

/// The tracks: READ TRACK INFORMATION knows most, the table of contents of a CD is the next best.
fn tracks(facts: &Facts) -> Vec<Track> {
    let kind = |is_data| if is_data { TrackKind::Data } else { TrackKind::Audio };
    let recorded = facts.tracks.iter().filter(|track| !track.is_blank && track.end() > track.first);
    let informed: Vec<Track> = recorded
        .map(|t| Track {
            number: t.number,
            session: t.session.max(1),
            kind: kind(t.is_data),
            extent: Extent::between(t.first, t.end()),
        })
        .collect();
    let listed = facts.toc.as_ref().map(|toc| toc.tracks.as_slice()).unwrap_or_default();
    // A drive that knows fewer tracks than its own table lists has answered for some of them only.
    if !informed.is_empty() && informed.len() >= listed.len().min(99) {
        return informed;
    }
    let last_end =
        facts.toc.as_ref().and_then(|toc| toc.lead_out).or(facts.capacity.map(|capacity| capacity.sectors)).unwrap_or(0);
    let ends = listed.iter().skip(1).map(|track| track.first).chain([last_end]);
    let mut lead_outs = facts.lead_outs.clone();
    lead_outs.sort_unstable_by_key(|(_, lead_out)| *lead_out);
    listed
        .iter()
        .zip(ends)
        .map(|(track, next)| {
            let session = lead_outs.iter().find(|(_, lead_out)| *lead_out > track.first);
            let end = session.map_or(next, |(_, lead_out)| next.min(*lead_out));
            Track {
                number: track.number.into(),
                session: session.map_or(1, |(number, _)| (*number).into()),
                kind: kind(track.is_data),
                extent: Extent::between(track.first, end),
            }
        })
        .collect()
}

/// Nothing is shortened unasked: the image ends where the last data track does.
fn size(facts: &Facts, tracks: &[Track]) -> Result<SizeDecision, Refusal> {
    let informed = facts.tracks.iter().filter(|track| track.is_data && !track.is_blank).map(|track| track.end()).max();
    let sources = [
        (TRACK_INFORMATION, informed),
        (CAPACITY, facts.capacity.map(|capacity| capacity.sectors)),
        (TOC, facts.toc.as_ref().and_then(|toc| toc.lead_out)),
        (PHYSICAL, facts.physical.and_then(|physical| physical.sectors())),
    ];
    let candidates: Vec<Candidate> = sources
        .iter()
        .filter_map(|(source, sectors)| Some(Candidate { source: (*source).into(), sectors: (*sectors)? }))
        .collect();
    let last_data = tracks.iter().rev().find(|track| track.kind == TrackKind::Data);
    let audio_follows = tracks.last().is_some_and(|track| track.kind == TrackKind::Audio);
    if let (Some(track), true) = (last_data.filter(|track| track.extent.end() > 0), audio_follows) {
        let why = format!("data ends with track {}; audio tracks follow", track.number);
        let chosen = if informed.is_some() { TRACK_INFORMATION } else { TOC };
        return Ok(SizeDecision { sectors: track.extent.end(), chosen: chosen.into(), candidates, why });
    }
    // Formatted discs and old drives: what was written is not known, the capacity is.
    let overwritable = facts.profile.is_some_and(Profile::is_overwritable);
    let order =
        if overwritable { [CAPACITY, TRACK_INFORMATION, TOC, PHYSICAL] } else { [TRACK_INFORMATION, CAPACITY, TOC, PHYSICAL] };
    let chosen = order.iter().find_map(|source| candidates.iter().find(|c| c.source == *source && c.sectors > 0)).cloned();
    let Some(chosen) = chosen else { return Err(Refusal::NoSize) };
    let agree = candidates.iter().all(|candidate| candidate.sectors == chosen.sectors);
    let why = if agree { "all sources agree" } else { "the most reliable source that this drive has" };
    Ok(SizeDecision { sectors: chosen.sectors, chosen: chosen.source, candidates, why: why.into() })
}

/// Audio tracks, and everything that belongs to no track.
fn regions(tracks: &[Track], sectors: u32) -> Vec<Region> {
    let mut regions = Vec::new();
    let mut at = 0;
    for track in tracks.iter().filter(|track| track.extent.first < sectors) {
        if track.extent.first > at {
            let text =
                if at == 0 { "nothing before the first track".into() } else { format!("gap before session {}", track.session) };
            regions.push(Region { extent: Extent::between(at, track.extent.first), class: RegionClass::Gap, text });
        }
        if track.kind == TrackKind::Audio {
            let extent = Extent::between(track.extent.first, track.extent.end().min(sectors));
            regions.push(Region { extent, class: RegionClass::Audio, text: format!("audio track {}", track.number) });
        }
        at = at.max(track.extent.end());
    }
    regions
}
