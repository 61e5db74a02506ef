//! An image onto a medium, and the proof.
//!
//! [`run`] tells the story: the image, the medium, may it be written, does the person want it; then the passes (`passes`): everything but
//! the first MiB is written, flushed, read back and compared; the first MiB comes last.

mod card;
mod disk;
mod judged;
mod passes;
mod source;
mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::event::{Event, FlashOutcome, JobResult, MediumCard, Observer, Outcome};
use crate::image::signature::{self, Kind};
use crate::medium::{Writable, load, save};
use crate::pipeline::CHUNK;
use crate::status::Status;
use crate::sys::topology::Block;
use crate::sys::{Inhibit, Stop};
use crate::trust::{Algorithm, Digests, Expectation, Ledger};

use super::{Answer, Ask, Failure, Wanted, cards, worker};
use passes::Passes;
pub use source::ImageOperand;
use source::Source;
use target::{Opened, Target};

/// What is asked for.
#[derive(Debug)]
pub struct Request {
    /// The image.
    pub image: ImageOperand,
    /// The medium.
    pub target: TargetOperand,
    /// What the person says the medium is.
    pub identity: Identity,
    /// Digests to compute of the medium.
    pub digests: Vec<Algorithm>,
    /// What the image's digest should be.
    pub expectation: Option<Expectation>,
    /// Where the chunks' digests are kept.
    pub ledger: Option<PathBuf>,
    /// What is done about reading back.
    pub proof: Proof,
    /// Unmount what is mounted.
    pub unmount: bool,
    /// Disks that are built in may be written.
    pub allow_fixed: bool,
    /// A regular file may be replaced.
    pub overwrite_file: bool,
    /// An image with holes is written unasked.
    pub allow_holes: bool,
    /// Eject after success.
    pub eject: bool,
    /// Look, and write nothing.
    pub dry_run: bool,
}

/// Whether the medium is read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Every byte.
    ReadBack,
    /// Nothing; and the report says so.
    None,
}

/// What the person says the medium is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// Its serial number.
    pub serial: Option<String>,
    /// Its size in bytes.
    pub bytes: Option<u64>,
    /// It was named by a link that is made of its identity (/dev/disk/by-id).
    pub by_id: bool,
}

/// The medium as it was named.
#[derive(Debug)]
pub enum TargetOperand {
    /// A node, a link to one, or a file.
    Path(PathBuf),
    /// A medium that the caller made.
    Given(Box<Given>),
}

/// A medium that the caller made.
pub struct Given {
    /// The medium.
    pub medium: Arc<dyn Writable>,
    /// It, as the guard should see it.
    pub block: Block,
}

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Given").field("block", &self.block).finish_non_exhaustive()
    }
}

/// Writes the image. The result tells how it ended, whatever happened.
pub fn run(request: &Request, ask: &mut Ask<'_>, observer: &mut dyn Observer, stop: &Stop) -> JobResult {
    let stopping = "stopping after what is under way (a second signal ends at once)";
    let mut outcome = FlashOutcome::default();
    let mut start = Instant::now();
    let ended =
        worker::work(stopping, observer, stop, |observer| attempt(request, &mut start, ask, observer, stop, &mut outcome));
    let ended = ended.unwrap_or_else(|error| Err(Failure::failed(error.to_string())));
    let mut result = match ended {
        Ok(done) => JobResult { reasons: done.reasons, digests: named(done.digests), ..JobResult::new(Status::Done) },
        Err(failure) => JobResult::because(failure.status, failure.reason),
    };
    result.outcome = Some(Outcome::Flash(outcome));
    result.elapsed = start.elapsed().as_millis() as u64;
    observer.event(&Event::Result(Box::new(result.clone())));
    result
}

/// What is left to tell when all went well.
struct Done {
    digests: Digests,
    reasons: Vec<String>,
}

fn named(digests: Digests) -> BTreeMap<String, String> {
    digests.into_iter().map(|(algorithm, hex)| (algorithm.name().to_string(), hex)).collect()
}

