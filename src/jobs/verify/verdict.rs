//! What was found, and what it means.

use std::collections::BTreeMap;

use crate::event::{Against, JobResult, Outcome, VerifyOutcome};
use crate::medium::{Span, Spans};
use crate::status::Status;
use crate::trust::{Algorithm, Digests, Expected};

use super::specimen::SpecimenKind;
use super::{Comparing, Failure, Passed, Reference, interrupted};

/// What was found so far.
pub(super) struct Findings {
    pub(super) outcome: VerifyOutcome,
    /// Bytes that were compared with something.
    pub(super) compared: u64,
    /// Bytes that the reference has, once that is known.
    pub(super) reference_bytes: Option<u64>,
    /// Digests of as many bytes as the file systems claim.
    pub(super) volume: Option<(u64, Digests)>,
    digests: Digests,
}

impl Findings {
    pub(super) fn new(outcome: VerifyOutcome) -> Self {
        Self { outcome, compared: 0, reference_bytes: None, volume: None, digests: Digests::new() }
    }

    /// Takes what the first pass brought.
    pub(super) fn take(&mut self, passed: Passed) {
        (self.outcome.bytes, self.outcome.unreadable, self.digests) = (passed.bytes, passed.unreadable, passed.digests);
    }

    /// The result.
    pub(super) fn judged(mut self, comparing: &Comparing<'_>, ended: Result<(), Failure>) -> JobResult {
        let mut verdict = Verdict { status: Status::Done, reasons: Vec::new(), proof: Proof::Complete };
        let is_whole = ended.is_ok();
        if let Err(error) = &ended {
            verdict.add(error.status, error.reason.clone());
        }
        self.differences(comparing, &mut verdict);
        if is_whole && self.reference_bytes == Some(0) {
            verdict.add(Status::Refused, "the image is empty: there is nothing to compare".into());
            self.digests.clear();
        } else if is_whole {
            self.length(comparing, &mut verdict);
            self.checksum(comparing, &mut verdict);
            self.ledger(comparing, &mut verdict);
            self.gaps(comparing, &mut verdict);
            let is_proof = matches!(verdict.status, Status::Done | Status::Unreadable);
            self.outcome.identical = is_proof && self.compared > 0 && verdict.proof == Proof::Complete;
        }
        // Whoever stopped it by a signal hears that, whatever was found before.
        let status = if ended == Err(interrupted()) { Status::Stopped } else { verdict.status };
        let digests: BTreeMap<String, String> =
            self.digests.into_iter().map(|(algorithm, hex)| (algorithm.name().to_string(), hex)).collect();
        let elapsed = comparing.specimen.clock.now().as_millis() as u64;
        JobResult { status, reasons: verdict.reasons(), outcome: Some(Outcome::Verify(self.outcome)), digests, elapsed }
    }

    fn differences(&self, comparing: &Comparing<'_>, verdict: &mut Verdict) {
        let medium = &comparing.specimen.name;
        let (differences, unsteady) = (&self.outcome.differences, &self.outcome.unsteady);
        if !differences.is_empty() {
            let whose = match comparing.original {
                Some(original) if original.path.is_some() => format!("those of {}", original.name),
                Some(_) => "those that came from stdin".into(),
                None if self.outcome.against == Against::Bmap => "those that the block map tells of".into(),
                None => "those that the ledger tells of".into(),
            };
            let unit = match self.outcome.against {
                Against::Ledger => "chunks of the ledger".into(),
                Against::Bmap => "ranges of the block map".into(),
                _ => format!("sectors of {} bytes", comparing.specimen.sector()),
            };
            verdict.add(
                Status::Different,
                format!("{} bytes of {medium} are not {whose} ({}, told in {unit})", differences.bytes(), places(differences)),
            );
        }
        if !unsteady.is_empty() {
            verdict.add(
                Status::Different,
                format!(
                    "{} bytes of {medium} came out different when they were read again: no reading of it is to be trusted; try another drive, port or cable",
                    unsteady.bytes()
                ),
            );
        }
    }

    /// A medium that is longer is no error, one that is shorter is.
    fn length(&self, comparing: &Comparing<'_>, verdict: &mut Verdict) {
        if let Some(original) =
            comparing.original.filter(|original| original.bytes.is_some() && original.bytes != self.reference_bytes)
        {
            verdict
                .add(Status::Failed, format!("{} changed its length while it was read; run this command again", original.name));
        }
        let Some(wanted) = self.reference_bytes.filter(|wanted| *wanted > self.outcome.bytes) else { return };
        let (medium, has) = (&comparing.specimen.name, comparing.specimen.bytes());
        let what = match (comparing.original, self.outcome.against) {
            (Some(original), _) => format!("{} has {wanted}", original.name),
            (None, Against::Bmap) => format!("the image of the block map has {wanted}"),
            (None, Against::Ledger) => format!("the image of the ledger has {wanted}"),
            (None, _) => format!("--size says {wanted}"),
        };
        verdict.add(Status::Different, format!("{medium} is too short: it has {has} bytes, and {what}"));
    }

