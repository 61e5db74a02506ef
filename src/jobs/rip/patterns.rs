//! Deliberate bad sectors: looked for now and then while the disc is read, announced once, and left alone if the person wants that.

use crate::event::Event;
use crate::rescue::protection::{Pattern, patterns};
use crate::rescue::{Order, Phase};

use super::reading::Reading;

/// Failed reads before the first look; they double from look to look, as each goes over the whole map.
const FIRST_LOOK: u64 = 256;

/// When to look next.
#[derive(Debug)]
pub(super) struct Looks {
    phase: Option<(Phase, u32)>,
    failed: u64,
    announced: bool,
}

impl Looks {
    pub(super) fn new() -> Self {
        Self { phase: None, failed: FIRST_LOOK, announced: false }
    }

    /// Whether it is time: at each change of phase, and when twice as many reads have failed.
    fn are_due(&mut self, phase: (Phase, u32), failed: u64) -> bool {
        let many = failed >= self.failed;
        if many {
            self.failed = failed * 2;
        }
        self.phase.replace(phase) != Some(phase) || many
    }
}

impl Reading<'_> {
    /// Looks for deliberate bad sectors. What comes in long reads is wanted in any case: only then are they left alone.
    pub(super) fn look_for_patterns(&mut self) {
        let at = self.planner.position();
        if self.order == Order::InSequence || !self.looks.are_due((at.phase, at.pass), self.tally.failed) {
            return;
        }
        let found = patterns(self.planner.map(), self.planner.classes(), self.disc.layout.family());
        if self.request.skip_patterns && at.phase > Phase::Copy {
            found.iter().for_each(|pattern| self.planner.set_aside(pattern.extent));
        }
        if let (false, Some(sentence)) = (self.looks.announced, sentence(&found)) {
            self.looks.announced = true;
            let advice = if self.request.skip_patterns {
                "what is left of them is not asked for in this run"
            } else {
                "--skip-protection-patterns leaves them out"
            };
            self.observer
                .event(&Event::notice(format!("looks like deliberate bad sectors (copy protection): {sentence}; {advice}")));
        }
    }
}

/// How much of it there is, and where.
pub(super) fn sentence(found: &[Pattern]) -> Option<String> {
    let (first, last) =
        (found.iter().map(|pattern| pattern.extent.first).min()?, found.iter().map(|p| p.extent.end() - 1).max()?);
    let runs: u32 = found.iter().map(|pattern| pattern.runs).sum();
    Some(format!("{runs} short runs between sectors {first} and {last}"))
}