/// Until the person has answered, no time counts: `start` is set anew then.
fn attempt(
    request: &Request,
    start: &mut Instant,
    ask: &mut Ask<'_>,
    observer: &mut dyn Observer,
    stop: &Stop,
    outcome: &mut FlashOutcome,
) -> Result<Done, Failure> {
    let source = Source::open(&request.image)?;
    outcome.image = source.path().map(Path::to_path_buf);
    outcome.bytes = source.bytes().unwrap_or(0);
    observer.event(&Event::Source(source.summary()));
    let expected = request.expectation.as_ref().map(|expectation| expectation.of(&source.file_name())).transpose();
    let expected = expected.map_err(|error| Failure::usage(format!("the checksum list: {error}")))?;

    let mut target = Target::find(&request.target, request, &source)?;
    outcome.medium = target.card().node;
    if let Some(judged) = target.judged() {
        judged.tell(observer);
    }
    target.refuse(&source, request)?;
    check_ledger(request, &source, &target)?;
    let card = target.card();
    check_identity(&request.identity, &card)?;
    if request.dry_run {
        observer.event(&Event::Medium(card.clone()));
        return Ok(dry_run(&source, &target));
    }
    observer.catch_up();
    let permitted = match &target {
        Target::Disk(disk) => disk.permit_unmount(request, ask),
        _ => Ok(()),
    };
    let permitted = permitted.and_then(|()| permit(request, &source, &target, &card, ask));
    permitted.map_err(|failure| heeding(stop, failure))?;
    observer.event(&Event::Medium(card));
    *start = Instant::now();

    target = match target {
        Target::Disk(disk) if disk.judged.is_mounted() => Target::Disk(Box::new(disk.unmount(&source, request, observer)?)),
        other => other,
    };
    let opened = target.open()?;
    let written = write(request, &source, &target, &opened, expected.as_ref(), observer, stop, outcome);
    if let (Err(_), Some(made)) = (&written, &opened.made) {
        // What is half written is of no use, and would stand in the way of the next try.
        let _ = std::fs::remove_file(made);
    }
    let (digests, mut reasons, ledger) = written?;
    keep_ledger(request, &ledger)?;
    reasons.extend(after(request, &opened));
    Ok(Done { digests, reasons })
}

/// Writes and proves. Returns the digests, what a person should know besides, and the ledger.
#[allow(clippy::too_many_arguments)] // each is another thing of the story
fn write(
    request: &Request,
    source: &Source,
    target: &Target<'_>,
    opened: &Opened,
    expected: Option<&crate::trust::Expected>,
    observer: &mut dyn Observer,
    stop: &Stop,
    outcome: &mut FlashOutcome,
) -> Result<(Digests, Vec<String>, Ledger), Failure> {
    let inhibit = Inhibit::sleep("isoflash", "writing an image");
    if let Err(why) = &inhibit {
        observer.event(&Event::detail(format!("the computer may fall asleep meanwhile: {why}")));
    }
    let algorithms: BTreeSet<Algorithm> = std::iter::once(Algorithm::Sha256)
        .chain(request.digests.iter().copied())
        .chain(expected.iter().flat_map(|expected| expected.algorithms()))
        .collect();
    let mut passes = Passes::new(source, Arc::clone(&opened.medium), outcome, observer, stop);
    let written = passes.write_body(algorithms.clone())?;
    let mut reasons = Vec::new();
    if source.has_changed() {
        return Err(corrupt(source, "it changed while it was read", passes.outcome));
    }
    if let Some(expected) = expected {
        match expected.compare(&written.digests) {
            Ok(what) => reasons.push(format!("the image matches the expected {what}")),
            Err(what) => {
                let computed = expected.computed(&written.digests).unwrap_or_default();
                let why = format!("it does not match its checksum: expected {what}, and it has {computed}");
                return Err(corrupt(source, &why, passes.outcome));
            }
        }
    }
    let proved = match request.proof {
        Proof::ReadBack => Some(passes.prove_body(&written, algorithms)?),
        Proof::None => None,
    };
    same_disk(target, opened)?;
    passes.write_head()?;
    if proved.is_some() {
        passes.prove_head(&written)?;
        same_disk(target, opened)?;
    }
    outcome.verified = proved.is_some();
    let sha256 = written.digests.get(&Algorithm::Sha256).cloned().unwrap_or_default();
    let ledger = Ledger::new(outcome.bytes, CHUNK as u32, sha256, written.chunks.clone());
    let geometry = opened.medium.geometry();
    let end = outcome.bytes.next_multiple_of(geometry.sector.into());
    let old: Vec<String> = signature::beyond(target.judged().map_or(&[], |judged| &judged.contents), end)
        // What systems look for at the end of a disk.
        .filter(|found| matches!(found.kind, Kind::GptBackup | Kind::Md | Kind::Zfs))
        .map(|found| format!("{} at byte {}", cards::named(found), found.offset))
        .collect();
    if !old.is_empty() {
        reasons.push(format!(
            "behind the image lies what was there before: {}; some systems act on it (`wipefs` shows and removes such signs)",
            old.join(", ")
        ));
    }
    if let (Target::File(path, _), Proof::ReadBack) = (target, request.proof) {
        reasons.push(format!("{} is a file: it was flushed, and read back through its file system", path.display()));
    }
    let mut digests = proved.unwrap_or(written).digests;
    digests.retain(|algorithm, _| request.digests.contains(algorithm));
    Ok((digests, reasons, ledger))
}

