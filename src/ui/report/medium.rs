//! What came of writing a medium, or of comparing one, as sentences.

use std::path::Path;

use crate::event::{
    Against, Checked, Event, FlashOutcome, FormatOutcome, JobResult, ListedTarget, MediumCard, MediumEnd, MovedGpt, ProbeOutcome,
    SourceSummary, VerifyOutcome,
};
use crate::medium::{Span, Spans};
use crate::status::Status;
use crate::ui::escape::Escaped;
use crate::ui::units::{bytes, time};

use super::{line, phase_name, verb};

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

pub(super) fn flashed(outcome: &FlashOutcome, status: Status, elapsed: u64) -> Option<String> {
    if status != Status::Done || outcome.medium.is_empty() || outcome.written == 0 {
        return None;
    }
    let proof = if outcome.verified { "written and verified" } else { "written and flushed, NOT verified" };
    let spared = [(outcome.kept, "were there already"), (outcome.punched.bytes(), "are zeros that it made by itself")];
    let spared = spared.into_iter().filter(|(spared, _)| *spared > 0);
    let spared: String = spared.map(|(spared, why)| format!(" ({} {why})", bytes(spared))).collect();
    let size = match outcome.mapped {
        Some(mapped) => format!("mapped ranges only, {} of {},", bytes(mapped), bytes(outcome.bytes)),
        None => bytes(outcome.bytes),
    };
    Some(format!("done    {}: {size} {proof}{spared}, in {}", Escaped(&outcome.medium), time(elapsed)))
}

/// A line about one of several media, which names it.
pub(in crate::ui) fn of_medium(medium: &str, text: &str) -> String {
    format!("        {}: {}", Escaped(medium), text.trim_start())
}

/// What happened to one of several media, as the line that everybody sees.
pub(super) fn of_one(medium: &str, event: &Event) -> Option<String> {
    match event {
        Event::Phase(phase) => Some(format!("now     {}: {}", Escaped(medium), phase_name(phase.name))),
        Event::Notice(_) => line(event).map(|text| of_medium(medium, &text)),
        _ => line(event),
    }
}

/// One of several media is done with.
pub(super) fn ended(end: &MediumEnd) -> String {
    flashed(&end.outcome, end.status, end.elapsed).unwrap_or_else(|| {
        let reason = end.reasons.first().map_or("", String::as_str);
        let is_named = reason.contains(&end.outcome.medium);
        let medium = if is_named { String::new() } else { format!("{}: ", Escaped(&end.outcome.medium)) };
        format!("{}{medium}{}", verb(end.status), Escaped(reason))
    })
}

/// What came of one of several media, in a word.
pub(in crate::ui) fn verdict(end: &MediumEnd) -> &'static str {
    match end.status {
        Status::Done if end.outcome.verified => "verified",
        Status::Done => "NOT verified",
        Status::Different => "DIFFERENT",
        Status::Corrupt => "WRONG IMAGE",
        Status::Stopped => "STOPPED",
        Status::Refused => "REFUSED",
        Status::Failed | Status::Usage | Status::Unreadable => "FAILED",
    }
}

/// What came of all media, a row each. None where nothing was written.
pub(super) fn table(media: &[MediumEnd]) -> Vec<String> {
    if media.iter().all(|end| end.status == Status::Done && end.outcome.written == 0) {
        return Vec::new();
    }
    let row = |end: &MediumEnd| {
        let done = if end.status == Status::Done { end.outcome.bytes } else { end.outcome.written };
        let rate = done.saturating_mul(1000) / end.elapsed.max(1);
        [
            Escaped(&end.outcome.medium).to_string(),
            end.serial.as_ref().map_or_else(|| "-".into(), |serial| Escaped(serial).to_string()),
            verdict(end).into(),
            bytes(done),
            time(end.elapsed),
            format!("{}/s", bytes(rate)),
        ]
    };
    let head = ["medium", "serial", "verdict", "bytes", "time", "rate"].map(String::from);
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(media.iter().map(row)).collect();
    let widths: [usize; 6] = std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let line = |row: &[String; 6]| {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_string()
    };
    rows.iter().map(line).collect()
}

/// The name that the digests of several media stand beside, and what they are of.
pub(super) fn of_all(media: &[MediumEnd]) -> (String, Option<String>) {
    let Some(FlashOutcome { image, medium, bytes, .. }) = media.first().map(|end| &end.outcome) else {
        return (String::new(), None);
    };
    let are_verified = media.iter().all(|end| end.outcome.verified);
    let comment = are_verified.then(|| format!("# the first {bytes} bytes of each medium, read back from it"));
    (digest_name(image.as_deref(), medium), comment)
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
        Against::Bmap => format!("are as the block map says, mapped ranges only, of {}", bytes(outcome.bytes)),
        Against::Reading => "came out the same twice".into(),
    };
    let left_out = outcome.unreadable.union(&outcome.holes).bytes();
    let (verdict, rest) = match result.status {
        Status::Done => ("same   ", String::new()),
        _ => ("partly ", format!("; nothing is known of the other {}", bytes(left_out))),
    };
    let compared = bytes(outcome.mapped.unwrap_or(outcome.bytes).saturating_sub(left_out));
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

/// What the digests of a medium leave out of account.
fn moved(gpt: Option<MovedGpt>) -> &'static str {
    if gpt.is_some() { ", its GPT taken as the image has it" } else { "" }
}

/// The comment above digests: what they are of.
pub(super) fn read_back(outcome: &FlashOutcome) -> Option<String> {
    let gpt = moved(outcome.gpt);
    outcome
        .verified
        .then(|| format!("# the first {} bytes of {}, read back from it{gpt}", outcome.bytes, Escaped(&outcome.medium)))
}

/// The same of a medium that was compared.
pub(super) fn looked_at(outcome: &VerifyOutcome) -> Option<String> {
    let unreadable = if outcome.unreadable.is_empty() { "" } else { "; what could not be read counts as zeros" };
    let gpt = moved(outcome.gpt);
    Some(format!("# the first {} bytes of {}{gpt}{unreadable}", outcome.bytes, Escaped(&outcome.medium)))
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
