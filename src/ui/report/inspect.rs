//! What an image is, on one page.

use crate::event::{InspectOutcome, ListedFile};
use crate::image::boot::{Answer, Cell, Firmware};
use crate::image::inspection::Inspection;
use crate::image::length::{Length, Verdict, Weight};
use crate::image::names::Names;
use crate::image::tree::Why;
use crate::image::tree::survey::{Difference, Summary};
use crate::ui::escape::Escaped;
use crate::ui::units::bytes;
use crate::ui::wrap::{LABELLED, page};

/// Claims that are shown; `--json` has them all.
const CLAIMS: usize = 8;

/// The column of the evidence of a boot, and of who made the image.
const EVIDENCE: usize = LABELLED + 36;
const MADE: usize = LABELLED + 13;

/// The page.
pub(super) fn lines(outcome: &InspectOutcome) -> Vec<String> {
    let Some(inspection) = &outcome.inspection else { return Vec::new() };
    let mut page = Page(Vec::new());
    page.row("image", &format!("{}: {} ({} bytes)", outcome.image, bytes(outcome.bytes), outcome.bytes));
    page.row("kind", &kind(inspection));
    page.row("", inspection.class.advice().unwrap_or_default());
    length(&mut page, &inspection.length);
    for row in &inspection.boot {
        let label = if row.firmware == Firmware::Bios { "boots" } else { "" };
        page.hang(label, &format!("{:13}from a disc   {}", row.firmware.name(), cell(&row.disc)), EVIDENCE);
        page.hang("", &format!("{:13}from a stick  {}", "", cell(&row.stick)), EVIDENCE);
    }
    names(&mut page, &inspection.names);
    for (number, tree) in inspection.trees.iter().enumerate() {
        page.row(if number == 0 { "trees" } else { "" }, &summary(tree));
    }
    inspection.differences.iter().for_each(|other| page.row("", &difference(other)));
    for (number, partition) in inspection.partitions.iter().enumerate() {
        let name = partition.name.as_ref().map_or_else(String::new, |name| format!(" \"{name}\""));
        let text =
            format!("{}: {}{name}, {} at byte {}", partition.number, partition.kind, bytes(partition.bytes), partition.start);
        page.row(if number == 0 { "parts" } else { "" }, &text);
    }
    if !inspection.checksums.is_empty() {
        page.row("sums", &format!("{} (not checked here)", inspection.checksums.join(", ")));
    }
    page.0
}

/// Lines with a label in front of them.
struct Page(Vec<String>);

impl Page {
    fn row(&mut self, label: &str, text: &str) {
        self.hang(label, text, LABELLED);
    }

    /// The same with another column for what does not fit in one line.
    fn hang(&mut self, label: &str, text: &str, indent: usize) {
        if !text.is_empty() {
            self.0.push(page(&format!("{label:LABELLED$}{}", Escaped(text)), indent));
        }
    }
}

fn kind(inspection: &Inspection) -> String {
    let mut text = inspection.class.name().to_string();
    if let Some(packed) = inspection.packed {
        text += &format!(" ({packed})");
    }
    if inspection.sessions.len() > 1 {
        text += &format!(", {} sessions", inspection.sessions.len());
    }
    let mut seen: Vec<&str> = inspection.signatures.iter().map(|signature| signature.kind.name()).collect();
    seen.dedup();
    if !seen.is_empty() {
        text += &format!(": {}", seen.join(", "));
    }
    if let Some(sector) = inspection.sector.filter(|&sector| sector != 512) {
        text += &format!("; made for sectors of {sector} bytes");
    }
    text
}

fn length(page: &mut Page, length: &Length) {
    let end = length.end.unwrap_or(0);
    let text = match length.verdict {
        Verdict::Complete => "complete: it ends where what lies in it ends".into(),
        Verdict::Truncated { missing } => format!("TRUNCATED: {missing} bytes ({}) are missing at its end", bytes(missing)),
        Verdict::Padded { padding } => {
            format!("complete, and padded: {end} bytes, then {padding} zeros{}", whose(padding, end + padding))
        }
        Verdict::Trailing { from, trailing } => {
            format!("complete, but more follows: {end} bytes, then {trailing} that nothing claims, not zero from byte {from} on")
        }
        Verdict::Room { room } => format!("complete: {end} bytes; {room} follow, which were not all looked at"),
        Verdict::Unknown => "nothing in it says where it ends".into(),
    };
    page.row("length", &text);
    for claim in length.evidence.iter().take(CLAIMS) {
        let room = if claim.weight == Weight::Room { " (room, it may end before)" } else { "" };
        page.row("", &format!("{:>15}  {}{room}", claim.end, claim.what));
    }
    if length.evidence.len() > CLAIMS {
        page.row("", &format!("{:>15}  {} more (--json)", "", length.evidence.len() - CLAIMS));
    }
}

