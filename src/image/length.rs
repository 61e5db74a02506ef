//! How long an image is by what lies in it, and what a file has too little or too much.

mod claims;

use serde::Serialize;

use super::pages::Read;
pub(super) use claims::{claims, sessions};

/// Bytes after the end that are looked at: two seconds of a slow stick.
const LOOKED_AT: u64 = 64 << 20;

/// Bytes of one read.
const AT_ONCE: u64 = 64 * 1024;

/// What says where the image ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// Who says so. Nothing in it is from outside.
    pub what: String,
    /// The byte after the last one.
    pub end: u64,
    /// How it is meant.
    pub weight: Weight,
}

/// How a claim is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// The image goes so far: shorter, it is truncated.
    Needs,
    /// It has room so far. A UDF partition can cover all of a disc of which a part was written.
    Room,
}

/// How long an image is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Length {
    /// The byte after the last one that something claims; null where nothing does.
    pub end: Option<u64>,
    /// What that means for the file.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// All claims, the farthest first.
    pub evidence: Vec<Claim>,
}

/// A file, against the end of what lies in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub enum Verdict {
    /// It ends there.
    Complete,
    /// It ends before that.
    Truncated {
        /// Bytes.
        missing: u64,
    },
    /// Zeros follow.
    Padded {
        /// Bytes.
        padding: u64,
    },
    /// Something follows that nothing claims.
    Trailing {
        /// The first byte after the end that is not zero.
        from: u64,
        /// Bytes after the end.
        trailing: u64,
    },
    /// More follows than was looked at, zeros or unreadable so far: a stick is longer than its image.
    Room {
        /// Bytes after the end.
        room: u64,
    },
    /// Nothing says where it ends.
    Unknown,
}

impl Length {
    /// Compares the claims with the `size` of the file or medium. `read` is asked for what lies after the end.
    pub(super) fn of(mut claims: Vec<Claim>, size: u64, sector: u32, read: Read) -> Self {
        claims.sort_by_key(|claim| std::cmp::Reverse(claim.end));
        let counts = |claim: &&Claim| claim.weight == Weight::Needs || claim.end <= size;
        let end = claims.iter().filter(counts).map(|claim| claim.end).max();
        let verdict = match end {
            None => Verdict::Unknown,
            Some(end) if end > size => Verdict::Truncated { missing: end - size },
            Some(end) if end == size => Verdict::Complete,
            Some(end) => rest(end, size, sector, read),
        };
        Self { end, verdict, evidence: claims }
    }
}

/// What follows the end.
fn rest(end: u64, size: u64, sector: u32, read: Read) -> Verdict {
    let (left, unit) = (size - end, u64::from(sector.max(1)));
    let mut at = end - end % unit;
    while at < size && at < end.saturating_add(LOOKED_AT) {
        let length = AT_ONCE.min(size - at) / unit * unit;
        let Some(bytes) = usize::try_from(length).ok().filter(|&length| length > 0).and_then(|length| read(at, length)) else {
            return Verdict::Room { room: left };
        };
        let skip = usize::try_from(end.saturating_sub(at)).unwrap_or(0);
        if let Some(place) = bytes.iter().skip(skip).position(|&byte| byte != 0) {
            return Verdict::Trailing { from: at + (skip + place) as u64, trailing: left };
        }
        at += length;
    }
    if at >= size { Verdict::Padded { padding: left } } else { Verdict::Room { room: left } }
}
