//! Where an image stands, as sentences.

use std::collections::BTreeMap;

use crate::event::{PhaseName, Standing};
use crate::mmc::Class;
use crate::ui::escape::Escaped;
use crate::ui::units::{percent, size};

use super::{hurt, origins, phase_and_pass};

/// Some lines: which disc, how much of it, where, what is damaged, which files that hits, and the last run.
pub(super) fn lines(standing: &Standing) -> Vec<String> {
    let mut hurt: Vec<String> = standing.hurt.iter().flat_map(|hurt| hurt::lines(hurt, "--status --json")).collect();
    // A rescue that has just begun would look like the loss of everything.
    if standing.unread > 0
        && let [head, _, ..] = hurt.as_mut_slice()
    {
        head.push_str("; what was not read yet counts as missing");
    }
    let about_disc = [Some(disc(standing)), Some(amounts(standing)), position(standing), damage(standing)];
    about_disc.into_iter().flatten().chain(hurt).chain(origins(&standing.origins)).chain(last_run(standing)).collect()
}

fn disc(standing: &Standing) -> String {
    let disc = match &standing.kind {
        Some(kind) => {
            let label = standing.label.as_ref().map_or_else(|| "no label".into(), |label| format!("label {}", Escaped(label)));
            format!("{}, {label}", Escaped(kind))
        }
        None => "no record of it".into(),
    };
    let sectors = standing.sectors;
    format!("disc    {}: {disc}, {sectors} sectors ({})", Escaped(&standing.image), size(sectors))
}

fn amounts(standing: &Standing) -> String {
    let Standing { sectors, good, bad, unread, untried, has_end, .. } = standing;
    let left = match unread {
        0 => String::new(),
        _ if *untried == 0 => format!(", {unread} left"),
        _ => format!(", {unread} left ({untried} of them never asked for)"),
    };
    let share = if *has_end { format!(" ({})", percent((*good).into(), (*sectors).into())) } else { String::new() };
    let end = if *has_end { "" } else { "; where the disc ends, the map does not say" };
    format!("read    {good} sectors{share}, {bad} missing{left}{end}")
}

/// Where the reading goes on.
fn position(standing: &Standing) -> Option<String> {
    let phase = standing.phase.filter(|_| standing.unread > 0)?;
    Some(format!("at      sector {}: {}", standing.lba, phase_and_pass(PhaseName::Reading(phase), standing.pass)))
}

/// Missing sectors by kind.
fn damage(standing: &Standing) -> Option<String> {
    let mut classes: BTreeMap<Class, u32> = BTreeMap::new();
    for damage in &standing.damage {
        *classes.entry(damage.class).or_default() += damage.extent.count;
    }
    let of_class = |(class, count): (&Class, &u32)| format!("{count} {class} ({})", class.text());
    let list: Vec<String> = classes.iter().map(of_class).collect();
    (!list.is_empty()).then(|| format!("missing {}", list.join(", ")))
}

/// The last run. Only the lock on the image tells one that is at work from one that was killed.
fn last_run(standing: &Standing) -> Option<String> {
    let Some(run) = &standing.last_run else {
        return standing.at_work.then(|| "run     a program is at work on it now".into());
    };
    let end = match (&run.end, run.status) {
        _ if standing.at_work => "at work now".into(),
        (Some(end), Some(status)) => format!("ended {} with status {status}", Escaped(end)),
        _ => "killed before its end; the same command goes on".into(),
    };
    let drive = format!("{}: {} {}", run.drive.node, run.drive.vendor, run.drive.product);
    Some(format!("run     begun {} ({}), {end}", Escaped(&run.start), Escaped(&drive)))
}
