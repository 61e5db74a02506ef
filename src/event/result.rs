//! How a job ended.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

use crate::status::Status;

use super::{
    BatchOutcome, FlashOutcome, FormatOutcome, ImageOutcome, InspectOutcome, MediaOutcome, ProbeOutcome, Standing, VerifyOutcome,
};

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobResult {
    /// Exit status.
    pub status: Status,
    /// Every reason for it, and what to do now.
    pub reasons: Vec<String>,
    /// What came of it; `None` when the job ended before it did anything.
    #[serde(flatten)]
    pub outcome: Option<Outcome>,
    /// Digest by algorithm; empty when none was computed.
    pub digests: BTreeMap<String, String>,
    /// Milliseconds.
    pub elapsed: u64,
}

impl JobResult {
    /// A job that ended so before it did anything.
    pub fn new(status: Status) -> Self {
        Self { status, reasons: Vec::new(), outcome: None, digests: BTreeMap::new(), elapsed: 0 }
    }

    /// A job that ended so before it did anything, for this reason.
    pub fn because(status: Status, reason: impl Into<String>) -> Self {
        Self { reasons: vec![reason.into()], ..Self::new(status) }
    }
}

/// What came of a job.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Outcome {
    /// A disc into an image.
    Image(Box<ImageOutcome>),
    /// An image onto a medium.
    Flash(FlashOutcome),
    /// An image onto several media.
    Media(MediaOutcome),
    /// A medium tested.
    Probe(ProbeOutcome),
    /// A medium given back as one partition.
    Format(FormatOutcome),
    /// A medium compared.
    Verify(VerifyOutcome),
    /// Where an image stands.
    Standing(Box<Standing>),
    /// The discs of a batch.
    Batch(BatchOutcome),
    /// What an image is.
    Inspect(Box<InspectOutcome>),
}

/// A path as text. JSON has no other; what of a name is no UTF-8 becomes U+FFFD, as in every other event.
pub(super) fn shown<S: Serializer>(path: &Option<PathBuf>, to: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path.to_string_lossy()).serialize(to)
}
