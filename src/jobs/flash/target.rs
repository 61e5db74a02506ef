//! What is written: a disk, a file, or an emulated stick; found, judged, asked about, and opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::event::MediumCard;
use crate::jobs::Failure;
use crate::jobs::stick::{Disk, Judged};
use crate::medium::{BlockDevice, Existing, Medium, RegularFile, Writable};
use crate::status::Status;
use crate::sys::{Space, Sysfs, Topology};

use super::journal::Bearer;
use super::ledger::is_one_file;
use super::source::Source;
use super::{Given, Request, TargetOperand};

/// What the person named, after a look.
pub(super) enum Target<'a> {
    /// A disk of this machine.
    Disk(Box<Disk>),
    /// A regular file, there or not.
    File(PathBuf, Existing),
    /// A medium that the caller made.
    Given(&'a Given, Judged),
}

/// A medium that is open for writing, and stays so until its last byte was read back.
pub(super) struct Opened {
    pub(super) medium: Arc<dyn Writable>,
    /// The same, when it is a disk.
    pub(super) disk: Option<Arc<BlockDevice>>,
    /// The file that was made for it.
    pub(super) made: Option<Made>,
}

/// A file that was made for the image. Unless it is kept it goes again: half written it is of no use, and would stand in the way of the next
/// try.
pub(super) struct Made(Option<PathBuf>);

impl Made {
    pub(super) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let _ = self.0.take().map(std::fs::remove_file);
    }
}

impl<'a> Target<'a> {
    /// Finds what the operand names. Opens nothing.
    pub(super) fn find(operand: &'a TargetOperand, request: &Request, source: &Source) -> Result<Self, Failure> {
        let path = match operand {
            TargetOperand::Given(given) => {
                let topology = Topology::read(&Sysfs::default()).map_err(|error| Failure::failed(error.to_string()))?;
                let open = |_: &Judged| Ok((Arc::clone(&given.medium) as Arc<dyn Medium>, None));
                let judged = Judged::judge(&topology, &given.block, &[], (&source.load(), &request.terms), open)?;
                return Ok(Self::Given(given, judged));
            }
            TargetOperand::Path(path) => path,
        };
        let name = path.display();
        let kind = match std::fs::metadata(path) {
            Ok(meta) => meta,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return new_file(path),
            Err(error) => return Err(Failure::failed(format!("looking at {name}: {error}"))),
        };
        match kind.file_type() {
            kind if std::os::unix::fs::FileTypeExt::is_block_device(&kind) => {
                Ok(Self::Disk(Box::new(Disk::examine(path, &source.load(), &request.terms)?)))
            }
            _ if source.is_file_at(path) => Err(Failure::refused(format!("{name} is the image itself"))),
            kind if kind.is_file() && request.overwrite_file => {
                refuse_shown(path)?;
                Ok(Self::File(path.clone(), Existing::Replace))
            }
            kind if kind.is_file() => Err(Failure::refused(format!(
                "the file {name} exists; choose another name, or say --overwrite-file to replace it"
            ))),
            kind if kind.is_dir() => {
                Err(Failure::refused(format!("{name} is a folder; name a stick (isoflash --list), or a new file")))
            }
            _ => Err(Failure::refused(format!("{name} is no disk and no file; `isoflash --list` shows the sticks there are"))),
        }
    }

    /// What the person must recognise.
    pub(super) fn card(&self) -> MediumCard {
        match self {
            Self::Disk(disk) => disk.card(),
            Self::Given(given, judged) => judged.card(given),
            Self::File(path, existing) => MediumCard {
                node: path.display().to_string(),
                bytes: match existing {
                    Existing::Refuse => None,
                    Existing::Replace => std::fs::metadata(path).ok().map(|meta| meta.len()),
                },
                sector: 1,
                bus: if *existing == Existing::Refuse { "new file" } else { "file" }.into(),
                ..MediumCard::default()
            },
        }
    }

