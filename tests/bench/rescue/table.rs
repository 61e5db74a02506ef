//! The figures as Markdown.

use crate::curve::{Figures, Mark, SHARES, median};

/// One damaged disc, as both read it.
pub struct Case {
    pub disc: &'static str,
    pub loss: f64,
    pub pattern: &'static str,
    pub seed: u64,
    pub discrip: Figures,
    pub ddrescue: Figures,
}

/// A figure that both are compared by, and its name.
type Measure = (&'static str, fn(&Figures) -> f64);

const MEASURES: [Measure; 3] = [
    ("overhead to 99 %", |figures| figures.marks[2].overhead),
    ("overhead in all", |figures| figures.end.overhead),
    ("bad reads before 99 %", |figures| figures.marks[2].bad_reads),
];

/// The whole report: each pattern's medians over its seeds, then the ratios over all cases.
pub fn markdown(cases: &[Case]) -> String {
    let shares: String = SHARES.iter().map(|&share| format!(" {} % |", f64::from(share) / 10.0)).collect();
    let mut text = format!(
        "Seconds beyond a clean read of as many sectors, until so many of the recoverable ones are there; in brackets the reads that \
         failed until then.\nMedians over the seeds. Of ddrescue the better figure of two sets of options.\n\n\
         | disc | loss | damage | reader |{shares} end | missing | reads |\n|{}\n",
        " --- |".repeat(4 + SHARES.len() + 3),
    );
    for seeds in cases.chunk_by(|a, b| (a.disc, a.pattern) == (b.disc, b.pattern) && a.loss == b.loss) {
        let Some(Case { disc, loss, pattern, .. }) = seeds.first() else { continue };
        let readers = [
            ("discrip", Figures::median(seeds.iter().map(|case| &case.discrip))),
            ("ddrescue", Figures::median(seeds.iter().map(|case| &case.ddrescue))),
        ];
        for (reader, figures) in readers {
            text += &format!("| {disc} | {loss} | {pattern} | {reader} | {} |\n", row(&figures));
        }
    }
    text += "\ndiscrip's figure, divided by ddrescue's, of each single disc. Even: both are zero, which is no ratio.\n\n\
             | figure | discs | even | median | worst | of |\n| --- | --- | --- | --- | --- | --- |\n";
    for measure in MEASURES {
        text += &ratios(measure, cases);
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

/// The line of one measure.
fn ratios((name, figure): Measure, cases: &[Case]) -> String {
    let pairs = cases.iter().map(|case| (figure(&case.discrip), figure(&case.ddrescue), case));
    let mut uneven: Vec<(f64, &Case)> = pairs
        .filter(|(ours, theirs, _)| ours != theirs || *ours > 0.0)
        .map(|(ours, theirs, case)| (ours / theirs, case))
        .collect();
    uneven.sort_by(|a, b| a.0.total_cmp(&b.0));
    let middle = median(uneven.iter().map(|(ratio, _)| *ratio).collect());
    let (worst, of) = uneven.last().map_or((f64::NAN, String::new()), |(ratio, case)| {
        (*ratio, format!("{}, loss {}, {}, seed {}", case.disc, case.loss, case.pattern, case.seed))
    });
    format!("| {name} | {} | {} | {middle:.2} | {worst:.2} | {of} |\n", cases.len(), cases.len() - uneven.len())
}
