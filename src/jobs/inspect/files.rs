//! The files of an image: listed, and extracted.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use crate::event::{Event, Extracted, ListedFile, Observer};
use crate::image::inspection::{sectors, trees};
use crate::image::tree::{Entry, Found, Kind, Piece, Tree, Trees};
use crate::jobs::Failure;
use crate::medium::Span;
use crate::mmc::SECTOR;
use crate::status::Status;

use super::Destination;
use super::reader::{CHUNK, Reader};

/// Tells of what lies at and below a path.
pub(super) fn list(
    path: &str,
    tree: Option<Tree>,
    reader: &mut Reader,
    observer: &mut dyn Observer,
) -> Result<(Status, Vec<String>), Failure> {
    let (trees, tree) = chosen(tree, reader)?;
    let wanted = path.trim_end_matches('/');
    let is_wanted = |path: &str| path.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    // What is known to be missing shows in the map and in the length alone.
    let (holes, mut found, mut damaged, mut unknown) = (reader.known(), 0u64, 0u64, 0u64);
    let (bytes, sector) = (reader.bytes(), reader.sector());
    let mut read = |offset: u64, length: usize| reader.read(offset, length);
    trees.walk_one(tree, &mut sectors(bytes, sector, &mut read), &mut |tree, it| match it {
        Found::Entry(entry) if is_wanted(entry.path) => {
            let missing = entry.pieces.iter().filter_map(span).map(|span| holes.missing(span)).sum();
            found += 1;
            damaged += u64::from(missing > 0);
            observer.event(&Event::Entry(listed(tree, &entry, missing)));
        }
        Found::Unknown(path, _) if is_wanted(path) => unknown += 1,
        _ => {}
    });
    let mut reasons = Vec::new();
    if damaged > 0 {
        reasons.push(format!("{damaged} of {found} files and directories are damaged"));
    }
    if unknown > 0 {
        reasons.push(format!("{unknown} files or directories can't be read, or make no sense: there may be more than is listed"));
    }
    match found {
        0 if reasons.is_empty() => Err(absent(path, tree)),
        _ => Ok((if reasons.is_empty() { Status::Done } else { Status::Unreadable }, reasons)),
    }
}

/// No disc is larger, and so no file: BDXL has 128 GB. A broken entry may claim what would fill every disk with zeros.
const LARGEST: u64 = 128 << 30;

/// Writes the file at a path to where it is wanted.
pub(super) fn extract(path: &str, tree: Option<Tree>, to: &Destination, reader: &mut Reader) -> Result<Extracted, Failure> {
    if let Destination::File(file) = to
        && fs::symlink_metadata(file).is_ok()
    {
        return Err(exists(file));
    }
    let (trees, tree) = chosen(tree, reader)?;
    let mut found = None;
    let (bytes, sector) = (reader.bytes(), reader.sector());
    let mut read = |offset: u64, length: usize| reader.read(offset, length);
    trees.walk_one(tree, &mut sectors(bytes, sector, &mut read), &mut |_, it| {
        if let Found::Entry(entry) = it
            && found.is_none()
            && entry.path == path
        {
            found = Some((entry.kind, entry.pieces.to_vec(), entry.inline.to_vec(), entry.size));
        }
    });
    let (kind, pieces, inline, size) = found.ok_or_else(|| absent(path, tree))?;
    match kind {
        Kind::File => {}
        Kind::Directory => return Err(Failure::refused(format!("{path} is a directory; --ls {path} shows what is in it"))),
        Kind::Link(to) => return Err(Failure::refused(format!("{path} is a symbolic link to {to}; extract that"))),
    }
    if size > LARGEST {
        return Err(Failure::new(
            Status::Corrupt,
            format!("{path} claims {size} bytes, more than any disc has: its entry is broken"),
        ));
    }
    let mut content = Content { reader, pieces: &pieces, inline: &inline, size };
    let missing = match to {
        Destination::Stdout => content.write(&mut io::stdout().lock(), Path::new("stdout"))?,
        Destination::File(file) => write_new(file, &mut content)?,
    };
    let file = match to {
        Destination::Stdout => None,
        Destination::File(file) => Some(file.clone()),
    };
    Ok(Extracted { path: path.into(), tree, file, size, missing })
}

