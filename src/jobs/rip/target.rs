//! Image, map and record: what is there already, and what that means for a run.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::unistd::{AccessFlags, access};

use crate::disc::{DriveName, Record};
use crate::jobs::beside;
use crate::medium::{Output, OutputError, OutputKind, save, temporary};
use crate::mmc::{Extent, SECTOR};
use crate::rescue::mapfile::{self, Mapfile, Position};
use crate::rescue::policy::RUN_OUT;
use crate::rescue::{Extents, State};
use crate::sys::{Cause, Space, Stop};

use super::loading::{claims_too_much, load_map, load_record};
use super::{ImageOperand, Request, RipError};

/// Where the image goes, and what is there.
pub(super) struct Target {
    /// `None` for stdout.
    pub(super) image: Option<PathBuf>,
    /// `None` where nothing can be resumed and nobody asked for a map.
    pub(super) map: Option<PathBuf>,
    pub(super) kind: OutputKind,
    pub(super) existing: Existing,
    /// Image and map as they were when they were looked at.
    seen: [Option<Stamp>; 2],
}

/// A file as it was at a moment: inode, length, time of its last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp(u64, u64, i64, i64);

/// What is to become of what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// The run goes on with it.
    GoOn,
    /// It is renamed, and the run starts anew.
    SetAside,
}

/// What an earlier run left.
pub(super) enum Existing {
    /// Nothing, or nothing that counts.
    Nothing,
    /// An image with its map.
    Begun(Box<Begun>),
    /// Something, and nothing that says what it is.
    Unknown,
}

/// An image that was begun.
pub(super) struct Begun {
    pub(super) mapfile: Mapfile,
    pub(super) record: Option<Record>,
}

impl Target {
    /// Looks at what is there. Opens nothing for writing. `fate` of what is there: a broken map only matters if it is gone on with.
    pub(super) fn examine(operand: &ImageOperand, request: &Request, fate: Fate) -> Result<Self, RipError> {
        let map = request.map.as_deref();
        let ImageOperand::Path(image) = operand else {
            return Ok(Self {
                image: None,
                map: map.map(Into::into),
                kind: OutputKind::Stream,
                existing: Existing::Nothing,
                seen: [None; 2],
            });
        };
        let kind = OutputKind::of(image)?;
        let beside = (kind == OutputKind::File).then(|| beside(image, "map"));
        let map = map.map(Into::into).or(beside);
        let seen = [stamp(Some(image)), stamp(map.as_deref())];
        check_beside(image, map.as_deref(), request)?;
        check_names(image, map.as_deref(), kind)?;
        let existing = match (kind, fate) {
            (OutputKind::File, Fate::GoOn) => Existing::at(image, map.as_deref())?,
            (OutputKind::File, Fate::SetAside) => Existing::Unknown,
            _ => Existing::Nothing,
        };
        Ok(Self { image: Some(image.clone()), map, kind, existing, seen })
    }

    /// Path of the record; only files have one.
    pub(super) fn record(&self) -> Option<PathBuf> {
        self.image.as_deref().filter(|_| self.kind == OutputKind::File).map(|image| beside(image, "json"))
    }

    /// The name of the image for a person.
    pub(super) fn name(&self) -> String {
        self.image.as_ref().map_or_else(|| "standard output".into(), |image| image.display().to_string())
    }

    /// Renames what is there to `.bak-N`, the same N for all of it. The old image must not be in use.
    pub(super) fn set_aside(&mut self) -> Result<Option<u32>, RipError> {
        let Some(image) = self.image.clone().filter(|_| self.kind == OutputKind::File) else { return Ok(None) };
        let files: Vec<PathBuf> =
            [Some(image.clone()), self.map.clone(), self.record()].into_iter().flatten().filter(|f| f.exists()).collect();
        if files.is_empty() {
            return Ok(None);
        }
        let _in_use_by_nobody = image.exists().then(|| Output::open(&image)).transpose()?;
        let backup = |file: &Path, n: u32| beside(file, &format!("bak-{n}"));
        let number = (1..).find(|n| files.iter().all(|file| backup(file, *n).symlink_metadata().is_err())).unwrap_or(1);
        for file in &files {
            fs::rename(file, backup(file, number))
                .map_err(|error| RipError::Failed(format!("keeping {} as .bak-{number}: {error}", file.display())))?;
        }
        (self.existing, self.seen) = (Existing::Nothing, [None; 2]);
        Ok(Some(number))
    }

