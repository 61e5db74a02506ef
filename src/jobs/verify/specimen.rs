//! What is verified: a disc, a stick or a file, found by its name and opened for reading.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::event::{Event, MediumCard, Observer};
use crate::jobs::cards;
use crate::jobs::rip::{Disc, RipError, sessions};
use crate::medium::{BlockDevice, Claim, DiskError, Medium, OpticalDisc, RegularFile};
use crate::mmc::{CommandError, Drive, Extent, SECTOR, Unready};
use crate::rescue::policy::READY_LIMIT;
use crate::scsi::linux::{SgPort, Sharing};
use crate::scsi::{Clock, Port, RealClock};
use crate::sys::topology::Standing;
use crate::sys::{DeviceNumber, Stop, Sysfs, Topology, writers};

use super::{Failure, interrupted};

/// Major numbers of optical drives and of SCSI generic nodes, from the kernel's devices.txt.
const SR: u64 = 11;
const SG: u64 = 21;

/// A medium as it was named.
pub enum Attached {
    /// By a path.
    Path(PathBuf),
    /// A drive that is no node.
    Drive(Box<dyn Port>),
    /// A stick that is no node: who it is, and the file that it is made of.
    Stick(MediumCard, Box<dyn Medium>, PathBuf),
}

/// An open medium.
pub(in crate::jobs) struct Specimen {
    /// As it was named.
    pub(in crate::jobs) name: String,
    pub(in crate::jobs) medium: Arc<dyn Medium>,
    /// The time that it lives in.
    pub(in crate::jobs) clock: Arc<dyn Clock>,
    pub(in crate::jobs) kind: SpecimenKind,
    /// The first sector of each session that a disc's table of contents lists, the last one first; none of what is no disc.
    pub(in crate::jobs) sessions: Vec<u32>,
    /// The files that it is, or is made of, where they are known: device and inode of each.
    made_of: Vec<(u64, u64)>,
}

/// What it is: a medium is longer than what was written to it, a file is not.
pub(in crate::jobs) enum SpecimenKind {
    Medium,
    File(Arc<RegularFile>),
    /// A file that only plays the medium.
    Emulated,
}

impl Specimen {
    /// Opens it. `zeros`: sectors of a disc that an image's record says are no data.
    pub(in crate::jobs) fn open(
        attached: Attached,
        zeros: &[Extent],
        observer: &mut dyn Observer,
        stop: &Stop,
    ) -> Result<Self, Failure> {
        match attached {
            Attached::Drive(port) => Self::disc(port, zeros, SpecimenKind::Emulated, observer, stop),
            Attached::Stick(card, medium, backing) => {
                observer.event(&Event::Medium(card.clone()));
                let clock = Arc::new(RealClock::new());
                Ok(Self {
                    name: card.node,
                    medium: medium.into(),
                    clock,
                    kind: SpecimenKind::Emulated,
                    sessions: Vec::new(),
                    made_of: inode(&backing).into_iter().collect(),
                })
            }
            Attached::Path(path) => {
                let meta = look_at(&path)?;
                let kind = meta.file_type();
                let major = DeviceNumber::from(meta.rdev()).major;
                if kind.is_block_device() && major == SR || kind.is_char_device() && major == SG {
                    tell_uses(&path, DeviceNumber::from(meta.rdev()), observer);
                    let port = SgPort::new(path, Sharing::Shared, Sysfs::default());
                    Self::disc(Box::new(port), zeros, SpecimenKind::Medium, observer, stop)
                } else if kind.is_block_device() {
                    Self::disk(&path, DeviceNumber::from(meta.rdev()), observer)
                } else if kind.is_file() {
                    Self::file(&path, observer)
                } else {
                    let what = if kind.is_dir() { "a folder" } else { "a pipe, a terminal or another device without places" };
                    Err(Failure::refused(format!(
                        "{} is {what}; only a stick, a disc or an image file can be read by place",
                        path.display()
                    )))
                }
            }
        }
    }

    /// The disc in a drive, by SCSI command.
    fn disc(
        mut port: Box<dyn Port>,
        zeros: &[Extent],
        kind: SpecimenKind,
        observer: &mut dyn Observer,
        stop: &Stop,
    ) -> Result<Self, Failure> {
        let opened = port.open().map_err(|error| of_drive(error.into()))?;
        let (name, clock) = (port.name(), port.clock());
        let mut drive = Drive::new(opened.transport, stop.clone());
        drive.await_ready(&*clock, READY_LIMIT).map_err(|unready| not_ready(&name, unready))?;
        let mut card =
            MediumCard { node: name.clone(), sector: SECTOR as u32, bus: "optical drive".into(), ..MediumCard::default() };
        card.model = drive.inquiry().ok().map(|inquiry| format!("{} {} {}", inquiry.vendor, inquiry.product, inquiry.firmware));
        card.serial = drive.serial();
        // The medium is introduced first, and its size shows only now.
        let mut later = Later(Vec::new());
        let disc = Disc::look(&mut drive, &mut later, stop).map_err(|error| match error {
            RipError::Interrupted => interrupted(),
            other => of_drive(other),
        })?;
        let sessions = sessions(&disc.layout.tracks);
        let medium = OpticalDisc::new(drive, disc.layout, zeros, Arc::clone(&clock), stop.clone());
        card.bytes = Some(medium.geometry().bytes);
        observer.event(&Event::Medium(card));
        later.0.iter().for_each(|event| observer.event(event));
        Ok(Self {
            name,
            medium: Arc::new(medium),
            clock,
            kind,
            sessions,
            made_of: port.backing().as_deref().and_then(inode).into_iter().collect(),
        })
    }

