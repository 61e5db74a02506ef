//! The figures as Markdown. Pure.

use crate::figures::{Figures, Spread};

/// All runs of one contestant.
pub struct Row {
    pub name: &'static str,
    pub runs: Vec<Figures>,
}

/// What was to be reached, and what was in each round.
pub struct Goal {
    pub name: &'static str,
    pub bound: Bound,
    pub ratios: Vec<f64>,
}

#[derive(Clone, Copy)]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    fn line(&self) -> String {
        let spread = Spread::of(self.ratios.iter().copied());
        let (bound, is_reached) = match self.bound {
            Bound::AtLeast(bound) => (format!("{bound:.2} or more"), spread.median >= bound),
            Bound::AtMost(bound) => (format!("{bound:.2} or less"), spread.median <= bound),
        };
        let answer = if is_reached { "yes" } else { "no" };
        format!("| {} | {bound} | {} | {answer} |\n", self.name, show(spread, 3))
    }
}

/// The table of one device: medians, and from where to where the rounds spread.
pub fn markdown(device: &str, bytes: u64, rows: &[Row], digests: &[f64], goals: &[Goal]) -> String {
    let gibibytes = bytes as f64 / f64::from(1 << 30);
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let mut text = format!(
        "### {device}\n\nAn image of {:.0} MiB.\n\n\
         | | durable, s | verified, s | written, MiB | read, MiB | CPU, s/GiB | peak, MiB | longest stall, s |\n|{}\n",
        mebibytes(bytes),
        " --- |".repeat(8)
    );
    for row in rows {
        let spread = |figure: &dyn Fn(&Figures) -> f64| Spread::of(row.runs.iter().map(figure));
        let durable = row.runs.iter().filter_map(|run| run.durable);
        text += &format!(
            "| {} | {} | {} | {:.0} | {:.0} | {} | {:.0} | {:.2} |\n",
            row.name,
            if durable.clone().next().is_some() { show(Spread::of(durable), 2) } else { String::new() },
            show(spread(&|run| run.verified), 2),
            spread(&|run| mebibytes(run.written)).median,
            spread(&|run| mebibytes(run.read)).median,
            show(spread(&|run| run.cpu / gibibytes), 2),
            spread(&|run| mebibytes(run.peak)).most,
            spread(&|run| run.stall).most,
        );
    }
    text += &format!("\nSHA-256 of this build, on one core: {} s.\n", show(Spread::of(digests.iter().copied()), 2));
    text += &format!("\n| | to reach | median (from–to) | reached |\n|{}\n", " --- |".repeat(4));
    goals.iter().for_each(|goal| text += &goal.line());
    text
}

fn show(spread: Spread, digits: usize) -> String {
    let Spread { median, least, most } = spread;
    format!("{median:.digits$} ({least:.digits$}–{most:.digits$})")
}