    /// Renames a record that the run does not go on with. `Some` is its new name.
    pub(super) fn set_aside_record(&self) -> Result<Option<PathBuf>, RipError> {
        let Some(record) = self.record().filter(|record| record.exists()) else { return Ok(None) };
        let backup = (1..).map(|n| beside(&record, &format!("bak-{n}"))).find(|backup| backup.symlink_metadata().is_err());
        let Some(backup) = backup else { return Ok(None) };
        let renamed = fs::rename(&record, &backup).map(|()| Some(backup));
        renamed.map_err(|error| RipError::Failed(format!("keeping {} under another name: {error}", record.display())))
    }

    /// Whether the image will fit. `source`: the file that the disc is made of, if it is one.
    pub(super) fn preflight(&self, sectors: u32, source: Option<&Path>) -> Result<(), RipError> {
        let Some(image) = self.image.as_deref().filter(|_| self.kind == OutputKind::File) else { return Ok(()) };
        let record = self.record();
        let outputs = [Some(image), self.map.as_deref(), record.as_deref()];
        if source.is_some_and(|source| outputs.into_iter().flatten().any(|output| is_same(output, source))) {
            return Err(RipError::Refused(format!("{}: this is the disc's own file; give the image another name", self.name())));
        }
        let folder = folder_of(image);
        let space = Space::at(folder)
            .map_err(|error| RipError::Failed(format!("looking at the folder {}: {error}", folder.display())))?;
        let needed = u64::from(sectors) * SECTOR as u64;
        if let Some(ceiling) = space.ceiling.filter(|ceiling| ceiling.bytes < needed) {
            let why = match ceiling.cause {
                Cause::Fat => "its file system (FAT) holds no file over 4 GiB; choose a folder on another file system",
                Cause::ResourceLimit => "a limit for files is set (ulimit -f); raise it",
            };
            return Err(RipError::Refused(format!(
                "the image needs {needed} bytes, and {} can't hold it: {why}",
                folder.display()
            )));
        }
        // st_blocks counts units of 512 bytes.
        let there = fs::metadata(image).map_or(0, |meta| meta.blocks() * 512);
        let missing = needed.saturating_sub(there);
        if missing > space.free {
            return Err(RipError::Stopped(format!(
                "the image needs {missing} more bytes, and {} has {} free; make room or choose another folder, then the same command goes on",
                folder.display(),
                space.free
            )));
        }
        Ok(())
    }

    /// Opens the image, and locks it. Refused when image or map are no longer what they were: the drive may have been waited for.
    /// A pipe without a reader is waited for.
    pub(super) fn open(&self, stop: &Stop) -> Result<Arc<Output>, RipError> {
        let output = match &self.image {
            Some(image) => open_when_read(image, stop)?,
            None => Output::stdout().map_err(|error| RipError::Failed(format!("opening the standard output: {error}")))?,
        };
        let [image, map] = [stamp(self.image.as_deref()), stamp(self.map.as_deref())];
        let is_new_and_empty = self.seen[0].is_none() && image.is_none_or(|Stamp(_, length, ..)| length == 0);
        if self.kind == OutputKind::File && (!(is_new_and_empty || image == self.seen[0]) || map != self.seen[1]) {
            return Err(RipError::Refused(format!(
                "{} was made or changed by another program meanwhile, and is left as it is; give this image another name",
                self.name()
            )));
        }
        Ok(Arc::new(output))
    }
}

