//! From the disc in the drive to the first read: is it the disc that the image was begun from, and everything made ready.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use crate::disc::{Compared, DriveName, Identity, Record, RunRecord, Sameness};
use crate::event::{Event, Observer};
use crate::jobs::meter::Meter;
use crate::medium::{Output, OutputKind};
use crate::pipeline::{Hashed, Pipeline};
use crate::rescue::policy::{LONGEST_COMMAND, RUN_OUT};
use crate::rescue::{Direction, Extents, Order, Planner, Resume, State, Way};
use crate::sys::Stop;
use crate::trust::Sums;

use super::breaker::Breaker;
use super::effort::Usual;
use super::limits::Watch;
use super::look::Disc;
use super::patterns::Looks;
use super::reading::{Reading, Tally};
use super::samples::Samples;
use super::saving::{Journal, Saving};
use super::station::Station;
use super::target::{Begun, Target};
use super::ways::Unsupported;
use super::{Request, RipError, now, wanted_digests};

/// What a run begins with: nothing, or what an earlier one left.
pub(super) struct Known {
    /// The map, as long as the disc.
    pub(super) map: Extents<State>,
    /// By them the disc is recognised.
    pub(super) samples: Samples,
    /// Where the earlier run stood, as far as that still counts.
    pub(super) from: Option<Resume>,
}

impl Known {
    /// Nothing, of a disc with so many sectors.
    pub(super) fn nothing(sectors: u32) -> Self {
        Self { map: Extents::new(sectors, State::NonTried), samples: Samples::new(sectors), from: None }
    }
}

/// Is it the disc that the image was begun from? And the samples by which it is known.
pub(super) fn recognise(station: &mut Station, disc: &Disc, target: &Target, begun: &Begun) -> (Sameness, Samples) {
    let known = begun.sectors();
    let image = target.image.as_deref().and_then(|image| File::open(image).ok());
    let samples = image.map_or_else(|| Samples::new(known), |image| Samples::of_image(&image, &begun.mapfile.to_extents(known)));
    (sameness(station, disc, begun, &samples), samples)
}

/// What is known of an image that was begun, fitted to the disc and to the drive; unless it was begun from another disc.
pub(super) fn resume(
    (sameness, samples): (Sameness, Samples),
    drive: &DriveName,
    disc: &mut Disc,
    (target, begun): (&Target, &Begun),
    request: &Request,
    observer: &mut dyn Observer,
) -> Result<Known, RipError> {
    let (known, seen) = (begun.sectors(), disc.layout.size.sectors);
    let map = begun.mapfile.to_extents(known);
    match sameness {
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
    let mut map = begun.mapfile.to_extents(sectors);
    let untried = begun.untried_by(drive, &map, request.range);
    if untried.is_empty() {
        return Ok(Known { map, samples, from: Resume::of(begun.mapfile.position) });
    }
    let count: u32 = untried.iter().map(|extent| extent.count).sum();
    observer.event(&Event::notice(format!("{count} sectors that another drive gave up are tried with this one")));
    untried.iter().for_each(|extent| map.set(*extent, State::NonTried));
    Ok(Known { map, samples, from: None })
}

/// Length and tracks first: a contradiction there is proof enough, and the disc is asked for no more. Then what was read of it.
fn sameness(station: &mut Station, disc: &Disc, begun: &Begun, samples: &Samples) -> Sameness {
    let family = disc.layout.family();
    let (known, seen) = (begun.sectors(), disc.layout.size.sectors);
    if known > seen.saturating_add(family.block().max(RUN_OUT)) {
        return Sameness::Other(format!("the disc in the drive has {seen} sectors, and the map covers {known}"));
    }
    let record = begun.record.as_ref();
    match record.map_or(Ok(Compared::default()), |record| disc.identity.compare(&record.disc, family)) {
        Ok(area) => area.and(samples.compare(&mut station.drive, usize::MAX)).verdict(),
        Err(why) => Sameness::Other(why),
    }
}

/// What a run needs.
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
    pub(super) fn begin(self, known: Known, record: Option<Record>) -> Result<Reading<'a>, RipError> {
        let Self { station, disc, request, target, output, stop, observer } = self;
        let Known { mut map, samples, from } = known;
        let layout = &disc.layout;
        for region in &layout.regions {
            map.set(region.extent, State::Finished);
        }
        let sectors = map.len();
        let before = map.clone();
        let order = if output.kind() == OutputKind::Stream { Order::InSequence } else { Order::EasyFirst };
        let mut planner =
            Planner::new(map, layout.geometry(station.drive.longest_read().min(LONGEST_COMMAND)), order, request.retries);
        for damage in record.iter().flat_map(|record| &record.damage) {
            planner.recall(damage.extent, damage.class);
        }
        if request.no_scrape {
            planner.spare_singles();
        }
        if request.direction == Direction::Backwards {
            planner.reverse();
        }
        match (request.range, from) {
            (Some(range), from) => planner.confine(range, from.unwrap_or(Resume::START)),
            (None, Some(from)) => planner.resume(from),
            (None, None) => {}
        }
        let mut saving = Saving::at(target, head(&disc.identity), continued(record, disc, &station.name, request));
        let journal = Journal::new(before);
        let snapshot = saving.snapshot(&planner, Some(&journal));
        // Here the map comes first: an empty image with a map and no record is one that was begun, and the other way round it is none.
        let saved = snapshot.save(saving.map.as_deref(), None).and_then(|()| snapshot.save(None, saving.record_path.as_deref()));
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
            journal,
            observer,
            stop: stop.clone(),
            saving,
            limits,
            looks: Looks::new(),
            tally: Tally::default(),
            meter: Meter::default(),
            breaker: Breaker::default(),
            usual: Usual::default(),
            unsupported: Unsupported::default(),
            is_backing_off: false,
            way: Way::Plain,
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
        patterns: Vec::new(),
        hurt: None,
        digests: BTreeMap::new(),
        runs: Vec::new(),
    });
    // Another drive, or another copy, may show more of the disc. Run-out blocks are looked for where the longest track ends.
    if disc.identity.sectors > record.disc.sectors {
        (record.disc.sectors, record.disc.tracks) = (disc.identity.sectors, disc.identity.tracks.clone());
    }
    record.digests.clear();
    record.hurt = None;
    record.runs.push(RunRecord {
        program: concat!("discrip ", env!("CARGO_PKG_VERSION")).into(),
        drive: drive.clone(),
        options: request.options.clone(),
        start: now(),
        end: None,
        status: None,
        read: Vec::new(),
        failed: Vec::new(),
        sense: Vec::new(),
        weak: Vec::new(),
        brought_back: BTreeMap::new(),
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
