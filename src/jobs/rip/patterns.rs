//! Deliberate bad sectors: looked for now and then while the disc is read, announced once, and left alone if the person wants that.

use crate::event::Event;
use crate::mmc::Extent;
use crate::rescue::protection::{Pattern, PatternKind, patterns};
use crate::rescue::{Extents, Order, Phase, State};

use super::reading::Reading;

/// Failed reads before the first look: fewer are no pattern. Each look goes over the whole map, so that the next one comes after an eighth
/// more.
const FIRST_LOOK: u64 = 144;
const MORE: u64 = 8;

/// Sectors between a zone and what belongs to it: the longest distance of strewn sectors is shorter.
const CLOSE: u32 = 256;

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

    /// Whether it is time: at each change of phase, and when that many more reads have failed.
    fn are_due(&mut self, phase: (Phase, u32), failed: u64) -> bool {
        let many = failed >= self.failed;
        if many {
            self.failed = failed + failed / MORE;
        }
        self.phase.replace(phase) != Some(phase) || many
    }
}

impl Reading<'_> {
    /// Looks for deliberate bad sectors. What lies around damage is wanted in any case: only then are they left alone.
    pub(super) fn look_for_patterns(&mut self) {
        let at = self.planner.position();
        if self.order == Order::InSequence || !self.looks.are_due((at.phase, at.pass), self.tally.failed) {
            return;
        }
        let found = patterns(self.planner.map(), self.planner.classes(), self.disc.layout.family());
        if self.request.skip_patterns && self.planner.is_among_damage() {
            // Between solid runs lie blocks that copying brings; between strewn sectors nothing is cheap.
            let is_copied = at.phase > Phase::Copy;
            let left_alone = found.iter().filter(|pattern| pattern.kind == PatternKind::Strewn || is_copied);
            let zones: Vec<Extent> = left_alone.map(|pattern| with_jumped_over(self.planner.map(), pattern.extent)).collect();
            zones.into_iter().for_each(|zone| self.planner.set_aside(zone));
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

/// A zone and what nobody has asked for close to it: that was jumped over, as more of the same.
fn with_jumped_over(map: &Extents<State>, zone: Extent) -> Extent {
    let before = map.last_with(State::NonTried, zone.first).filter(|area| area.end().saturating_add(CLOSE) >= zone.first);
    let behind = map.next_with(State::NonTried, zone.end()).filter(|area| area.first <= zone.end().saturating_add(CLOSE));
    let first = before.map_or(zone.first, |area| area.first);
    Extent::between(first, behind.map_or(zone.end(), |area| area.end()))
}

/// How much of it there is, and where.
pub(super) fn sentence(found: &[Pattern]) -> Option<String> {
    let (first, last) =
        (found.iter().map(|pattern| pattern.extent.first).min()?, found.iter().map(|p| p.extent.end() - 1).max()?);
    let runs: u32 = found.iter().map(|pattern| pattern.runs).sum();
    Some(format!("{runs} short runs between sectors {first} and {last}"))
}
