//! A job on a whole stick, which gets no image: found, judged, asked about, claimed, and worked on.

use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::event::{Event, JobResult, MediumCard, Observer, Outcome};
use crate::jobs::{Ask, Failure, worker};
use crate::medium::{BlockDevice, Medium, Writable};
use crate::status::Status;
use crate::sys::{Inhibit, Stop, Sysfs, Topology};

use super::{Disk, Given, Judged, Load, Request, TargetOperand, eject, permission, show_partitions};

/// A stick that may be written, and that nobody else gets before the job is done.
pub(in crate::jobs) struct Claimed<'a> {
    /// Its name.
    pub(in crate::jobs) node: String,
    /// It, open for writing.
    pub(in crate::jobs) medium: Arc<dyn Writable>,
    /// The same, when it is a disk: as it was looked at, and as it is open.
    disk: Option<(&'a Disk, Arc<BlockDevice>)>,
}

impl Claimed<'_> {
    /// Pinned from the card to the last byte: the disk is still the one that the person was asked about.
    ///
    /// # Errors
    /// It is another one, or gone.
    pub(in crate::jobs) fn check(&self) -> Result<(), Failure> {
        match &self.disk {
            Some((disk, device)) if !disk.is_same(device) => Err(self.gone()),
            _ => Ok(()),
        }
    }

    /// It does not answer any more.
    pub(in crate::jobs) fn gone(&self) -> Failure {
        Failure::stopped(format!(
            "{} is gone: it was unplugged, or stopped answering; plug it in again, and run the same command",
            self.node
        ))
    }
}

/// What is done with a stick, for the person and in the end.
pub(in crate::jobs) struct Job<'a, W> {
    /// `test`, in "would test it".
    pub(in crate::jobs) verb: &'a str,
    /// What the computer stays awake for.
    pub(in crate::jobs) doing: &'a str,
    /// Looks at the card: what the stick gets, in lines, or why it can't.
    pub(in crate::jobs) gets: &'a (dyn Fn(&MediumCard) -> Result<Vec<String>, Failure> + Sync),
    /// Does it. Returns what a person should know besides.
    pub(in crate::jobs) work: W,
}

/// Runs a job on the stick that is named. `outcome` makes the result's of what the work leaves, and of the medium's name.
pub(in crate::jobs) fn run<O: Default + Send>(
    job: Job<'_, impl FnOnce(&Claimed<'_>, &mut O, &mut dyn Observer, &Stop) -> Result<Vec<String>, Failure> + Send>,
    (request, operand): (&Request, &TargetOperand),
    ask: &mut Ask<'_>,
    observer: &mut dyn Observer,
    stop: &Stop,
    outcome: impl FnOnce(O, String) -> Outcome,
) -> JobResult {
    let stopping = "stopping after what is under way (a second signal ends at once)";
    let (mut left, mut name, mut start) = (O::default(), String::new(), Instant::now());
    let ended = worker::work(stopping, observer, stop, |observer| {
        let mut stick = find(operand, request, observer)?;
        let card = stick.card();
        name = card.node.clone();
        permission::check_identity(&request.terms.identity, &card)?;
        let gets = (job.gets)(&card)?;
        let unusual =
            if request.terms.identity.is_told() || stick.is_named_by_id() { Vec::new() } else { stick.judged().unusual() };
        if request.dry_run {
            observer.event(&Event::Medium(card.clone()));
            return Ok(would(job.verb, &stick, &card, &unusual));
        }
        observer.catch_up();
        let permitted = match &stick {
            Stick::Disk(disk) => disk.permit_unmount(&request.terms, ask),
            Stick::Given(..) => Ok(()),
        };
        let permitted = permitted.and_then(|()| permission::ask_for(&card, (&gets, &[], &unusual), None, ask));
        // A question that a signal ended was not answered.
        let heeding =
            |failure| if stop.requested().is_some() { Failure::stopped("as asked; nothing was written") } else { failure };
        permitted.map_err(heeding)?;
        observer.event(&Event::Medium(card));
        start = Instant::now();
        // Before the medium is claimed: a process that is just being started has every claim.
        let inhibit = Inhibit::sleep("isoflash", job.doing);
        if let Err(why) = &inhibit {
            observer.event(&Event::detail(format!("the computer may fall asleep meanwhile: {why}")));
        }
        if let Stick::Disk(disk) = stick {
            stick = Stick::Disk(Box::new(disk.again(&Load::default(), &request.terms, observer)?));
        }
        let claimed = stick.open(name.clone())?;
        let worked = (job.work)(&claimed, &mut left, observer, stop);
        let device = claimed.disk.as_ref().map(|(_, device)| &**device);
        show_partitions(device);
        let mut reasons = worked?;
        if request.eject {
            reasons.push(eject(device));
        }
        Ok(reasons)
    });
    let ended = ended.unwrap_or_else(|error| Err(Failure::failed(error.to_string())));
    let mut result = match ended {
        Ok(reasons) => JobResult { reasons, ..JobResult::new(Status::Done) },
        Err(failure) => JobResult::because(failure.status, failure.reason),
    };
    result.outcome = Some(outcome(left, name));
    result.elapsed = start.elapsed().as_millis() as u64;
    observer.event(&Event::Result(Box::new(result.clone())));
    result
}

