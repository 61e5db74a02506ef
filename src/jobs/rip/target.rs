//! Image, map and record: what is there already, and what that means for a run.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::unistd::{AccessFlags, access};

use crate::disc::Record;
use crate::medium::{Output, OutputKind, save};
use crate::mmc::SECTOR;
use crate::rescue::mapfile::{self, Mapfile, Position};
use crate::rescue::{Extents, Phase, Resume, State};
use crate::sys::{Cause, Space};

use super::{ImageOperand, RipError};

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

/// What an earlier run left.
pub(super) enum Existing {
    /// Nothing, or nothing that counts.
    Nothing,
    /// An image with its map.
    Begun(Box<Begun>),
    /// An image, and nothing that says what it is.
    Unknown,
}

/// An image that was begun.
pub(super) struct Begun {
    pub(super) mapfile: Mapfile,
    pub(super) record: Option<Record>,
}

impl Target {
    /// Looks at what is there. Opens nothing for writing.
    pub(super) fn examine(operand: &ImageOperand, map: Option<&Path>) -> Result<Self, RipError> {
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
        if kind == OutputKind::File {
            check_folder(folder_of(image))?;
        }
        let beside = (kind == OutputKind::File).then(|| with_suffix(image, "map"));
        let map = map.map(Into::into).or(beside);
        let seen = [stamp(Some(image)), stamp(map.as_deref())];
        let existing = if kind == OutputKind::File { Existing::at(image, map.as_deref())? } else { Existing::Nothing };
        Ok(Self { image: Some(image.clone()), map, kind, existing, seen })
    }

    /// Path of the record; only files have one.
    pub(super) fn record(&self) -> Option<PathBuf> {
        self.image.as_deref().filter(|_| self.kind == OutputKind::File).map(|image| with_suffix(image, "json"))
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
        let backup = |file: &Path, n: u32| with_suffix(file, &format!("bak-{n}"));
        let number = (1..).find(|n| files.iter().all(|file| !backup(file, *n).exists())).unwrap_or(1);
        for file in &files {
            fs::rename(file, backup(file, number))
                .map_err(|error| RipError::Failed(format!("keeping {} as .bak-{number}: {error}", file.display())))?;
        }
        (self.existing, self.seen) = (Existing::Nothing, [None; 2]);
        Ok(Some(number))
    }

    /// Whether the image will fit. `source`: the file that the disc is made of, if it is one.
    pub(super) fn preflight(&self, sectors: u32, source: Option<&Path>) -> Result<(), RipError> {
        let Some(image) = self.image.as_deref().filter(|_| self.kind == OutputKind::File) else { return Ok(()) };
        let same = |a: &Path, b: &Path| fs::canonicalize(a).ok().zip(fs::canonicalize(b).ok()).is_some_and(|(a, b)| a == b);
        let record = self.record();
        let outputs = [Some(image), self.map.as_deref(), record.as_deref()];
        if source.is_some_and(|source| outputs.into_iter().flatten().any(|output| same(output, source))) {
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
    pub(super) fn open(&self) -> Result<Arc<Output>, RipError> {
        let output = match &self.image {
            Some(image) => Output::open(image)?,
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
        let map_text = match map.map(fs::read) {
            None => None,
            // What is no text is no mapfile, and the parser says in which line.
            Some(Ok(bytes)) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => None,
            Some(Err(error)) => return Err(RipError::Failed(format!("reading the map {}: {error}", name(map)))),
        };
        let length = match fs::metadata(image) {
            Ok(meta) => Some(meta.len()),
            Err(_) => None,
        };
        match (map_text, length) {
            (None, None | Some(0)) => Ok(Self::Nothing),
            (None, Some(_)) => Ok(Self::Unknown),
            (Some(text), _) => {
                let mapfile = Mapfile::parse(&text).map_err(|error| {
                    RipError::Refused(format!("the map {} is damaged: {error}; mend it, or start anew with --force", name(map)))
                })?;
                let claims =
                    mapfile.blocks.iter().filter(|block| block.state == State::Finished).map(|block| block.first + block.size);
                let claimed = claims.max().unwrap_or(0);
                if claimed > length.unwrap_or(0) {
                    return Err(RipError::Refused(format!(
                        "the map {} says that {claimed} bytes are finished, and {} has {}; put the image back, or start anew with --force",
                        name(map),
                        image.display(),
                        length.map_or("vanished".to_string(), |length| format!("only {length}"))
                    )));
                }
                let record = File::open(with_suffix(image, "json"))
                    .ok()
                    .and_then(|file| serde_json::from_reader(BufReader::new(file)).ok());
                Ok(Self::Begun(Box::new(Begun { mapfile, record })))
            }
        }
    }
}

impl Begun {
    /// Sectors that the map covers.
    pub(super) fn sectors(&self) -> u32 {
        u32::try_from(self.mapfile.end().div_ceil(SECTOR as u64)).unwrap_or(u32::MAX)
    }

    /// Where the sweep stood.
    pub(super) fn position(&self) -> Option<Resume> {
        let Position { at, status, pass } = self.mapfile.position;
        let at = u32::try_from(at / SECTOR as u64).ok()?;
        (status == '?').then_some(Resume { at, phase: Phase::Sweep, pass })
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
    /// Saves both where there is a place for them.
    pub(super) fn save(&self, map: Option<&Path>, record: Option<&Path>) -> io::Result<()> {
        if let Some(path) = map {
            save(path, |out| mapfile::write(out, &self.head, self.position, &self.map))?;
        }
        if let Some(path) = record {
            save(path, |out| {
                serde_json::to_writer(&mut *out, &self.record)
                    .map_err(io::Error::from)
                    .and_then(|()| io::Write::write_all(out, b"\n"))
            })?;
        }
        Ok(())
    }
}

/// The status line of a map.
pub(super) fn position(at: Resume, map: &Extents<State>) -> Position {
    let is_settled = map.count(State::Finished) + map.count(State::Bad) == map.len();
    if is_settled {
        return Position { at: 0, status: '+', pass: 1 };
    }
    let status = match at.phase {
        Phase::Sweep => '?',
        Phase::Blocks => '*',
        Phase::Sectors => '/',
        Phase::Retry => '-',
    };
    Position { at: u64::from(at.at) * SECTOR as u64, status, pass: at.pass }
}

/// The stamp of a file that is there.
fn stamp(path: Option<&Path>) -> Option<Stamp> {
    let meta = fs::metadata(path?).ok()?;
    Some(Stamp(meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()))
}

/// `image` + `.` + `suffix`.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_os_string();
    name.push(".");
    name.push(suffix);
    name.into()
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
