//! Where the sectors of an image come from: several drives, or several copies of a disc, may have read them.

use serde::Serialize;

use crate::rescue::{Extents, State};

use super::{DriveName, Record};

/// Sectors of an image that one drive read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// The drive, as its last run names it; `None` for sectors that are in the map and in no run: another program read them.
    pub drive: Option<DriveName>,
    /// How many.
    pub sectors: u32,
}

/// What a sector is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    /// Read by the drive of this number.
    Drive(usize),
    /// Read, and no run says by whom.
    Unknown,
    /// Not read, or no data.
    None,
}

impl Record {
    /// The origins of what `map` calls finished, in the order in which the drives came. A sector that several runs read is the last
    /// one's: the earlier ones had lost it again. What is zero by definition has no origin.
    pub fn origins(&self, map: &Extents<State>) -> Vec<Origin> {
        let mut drives: Vec<&DriveName> = Vec::new();
        let mut owners = Extents::new(map.len(), Owner::Unknown);
        for run in &self.runs {
            let number = drives.iter().position(|drive| drive.is(&run.drive)).unwrap_or(drives.len());
            match drives.get_mut(number) {
                Some(drive) => *drive = &run.drive,
                None => drives.push(&run.drive),
            }
            run.read.iter().for_each(|extent| owners.set(*extent, Owner::Drive(number)));
        }
        self.regions.iter().for_each(|region| owners.set(region.extent, Owner::None));
        map.iter().filter(|run| run.value != State::Finished).for_each(|run| owners.set(run.extent, Owner::None));
        let drives = drives.into_iter().enumerate().map(|(number, drive)| (Some(drive.clone()), Owner::Drive(number)));
        let origins = drives.chain([(None, Owner::Unknown)]).map(|(drive, owner)| Origin { drive, sectors: owners.count(owner) });
        origins.filter(|origin| origin.sectors > 0).collect()
    }

    /// Sectors that are bad in `map` because other drives than this one gave them up. What no drive gives out is not among them, nor
    /// what another program gave up: nobody knows with which drive.
    pub fn untried_by(&self, drive: &DriveName, map: &Extents<State>) -> Extents<bool> {
        let mut untried = Extents::new(map.len(), false);
        let (own, others): (Vec<_>, Vec<_>) = self.runs.iter().partition(|run| run.drive.is(drive));
        others.iter().flat_map(|run| &run.failed).for_each(|extent| untried.set(*extent, true));
        own.iter().flat_map(|run| &run.failed).for_each(|extent| untried.set(*extent, false));
        let regions = self.damage.iter().filter(|damage| damage.class.is_region());
        regions.for_each(|damage| untried.set(damage.extent, false));
        map.iter().filter(|run| run.value != State::Bad).for_each(|run| untried.set(run.extent, false));
        untried
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disc::{Damage, Identity, Region, RegionClass, RunRecord, SizeDecision, SystemArea};
    use crate::mmc::{Class, Extent};

    fn drive(serial: &str) -> DriveName {
        DriveName { product: "Drive".into(), serial: Some(serial.into()), ..DriveName::default() }
    }

    fn run(serial: &str, read: &[(u32, u32)], failed: &[(u32, u32)]) -> RunRecord {
        let extents = |places: &[(u32, u32)]| places.iter().map(|&(first, end)| Extent::between(first, end)).collect();
        RunRecord {
            program: String::new(),
            drive: drive(serial),
            options: Vec::new(),
            start: String::new(),
            end: None,
            status: None,
            read: extents(read),
            failed: extents(failed),
            sense: Vec::new(),
            weak: Vec::new(),
            brought_back: Default::default(),
        }
    }

    /// A disc of 100 sectors, of which 90 to 99 are no data.
    fn record(runs: Vec<RunRecord>) -> Record {
        let area = SystemArea::default();
        let gap = Region { extent: Extent::between(90, 100), class: RegionClass::Gap, text: String::new() };
        Record {
            format: Record::FORMAT,
            disc: Identity { kind: String::new(), label: None, sectors: 100, tracks: Vec::new(), system_area: area },
            size: SizeDecision { sectors: 100, chosen: String::new(), candidates: Vec::new(), why: String::new() },
            regions: vec![gap],
            damage: Vec::new(),
            patterns: Vec::new(),
            hurt: None,
            digests: Default::default(),
            runs,
        }
    }

    fn map(bad: &[(u32, u32)]) -> Extents<State> {
        let mut map = Extents::new(100, State::Finished);
        bad.iter().for_each(|&(first, end)| map.set(Extent::between(first, end), State::Bad));
        map
    }

    #[test]
    fn a_sector_is_the_last_ones_that_read_it_and_nobodys_if_no_run_did() {
        // B read 40 to 49 again; another program filled 70 to 79; 80 to 89 are bad, whoever once read them.
        let record = record(vec![run("A", &[(0, 50), (80, 90)], &[]), run("B", &[(40, 70)], &[]), run("A", &[], &[])]);
        let origins: Vec<_> = record
            .origins(&map(&[(80, 90)]))
            .into_iter()
            .map(|origin| (origin.drive.and_then(|drive| drive.serial), origin.sectors))
            .collect();
        assert_eq!(origins, [(Some("A".into()), 40), (Some("B".into()), 30), (None, 10)]);
    }

    #[test]
    fn only_what_other_drives_gave_up_and_is_still_bad_was_not_tried() {
        let mut record = record(vec![run("A", &[], &[(0, 10), (20, 30), (40, 50)]), run("B", &[], &[(5, 10)])]);
        record.damage = vec![Damage { extent: Extent::between(20, 30), class: Class::Protected }];
        // 60 to 69 failed in no run that is known.
        let map = map(&[(0, 10), (20, 30), (40, 45), (60, 70)]);
        let untried = |serial: &str| -> Vec<(u32, u32)> {
            let untried = record.untried_by(&drive(serial), &map);
            untried.iter().filter(|run| run.value).map(|run| (run.extent.first, run.extent.end())).collect()
        };
        assert_eq!(untried("A"), []);
        assert_eq!(untried("B"), [(0, 5), (40, 45)]);
        assert_eq!(untried("C"), [(0, 10), (40, 45)]);
    }
}
