//! Events as sentences.

mod disc;
mod hurt;
mod image;
mod inspect;
mod medium;
mod standing;

use crate::disc::{Origin, SizeDecision, Track, TrackKind};
use crate::event::{
    Checked, DiscSummary, Drives, Event, JobResult, ListedFile, Outcome, PhaseName, Progress, ReadingProgress, Row, Targets,
    TransferPhase, Trouble, Unit,
};
use crate::mmc::Extent;
use crate::rescue::{Phase, Way};
use crate::status::Status;

pub(super) use medium::{of_medium, verdict};

use super::escape::Escaped;
use super::units::{bytes, percent, size, span, time};

/// One event as the line that everybody sees, if there is one.
pub(super) fn line(event: &Event) -> Option<String> {
    Some(match event {
        Event::Drive(name) => {
            let serial = name.serial.as_ref().map_or_else(String::new, |serial| format!(", serial {serial}"));
            let text = format!("drive   {}: {} {} {}{serial}", name.node, name.vendor, name.product, name.firmware);
            Escaped(&text).to_string()
        }
        Event::Disc(disc) => disc_line(disc),
        Event::Region(region) => {
            format!("        {}: {}; zero in the image", span(region.extent), Escaped(&region.text))
        }
        Event::Notice(notice) if !notice.is_detail => Escaped(&notice.text).to_string(),
        Event::Phase(phase) => format!("now     {}", phase_and_pass(phase.name, phase.pass)),
        Event::Source(source) => medium::source(source),
        Event::Medium(card) => medium::medium(card),
        Event::Ended(end) => medium::ended(end),
        Event::Of(of) => return medium::of_one(&of.medium, &of.event),
        Event::Size(_) | Event::Progress(_) | Event::Trouble(_) | Event::Notice(_) => return None,
        Event::Guard(_) => return None,
        Event::Drives(_) | Event::Targets(_) | Event::Checked(_) | Event::Row(_) | Event::Entry(_) | Event::Result(_) => {
            return None;
        }
    })
}

/// One event as further lines for those who want the evidence.
pub(super) fn detail(event: &Event) -> Vec<String> {
    match event {
        Event::Size(size) => size_lines(size),
        Event::Trouble(trouble) => vec![trouble_line(trouble)],
        Event::Guard(finding) => {
            vec![format!("guard   {}: {}", finding.rule, Escaped(&finding.looked_at))]
        }
        Event::Notice(notice) if notice.is_detail => vec![Escaped(&notice.text).to_string()],
        Event::Disc(disc) => disc.tracks.iter().map(track_line).collect(),
        Event::Of(of) => detail(&of.event).iter().map(|line| medium::of_medium(&of.medium, line)).collect(),
        _ => Vec::new(),
    }
}

fn disc_line(disc: &DiscSummary) -> String {
    let label = disc.label.as_ref().map_or_else(|| "no label".into(), |label| format!("label {}", Escaped(label)));
    let sessions = if disc.sessions > 1 { format!(", {} sessions", disc.sessions) } else { String::new() };
    format!("disc    {}, {} sectors ({}), {label}{sessions}", disc.kind, disc.sectors, size(disc.sectors))
}

fn track_line(track: &Track) -> String {
    let kind = match track.kind {
        TrackKind::Data => "data",
        TrackKind::Audio => "audio",
    };
    format!("        track {} (session {}): {kind}, {}", track.number, track.session, span(track.extent))
}

fn size_lines(size: &SizeDecision) -> Vec<String> {
    let candidates =
        size.candidates.iter().map(|candidate| format!("        {:22} {:>10} sectors", candidate.source, candidate.sectors));
    candidates.chain([format!("        chosen: {}, {} sectors ({})", size.chosen, size.sectors, size.why)]).collect()
}

/// One failed read.
pub(super) fn trouble_line(trouble: &Trouble) -> String {
    let sense = trouble.sense.as_ref().map_or_else(String::new, |sense| format!(", sense {sense}"));
    let place = span(Extent { first: trouble.lba, count: trouble.count });
    format!("        {place} not read: {} ({}{sense})", trouble.text, trouble.class)
}

/// What is being done, and in which pass.
fn phase_and_pass(name: PhaseName, pass: u32) -> String {
    let text = phase_name(name);
    match name {
        PhaseName::Reading(Phase::Copy) if pass == 2 => format!("{text} (skipped parts)"),
        PhaseName::Reading(Phase::Retry) => format!("{text} (pass {pass}: {})", Way::of_retry(pass).text()),
        PhaseName::Reading(_) if pass > 1 => format!("{text} (pass {pass})"),
        _ => text.into(),
    }
}

