//! The figures as Markdown. Pure.

use crate::curve::{Figures, Mark, SHARES, median};

/// One damaged disc, as both read it, and the least that it costs.
pub struct Case {
    pub disc: &'static str,
    pub loss: Option<f64>,
    pub pattern: &'static str,
    pub seed: u64,
    pub discrip: Figures,
    pub ddrescue: Figures,
    pub floor: Figures,
}

/// The name of a kind of disc with its loss.
pub fn disc(name: &str, loss: Option<f64>) -> String {
    loss.map_or_else(|| name.into(), |loss| format!("{name}, loss {loss}"))
}

/// A figure that both are compared by.
pub struct Measure {
    name: &'static str,
    figure: fn(&Figures) -> f64,
    /// What the median and the worst ratio should not be above.
    goal: &'static str,
    /// Where both have no more than this they are even: one failing read, which costs the emulated drive 3 to 8 s. Less is chance, and a ratio
    /// of what is next to nothing says nothing.
    even: f64,
}

pub const MEASURES: [Measure; 3] = [
    Measure { name: "overhead to 99 %", figure: |figures| figures.marks[2].overhead, goal: "0.5; worst 1.0", even: 5.5 },
    Measure { name: "overhead in all", figure: |figures| figures.end.overhead, goal: "0.7", even: 5.5 },
    Measure { name: "bad reads before 99 %", figure: |figures| figures.marks[2].bad_reads, goal: "0.5", even: 1.0 },
];

impl Measure {
    /// discrip's figure by ddrescue's; none if they are even.
    pub fn ratio(&self, case: &Case) -> Option<f64> {
        self.by_ddrescue(&case.discrip, case)
    }

    /// The ratio that nobody gets below; none if the floor and ddrescue are even.
    fn least_ratio(&self, case: &Case) -> Option<f64> {
        self.by_ddrescue(&case.floor, case)
    }

    fn by_ddrescue(&self, figures: &Figures, case: &Case) -> Option<f64> {
        let (ours, theirs) = ((self.figure)(figures), (self.figure)(&case.ddrescue));
        let ratio = if ours == theirs { 1.0 } else { ours / theirs };
        (ours.max(theirs) > self.even).then_some(ratio)
    }
}

/// The whole report: the ratios over all cases and by group, then each disc's medians over its seeds.
pub fn markdown(cases: &[Case]) -> String {
    [against_goals(cases), groups(cases), medians(cases)].join("\n")
}

/// What was to be reached, and what was.
fn against_goals(cases: &[Case]) -> String {
    let fewer = cases.iter().filter(|case| case.discrip.missing > case.ddrescue.missing).count();
    let more = cases.iter().filter(|case| case.discrip.missing < case.ddrescue.missing).count();
    let mut text = format!(
        "Of {} discs discrip read fewer sectors than ddrescue of {fewer}, more of {more}.\n\n\
         | discrip's by ddrescue's | to reach | median | above 1.0 | worst | of | even | median, even as 1.0 | the floor's median |\n|{}\n",
        cases.len(),
        " --- |".repeat(9),
    );
    for measure in &MEASURES {
        let ratios: Vec<f64> = cases.iter().filter_map(|case| measure.ratio(case)).collect();
        let with_even = cases.iter().map(|case| measure.ratio(case).unwrap_or(1.0)).collect();
        let worst = cases
            .iter()
            .filter_map(|case| Some((measure.ratio(case)?, case)))
            .max_by(|one, other| one.0.total_cmp(&other.0))
            .map_or_else(String::new, |(ratio, case)| {
                format!("{ratio:.2} | {}, {}, seed {}", case.pattern, disc(case.disc, case.loss), case.seed)
            });
        text += &format!(
            "| {} | {} | {:.2} | {} | {worst} | {} of {} | {:.2} | {:.2} |\n",
            measure.name,
            measure.goal,
            median(ratios.clone()),
            above(&ratios),
            cases.len() - ratios.len(),
            cases.len(),
            median(with_even),
            median(cases.iter().filter_map(|case| measure.least_ratio(case)).collect()),
        );
    }
    text
}