    /// A stick or another disk, past the page cache.
    fn disk(path: &Path, number: DeviceNumber, observer: &mut dyn Observer) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let device = BlockDevice::open(path, number, Claim::Shared).map_err(|error| match error {
            DiskError::Empty | DiskError::Changed => Failure::stopped(format!("opening {name}: {error}")),
            _ => Failure::failed(format!("opening {name} for reading: {error}")),
        })?;
        let geometry = device.geometry();
        if geometry.bytes == 0 {
            return Err(Failure::stopped(format!("there is no medium in {name}; put it in, and run this command again")));
        }
        let mut card =
            MediumCard { node: name.clone(), bytes: Some(geometry.bytes), sector: geometry.sector, ..MediumCard::default() };
        let mut made_of = Vec::new();
        if let Ok(topology) = Topology::read(&Sysfs::default()) {
            if let Some(block) = topology.find(number) {
                card = MediumCard { node: name.clone(), bytes: card.bytes, ..cards::of(block) };
            }
            // The name of its file may be gone.
            made_of.extend(device.loop_file().map(|file| file.inode));
            let below = topology.beneath(number).into_iter().filter_map(|number| topology.find(number)?.backing.clone());
            made_of.extend(below.filter_map(|file| inode(&file)));
        }
        observer.event(&Event::Medium(card));
        tell_uses(path, number, observer);
        Ok(Self {
            name,
            medium: Arc::new(device),
            clock: Arc::new(RealClock::new()),
            kind: SpecimenKind::Medium,
            sessions: Vec::new(),
            made_of,
        })
    }

    fn file(path: &Path, observer: &mut dyn Observer) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let file = RegularFile::open(path).map_err(|error| Failure::failed(format!("opening {name}: {error}")))?;
        file.forget_cached();
        let file = Arc::new(file);
        let geometry = file.geometry();
        observer.event(&Event::Medium(MediumCard {
            node: name.clone(),
            bytes: Some(geometry.bytes),
            sector: geometry.sector,
            bus: "file".into(),
            ..MediumCard::default()
        }));
        let medium: Arc<dyn Medium> = Arc::<RegularFile>::clone(&file);
        let clock = Arc::new(RealClock::new());
        Ok(Self {
            name,
            medium,
            clock,
            kind: SpecimenKind::File(file),
            sessions: Vec::new(),
            made_of: inode(path).into_iter().collect(),
        })
    }

    /// Its name without folders, which picks the line of a list.
    pub(in crate::jobs) fn file_name(&self) -> String {
        Path::new(&self.name).file_name().map_or_else(|| self.name.clone(), |name| name.to_string_lossy().into_owned())
    }

    /// Bytes that it has.
    pub(in crate::jobs) fn bytes(&self) -> u64 {
        self.medium.geometry().bytes
    }

    /// Bytes of the unit that differences are told in.
    pub(in crate::jobs) fn sector(&self) -> u32 {
        self.medium.geometry().sector.max(512)
    }

    /// Before it is read once more: what this machine remembers of it is not what is to be compared.
    pub(in crate::jobs) fn forget_cached(&self) {
        if let SpecimenKind::File(file) = &self.kind {
            file.forget_cached();
        }
    }

    /// True when it is this file, or shows it: by another name, by a hard link, as a loop device, or through volumes on one.
    pub(in crate::jobs) fn is_made_of(&self, image: &Metadata) -> bool {
        self.made_of.contains(&(image.dev(), image.ino()))
    }
}

fn inode(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

/// Keeps what happens, to be shown later.
struct Later(Vec<Event>);

impl Observer for Later {
    fn event(&mut self, event: &Event) {
        self.0.push(event.clone());
    }
}

/// What is known of a path, or why nothing is.
pub(super) fn look_at(path: &Path) -> Result<Metadata, Failure> {
    std::fs::metadata(path).map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::NotFound => "; look at the name, or plug it in",
            _ => "",
        };
        Failure::failed(format!("looking for {}: {error}{hint}", path.display()))
    })
}

/// Says who else uses it. That is no reason not to read it; but what is written meanwhile may show as a difference.
fn tell_uses(path: &Path, number: DeviceNumber, observer: &mut dyn Observer) {
    let Ok(topology) = Topology::read(&Sysfs::default()) else { return };
    let uses = topology.standing_on(number);
    let mut users: Vec<String> = uses
        .iter()
        .filter_map(|found| match &found.standing {
            Standing::Mount(point) | Standing::DistantMount(point) => Some(format!("mounted on {}", point.display())),
            Standing::Swap(_) => Some("used as swap".into()),
            _ => None,
        })
        .collect();
    users.extend(writers(&[number]).iter().map(|writer| format!("open for writing by {writer}")));
    if !users.is_empty() {
        observer.event(&Event::notice(format!(
            "{} is {}; what is written to it meanwhile may show as a difference",
            path.display(),
            users.join(", ")
        )));
    }
}

fn of_drive(error: RipError) -> Failure {
    Failure::new(error.status(), error.to_string())
}

fn not_ready(name: &str, unready: Unready) -> Failure {
    match unready {
        Unready::NoDisc(sense) => {
            Failure::stopped(format!("{name}: {}; put the disc in, and run this command again", sense.text()))
        }
        Unready::Broken(CommandError::Refused(sense)) if sense.asc == 0x30 => {
            Failure::refused(format!("{name}: the drive can't read this kind of disc ({}); try another drive", sense.text()))
        }
        Unready::Broken(error) => Failure::stopped(format!("{name}: {error}; look at its cable and power, or try another drive")),
        Unready::Never => Failure::stopped(format!(
            "{name}: the drive did not become ready within {} s; take the disc out and put it in again",
            READY_LIMIT.as_secs()
        )),
        Unready::Interrupted => interrupted(),
    }
}
