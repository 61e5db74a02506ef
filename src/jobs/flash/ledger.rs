//! Where the ledger is kept.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, absolute};

use nix::unistd::{AccessFlags, access};

use crate::jobs::Failure;
use crate::medium::{load, save};
use crate::trust::Ledger;

use super::Request;
use super::source::Source;
use super::target::Target;

/// A ledger replaces a ledger, and nothing else; and it can be saved, which is not to be learnt after everything was written.
pub(super) fn check(request: &Request, source: &Source, target: &Target<'_>) -> Result<(), Failure> {
    let Some(path) = &request.ledger else { return Ok(()) };
    let name = path.display();
    let is_medium = target.file().is_some_and(|file| is_one_file(path, file));
    if is_medium || source.is_file_at(path) {
        let what = if is_medium { "medium" } else { "image" };
        return Err(Failure::refused(format!("{name} is to be the ledger, and is the {what}; choose another name")));
    }
    match load(path, Ledger::LONGEST) {
        Ok(text) if Ledger::parse(&text).is_ok() => {}
        Err(error)
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) && path.symlink_metadata().is_err() => {}
        _ => return Err(Failure::refused(format!("{name} exists, and is no ledger; choose another name"))),
    }
    // One that is there is replaced by a new file beside it, and links are followed.
    let file = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let is_on_medium = folder.canonicalize().is_ok_and(|folder| target.shows(&folder));
    if is_on_medium {
        return Err(Failure::refused(format!("{name} lies on the medium, which will be unmounted; choose another folder")));
    }
    match fs::metadata(folder) {
        Ok(meta) if meta.is_dir() => access(folder, AccessFlags::W_OK)
            .map_err(|errno| Failure::failed(format!("{name} can't be saved: {}; choose another folder", errno.desc()))),
        Ok(_) => Err(Failure::failed(format!("{name} can't be saved: {} is no folder", folder.display()))),
        Err(error) => Err(Failure::failed(format!("looking for the folder of {name}: {error}; make it first"))),
    }
}

/// The same file by any name, or the same name of a file that is not there yet.
pub(super) fn is_one_file(one: &Path, other: &Path) -> bool {
    let id = |path: &Path| fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    let place = |path: &Path| {
        let path = absolute(path).ok()?;
        Some((path.parent()?.canonicalize().ok()?, path.file_name()?.to_owned()))
    };
    match (id(one), id(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => place(one).is_some_and(|one| place(other) == Some(one)),
        _ => false,
    }
}

/// Saves it.
pub(super) fn keep(request: &Request, ledger: &Ledger) -> Result<(), Failure> {
    let Some(path) = &request.ledger else { return Ok(()) };
    save(path, |out| out.write_all(ledger.to_json().as_bytes()))
        .map_err(|error| Failure::failed(format!("the medium is good, but saving {} failed: {error}", path.display())))
}
