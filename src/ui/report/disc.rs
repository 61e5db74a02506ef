//! The discs of a batch, as sentences.

use crate::event::{BatchOutcome, DiscOutcome, Row};
use crate::ui::escape::Escaped;
use crate::ui::units::size;

/// A line for a disc that is done with.
pub(super) fn row(row: &Row) -> String {
    let name = row.image.as_ref().map(|image| format!(", {image}"));
    let sectors = row.sectors.map(|sectors| format!(", {sectors} sectors ({})", size(sectors)));
    let why = (!row.reasons.is_empty()).then(|| format!(": {}", row.reasons.join("; ")));
    let about = [name, sectors, why].into_iter().flatten().collect::<String>();
    Escaped(&format!("{}  {}{about}", row.node, word(row.outcome))).to_string()
}

/// How many discs there were, and what became of them.
pub(super) fn summary(batch: &BatchOutcome) -> String {
    let counts: Vec<String> = batch.discs.iter().map(|(outcome, count)| format!("{count} {}", word(*outcome))).collect();
    format!("discs   {}", if counts.is_empty() { "none".into() } else { counts.join(", ") })
}

fn word(outcome: DiscOutcome) -> &'static str {
    match outcome {
        DiscOutcome::Whole => "whole",
        DiscOutcome::Damaged => "damaged",
        DiscOutcome::AlreadyThere => "already there",
        DiscOutcome::Refused => "refused",
        DiscOutcome::Failed => "failed",
        DiscOutcome::Stopped => "stopped",
    }
}
