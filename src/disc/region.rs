//! Parts of a disc that are no data.

use crate::mmc::Extent;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Sectors that are defined as zero in the image, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Where.
    #[serde(flatten)]
    pub extent: Extent,
    /// What is there.
    pub class: RegionClass,
    /// The same for a person.
    pub text: String,
}

/// What lies where there is no data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegionClass {
    /// Lead-out, lead-in and nothing between two sessions.
    Gap,
    /// An audio track.
    Audio,
    /// The last two blocks of a track written track-at-once.
    RunOut,
    /// The pause before an audio track.
    Pregap,
    /// The end of the disc, never written.
    Blank,
}

impl fmt::Display for RegionClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gap => "gap",
            Self::Audio => "audio",
            Self::RunOut => "run-out",
            Self::Pregap => "pregap",
            Self::Blank => "blank",
        })
    }
}