/// What the person named, after a look.
enum Stick<'a> {
    /// A disk of this machine.
    Disk(Box<Disk>),
    /// A medium that the caller made.
    Given(&'a Given, Judged),
}

impl Stick<'_> {
    fn judged(&self) -> &Judged {
        match self {
            Self::Disk(disk) => &disk.judged,
            Self::Given(_, judged) => judged,
        }
    }

    fn card(&self) -> MediumCard {
        match self {
            Self::Disk(disk) => disk.card(),
            Self::Given(given, judged) => judged.card(given),
        }
    }

    fn is_named_by_id(&self) -> bool {
        matches!(self, Self::Disk(disk) if disk.is_named_by_id())
    }

    /// Opens it for writing: the disk that the card showed, and no other.
    fn open(&self, node: String) -> Result<Claimed<'_>, Failure> {
        match self {
            Self::Disk(disk) => {
                let device = Arc::new(disk.open()?);
                Ok(Claimed { node, medium: Arc::<BlockDevice>::clone(&device), disk: Some((disk, device)) })
            }
            Self::Given(given, _) => Ok(Claimed { node, medium: Arc::clone(&given.medium), disk: None }),
        }
    }
}

/// Finds what the operand names, and judges it. Opens nothing for writing.
fn find<'a>(operand: &'a TargetOperand, request: &Request, observer: &mut dyn Observer) -> Result<Stick<'a>, Failure> {
    let stick = match operand {
        TargetOperand::Given(given) => {
            let topology = Topology::read(&Sysfs::default()).map_err(|error| Failure::failed(error.to_string()))?;
            let open = |_: &Judged| Ok((Arc::clone(&given.medium) as Arc<dyn Medium>, None));
            let judged = Judged::judge(&topology, &given.block, &[], (&Load::default(), &request.terms), open)?;
            Stick::Given(given, judged)
        }
        TargetOperand::Path(path) => Stick::Disk(Box::new(disk_at(path, request)?)),
    };
    stick.judged().tell(observer);
    stick.judged().refuse(&request.terms)?;
    Ok(stick)
}

fn disk_at(path: &Path, request: &Request) -> Result<Disk, Failure> {
    let name = path.display();
    match std::fs::metadata(path) {
        Ok(meta) if meta.file_type().is_block_device() => Disk::examine(path, &Load::default(), &request.terms),
        Ok(_) => Err(Failure::refused(format!("{name} is no stick; `isoflash --list` shows those there are"))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Failure::failed(format!(
            "{name}: there is no such device; is the stick plugged in? `isoflash --list` shows those there are"
        ))),
        Err(error) => Err(Failure::failed(format!("looking at {name}: {error}"))),
    }
}

/// What would be done, and what is on the medium now.
fn would(verb: &str, stick: &Stick<'_>, card: &MediumCard, unusual: &[String]) -> Vec<String> {
    let mounted = match stick {
        Stick::Disk(disk) if disk.judged.is_mounted() => "unmount it (asked on a terminal, in scripts with --unmount) and ",
        _ => "",
    };
    let mut reasons = vec![format!("would {mounted}{verb} {}; nothing was written", card.node)];
    reasons.extend(card.contents.iter().map(|line| format!("it holds {line}")));
    if !unusual.is_empty() {
        reasons.push(format!("--yes alone would not be enough: {}", unusual.join("; ")));
    }
    reasons
}