    fn checksum(&mut self, comparing: &Comparing<'_>, verdict: &mut Verdict) {
        let Some(expected) = &comparing.expected else { return };
        let Err(wanted) = expected.compare(&self.digests) else { return };
        if let Some((bytes, digests)) = self.volume.take_if(|(_, digests)| expected.compare(digests).is_ok()) {
            let rest = self.outcome.bytes - bytes;
            if !matches!(comparing.specimen.kind, SpecimenKind::File(_)) {
                self.outcome.unreadable = readable_to(&self.outcome.unreadable, bytes);
                (self.outcome.bytes, self.digests) = (bytes, digests);
                return;
            }
            verdict.add(
                Status::Different,
                format!(
                    "the first {bytes} bytes, as long as the file system in it says that it is, have that digest, and {rest} bytes follow; --size {bytes} leaves them out"
                ),
            );
            return;
        }
        let came = came(expected, &self.digests);
        let name = &comparing.specimen.name;
        if !self.outcome.unreadable.is_empty() {
            let why = format!("whether {name} has the digest that was expected can't be told: some of it could not be read");
            verdict.unproved(Status::Unreadable, why);
        } else if comparing.original.is_none() {
            let is_medium = !matches!(comparing.specimen.kind, SpecimenKind::File(_)) && comparing.request.size.is_none();
            let hint = if is_medium {
                "; this is the digest of the whole medium: say --size N if the image has only N bytes"
            } else {
                ""
            };
            let bytes = self.outcome.bytes;
            verdict.add(Status::Different, format!("expected {wanted}, and the {bytes} bytes of {name} have {came}{hint}"));
        } else if self.outcome.differences.is_empty() && self.outcome.holes.is_empty() && verdict.status == Status::Done {
            let image = comparing.original.map(|original| original.name.as_str()).unwrap_or_default();
            verdict.add(
                Status::Corrupt,
                format!(
                    "{name} holds what {image} holds, and that is not what was published: expected {wanted}, and it is {came}"
                ),
            );
        } else {
            verdict
                .unproved(Status::Done, format!("the checksum does not match either: expected {wanted}, and {name} has {came}"));
        }
    }

    /// The chunks of a ledger and its digest of the whole must tell the same.
    fn ledger(&self, comparing: &Comparing<'_>, verdict: &mut Verdict) {
        let Reference::Ledger(ledger) = &comparing.request.reference else { return };
        let all_equal = verdict.status == Status::Done && self.outcome.unreadable.is_empty();
        if all_equal && self.digests.get(&Algorithm::Sha256) != Some(&ledger.sha256) {
            verdict.add(
                Status::Usage,
                "the ledger contradicts itself: each chunk is as it says, and the whole is not; make it anew".into(),
            );
        }
    }

    fn gaps(&self, comparing: &Comparing<'_>, verdict: &mut Verdict) {
        let (unreadable, holes) = (&self.outcome.unreadable, &self.outcome.holes);
        let name = &comparing.specimen.name;
        if !unreadable.is_empty() {
            verdict.add(Status::Unreadable, format!("{} bytes of {name} could not be read", unreadable.bytes()));
        }
        if !holes.is_empty() {
            let text = match comparing.original {
                Some(original) => format!(
                    "{} bytes of {} were never read from its disc, as its map says, and were not compared",
                    holes.bytes(),
                    original.name
                ),
                None if self.outcome.against == Against::Bmap => format!(
                    "{} bytes were not compared: of a range that can't be read as a whole, or has no checksum, a block map tells nothing",
                    holes.bytes()
                ),
                None => format!(
                    "{} bytes were not compared: of a chunk that can't be read as a whole a ledger tells nothing",
                    holes.bytes()
                ),
            };
            verdict.add(Status::Unreadable, text);
        }
    }
}

fn places(spans: &Spans) -> String {
    match spans.iter().len() {
        1 => "in one place".into(),
        count => format!("in {count} places"),
    }
}

/// The digest that came, of the algorithm that decides.
fn came(expected: &Expected, digests: &Digests) -> String {
    let strongest = expected.algorithms().max();
    let digest = strongest.and_then(|algorithm| Some(format!("{algorithm} {}", digests.get(&algorithm)?)));
    digest.unwrap_or_else(|| "none".into())
}

/// The spans before this byte.
fn readable_to(spans: &Spans, bytes: u64) -> Spans {
    let mut before = Spans::default();
    for span in spans.within(Span { offset: 0, length: bytes }) {
        before.push(span.offset, span.length);
    }
    before
}

/// A status, and every reason for it.
struct Verdict {
    status: Status,
    reasons: Vec<(Status, String)>,
    proof: Proof,
}

/// Whether everything that was to be compared could be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    Complete,
    Missing,
}

impl Verdict {
    fn add(&mut self, status: Status, reason: String) {
        self.status = self.status.and(status);
        self.reasons.push((status, reason));
    }

    /// The same, of something that could not be told.
    fn unproved(&mut self, status: Status, reason: String) {
        self.add(status, reason);
        self.proof = Proof::Missing;
    }

    /// The reasons, first those that the status tells of.
    fn reasons(self) -> Vec<String> {
        let (first, rest): (Vec<_>, Vec<_>) = self.reasons.into_iter().partition(|(status, _)| *status == self.status);
        first.into_iter().chain(rest).map(|(_, reason)| reason).collect()
    }
}
