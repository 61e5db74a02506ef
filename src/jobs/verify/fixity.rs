//! Many images, each compared with what is known of it: is an archive still what it was?

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::disc::Record;
use crate::event::{Checked, Event, JobResult, Observer, TransferPhase};
use crate::jobs::{beside, worker};
use crate::medium::load;
use crate::status::Status;
use crate::sys::Stop;
use crate::trust::{Algorithm, Expectation, Expected};

use super::pass::{Pace, Pass};
use super::specimen::{Attached, Specimen};
use super::{Failure, STOPPING, interrupted};

/// What is known of images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Each has a record beside it.
    Records,
    /// A publisher's list has a line for each.
    List(Expectation),
}

/// True when an image has a record beside it.
pub fn has_record(image: &Path) -> bool {
    beside(image, "json").is_file()
}

/// Compares each. The result tells how many are well, and the worst status.
pub fn check(images: &[PathBuf], known: &Known, observer: &mut dyn Observer, stop: &Stop) -> JobResult {
    let result = worker::work(STOPPING, observer, stop, |observer| check_each(images, known, observer, stop));
    let result = result.unwrap_or_else(|error| JobResult::because(Status::Failed, error.to_string()));
    observer.event(&Event::Result(Box::new(result.clone())));
    result
}

fn check_each(images: &[PathBuf], known: &Known, observer: &mut dyn Observer, stop: &Stop) -> JobResult {
    let begin = std::time::Instant::now();
    let mut status = Status::Done;
    let (mut different, mut unchecked) = (0, 0);
    for (done, image) in images.iter().enumerate() {
        let (of_image, text) = match check_one(image, known, observer, stop) {
            Ok(text) => (Status::Done, text),
            Err(Finding::Different(text)) => (Status::Different, text),
            Err(Finding::Ended(failure)) if failure == interrupted() => {
                let left = images.len() - done;
                let mut result =
                    JobResult::because(Status::Stopped, format!("as asked; {left} of {} images were not checked", images.len()));
                result.elapsed = begin.elapsed().as_millis() as u64;
                return result;
            }
            Err(Finding::Ended(failure)) => (failure.status, failure.reason),
        };
        match of_image {
            Status::Done => {}
            Status::Different => different += 1,
            _ => unchecked += 1,
        }
        status = status.and(of_image);
        observer.event(&Event::Checked(Checked { image: image.display().to_string(), status: of_image, text }));
    }
    let mut result = JobResult::new(status);
    let of = images.len();
    if different > 0 {
        result.reasons.push(format!("{different} of {of} images: not what they should be; take them from another copy"));
    }
    if unchecked > 0 {
        result.reasons.push(format!("{unchecked} of {of} images could not be checked"));
    }
    result.elapsed = begin.elapsed().as_millis() as u64;
    result
}

/// Why an image is not well.
enum Finding {
    Different(String),
    Ended(Failure),
}

impl From<Failure> for Finding {
    fn from(error: Failure) -> Self {
        Self::Ended(error)
    }
}

/// `Ok` holds by what it was proved.
fn check_one(image: &Path, known: &Known, observer: &mut dyn Observer, stop: &Stop) -> Result<String, Finding> {
    let failed = |why: String| Failure::failed(why);
    let meta = super::specimen::look_at(image)?;
    if !meta.is_file() {
        return Err(failed("it is no image file".into()).into());
    }
    let expected = match known {
        Known::Records => recorded(image)?,
        Known::List(list) => {
            let name = image.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            Recorded { expected: vec![list.of(&name).map_err(|error| failed(error.to_string()))?], missing: 0 }
        }
    };
    let algorithms: BTreeSet<Algorithm> = expected.expected.iter().flat_map(Expected::algorithms).collect();
    let mut quiet = OnlyProgress(observer);
    let specimen = Specimen::open(Attached::Path(image.to_owned()), &[], &mut quiet, stop)?;
    let bytes = specimen.bytes();
    if bytes == 0 {
        return Err(Failure::refused("it is empty: there is nothing to compare").into());
    }
    let pass = Pass { specimen: &specimen, phase: TransferPhase::Digest, algorithms, observer: &mut quiet, stop };
    let (passed, ended) = pass.run(Pace::Bytes(bytes), |_| Ok(()));
    ended?;
    if !passed.unreadable.is_empty() {
        return Err(
            failed(format!("{} bytes of it could not be read from the disk that it lies on", passed.unreadable.bytes())).into()
        );
    }
    let mut matched = Vec::new();
    for expected in &expected.expected {
        match expected.compare(&passed.digests) {
            Ok(what) => matched.push(what),
            Err(wanted) => return Err(Finding::Different(format!("it does not have {wanted}"))),
        }
    }
    if expected.missing > 0 {
        matched.push(format!("{} sectors of its disc are missing in it", expected.missing));
    }
    Ok(matched.join(", "))
}

/// What a record says of its image.
struct Recorded {
    expected: Vec<Expected>,
    /// Sectors that could not be read from the disc.
    missing: u64,
}

fn recorded(image: &Path) -> Result<Recorded, Failure> {
    let path = beside(image, "json");
    let shown = path.display();
    let failed = |why: String| Err(Failure::failed(why));
    let text = match load(&path, Record::LONGEST) {
        Ok(text) => text,
        Err(error) => return failed(format!("reading {shown}, its record: {error}")),
    };
    let record: Record = match serde_json::from_slice(&text) {
        Ok(record) => record,
        Err(error) => return failed(format!("{shown} is no record, or a hurt one ({error})")),
    };
    if record.format > Record::FORMAT {
        return failed(format!(
            "{shown} is a record of format {}, and this program knows format {}",
            record.format,
            Record::FORMAT
        ));
    }
    if record.digests.is_empty() {
        return failed(format!("{shown} holds no digests: the image is not finished; discrip goes on with it"));
    }
    let mut expected = Vec::new();
    for (name, hex) in &record.digests {
        let of = name.parse::<Algorithm>().map_err(|error| error.to_string());
        match of.and_then(|algorithm| Expected::digest(algorithm, hex).map_err(|error| error.to_string())) {
            Ok(digest) => expected.push(digest),
            Err(why) => return failed(format!("{shown} is hurt: {why}")),
        }
    }
    let missing = record.damage.iter().map(|damage| u64::from(damage.extent.count)).sum();
    Ok(Recorded { expected, missing })
}

/// Of many images only the progress is shown; what came of each is told in a line.
struct OnlyProgress<'a>(&'a mut dyn Observer);

impl Observer for OnlyProgress<'_> {
    fn event(&mut self, event: &Event) {
        if matches!(event, Event::Progress(_)) {
            self.0.event(event);
        }
    }
}
