//! What came of writing a medium, or of comparing one, as sentences.

use std::path::Path;

use crate::event::{
    Against, Checked, FlashOutcome, FormatOutcome, JobResult, ListedTarget, MediumCard, ProbeOutcome, SourceSummary,
    VerifyOutcome,
};
use crate::medium::{Span, Spans};
use crate::status::Status;
use crate::ui::escape::Escaped;
use crate::ui::units::{bytes, time};

/// Places are listed up to this many; `--json` has them all.
const LISTED: usize = 10;

/// `image   debian.iso: 660 MB`
pub(super) fn source(source: &SourceSummary) -> String {
    let size = source.bytes.map_or_else(|| "length unknown".into(), bytes);
    let holes = if source.holes > 0 { format!(", {} of it never read (holes)", bytes(source.holes)) } else { String::new() };
    format!("image   {}: {size}{holes}", Escaped(&source.image))
}

/// `stick   /dev/sdb: SanDisk Ultra, 15.5 GB, serial 4C53, USB`
pub(super) fn medium(card: &MediumCard) -> String {
    format!("medium  {}: {}", Escaped(&card.node), described(card))
}

fn described(card: &MediumCard) -> String {
    let serial = card.serial.as_ref().map(|serial| format!("serial {serial}"));
    let parts = [card.model.clone(), card.bytes.map(bytes), serial, Some(card.bus.clone())];
    Escaped(&parts.into_iter().flatten().collect::<Vec<_>>().join(", ")).to_string()
}

/// One disk of the list.
pub(super) fn target(target: &ListedTarget) -> Vec<String> {
    let verdict = if target.allowed { "" } else { "  not " };
    let head = format!("{verdict}{}  {}", Escaped(&target.card.node), described(&target.card));
    let contents = target.card.contents.iter().map(|line| format!("        holds {}", Escaped(line)));
    let reasons = target.reasons.iter().map(|reason| format!("        {}", Escaped(reason)));
    std::iter::once(head).chain(contents).chain(reasons).collect()
}

/// One of many images.
pub(super) fn checked(checked: &Checked) -> String {
    let verdict = match checked.status {
        Status::Done => "OK",
        Status::Different => "DIFFERENT",
        _ => "NOT CHECKED",
    };
    format!("{}: {verdict} ({})", Escaped(&checked.image), Escaped(&checked.text))
}

pub(super) fn flashed(outcome: &FlashOutcome, result: &JobResult) -> Vec<String> {
    if result.status != Status::Done || outcome.medium.is_empty() || outcome.written == 0 {
        return Vec::new();
    }
    let proof = if outcome.verified { "written and verified" } else { "written and flushed, NOT verified" };
    let spared = [(outcome.kept, "were there already"), (outcome.punched.bytes(), "are zeros that it made by itself")];
    let spared = spared.into_iter().filter(|(spared, _)| *spared > 0);
    let spared: String = spared.map(|(spared, why)| format!(" ({} {why})", bytes(spared))).collect();
    vec![format!("done    {}: {} {proof}{spared}, in {}", Escaped(&outcome.medium), bytes(outcome.bytes), time(result.elapsed))]
}

pub(super) fn probed(outcome: &ProbeOutcome, result: &JobResult) -> Vec<String> {
    if !outcome.real || result.status != Status::Done {
        return Vec::new();
    }
    let (medium, claimed) = (Escaped(&outcome.medium), bytes(outcome.bytes));
    vec![format!("done    {medium}: all {claimed} are there, each byte written and read back, in {}", time(result.elapsed))]
}

pub(super) fn formatted(outcome: &FormatOutcome, result: &JobResult) -> Vec<String> {
    let Some(partition) = outcome.partition.filter(|_| outcome.verified && result.status == Status::Done) else {
        return Vec::new();
    };
    let (medium, kind, room) = (Escaped(&outcome.medium), &outcome.filesystem, bytes(partition.length));
    vec![format!("done    {medium}: one {kind} partition of {room}, written and verified, in {}", time(result.elapsed))]
}

pub(super) fn verified(outcome: &VerifyOutcome, result: &JobResult) -> Vec<String> {
    if !outcome.identical || !matches!(result.status, Status::Done | Status::Unreadable) {
        return Vec::new();
    }
    let image = outcome.image.as_deref().map_or_else(|| "what came from stdin".into(), name_of);
    let how = match outcome.against {
        Against::Image => format!("equal {image}"),
        Against::Checksum => "have the digest that was expected".into(),
        Against::Ledger => "are as the ledger says".into(),
        Against::Reading => "came out the same twice".into(),
    };
    let left_out = outcome.unreadable.union(&outcome.holes).bytes();
    let (verdict, rest) = match result.status {
        Status::Done => ("same   ", String::new()),
        _ => ("partly ", format!("; nothing is known of the other {}", bytes(left_out))),
    };
    let compared = bytes(outcome.bytes.saturating_sub(left_out));
    let medium = Escaped(&outcome.medium);
    vec![format!("{verdict} {medium}: {compared} {how}{rest}, in {}", time(result.elapsed))]
}

/// Places that differ, or could not be read.
pub(super) fn places(verb: &str, spans: &Spans) -> Vec<String> {
    let line = |span: Span| format!("        {verb}: {}", place(span));
    let mut lines: Vec<String> = spans.iter().take(LISTED).map(line).collect();
    if spans.iter().len() > LISTED {
        lines.push(format!(
            "        and {} more places, {} in all (--json names them)",
            spans.iter().len() - LISTED,
            bytes(spans.bytes())
        ));
    }
    lines
}

fn place(span: Span) -> String {
    format!("bytes {} to {} ({})", span.offset, span.end().saturating_sub(1), bytes(span.length))
}

/// The comment above digests: what they are of.
pub(super) fn read_back(outcome: &FlashOutcome) -> Option<String> {
    outcome.verified.then(|| format!("# the first {} bytes of {}, read back from it", outcome.bytes, Escaped(&outcome.medium)))
}

/// The same of a medium that was compared.
pub(super) fn looked_at(outcome: &VerifyOutcome) -> Option<String> {
    let unreadable = if outcome.unreadable.is_empty() { "" } else { "; what could not be read counts as zeros" };
    Some(format!("# the first {} bytes of {}{unreadable}", outcome.bytes, Escaped(&outcome.medium)))
}

/// The name that digests stand beside: the image's, or else the medium's.
pub(super) fn digest_name(image: Option<&Path>, medium: &str) -> String {
    image.map_or_else(|| Escaped(medium).to_string(), name_of)
}

/// The name that the digests of a compared medium stand beside: the image's only if they are its digests.
pub(super) fn verified_name(outcome: &VerifyOutcome, status: Status) -> String {
    let image = outcome.image.as_deref().filter(|_| outcome.identical && status == Status::Done);
    digest_name(image, &outcome.medium)
}

fn name_of(path: &Path) -> String {
    Escaped(&path.display().to_string()).to_string()
}
