//! Several media at once: a row for each at the bottom of a terminal, otherwise lines that name it.

use std::collections::BTreeMap;

use crate::event::{Event, MediumCard, MediumEnd, Progress};

use super::bars::Bars;
use super::lines::Lines;
use super::report;

/// Characters of a serial number that tell sticks of one model apart; the question asks for as many.
const SERIAL_END: usize = 4;

/// What is shown of each medium.
pub(super) struct Rows {
    bars: Option<Bars>,
    of: BTreeMap<String, Row>,
}

struct Row {
    lines: Lines,
    last: Option<Progress>,
}

impl Rows {
    /// None yet.
    pub(super) fn new(bars: Option<Bars>) -> Self {
        Self { bars, of: BTreeMap::new() }
    }

    pub(super) fn bars(&mut self) -> Option<&mut Bars> {
        self.bars.as_mut()
    }

    /// Shows what happens to a medium. Returns the line that is due where no row shows it.
    pub(super) fn event(&mut self, medium: &str, event: &Event) -> Option<String> {
        match event {
            Event::Medium(card) => {
                self.of.insert(medium.into(), Row { lines: Lines::new(), last: None });
                self.bars.iter_mut().for_each(|bars| bars.add(medium, &label(card)));
            }
            Event::Phase(phase) => self.rest(medium, report::phase_name(phase.name).into()),
            Event::Progress(progress) => {
                let row = self.of.get_mut(medium)?;
                row.last = Some(progress.clone());
                if let Some(bar) = self.bars.as_mut().and_then(|bars| bars.of(medium)) {
                    bar.progress(progress);
                }
                return row.lines.progress(progress).map(|line| report::of_medium(medium, line.trim()));
            }
            _ => {}
        }
        None
    }

    /// A medium is done with.
    pub(super) fn end(&mut self, end: &MediumEnd) {
        self.rest(&end.outcome.medium, report::verdict(end).into());
    }

    fn rest(&mut self, medium: &str, text: String) {
        self.of.get_mut(medium).into_iter().for_each(|row| row.last = None);
        self.bars.as_mut().and_then(|bars| bars.of(medium)).into_iter().for_each(|bar| bar.rest(text.clone()));
    }

    /// Where each stands that is under way.
    pub(super) fn standing(&self) -> Vec<String> {
        let under_way = self.of.iter().filter_map(|(medium, row)| row.last.as_ref().map(|last| (medium, last)));
        under_way.map(|(medium, last)| report::of_medium(medium, &report::phase_and_progress(last))).collect()
    }
}

fn label(card: &MediumCard) -> String {
    let serial = card.serial.as_deref().unwrap_or_default();
    let skip = serial.chars().count().saturating_sub(SERIAL_END);
    let end: String = serial.chars().skip(skip).collect();
    format!("{} {end}", card.node).trim_end().into()
}