/// The image is not what it should be: the medium keeps its first MiB zero.
fn corrupt(source: &Source, why: &str, outcome: &FlashOutcome) -> Failure {
    Failure::new(
        Status::Corrupt,
        format!("{}: {why}; get the image anew. {} holds a part of it, and does not boot", source.name(), outcome.medium),
    )
}

/// Pinned from the card to the last byte: the disk is still the one that the person was asked about.
fn same_disk(target: &Target<'_>, opened: &Opened) -> Result<(), Failure> {
    match (target, &opened.disk) {
        (Target::Disk(disk), Some(device)) if !disk.is_same(device) => Err(Failure::stopped(format!(
            "{} was changed or unplugged meanwhile; nothing is proved; plug the stick in again, and run the same command",
            disk.card().node
        ))),
        _ => Ok(()),
    }
}

/// The question before the first byte is written.
fn permit(request: &Request, source: &Source, target: &Target<'_>, card: &MediumCard, ask: &mut Ask<'_>) -> Result<(), Failure> {
    let has_holes = source.holes.bytes() > 0 && !request.allow_holes;
    if matches!(target, Target::File(_, crate::medium::Existing::Refuse)) && !has_holes {
        return Ok(());
    }
    let identity = &request.identity;
    let is_pinned = identity.serial.is_some() || identity.bytes.is_some() || identity.by_id;
    let unusual = if is_pinned { Vec::new() } else { target.unusual() };
    let question = card::question(card, source, &unusual);
    let holes = format!(
        "{} has holes: {} bytes of it were never read (its map says so); rescue them first, or say --allow-holes",
        source.name(),
        source.holes.bytes()
    );
    match ask(&question) {
        Answer::Assumed | Answer::Nobody | Answer::Unasked if has_holes => Err(Failure::refused(holes)),
        Answer::Yes | Answer::Assumed => Ok(()),
        Answer::No | Answer::Choice(_) => Err(Failure::refused("not confirmed; nothing was written")),
        Answer::Nobody if matches!(question.wanted, Wanted::Word(_)) => Err(Failure::refused(format!(
            "{}. --yes alone is not enough here: name it by /dev/disk/by-id/…, or add --expect {}",
            unusual.join("; "),
            expectable(card)
        ))),
        Answer::Nobody => Err(Failure::refused(format!(
            "everything on {} would be lost, and nobody is there to be asked; say --yes if that is right",
            card.node
        ))),
        Answer::Unasked => Err(Failure::usage(format!(
            "everything on {} would be lost, and --json asks no questions: say --yes if that is right",
            card.node
        ))),
    }
}

/// What `--expect` would have to say of it.
fn expectable(card: &MediumCard) -> String {
    let serial = card.serial.as_ref().map(|serial| format!("serial={serial}"));
    let size = card.bytes.map(|bytes| format!("size={bytes}"));
    [serial, size].into_iter().flatten().collect::<Vec<_>>().join(",")
}