/// By whom an image is padded so.
fn whose(padding: u64, size: u64) -> &'static str {
    match () {
        () if padding == 150 * 2048 => " (150 sectors, as mkisofs and xorriso add)",
        () if size.is_multiple_of(1 << 20) && padding < 1 << 20 => " (to a whole MiB, as isohybrid does)",
        () => "",
    }
}

fn cell(cell: &Cell) -> String {
    let answer = match cell.answer {
        Answer::No => "no",
        Answer::Depends => "depends",
        Answer::Yes => "yes",
    };
    format!("{answer:9}{}", cell.evidence)
}

fn names(page: &mut Page, names: &Names) {
    let labels = [("ISO 9660", &names.volume), ("Joliet", &names.joliet), ("UDF", &names.udf)];
    let labels = labels.iter().filter_map(|(tree, label)| Some(format!("{} ({tree})", label.as_ref()?)));
    page.row("label", &labels.collect::<Vec<_>>().join(", "));
    page.row("uuid", names.uuid.as_deref().unwrap_or_default());
    let made = [
        ("created", &names.created),
        ("modified", &names.modified),
        ("expires", &names.expires),
        ("effective", &names.effective),
        ("system", &names.system),
        ("set", &names.set),
        ("publisher", &names.publisher),
        ("preparer", &names.preparer),
        ("application", &names.application),
        ("UDF", &names.udf_revision),
    ];
    let told = made.iter().filter_map(|(what, name)| Some((what, name.as_ref()?)));
    for (number, (what, name)) in told.enumerate() {
        page.hang(if number == 0 { "made" } else { "" }, &format!("{what:13}{name}"), MADE);
    }
}

fn summary(tree: &Summary) -> String {
    let (files, folders) = (counted(tree.files, "file"), counted(tree.directories, "directory"));
    let mut text = format!("{}: {files} in {folders}, {}", tree.tree.name(), bytes(tree.bytes));
    text += &format!("; {} deep, longest name {}", tree.depth, tree.longest);
    tree.limits.iter().for_each(|limit| text += &format!("; {limit}"));
    if tree.in_parts > 0 {
        text += &format!("; {} in parts", counted(tree.in_parts, "file"));
    }
    for (why, count) in &tree.unknown {
        let why = match why {
            Why::Unread => "can't be read",
            Why::Nonsense => "make no sense",
            Why::NotCovered => "are of a kind that is not read here",
            Why::Excess => "lead in a circle, or too far",
        };
        text += &format!("; {count} {why}");
    }
    text
}

fn counted(count: u64, noun: &str) -> String {
    match (count, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {noun}s"),
    }
}

fn difference(difference: &Difference) -> String {
    let (tree, other) = (difference.tree.name(), difference.other.name());
    let mut parts = Vec::new();
    if difference.files > 0 {
        parts.push(format!("{} of {tree} not in {other}", counted(difference.files, "file")));
    }
    if difference.lengths > 0 {
        parts.push(format!("{} of {tree} of another length in {other}", counted(difference.lengths, "file")));
    }
    format!("{} (for example {})", parts.join(", "), difference.example)
}

/// `      38912  /isolinux/isolinux.bin`
pub(super) fn entry(file: &ListedFile) -> String {
    let path = Escaped(&file.path);
    let tail = match (file.kind, &file.target) {
        ("directory", _) if file.path != "/" => "/".into(),
        (_, Some(target)) => format!(" -> {}", Escaped(target)),
        _ => String::new(),
    };
    let damage = if file.missing > 0 { format!("  ({} bytes missing)", file.missing) } else { String::new() };
    format!("{:>15}  {path}{tail}{damage}", file.size)
}

/// What was extracted.
pub(super) fn extracted(outcome: &InspectOutcome) -> Option<String> {
    let extracted = outcome.extracted.as_ref()?;
    let file = extracted.file.as_ref().map_or_else(|| "stdout".into(), |file| file.display().to_string());
    let text = format!("done    {} to {file}: {} bytes, by {}", extracted.path, extracted.size, extracted.tree.name());
    Some(Escaped(&text).to_string())
}