/// The trees, and the one that is asked for, or the best.
fn chosen(wanted: Option<Tree>, reader: &mut Reader) -> Result<(Trees, Tree), Failure> {
    let (bytes, sector) = (reader.bytes(), reader.sector());
    let sessions = reader.sessions().to_vec();
    let trees = trees(bytes, sector, &sessions, &mut |offset, length| reader.read(offset, length));
    let offered: Vec<Tree> = trees.offers().collect();
    let names: Vec<&str> = offered.iter().map(|tree| tree.name()).collect();
    let tree = match wanted {
        Some(tree) if offered.contains(&tree) => tree,
        Some(tree) if !offered.is_empty() => {
            return Err(Failure::refused(format!("it has no names of {}; it has those of {}", tree.name(), names.join(", "))));
        }
        _ => *offered.first().ok_or_else(|| {
            Failure::failed("no names of files can be read in it: there is no ISO 9660 or UDF, or its beginning is damaged")
        })?,
    };
    Ok((trees, tree))
}

fn absent(path: &str, tree: Tree) -> Failure {
    Failure::failed(format!("there is no {path} in its {} tree; --ls shows all names, --tree picks another tree", tree.name()))
}

fn exists(file: &Path) -> Failure {
    Failure::refused(format!("{} exists, and nothing is overwritten; name another file", file.display()))
}

fn listed(tree: Tree, entry: &Entry<'_>, missing: u64) -> ListedFile {
    let (kind, target) = match &entry.kind {
        Kind::Directory => ("directory", None),
        Kind::File => ("file", None),
        Kind::Link(to) => ("link", Some(to.clone())),
    };
    let lba = entry.pieces.first().and_then(|piece| piece.first).filter(|_| entry.size > 0);
    ListedFile { path: entry.path.into(), tree, kind, size: entry.size, lba, target, missing }
}

fn span(piece: &Piece) -> Option<Span> {
    Some(Span { offset: u64::from(piece.first?) * SECTOR as u64, length: piece.bytes })
}

/// A file that was not there before, or none: what is half written is removed.
fn write_new(file: &Path, content: &mut Content<'_>) -> Result<u64, Failure> {
    let mut out = File::create_new(file).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => exists(file),
        _ => Failure::failed(format!("making {}: {error}", file.display())),
    })?;
    let written = content
        .write(&mut out, file)
        .and_then(|missing| out.sync_all().map(|()| missing).map_err(|error| unwritten(file, &error)));
    if written.is_err() {
        let _ = fs::remove_file(file);
    }
    written
}

fn unwritten(file: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("writing {}: {error}", file.display()))
}

/// The bytes of a file.
struct Content<'a> {
    reader: &'a mut Reader,
    pieces: &'a [Piece],
    inline: &'a [u8],
    size: u64,
}

impl Content<'_> {
    /// Writes all of it, and counts the bytes that are zero only because nobody could read them.
    fn write(&mut self, to: &mut dyn Write, file: &Path) -> Result<u64, Failure> {
        let mut put = |bytes: &[u8]| to.write_all(bytes).map_err(|error| unwritten(file, &error));
        put(self.inline)?;
        let (mut missing, mut written) = (0, self.inline.len() as u64);
        for piece in self.pieces {
            let mut done = 0;
            while done < piece.bytes {
                self.reader.heed_stop()?;
                let len = (piece.bytes - done).min(CHUNK as u64);
                let (bytes, lost) = match piece.first {
                    Some(first) => self.reader.content(u64::from(first) * SECTOR as u64 + done, len as usize)?,
                    None => (vec![0; len as usize], 0),
                };
                put(&bytes)?;
                missing += lost;
                done += len;
            }
            written += piece.bytes;
        }
        // Extents that could not be read, or lie nowhere.
        let left = self.size.saturating_sub(written);
        io::copy(&mut io::Read::take(io::repeat(0), left), to).map_err(|error| unwritten(file, &error))?;
        Ok(missing + left)
    }
}