/// What is being done.
pub(super) fn phase_name(phase: PhaseName) -> &'static str {
    match phase {
        PhaseName::Reading(Phase::Copy) => "reading",
        PhaseName::Reading(Phase::Trim) => "reading failed parts by ECC block",
        PhaseName::Reading(Phase::Scrape) => "reading failed blocks by sector",
        PhaseName::Reading(Phase::Retry) => "trying failed sectors again",
        PhaseName::Transfer(TransferPhase::Digest) => "computing digests of the image",
        PhaseName::Transfer(TransferPhase::Write) => "writing",
        PhaseName::Transfer(TransferPhase::Flush) => "flushing: waiting until all of it is on the medium",
        PhaseName::Transfer(TransferPhase::Verify) => "reading and comparing",
        PhaseName::Transfer(TransferPhase::Locate) => "looking for what differs",
        PhaseName::Transfer(TransferPhase::Again) => "reading once more",
        PhaseName::Transfer(TransferPhase::Probe) => "trying single places",
    }
}

/// What is being done, and where it stands.
pub(super) fn phase_and_progress(last: &Progress) -> String {
    format!("{}: {}", phase_name(last.phase), progress(last))
}

/// Where it stands, on one line; what matters most first, as a terminal may cut it off.
pub(super) fn progress(progress: &Progress) -> String {
    let mut parts = vec![match (progress.total, progress.unit) {
        (Some(total), _) => percent(progress.done, total),
        (None, Unit::Bytes) => bytes(progress.done),
        (None, Unit::Sectors) => format!("{} sectors", progress.done),
    }];
    if let Some(eta) = progress.eta {
        parts.push(format!("about {} to go", time(eta)));
    }
    if let Some(reading) = &progress.reading {
        parts.push(format!("at sector {}", reading.lba));
        parts.extend(errors(reading));
        if reading.bad > 0 {
            parts.push(format!("{} bad", reading.bad));
        }
    }
    if progress.rate > 0 {
        parts.push(format!("{}/s", bytes(progress.rate)));
    }
    parts.join(", ")
}

/// Failed reads by kind, if there are any.
pub(super) fn errors(reading: &ReadingProgress) -> Option<String> {
    let errors: Vec<String> = reading.errors.iter().map(|(class, count)| format!("{count} {class}")).collect();
    (!errors.is_empty()).then(|| format!("failed reads: {}", errors.join(", ")))
}

/// What came of it, for a person.
pub(super) fn summary(result: &JobResult) -> Vec<String> {
    match &result.outcome {
        Some(Outcome::Image(image)) => image::summary(image, result.elapsed),
        Some(Outcome::Flash(flash)) => medium::flashed(flash, result.status, result.elapsed).into_iter().collect(),
        Some(Outcome::Media(media)) => medium::table(&media.media),
        Some(Outcome::Probe(probe)) => medium::probed(probe, result),
        Some(Outcome::Format(format)) => medium::formatted(format, result),
        Some(Outcome::Verify(verify)) => medium::verified(verify, result),
        Some(Outcome::Batch(batch)) => vec![disc::summary(batch)],
        Some(Outcome::Inspect(outcome)) => inspect::extracted(outcome).into_iter().collect(),
        Some(Outcome::Standing(_)) | None => Vec::new(),
    }
}

/// Where the sectors of an image come from, if not from one drive alone.
fn origins(origins: &[Origin]) -> Option<String> {
    let drive = |origin: &Origin| match &origin.drive {
        Some(drive) => {
            let serial = drive.serial.as_ref().map_or_else(String::new, |serial| format!(" (serial {serial})"));
            format!("{} {}{serial}", drive.vendor, drive.product)
        }
        None => "another program".into(),
    };
    let list: Vec<String> = origins.iter().map(|origin| format!("{}: {}", drive(origin), origin.sectors)).collect();
    (list.len() > 1).then(|| format!("from    {}", Escaped(&list.join("; "))))
}

/// Where an image stands, or what it is: what was asked for, and so a result.
pub(super) fn told(result: &JobResult) -> Vec<String> {
    match &result.outcome {
        Some(Outcome::Inspect(outcome)) => inspect::lines(outcome),
        Some(Outcome::Standing(standing)) => standing::lines(standing),
        _ => Vec::new(),
    }
}

