//! Events as sentences.

use crate::disc::{Damage, SizeDecision, Track, TrackKind};
use crate::event::{DiscSummary, Drives, Event, JobResult, PhaseChange, PhaseName, Progress, Trouble};
use crate::mmc::Extent;
use crate::rescue::Phase;
use crate::status::Status;

use super::escape::Escaped;
use super::units::{percent, size, span, time};

/// Damage is listed up to this many places; the map has them all.
const LISTED: usize = 10;

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
        Event::Phase(phase) => phase_line(*phase),
        Event::Size(_) | Event::Progress(_) | Event::Trouble(_) | Event::Notice(_) | Event::Drives(_) | Event::Result(_) => {
            return None;
        }
    })
}

/// One event as further lines for those who want the evidence.
pub(super) fn detail(event: &Event) -> Vec<String> {
    match event {
        Event::Size(size) => size_lines(size),
        Event::Trouble(trouble) => vec![trouble_line(trouble)],
        Event::Notice(notice) if notice.is_detail => vec![Escaped(&notice.text).to_string()],
        Event::Disc(disc) => disc.tracks.iter().map(track_line).collect(),
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

fn phase_line(phase: PhaseChange) -> String {
    let text = phase_name(phase.name);
    let pass = match phase.name {
        PhaseName::Reading(Phase::Sweep) if phase.pass == 2 => " (skipped parts, backwards)".into(),
        PhaseName::Reading(_) if phase.pass > 1 => format!(" (pass {})", phase.pass),
        _ => String::new(),
    };
    format!("now     {text}{pass}")
}

/// What is being done.
pub(super) fn phase_name(phase: PhaseName) -> &'static str {
    match phase {
        PhaseName::Reading(Phase::Sweep) => "reading",
        PhaseName::Reading(Phase::Blocks) => "reading failed parts by ECC block",
        PhaseName::Reading(Phase::Sectors) => "reading failed blocks by sector",
        PhaseName::Reading(Phase::Retry) => "trying failed sectors again",
        PhaseName::Digest(_) => "computing digests of the image",
    }
}

/// Where it stands, on one line; what matters most first, as a terminal may cut it off.
pub(super) fn progress(progress: &Progress) -> String {
    let mut parts = vec![percent(progress.done, progress.total)];
    let errors: Vec<String> = progress.errors.iter().map(|(class, count)| format!("{count} {class}")).collect();
    if let Some(eta) = progress.eta {
        parts.push(format!("{} to go", time(eta)));
    }
    parts.push(format!("at {}", progress.lba));
    if !errors.is_empty() {
        parts.push(format!("failed reads: {}", errors.join(", ")));
    }
    if progress.bad > 0 {
        parts.push(format!("{} bad", progress.bad));
    }
    if progress.rate > 0 {
        parts.push(format!("{}/s", super::units::bytes(progress.rate)));
    }
    parts.join(", ")
}

/// What came of it, for a person.
pub(super) fn summary(result: &JobResult) -> Vec<String> {
    let name =
        result.image.as_ref().map_or_else(|| "standard output".into(), |path| Escaped(&path.display().to_string()).to_string());
    let mut lines = Vec::new();
    if result.sectors > 0 && result.commands > 0 {
        let verb = if result.unread > 0 { "so far" } else { "done  " };
        let all = if result.whole {
            "all read".into()
        } else {
            format!("{} read ({})", result.good, percent(result.good, result.sectors))
        };
        lines.push(format!(
            "{verb}  {name}: {} sectors ({}), {all}, in {}",
            result.sectors,
            size(result.sectors),
            time(result.elapsed)
        ));
    }
    lines
}

/// What is missing.
pub(super) fn missing(result: &JobResult) -> Vec<String> {
    let place = |damage: &Damage| {
        format!("        missing: {} ({}): {}", span(damage.extent), size(damage.extent.count), damage.class.text())
    };
    let mut lines: Vec<String> = result.damage.iter().take(LISTED).map(place).collect();
    if result.damage.len() > LISTED {
        let map =
            result.map.as_ref().map_or_else(String::new, |map| format!("; {} has them all", Escaped(&map.display().to_string())));
        lines.push(format!("        and {} more places{map}", result.damage.len() - LISTED));
    }
    if result.unread > 0 {
        lines.push(format!("        not tried to the end: {} sectors", result.unread));
    }
    lines
}

/// Why it ended so. The first reason is the one that the status tells of.
pub(super) fn reasons(result: &JobResult) -> Vec<String> {
    let verb = match result.status {
        Status::Done => "",
        Status::Unreadable => "incomplete: ",
        Status::Stopped => "stopped: ",
        Status::Refused => "refused: ",
        Status::Usage | Status::Failed => "error: ",
        Status::Corrupt | Status::Different => "wrong: ",
    };
    let verbs = std::iter::once(verb).chain(std::iter::repeat("        "));
    result.reasons.iter().zip(verbs).map(|(reason, verb)| format!("{verb}{}", Escaped(reason))).collect()
}

/// What to do about missing sectors, if anything helps.
pub(super) fn advice(result: &JobResult) -> Option<String> {
    let text = match () {
        () if result.bad == 0 || result.unread > 0 => return None,
        () if result.damage.iter().all(|damage| damage.class.is_region()) => {
            "no drive gives these sectors out in this way: reading them again does not help"
        }
        () if result.map.is_none() => "read the disc into a file: then what is missing can be tried again",
        () => {
            "clean the disc, try --speed 4, or another drive, and run the command with --retries 1: only what is missing is read again"
        }
    };
    Some(format!("next    {text}"))
}

/// Digests in the tagged form that `sha256sum -c` reads. A comment says so when the image has holes.
pub(super) fn digests(result: &JobResult) -> Vec<String> {
    let name = result.image.as_ref().map_or_else(|| "-".into(), |path| path.display().to_string());
    // A name with a line break in it would need the escapes of GNU coreutils; it gets ours, which no checker takes for a name.
    let name = Escaped(&name).to_string();
    let holes =
        format!("# {} sectors of {name} could not be read and are zero; these are the digests of the image as it is", result.bad);
    let lines = result.digests.iter().map(|(algorithm, hex)| format!("{} ({name}) = {hex}", algorithm.to_uppercase()));
    let holes = (!result.whole && !result.digests.is_empty()).then_some(holes);
    holes.into_iter().chain(lines).collect()
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
