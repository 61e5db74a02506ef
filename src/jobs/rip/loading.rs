//! Map and record of an earlier run, as they lie on the disk: they may be anybody's, of any length, or broken.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::disc::Record;
use crate::medium::load;
use crate::rescue::mapfile::Mapfile;

use super::RipError;

/// The map; `None` where there is none.
pub(super) fn load_map(path: &Path) -> Result<Option<Mapfile>, RipError> {
    let bytes = match load(path, Mapfile::LONGEST) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == ErrorKind::FileTooLarge => {
            return Err(RipError::Refused(format!(
                "the map {} is longer than any map of a disc ({} MiB); name the right one, or start anew with --force",
                path.display(),
                Mapfile::LONGEST >> 20
            )));
        }
        Err(error) => return Err(RipError::Failed(format!("reading the map {}: {error}", path.display()))),
    };
    // What is no text is no mapfile, and the parser says in which line.
    let mapfile = Mapfile::parse(&String::from_utf8_lossy(&bytes));
    mapfile.map(Some).map_err(|error| {
        RipError::Refused(format!("the map {} is damaged: {error}; mend it, or start anew with --force", path.display()))
    })
}

/// The record, of whatever format; `None` where there is none, or one that can't be read: the map is enough to go on.
pub(super) fn load_record(path: &Path) -> Option<Record> {
    load(path, Record::LONGEST).ok().and_then(|text| serde_json::from_slice(&text).ok())
}

/// A map that says more than its image holds.
pub(super) fn claims_too_much(map: &str, mapfile: &Mapfile, image: &Path) -> RipError {
    RipError::Refused(format!(
        "the map {map} says that {} bytes are finished, and {} {}; put the image back, or start anew with --force",
        mapfile.finished_end(),
        image.display(),
        fs::metadata(image).map_or("vanished".to_string(), |meta| format!("has {}", meta.len()))
    ))
}
