//! What lies on a medium: partition tables, file systems, members of arrays and encrypted volumes, by the magic bytes they begin with,
//! or end with.

use serde::Serialize;

/// Something that says of itself what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signature {
    /// What it is.
    pub kind: Kind,
    /// The byte where its magic lies.
    pub offset: u64,
    /// Its label, or the name of the array it belongs to. From outside: escape it before a terminal sees it.
    pub label: Option<String>,
}

/// What can be told by its magic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// GUID partition table, the primary one.
    Gpt,
    /// Its backup at the end.
    GptBackup,
    /// Encrypted volume.
    Luks,
}

impl Kind {
    /// Its name for a person.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gpt => "GPT",
            Self::GptBackup => "backup GPT",
            Self::Luks => "LUKS",
        }
    }

    /// True for what is a part of something larger, or hides what is in it: nobody can tell from outside what would be lost.
    pub fn is_member(self) -> bool {
        matches!(self, Self::Luks)
    }
}
