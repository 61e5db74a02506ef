//! From the disc in the drive to the first read: is it the disc that the image was begun from, and everything made ready.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use crate::disc::{DriveName, Identity, Record, RunRecord, Sameness};
use crate::event::{Event, Observer};
use crate::jobs::meter::Meter;
use crate::medium::{Output, OutputKind};
use crate::pipeline::{Hashed, Pipeline};
use crate::rescue::policy::{LONGEST_COMMAND, RUN_OUT};
use crate::rescue::{Direction, Extents, Order, Planner, Resume, State};
use crate::sys::Stop;
use crate::trust::Sums;

use super::limits::Watch;
use super::look::Disc;
use super::reading::{Log, Reading, Saving, Tally};
use super::samples::Samples;
use super::station::Station;
use super::target::{Begun, Target};
use super::{Request, RipError, now, wanted_digests};

/// Is it the disc that the image was begun from? Then its map, fitted to the disc.
pub(super) fn resume(
    station: &mut Station,
    disc: &mut Disc,
    target: &Target,
    begun: &Begun,
    request: &Request,
    observer: &mut dyn Observer,
) -> Result<(Extents<State>, Samples), RipError> {
    let family = disc.layout.family();
    let (known, seen) = (begun.sectors(), disc.layout.size.sectors);
    let tolerance = family.block().max(RUN_OUT);
    let length = if known > seen.saturating_add(tolerance) {
        Sameness::Other(format!("the disc in the drive has {seen} sectors, and the map covers {known}"))
    } else {
        Sameness::CantTell
    };
    let recorded = begun.record.as_ref().map_or(Sameness::CantTell, |record| disc.identity.compare(&record.disc, family));
    let map = begun.mapfile.to_extents(known);
    let image = target.image.as_deref().and_then(|image| File::open(image).ok());
    let samples = image.map_or_else(|| Samples::new(known), |image| Samples::of_image(&image, &map));
    let looked = match length.clone().and(recorded.clone()) {
        // A contradiction is proof enough: the disc is not asked for more.
        Sameness::Other(_) => Sameness::CantTell,
        _ => samples.compare(&mut station.drive, 8),
    };
    match length.and(recorded).and(looked) {
        Sameness::Other(why) => {
            return Err(RipError::Refused(format!(
                "{} was begun from another disc than the one in the drive: {why}; put in that disc, or give this one's image another name",
                target.name()
            )));
        }
        Sameness::CantTell if !samples.is_empty() && !request.same_disc => {
            return Err(RipError::Refused(format!(
                "nothing that can be read tells whether {} was begun from this disc; if you know that it was, run the same command with --same-disc",
                target.name()
            )));
        }
        _ => {}
    }
    observer.event(&Event::notice(format!(
        "going on with {}: {} of {} sectors are there",
        target.name(),
        map.count(State::Finished),
        map.len()
    )));
    // An earlier run may have left out run-out blocks, and another drive may have seen more of the disc than this one.
    let left_out = begun.record.as_ref().is_some_and(|record| record.size.sectors == known && record.disc.sectors > known);
    let sectors = if left_out { known } else { known.max(seen) };
    if sectors != seen {
        disc.layout.settle(sectors, "as in the map of the run before".into());
    }
    Ok((begun.mapfile.to_extents(sectors), samples))
}

/// What a run begins with.
pub(super) struct Start<'a> {
    pub(super) station: &'a mut Station,
    pub(super) disc: &'a Disc,
    pub(super) request: &'a Request,
    pub(super) target: &'a Target,
    pub(super) output: &'a Arc<Output>,
    pub(super) stop: &'a Stop,
    pub(super) observer: &'a mut dyn Observer,
}

impl<'a> Start<'a> {
    /// Everything made ready: map, record and an image of full length are on the disk when this returns.
    pub(super) fn begin(
        self,
        mut map: Extents<State>,
        samples: Samples,
        begun: Option<Box<Begun>>,
    ) -> Result<Reading<'a>, RipError> {
        let Self { station, disc, request, target, output, stop, observer } = self;
        let layout = &disc.layout;
        for region in &layout.regions {
            map.set(region.extent, State::Finished);
        }
        let sectors = map.len();
        let order = if output.kind() == OutputKind::Stream { Order::InSequence } else { Order::EasyFirst };
        let mut planner =
            Planner::new(map, layout.geometry(station.drive.longest_read().min(LONGEST_COMMAND)), order, request.retries);
        if request.no_scrape {
            planner.spare_singles();
        }
        if request.direction == Direction::Backwards {
            planner.reverse();
        }
        let (from, record) = begun.map_or((None, None), |begun| (begun.position(), begun.record));
        match (request.range, from) {
            (Some(range), from) => planner.confine(range, from.unwrap_or(Resume::START)),
            (None, Some(from)) => planner.resume(from),
            (None, None) => {}
        }
        for damage in record.iter().flat_map(|record| &record.damage) {
            planner.recall(damage.extent, damage.class);
        }
        let mut saving = Saving::at(target, head(&disc.identity), continued(record, disc, &station.name, request));
        let log = Log { read: Extents::new(sectors, false), sense: Extents::new(sectors, None) };
        let saved = saving.snapshot(&planner, Some(&log)).save(saving.map.as_deref(), saving.record_path.as_deref());
        saved.map_err(|error| {
            RipError::Stopped(format!(
                "saving map and record of {}: {error}; make room or look at that disk, then the same command goes on",
                target.name()
            ))
        })?;
        output
            .set_sectors(sectors)
            .map_err(|error| RipError::Stopped(format!("making {} as long as the disc: {error}", target.name())))?;
        let hashed = Hashed { sums: Sums::new(wanted_digests(request, target)?), sectors: 0 };
        let pipeline = Pipeline::start(Arc::clone(output), hashed)
            .map_err(|error| RipError::Failed(format!("starting threads: {error}")))?;
        let limits = Watch::new(request.limits, station.clock.now());
        Ok(Reading {
            station,
            disc,
            request,
            planner,
            order,
            pipeline,
            samples,
            log,
            observer,
            stop: stop.clone(),
            saving,
            limits,
            tally: Tally::default(),
            meter: Meter::default(),
            took: Duration::ZERO,
        })
    }
}

/// The record that this run goes on with.
fn continued(record: Option<Record>, disc: &Disc, drive: &DriveName, request: &Request) -> Record {
    let mut record = record.unwrap_or_else(|| Record {
        format: Record::FORMAT,
        disc: disc.identity.clone(),
        size: disc.layout.size.clone(),
        regions: disc.layout.regions.clone(),
        damage: Vec::new(),
        digests: BTreeMap::new(),
        runs: Vec::new(),
    });
    record.digests.clear();
    record.runs.push(RunRecord {
        program: concat!("discrip ", env!("CARGO_PKG_VERSION")).into(),
        drive: drive.clone(),
        options: request.options.clone(),
        start: now(),
        end: None,
        status: None,
        read: Vec::new(),
        sense: Vec::new(),
    });
    record
}

/// The head of the map.
pub(super) fn head(identity: &Identity) -> Vec<String> {
    let label: String =
        identity.label.iter().flat_map(|label| label.chars()).map(|c| if c.is_control() { '?' } else { c }).collect();
    vec![
        concat!("Mapfile. Created by discrip ", env!("CARGO_PKG_VERSION"), " in the format of GNU ddrescue").into(),
        format!("Disc: {}, {} sectors, {label}", identity.kind, identity.sectors).trim_end_matches([',', ' ']).into(),
    ]
}