impl Existing {
    fn at(image: &Path, map: Option<&Path>) -> Result<Self, RipError> {
        let mapfile = map.map(load_map).transpose()?.flatten();
        let length = fs::metadata(image).ok().map(|meta| meta.len());
        let record = beside(image, "json");
        let Some(mapfile) = mapfile.filter(|mapfile| !mapfile.blocks.is_empty()) else {
            // A record whose image was deleted is kept under another name; a file that is none of ours is nobody's to rename.
            let is_free = length.unwrap_or(0) == 0 && (!record.exists() || known_record(&record)?.is_some());
            return Ok(if is_free { Self::Nothing } else { Self::Unknown });
        };
        let (claimed, length) = (mapfile.finished_end(), length.unwrap_or(0));
        if claimed > length {
            return Err(claims_too_much(&name(map), &mapfile, image));
        }
        // ddrescue's images end with the last sector that it read; and run-out blocks may be off the map and not yet off the image.
        let at_most = mapfile.end() + u64::from(RUN_OUT) * SECTOR as u64;
        // A map that claims nothing makes no foreign file ours; the record does, and stands there before the first sector.
        let record = known_record(&record)?;
        if claimed == 0 && length > 0 && record.is_none() {
            return Err(RipError::Refused(format!(
                "{} has {length} bytes, and neither does the map {} say that any of them was read, nor does a record say whose they are; \
                 choose another name, or start anew with --force (the old files are kept)",
                image.display(),
                name(map),
            )));
        }
        if length > at_most {
            return Err(RipError::Refused(format!(
                "the map {} covers {} bytes, and {} has {length}: they do not belong together; put the right image back, choose another name, \
                 or start anew with --force",
                name(map),
                mapfile.end(),
                image.display(),
            )));
        }
        Ok(Self::Begun(Box::new(Begun { mapfile, record })))
    }
}

/// The record; `None` where there is none that can be read. One of a later program is refused.
fn known_record(path: &Path) -> Result<Option<Record>, RipError> {
    match load_record(path) {
        Some(Record { format, .. }) if format != Record::FORMAT => Err(RipError::Refused(format!(
            "{} has format {format}, which this program does not know: use the program that wrote it, or move it away",
            path.display()
        ))),
        other => Ok(other),
    }
}

/// What else is written must lie in files of its own, and is none of the image's.
pub(super) fn check_beside(image: &Path, map: Option<&Path>, request: &Request) -> Result<(), RipError> {
    let ours = [image.to_path_buf(), map.map_or_else(|| beside(image, "map"), Path::to_path_buf), beside(image, "json")];
    for (index, (option, path)) in request.beside.iter().enumerate() {
        if ours.iter().any(|ours| is_same(ours, path)) {
            return Err(RipError::Usage(format!("the file of {option} is one of the image's own: give it another name")));
        }
        if let Some((other, _)) = request.beside[..index].iter().find(|(_, other)| is_same(other, path)) {
            return Err(RipError::Usage(format!("{other} and {option} name one file: give each its own")));
        }
    }
    Ok(())
}

/// Image, map and record must be three files, each of its own name.
fn check_names(image: &Path, map: Option<&Path>, kind: OutputKind) -> Result<(), RipError> {
    let record = (kind == OutputKind::File).then(|| beside(image, "json"));
    let is_odd = |path: &Path| fs::metadata(path).is_ok_and(|meta| !meta.is_file());
    for path in [map, record.as_deref()].into_iter().flatten() {
        if is_odd(path) {
            return Err(RipError::Usage(format!("{} is no file: map and record must be files", path.display())));
        }
        if path == Path::new("-")
            || is_same(path, image)
            || (Some(path) == map && record.as_deref().is_some_and(|record| is_same(path, record)))
        {
            return Err(RipError::Usage(format!(
                "image, map and record must be different files: give the map another name than {}",
                path.display()
            )));
        }
        let temporary = fs::metadata(temporary(path));
        if temporary.is_err_and(|error| error.kind() == io::ErrorKind::InvalidFilename) {
            return Err(RipError::Usage(format!("the name {} is too long: give the image a shorter one", path.display())));
        }
        check_folder(folder_of(path))?;
    }
    Ok(())
}