/// Is it the medium that the person described?
fn check_identity(identity: &Identity, card: &MediumCard) -> Result<(), Failure> {
    if identity.serial.is_some() && identity.serial != card.serial {
        let told = card.serial.as_ref().map_or_else(|| "none".into(), |serial| format!("{serial:?}"));
        return Err(Failure::refused(format!("{} has another serial number than expected: {told}", card.node)));
    }
    if identity.bytes.is_some() && identity.bytes != card.bytes {
        let told = card.bytes.map_or_else(|| "none".into(), |bytes| format!("{bytes} bytes"));
        return Err(Failure::refused(format!("{} has another size than expected: {told}", card.node)));
    }
    Ok(())
}

/// A ledger replaces a ledger, and nothing else; and it can be saved, which is not to be learnt after everything was written.
fn check_ledger(request: &Request, source: &Source, target: &Target<'_>) -> Result<(), Failure> {
    let Some(path) = &request.ledger else { return Ok(()) };
    let name = path.display();
    let is_medium = target.file().is_some_and(|file| is_one_file(path, file));
    if is_medium || source.is_file_at(path) {
        let what = if is_medium { "medium" } else { "image" };
        return Err(Failure::refused(format!("{name} is to be the ledger, and is the {what}; choose another name")));
    }
    match load(path, Ledger::LONGEST) {
        Ok(text) if Ledger::parse(&text).is_ok() => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && path.symlink_metadata().is_err() => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            match std::fs::metadata(folder) {
                Ok(meta) if meta.is_dir() => Ok(()),
                Ok(_) => Err(Failure::failed(format!("{name} can't be saved: {} is no folder", folder.display()))),
                Err(error) => Err(Failure::failed(format!("looking for the folder of {name}: {error}; make it first"))),
            }
        }
        _ => Err(Failure::refused(format!("{name} exists, and is no ledger; choose another name"))),
    }
}

/// The same file by any name, or the same name of a file that is not there yet.
fn is_one_file(one: &Path, other: &Path) -> bool {
    let id = |path: &Path| std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    let place = |path: &Path| {
        let path = std::path::absolute(path).ok()?;
        Some((path.parent()?.canonicalize().ok()?, path.file_name()?.to_owned()))
    };
    match (id(one), id(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => place(one).is_some_and(|one| place(other) == Some(one)),
        _ => false,
    }
}

fn keep_ledger(request: &Request, ledger: &Ledger) -> Result<(), Failure> {
    let Some(path) = &request.ledger else { return Ok(()) };
    save(path, |out| std::io::Write::write_all(out, ledger.to_json().as_bytes()))
        .map_err(|error| Failure::failed(format!("the medium is good, but saving {} failed: {error}", path.display())))
}

/// A question that a signal ended was not answered.
fn heeding(stop: &Stop, failure: Failure) -> Failure {
    if stop.requested().is_some() { Failure::stopped("as asked; nothing was written") } else { failure }
}

/// When all is proved: show the kernel the new partitions, and eject if that was asked for. What fails here is a warning.
fn after(request: &Request, opened: &Opened) -> Option<String> {
    if let Some(disk) = &opened.disk {
        // A disk without partitions says no; whoever looks at it next reads it anew.
        let _ = disk.reread_partitions();
    }
    if !request.eject {
        return None;
    }
    match opened.disk.as_ref().map(|disk| disk.eject()) {
        Some(Ok(())) => Some("ejected; it can be taken out".into()),
        Some(Err(error)) => Some(format!("warning: ejecting failed ({error}); the medium is good, and can be taken out")),
        None => Some("warning: there is nothing to eject".into()),
    }
}

/// What would be done, and what is on the medium now.
fn dry_run(source: &Source, target: &Target<'_>) -> Done {
    let card = target.card();
    let mounted = match target {
        Target::Disk(disk) if disk.judged.is_mounted() => "unmount it (asked on a terminal, in scripts with --unmount) and ",
        _ => "",
    };
    let mut reasons = vec![format!("would {mounted}write {} to {}; nothing was written", source.name(), card.node)];
    reasons.extend(card.contents.iter().map(|line| format!("it holds {line}")));
    let unusual = target.unusual();
    if !unusual.is_empty() {
        reasons.push(format!("--yes alone would not be enough: {}", unusual.join("; ")));
    }
    Done { digests: Digests::new(), reasons }
}
