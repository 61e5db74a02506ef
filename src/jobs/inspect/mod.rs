//! What an image, a disc or a stick holds. Nothing is ever written to it.
//!
//! [`run`] tells the story: it is opened, and read through `reader`, which keeps what came and bears what can't be read; then all that it
//! tells of itself is put together ([`Inspection`]), or its files are listed or extracted (`files`).

mod files;
mod reader;

use std::path::PathBuf;

use crate::event::{Extracted, InspectOutcome, JobResult, Observer, Outcome};
use crate::image::class::Class;
use crate::image::inspection::Inspection;
use crate::image::length::Verdict;
use crate::image::tree::Tree;
use crate::medium::show_size;
use crate::status::Status;
use crate::sys::Stop;

use super::verify::{Attached, Specimen};
use super::{Failure, worker};
use reader::Reader;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is to be told.
    pub wish: Wish,
    /// Whose names; `None` for the best that there are.
    pub tree: Option<Tree>,
}

/// What is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// What it is.
    Tell,
    /// What lies at and below this path.
    List(String),
    /// The bytes of the file at this path.
    Extract(String, Destination),
}

/// Where a file is extracted to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// stdout.
    Stdout,
    /// A file that does not exist yet.
    File(PathBuf),
}

/// What a signal does not interrupt.
const STOPPING: &str = "stopping after the read that is under way (a second signal ends at once)";

/// Looks into it. The result tells how it ended, whatever happened.
pub fn run(request: &Request, attached: Attached, observer: &mut dyn Observer, stop: &Stop) -> JobResult {
    worker::tell(STOPPING, observer, stop, |observer| attempt(request, attached, observer, stop))
}

fn attempt(request: &Request, attached: Attached, observer: &mut dyn Observer, stop: &Stop) -> Result<JobResult, Failure> {
    let specimen = Specimen::open(attached, &[], observer, stop)?;
    let mut reader = Reader::new(&specimen, stop)?;
    if reader.bytes() == 0 {
        return Err(Failure::new(Status::Corrupt, format!("{} is empty: get the image anew", specimen.name)));
    }
    let mut outcome = InspectOutcome {
        image: specimen.name.clone(),
        bytes: reader.bytes(),
        inspection: None,
        extracted: None,
        unreadable: Default::default(),
    };
    let (mut status, mut reasons) = match &request.wish {
        Wish::Tell => {
            let (bytes, sector) = (reader.bytes(), reader.sector());
            let inspection = Inspection::of(bytes, sector, &specimen.sessions, &mut |offset, length| reader.read(offset, length));
            let judged = judge(&specimen.name, &inspection);
            outcome.inspection = Some(inspection);
            judged
        }
        Wish::List(path) => files::list(path, request.tree, &mut reader, observer)?,
        Wish::Extract(path, to) => {
            let extracted = files::extract(path, request.tree, to, &mut reader)?;
            let told = holes_in(&extracted);
            outcome.extracted = Some(extracted);
            told
        }
    };
    if stop.requested().is_some() {
        return Err(Failure::stopped("as asked, before all of it was looked at"));
    }
    outcome.unreadable = reader.unreadable().clone();
    if !outcome.unreadable.is_empty() && request.wish == Wish::Tell {
        status = status.and(Status::Unreadable);
        let bytes = show_size(outcome.unreadable.bytes());
        reasons.push(format!("{bytes} that tell of it could not be read: there may be more to it than is told here"));
    }
    let outcome = Some(Outcome::Inspect(Box::new(outcome)));
    Ok(JobResult { reasons, outcome, ..JobResult::new(status) })
}

/// What it means for whoever wants to use it.
fn judge(name: &str, inspection: &Inspection) -> (Status, Vec<String>) {
    let mut reasons = Vec::new();
    if let Verdict::Truncated { missing } = inspection.length.verdict {
        reasons
            .push(format!("{name} is truncated: {missing} bytes ({}) are missing at its end; get it anew", show_size(missing)));
    }
    reasons.extend(inspection.contradictions.iter().cloned());
    let corrupt = if reasons.is_empty() { Status::Done } else { Status::Corrupt };
    let unknown = match inspection.class {
        Class::Packed => {
            format!("{name} is packed ({}); what it holds shows once it is unpacked", inspection.packed.unwrap_or("unknown"))
        }
        Class::Unknown => format!("nothing in {name} says what it is"),
        _ => return (corrupt, reasons),
    };
    reasons.insert(0, unknown);
    (corrupt.and(Status::Refused), reasons)
}

fn holes_in(extracted: &Extracted) -> (Status, Vec<String>) {
    match extracted.missing {
        0 => (Status::Done, Vec::new()),
        missing => {
            let reason = format!("{missing} of {} bytes of {} could not be read, and are zero", extracted.size, extracted.path);
            (Status::Unreadable, vec![reason])
        }
    }
}
