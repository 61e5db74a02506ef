//! What is kept of a run beside the image: its map, and its part of the record.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::disc::{Record, SensedExtent};
use crate::mmc::Extent;
use crate::rescue::mapfile::Position;
use crate::rescue::policy::FIRST_SAVE;
use crate::rescue::{Extents, Planner, Resume, State, Way};
use crate::scsi::SenseCode;

use super::target::{Snapshot, Target};

/// What this run did, for the record.
pub(super) struct Journal {
    /// Sectors that it read.
    pub(super) read: Extents<bool>,
    /// What the drive said of others.
    pub(super) sense: Extents<Option<SenseCode>>,
    /// Sectors that took effort.
    pub(super) weak: Extents<bool>,
    /// How many that had failed alone came back, and in which way.
    pub(super) brought_back: BTreeMap<Way, u32>,
    /// The map that it began with.
    before: Extents<State>,
}

impl Journal {
    /// Nothing was done yet to a disc with this map.
    pub(super) fn new(before: Extents<State>) -> Self {
        let sectors = before.len();
        Self {
            read: Extents::new(sectors, false),
            sense: Extents::new(sectors, None),
            weak: Extents::new(sectors, false),
            brought_back: BTreeMap::new(),
            before,
        }
    }

    /// Sectors that are bad now, and were not when the run began.
    fn given_up(&self, map: &Extents<State>) -> Vec<Extent> {
        let bad = map.iter().filter(|run| run.value == State::Bad).map(|run| run.extent);
        bad.flat_map(|bad| self.parts_new_in(bad)).collect()
    }

    /// The parts of these sectors that were not bad when the run began.
    fn parts_new_in(&self, bad: Extent) -> impl Iterator<Item = Extent> {
        let part = move |from: u32| self.before.run_at(from).filter(|_| from < bad.end());
        let parts = std::iter::successors(part(bad.first), move |run| part(run.extent.end()));
        parts
            .filter(|run| run.value != State::Bad)
            .map(move |run| Extent::between(run.extent.first.max(bad.first), run.extent.end().min(bad.end())))
    }
}

/// Where map and record are kept, and what stays the same in them.
pub(super) struct Saving {
    pub(super) map: Option<PathBuf>,
    pub(super) record_path: Option<PathBuf>,
    pub(super) head: Vec<String>,
    pub(super) record: Record,
    pub(super) last: Instant,
    pub(super) interval: Duration,
}

impl Saving {
    /// Map and record beside a target.
    pub(super) fn at(target: &Target, head: Vec<String>, record: Record) -> Self {
        Self { map: target.map.clone(), record_path: target.record(), head, record, last: Instant::now(), interval: FIRST_SAVE }
    }

    /// Map and record for this state; `journal` is what the present run did, if there is one.
    pub(super) fn snapshot(&mut self, planner: &Planner, journal: Option<&Journal>) -> Snapshot {
        if let (Some(run), Some(journal)) = (self.record.runs.last_mut(), journal) {
            let those_of = |extents: &Extents<bool>| extents.iter().filter(|run| run.value).map(|run| run.extent).collect();
            (run.read, run.weak) = (those_of(&journal.read), those_of(&journal.weak));
            run.failed = journal.given_up(planner.map());
            run.brought_back.clone_from(&journal.brought_back);
            run.sense =
                journal.sense.iter().filter_map(|run| Some(SensedExtent { extent: run.extent, sense: run.value? })).collect();
        }
        self.record.damage = super::damage(planner.map(), planner.classes());
        Snapshot {
            map: planner.map().clone(),
            position: planner.stand().map_or(Position::FINISHED, Resume::position),
            head: self.head.clone(),
            record: self.record.clone(),
        }
    }
}
