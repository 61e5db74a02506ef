//! The name of an image in a folder: the one that this disc has there already, or a free one after its label.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::disc::{Identity, Record, Sameness};
use crate::event::{Event, Observer};
use crate::jobs::beside;
use crate::medium::load;
use crate::mmc::Family;
use crate::sys::Stop;

use super::look::Disc;
use super::samples::Samples;
use super::start::recognise;
use super::station::Station;
use super::target::{Existing, Target};
use super::{ImageOperand, Request, RipError, examine};

/// Records of a folder that are looked at. A disc that only a later one knows is read again, under a name of its own.
const RECORDS: usize = 10_000;

/// Bytes of a record that are read here: one with a hundred thousand bad areas has fewer.
const LONGEST: u64 = 64 << 20;

/// Names that are tried for one label.
const NAMES: u32 = 1000;

/// How long the choice of another process is waited for. Its drive may hang meanwhile; then the image's own lock is what decides.
const PATIENCE: Duration = Duration::from_secs(10);

/// A name in a folder.
pub(super) struct Chosen {
    pub(super) target: Target,
    /// What was found out about the image of this name, where there is one.
    pub(super) looked: Option<(Sameness, Samples)>,
    /// To be held until map and record of an image that is new, or could be any disc's, stand there.
    pub(super) claim: Option<Claim>,
}

/// Chooses the name of this disc's image. The image of another disc is never gone on with: the next name is taken.
pub(super) fn choose(
    folder: &Path,
    station: &mut Station,
    disc: &Disc,
    request: &Request,
    observer: &mut dyn Observer,
    stop: &Stop,
) -> Result<Chosen, RipError> {
    let claim = Claim::on(folder, stop);
    let names = (1..=NAMES).map(|number| name(folder, &disc.identity, number));
    let names: Vec<PathBuf> = match request.force {
        true => names.take(1).collect(),
        false => known(folder, &disc.identity, disc.layout.family()).into_iter().chain(names).collect(),
    };
    for image in names {
        let why = match examine(request, &ImageOperand::Path(image.clone())) {
            Ok(target) => match &target.existing {
                Existing::Begun(begun) if !request.force => match recognise(station, disc, &target, begun) {
                    (Sameness::Other(why), _) => why,
                    looked => {
                        // What was killed before its first sector could be any disc's: nobody else may take it for his own.
                        let claim = claim.filter(|_| looked.0 == Sameness::CantTell);
                        return Ok(Chosen { target, looked: Some(looked), claim });
                    }
                },
                _ => return Ok(Chosen { target, looked: None, claim }),
            },
            Err(RipError::Refused(why)) => why,
            Err(other) => return Err(other),
        };
        observer.event(&Event::detail(format!("not {}: {why}", image.display())));
    }
    Err(RipError::Refused(format!("{} holds {NAMES} images of this name; choose another folder", folder.display())))
}

/// `FOLDER/LABEL.iso`, `FOLDER/LABEL-2.iso`, …; a disc without a label is named after its kind and its system area.
fn name(folder: &Path, identity: &Identity, number: u32) -> PathBuf {
    let unnamed = || {
        let digest = identity.system_area.0.iter().flatten().next().map_or("unknown", |digest| &digest[..12]);
        format!("{}-{digest}", identity.kind)
    };
    let label = identity.label.clone().unwrap_or_else(unnamed);
    let safe = |c: char| if c.is_control() || c == '/' || c == '\u{fffd}' { '_' } else { c };
    let name: String = label.chars().map(safe).collect();
    let name = Some(name.trim_start_matches('.')).filter(|name| !name.is_empty()).unwrap_or("disc");
    let number = if number > 1 { format!("-{number}") } else { String::new() };
    folder.join(format!("{name}{number}.iso"))
}

/// The images in the folder whose records tell of this disc, by name.
fn known(folder: &Path, identity: &Identity, family: Family) -> Vec<PathBuf> {
    /// What of a record is needed here.
    #[derive(Deserialize)]
    struct Known {
        format: u32,
        disc: Identity,
    }
    let tells_of_it = |record: &PathBuf| {
        // A file that can't be read, or is no record, is somebody else's.
        let known = load(record, LONGEST).ok().and_then(|text| serde_json::from_slice::<Known>(&text).ok());
        known.is_some_and(|known| {
            known.format == Record::FORMAT
                && identity.compare(&known.disc, family).is_ok_and(|area| area.verdict() == Sameness::Same)
        })
    };
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let records = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let images = records.take(RECORDS).filter(tells_of_it).map(|record| record.with_extension(""));
    // Who deleted image and map wants the disc to be read again.
    let mut images: Vec<PathBuf> = images.filter(|image| image.exists() || beside(image, "map").exists()).collect();
    images.sort();
    images
}

/// A folder, locked: two processes that choose at once would choose the same name.
pub(super) struct Claim {
    _folder: File,
}

impl Claim {
    /// Locks the folder. `None` where that can't be done: not every file system has locks.
    fn on(folder: &Path, stop: &Stop) -> Option<Self> {
        let file = File::open(folder).ok()?;
        let end = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Some(Self { _folder: file }),
                Err(TryLockError::WouldBlock) if Instant::now() < end && stop.requested().is_none() => {
                    thread::sleep(Duration::from_millis(20));
                }
                Err(_) => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disc::SystemArea;

    fn identity(label: Option<&str>, content: &str) -> Identity {
        let area = SystemArea(vec![Some(SystemArea::digest(content.as_bytes()))]);
        Identity { kind: "cd-rom".into(), label: label.map(Into::into), sectors: 100, tracks: Vec::new(), system_area: area }
    }

    #[test]
    fn a_name_can_not_leave_the_folder_nor_hide_in_it() {
        let name = |label, number| name(Path::new("d"), &identity(label, "x"), number).display().to_string();
        assert_eq!(name(Some("A B"), 1), "d/A B.iso");
        assert_eq!(name(Some("A B"), 2), "d/A B-2.iso");
        assert_eq!(name(Some("../../etc/passwd\n"), 1), "d/_.._etc_passwd_.iso");
        assert_eq!(name(Some("..."), 3), "d/disc-3.iso");
        assert!(name(None, 1).starts_with("d/cd-rom-"));
    }

    #[test]
    fn a_disc_is_known_by_its_record_whatever_else_lies_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let here = identity(Some("HERE"), "here");
        let record = |identity: &Identity| format!(r#"{{"format":1,"disc":{}}}"#, serde_json::to_string(identity).unwrap());
        for (name, text) in [
            ("renamed.iso.json", record(&here)),
            ("deleted.iso.json", record(&here)),
            ("later.iso.json", record(&here).replace("\"format\":1", "\"format\":2")),
            ("other.iso.json", record(&identity(Some("HERE"), "other"))),
            ("torn.iso.json", record(&here)[..40].into()),
            ("list.json", "[1,2,3]".into()),
        ] {
            fs::write(path(name), text).unwrap();
            fs::write(path(name).with_extension(""), "").unwrap();
        }
        fs::remove_file(path("deleted.iso")).unwrap();
        fs::create_dir(path("folder.json")).unwrap();
        nix::unistd::mkfifo(&path("pipe.json"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(known(folder.path(), &here, Family::Cd), [path("renamed.iso")]);
    }
}