/// How many ratios are above 1.0, of how many.
fn above(ratios: &[f64]) -> String {
    format!("{} of {}", ratios.iter().filter(|&&ratio| ratio > 1.0).count(), ratios.len())
}

/// The ratios of the discs that have something in common.
fn groups(cases: &[Case]) -> String {
    let keys: [fn(&Case) -> Option<String>; 3] =
        [|case| Some(case.pattern.into()), |case| Some(case.disc.into()), |case| case.loss.map(|loss| format!("loss {loss}"))];
    let names: String = MEASURES.iter().map(|measure| format!(" {} |", measure.name)).collect();
    let mut text = format!(
        "Medians of the ratios; in brackets how many are above 1.0, of those that are not even. Then overhead in all by the floor's.\n\n\
         | discs | |{names} discrip : floor | ddrescue : floor |\n|{}\n",
        " --- |".repeat(2 + MEASURES.len() + 2),
    );
    for key in keys {
        let mut names: Vec<String> = Vec::new();
        cases.iter().filter_map(key).for_each(|name| {
            if !names.contains(&name) {
                names.push(name);
            }
        });
        for name in names {
            let group: Vec<&Case> = cases.iter().filter(|case| key(case).as_ref() == Some(&name)).collect();
            let ratios = MEASURES.iter().map(|measure| {
                let ratios: Vec<f64> = group.iter().filter_map(|case| measure.ratio(case)).collect();
                if ratios.is_empty() { "even".into() } else { format!("{:.2} ({})", median(ratios.clone()), above(&ratios)) }
            });
            let by_floor = |figures: fn(&Case) -> &Figures| {
                let ratio = |case: &&Case| figures(case).end.overhead / case.floor.end.overhead;
                format!("{:.2}", median(group.iter().map(ratio).collect()))
            };
            let cells: Vec<String> = ratios.chain([by_floor(|case| &case.discrip), by_floor(|case| &case.ddrescue)]).collect();
            text += &format!("| {name} | {} | {} |\n", group.len(), cells.join(" | "));
        }
    }
    text
}

/// The medians of each kind of disc with each damage, over the seeds.
fn medians(cases: &[Case]) -> String {
    let shares: String = SHARES.iter().map(|&share| format!(" {} % |", f64::from(share) / 10.0)).collect();
    let mut text = format!(
        "Seconds beyond a clean read of as many sectors, until so many of the recoverable ones are there; in brackets the reads that \
         failed until then.\nMedians over the seeds. Of ddrescue the better figure of two sets of options.\n\n\
         | damage | disc | reader |{shares} end | missing | reads |\n|{}\n",
        " --- |".repeat(3 + SHARES.len() + 3),
    );
    for seeds in cases.chunk_by(|a, b| (a.disc, a.pattern, a.loss) == (b.disc, b.pattern, b.loss)) {
        let Some(case) = seeds.first() else { continue };
        let readers = [
            ("discrip", Figures::median(seeds.iter().map(|case| &case.discrip))),
            ("ddrescue", Figures::median(seeds.iter().map(|case| &case.ddrescue))),
            ("floor", Figures::median(seeds.iter().map(|case| &case.floor))),
        ];
        for (reader, figures) in readers {
            text += &format!("| {} | {} | {reader} | {} |\n", case.pattern, disc(case.disc, case.loss), row(&figures));
        }
    }
    text
}

/// One rescue.
fn row(figures: &Figures) -> String {
    let marks = figures.marks.iter().chain([&figures.end]).map(mark);
    marks.chain([figures.missing.to_string(), figures.reads.to_string()]).collect::<Vec<_>>().join(" | ")
}

fn mark(mark: &Mark) -> String {
    if mark.overhead.is_infinite() {
        return "never".into();
    }
    format!("{:.1} ({})", mark.overhead, mark.bad_reads)
}