/// What is missing, or differs.
pub(super) fn missing(result: &JobResult) -> Vec<String> {
    match &result.outcome {
        Some(Outcome::Image(image)) => image::missing(image),
        Some(Outcome::Flash(flash)) => {
            [medium::places("differs", &flash.differences), medium::places("can't be read back", &flash.unreadable)].concat()
        }
        Some(Outcome::Probe(probe)) => [
            medium::places("differs", &probe.differences),
            medium::places("can't be read", &probe.unreadable),
            medium::places("can't be written", &probe.unwritable),
        ]
        .concat(),
        Some(Outcome::Format(format)) => medium::places("differs", &format.differences),
        Some(Outcome::Verify(verify)) => [
            medium::places("differs", &verify.differences),
            medium::places("unreadable", &verify.unreadable),
            medium::places("other bytes at the second reading", &verify.unsteady),
        ]
        .concat(),
        Some(Outcome::Media(_) | Outcome::Standing(_) | Outcome::Batch(_) | Outcome::Inspect(_)) | None => Vec::new(),
    }
}

/// What to do about it, if anything helps.
pub(super) fn advice(result: &JobResult) -> Option<String> {
    match result.outcome.as_ref()? {
        Outcome::Image(image) => image::advice(image),
        Outcome::Flash(_)
        | Outcome::Media(_)
        | Outcome::Probe(_)
        | Outcome::Format(_)
        | Outcome::Verify(_)
        | Outcome::Standing(_)
        | Outcome::Batch(_)
        | Outcome::Inspect(_) => None,
    }
}

/// Why it ended so. The first reason is the one that the status tells of. Where an image stands was said already.
pub(super) fn reasons(result: &JobResult) -> Vec<String> {
    if let Some(Outcome::Standing(_)) = &result.outcome {
        return Vec::new();
    }
    let verbs = std::iter::once(verb(result.status)).chain(std::iter::repeat("        "));
    result.reasons.iter().zip(verbs).map(|(reason, verb)| format!("{verb}{}", Escaped(reason))).collect()
}

/// How a sentence about this status begins.
fn verb(status: Status) -> &'static str {
    match status {
        Status::Done => "",
        Status::Unreadable => "incomplete: ",
        Status::Stopped => "stopped: ",
        Status::Refused => "refused: ",
        Status::Usage | Status::Failed => "error: ",
        Status::Corrupt | Status::Different => "wrong: ",
    }
}

/// Digests in the tagged form that `sha256sum -c` reads. A comment before them says so when they are not of the whole.
pub(super) fn digests(result: &JobResult) -> Vec<String> {
    let (name, comment) = match &result.outcome {
        Some(Outcome::Image(image)) => (image::name(image), image::holes(image)),
        Some(Outcome::Flash(flash)) => (medium::digest_name(flash.image.as_deref(), &flash.medium), medium::read_back(flash)),
        Some(Outcome::Media(media)) => medium::of_all(&media.media),
        Some(Outcome::Verify(verify)) => (medium::verified_name(verify, result.status), medium::looked_at(verify)),
        Some(Outcome::Probe(_) | Outcome::Format(_) | Outcome::Standing(_) | Outcome::Batch(_) | Outcome::Inspect(_)) | None => {
            return Vec::new();
        }
    };
    let lines = result.digests.iter().map(|(algorithm, hex)| format!("{} ({name}) = {hex}", algorithm.to_uppercase()));
    comment.filter(|_| !result.digests.is_empty()).into_iter().chain(lines).collect()
}

/// The disks of this machine.
pub(super) fn targets(targets: &Targets) -> Vec<String> {
    targets.targets.iter().flat_map(medium::target).collect()
}

/// One of many images.
pub(super) fn checked(checked: &Checked) -> String {
    medium::checked(checked)
}

/// A file of an image.
pub(super) fn entry(file: &ListedFile) -> String {
    inspect::entry(file)
}

/// A disc of a batch.
pub(super) fn row(row: &Row) -> String {
    disc::row(row)
}

/// The drives of this machine.
pub(super) fn drives(drives: &Drives) -> Vec<String> {
    let rows = drives.drives.iter().map(|drive| {
        let name = &drive.name;
        let text = format!("{}  {} {} {}: {}", name.node, name.vendor, name.product, name.firmware, drive.disc);
        Escaped(&text).to_string()
    });
    rows.collect()
}