/// True when both paths name one file, there or not.
fn is_same(a: &Path, b: &Path) -> bool {
    real(a).zip(real(b)).is_some_and(|(a, b)| a == b)
}

/// Where a path leads, also when nothing is there yet: links are followed to their end.
fn real(path: &Path) -> Option<PathBuf> {
    /// As many links as the kernel follows (path_resolution(7)).
    const LINKS: u32 = 40;
    let mut path = path.to_path_buf();
    for _ in 0..LINKS {
        if let Ok(there) = fs::canonicalize(&path) {
            return Some(there);
        }
        match fs::read_link(&path) {
            Ok(target) => path = folder_of(&path).join(target),
            Err(_) => return Some(fs::canonicalize(folder_of(&path)).ok()?.join(path.file_name()?)),
        }
    }
    None
}

impl Begun {
    /// Sectors that the map covers.
    pub(super) fn sectors(&self) -> u32 {
        u32::try_from(self.mapfile.known_end().div_ceil(SECTOR as u64)).unwrap_or(u32::MAX)
    }

    /// The sectors of a part of the disc, or of all of it, that only other drives than this one gave up.
    pub(super) fn untried_by(&self, drive: &DriveName, map: &Extents<State>, part: Option<Extent>) -> Vec<Extent> {
        let Some(record) = &self.record else { return Vec::new() };
        let untried = record.untried_by(drive, map);
        let part = part.unwrap_or(Extent::between(0, map.len()));
        let within = |extent: Extent| Extent::between(extent.first.max(part.first), extent.end().min(part.end()));
        let overlaps = |extent: &Extent| extent.first < part.end() && part.first < extent.end();
        untried.iter().filter(|run| run.value).map(|run| run.extent).filter(overlaps).map(within).collect()
    }
}

/// A map and a record, ready to be saved from any thread.
pub(super) struct Snapshot {
    pub(super) map: Extents<State>,
    pub(super) position: Position,
    pub(super) head: Vec<String>,
    pub(super) record: Record,
}

impl Snapshot {
    /// Saves both where there is a place for them. The record first: whatever comes between the two, the map calls no sector finished
    /// whose origin is not known.
    pub(super) fn save(&self, map: Option<&Path>, record: Option<&Path>) -> io::Result<()> {
        if let Some(path) = record {
            save(path, |out| {
                serde_json::to_writer(&mut *out, &self.record)
                    .map_err(io::Error::from)
                    .and_then(|()| io::Write::write_all(out, b"\n"))
            })?;
        }
        if let Some(path) = map {
            save(path, |out| mapfile::write(out, &self.head, self.position, &self.map))?;
        }
        Ok(())
    }
}

/// Opens an image; a pipe as soon as somebody reads it.
fn open_when_read(image: &Path, stop: &Stop) -> Result<Output, RipError> {
    loop {
        match Output::open(image) {
            Err(OutputError::NoReader { .. }) if stop.requested().is_none() => std::thread::sleep(Duration::from_millis(50)),
            Err(OutputError::NoReader { .. }) => return Err(RipError::Interrupted),
            other => return Ok(other?),
        }
    }
}

/// The stamp of a file that is there.
fn stamp(path: Option<&Path>) -> Option<Stamp> {
    let meta = fs::metadata(path?).ok()?;
    Some(Stamp(meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()))
}

/// Map and record need a folder that can be written to, also when the image is there already.
fn check_folder(folder: &Path) -> Result<(), RipError> {
    access(folder, AccessFlags::W_OK | AccessFlags::X_OK).map_err(|errno| {
        RipError::Failed(format!("writing to the folder {}: {}; choose another folder", folder.display(), errno.desc()))
    })
}

/// The folder that a file lies in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn name(map: Option<&Path>) -> String {
    map.map_or_else(String::new, |map| map.display().to_string())
}