    /// The regular file that it is, or is made of.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::Disk(_) => None,
            Self::File(path, _) => Some(path),
            Self::Given(given, _) => given.block.backing.as_deref(),
        }
    }

    /// What tells it when it comes back, under whatever name; `None` for a file, which is made anew each time.
    pub(super) fn bearer(&self) -> Option<Bearer> {
        let file = match self {
            Self::Disk(disk) => disk.backing(),
            Self::Given(given, _) => given.block.backing.as_deref(),
            Self::File(..) => return None,
        };
        let MediumCard { serial, bytes, sector, .. } = self.card();
        Some(Bearer { serial, bytes: bytes?, sector, file: file.map(|file| file.to_string_lossy().into_owned()) })
    }

    /// True when what is written to one is written to the other.
    pub(super) fn is_same_medium(&self, other: &Self) -> bool {
        let backing = |target: &Self| match target {
            Self::Disk(disk) => disk.block.backing.clone(),
            _ => target.file().map(Path::to_path_buf),
        };
        match (self, other) {
            (Self::Disk(one), Self::Disk(other)) if one.block.number == other.block.number => true,
            _ => backing(self).zip(backing(other)).is_some_and(|(one, other)| is_one_file(&one, &other)),
        }
    }

    /// True when a file system of it is mounted above this folder, an absolute path without links.
    pub(super) fn shows(&self, folder: &Path) -> bool {
        matches!(self, Self::Disk(disk) if disk.shows(folder))
    }

    /// True when it was named by a link that is made of its identity.
    pub(super) fn is_named_by_id(&self) -> bool {
        matches!(self, Self::Disk(disk) if disk.is_named_by_id())
    }

    /// What the guard found, where it was asked.
    pub(super) fn judged(&self) -> Option<&Judged> {
        match self {
            Self::Disk(disk) => Some(&disk.judged),
            Self::Given(_, judged) => Some(judged),
            Self::File(..) => None,
        }
    }

    /// Why nobody may write it.
    pub(super) fn refuse(&self, source: &Source, request: &Request) -> Result<(), Failure> {
        match self {
            Self::File(path, _) => has_room(path, source),
            Self::Disk(_) | Self::Given(..) => self.judged().map_or(Ok(()), |judged| judged.refuse(&request.terms)),
        }
    }

    /// Opens it for writing: the disk that the card showed, and no other.
    pub(super) fn open(&self) -> Result<Opened, Failure> {
        match self {
            Self::Disk(disk) => {
                let device = Arc::new(disk.open()?);
                Ok(Opened { medium: Arc::<BlockDevice>::clone(&device), disk: Some(device), made: None })
            }
            Self::Given(given, _) => Ok(Opened { medium: Arc::clone(&given.medium), disk: None, made: None }),
            Self::File(path, existing) => {
                if *existing == Existing::Replace {
                    // Once more: somebody may have made a disk of it while the question stood.
                    refuse_shown(path)?;
                }
                let file = RegularFile::create(path, *existing).map_err(|error| {
                    let why = match error.kind() {
                        std::io::ErrorKind::WouldBlock => {
                            return Failure::refused(format!("another program is working on {}", path.display()));
                        }
                        _ => error,
                    };
                    Failure::failed(format!("opening {}: {why}; choose another name or folder", path.display()))
                })?;
                let made = (*existing == Existing::Refuse).then(|| Made(Some(path.clone())));
                Ok(Opened { medium: Arc::new(file), disk: None, made })
            }
        }
    }
}

/// A file that is shown as a disk is that disk to whoever uses it.
fn refuse_shown(path: &Path) -> Result<(), Failure> {
    // Without /sys there are no loop devices to be seen; a file is none of a machine's disks.
    let Ok(topology) = Topology::read(&Sysfs::default()) else { return Ok(()) };
    let place = topology.canonical(path);
    let shows = |backing: &PathBuf| topology.is_same_file(backing, &place);
    match topology.blocks().iter().find(|block| block.backing.as_ref().is_some_and(shows)) {
        Some(block) => Err(Failure::refused(format!(
            "{} is in use: {node} is made of it; close that first (losetup -d {node}), or name {node}",
            path.display(),
            node = block.node.display()
        ))),
        None => Ok(()),
    }
}

/// A name that nothing has: a new file, but never one among the device nodes.
fn new_file<'a>(path: &Path) -> Result<Target<'a>, Failure> {
    let name = path.display();
    if path.symlink_metadata().is_ok() {
        return Err(Failure::failed(format!("{name} is a link that leads nowhere; is the stick plugged in?")));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // /dev/disk/by-id itself comes and goes with the disks.
    let found = folder.canonicalize().or_else(|error| if folder.starts_with("/dev") { Ok(folder.into()) } else { Err(error) });
    let folder = found.map_err(|error| Failure::failed(format!("looking for the folder of {name}: {error}")))?;
    if folder.starts_with("/dev") && !folder.starts_with("/dev/shm") {
        return Err(Failure::failed(format!(
            "{name}: there is no such device; is the stick plugged in? `isoflash --list` shows those there are"
        )));
    }
    let device = Path::new("/dev").join(path);
    if path.components().count() == 1
        && std::fs::metadata(&device).is_ok_and(|meta| std::os::unix::fs::FileTypeExt::is_block_device(&meta.file_type()))
    {
        return Err(Failure::refused(format!(
            "{name} would be a new file; did you mean {}? (a file of that name: ./{name})",
            device.display()
        )));
    }
    Ok(Target::File(path.to_path_buf(), Existing::Refuse))
}

/// Is there room for the image in the folder of this file?
fn has_room(path: &Path, source: &Source) -> Result<(), Failure> {
    let Some(need) = source.bytes() else { return Ok(()) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let space =
        Space::at(folder).map_err(|error| Failure::failed(format!("looking at the folder of {}: {error}", path.display())))?;
    if let Some(ceiling) = space.ceiling.filter(|ceiling| ceiling.bytes < need) {
        return Err(Failure::refused(format!(
            "{}: a file can have {} bytes at most there, and the image has {need}; choose another folder",
            path.display(),
            ceiling.bytes
        )));
    }
    // What an old file takes is free once it is replaced; holes in it take nothing.
    let there = std::fs::metadata(path).map_or(0, |meta| std::os::unix::fs::MetadataExt::blocks(&meta) * 512);
    if space.free.saturating_add(there) < need {
        return Err(Failure::new(
            Status::Stopped,
            format!(
                "{}: {} bytes are free there, and the image has {need}; make room, and run the same command",
                path.display(),
                space.free
            ),
        ));
    }
    Ok(())
}
