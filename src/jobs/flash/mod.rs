//! An image onto a medium, and the proof.
//!
//! [`run`] tells the story: the image, the medium, may it be written, does the person want it (`permission`); then the passes (`writing`):
//! everything but the first MiB is written, flushed, read back and compared; the first MiB comes last. Of several media each takes the first
//! steps (`candidate`) before any of them is written; then each goes its own way (`media`).

mod after;
mod candidate;
mod fitness;
mod journal;
mod ledger;
mod mapping;
mod media;
mod passes;
mod permission;
mod source;
mod target;
mod writing;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::event::{Event, FlashOutcome, JobResult, MediumEnd, Observer};
use crate::sys::{Inhibit, Stop};
use crate::trust::{Algorithm, Digests, Expectation};

use super::bmap::BmapOperand;
use super::stick::Terms;
pub use super::stick::{Given, TargetOperand};
use super::{Ask, Failure, worker};
use candidate::{Candidate, Named};
pub use journal::state_folder;
use media::Order;
pub use passes::Course;
pub use source::ImageOperand;
use source::Source;

/// What is asked for.
#[derive(Debug)]
pub struct Request {
    /// The image.
    pub image: ImageOperand,
    /// What is allowed.
    pub terms: Terms,
    /// Digests to compute of the medium.
    pub digests: Vec<Algorithm>,
    /// What the image's digest should be.
    pub expectation: Option<Expectation>,
    /// The folder for what a run that does not end leaves to the next one.
    pub state: Option<PathBuf>,
    /// Where the chunks' digests are kept.
    pub ledger: Option<PathBuf>,
    /// The block map that says what of the image is written; `None` for all of it.
    pub bmap: Option<BmapOperand>,
    /// What of it is sent to the medium.
    pub course: Course,
    /// What is done about reading back.
    pub proof: Proof,
    /// A regular file may be replaced.
    pub overwrite_file: bool,
    /// An image with holes is written unasked.
    pub allow_holes: bool,
    /// Put the backup GPT at the end of the medium.
    pub fix_gpt: bool,
    /// What is done about old signatures behind the image.
    pub wipe: Wipe,
    /// Eject after success.
    pub eject: bool,
    /// Look, and write nothing.
    pub dry_run: bool,
}

/// Whether the medium is read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Every byte.
    ReadBack,
    /// Every byte; and what comes back wrong is written again.
    Repair,
    /// Nothing; and the report says so.
    None,
}

/// What is done about what systems act on behind the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wipe {
    /// It is named.
    Nothing,
    /// It is made zero.
    Signatures,
}

/// Writes the image to each medium. The result tells how it ended, whatever happened.
pub fn run(
    request: &Request,
    operands: &[TargetOperand],
    ask: &mut Ask<'_>,
    observer: &mut dyn Observer,
    stop: &Stop,
) -> JobResult {
    let stopping = "stopping after what is under way (a second signal ends at once)";
    let mut begun = FlashOutcome::default();
    let mut start = Instant::now();
    let ended = worker::work(stopping, observer, stop, |observer| {
        attempt((request, operands), &mut start, ask, observer, stop, &mut begun)
    });
    let ended = ended.unwrap_or_else(|error| Err(Failure::failed(error.to_string())));
    let mut result = ended.map_or_else(|failure| media::nothing(failure, begun, operands.len()), media::result);
    result.elapsed = start.elapsed().as_millis() as u64;
    observer.event(&Event::Result(Box::new(result.clone())));
    result
}

/// What is left to tell when all went well.
struct Done {
    digests: Digests,
    reasons: Vec<String>,
}

fn named(digests: Digests) -> BTreeMap<String, String> {
    digests.into_iter().map(|(algorithm, hex)| (algorithm.name().to_string(), hex)).collect()
}

/// Until the person has answered, no time counts: `start` is set anew then. Whatever speaks against one medium keeps all from being
/// written.
fn attempt(
    (request, operands): (&Request, &[TargetOperand]),
    start: &mut Instant,
    ask: &mut Ask<'_>,
    observer: &mut dyn Observer,
    stop: &Stop,
    begun: &mut FlashOutcome,
) -> Result<Vec<MediumEnd>, Failure> {
    let source = Source::open(&request.image, request.bmap.as_ref())?;
    begun.image = source.path().map(Path::to_path_buf);
    begun.bytes = source.bytes().unwrap_or(0);
    observer.event(&Event::Source(source.summary()));
    source.mapping.tell(source.path(), observer);
    let expected = request.expectation.as_ref().map(|expectation| expectation.of(&source.file_name())).transpose();
    let expected = expected.map_err(|error| Failure::usage(format!("the checksum list: {error}")))?;

    if request.state.is_none() {
        observer.event(&Event::detail("no journal can be kept, as there is no home for it: the next run would begin anew"));
    }
    let name = |medium: &str| (operands.len() > 1).then(|| medium.to_string());
    let given = (&source, request, expected.as_ref());
    let candidates =
        candidate::all(operands.iter().map(|operand| (operand.name(), Candidate::find(operand, given, begun, name, observer))))?;
    candidate::refuse_doubles(&candidates)?;
    if request.dry_run {
        let look = |candidate: Candidate<'_>| {
            candidate.introduce(name(&candidate.card.node), observer);
            candidate.dry_run(request, &source)
        };
        return Ok(candidates.into_iter().map(look).collect());
    }
    observer.catch_up();
    candidate::permit(&candidates, request, &source, ask).map_err(|failure| heeding(stop, failure))?;
    candidates.iter().for_each(|candidate| candidate.introduce(name(&candidate.card.node), observer));
    *start = Instant::now();

    // Before a medium is claimed: a process that is just being started has every claim, also when this one is killed meanwhile. And before
    // the last look at it, as the writing has to follow that at once.
    let inhibit = Inhibit::sleep("isoflash", "writing an image");
    if let Err(why) = &inhibit {
        observer.event(&Event::detail(format!("the computer may fall asleep meanwhile: {why}")));
    }
    let claimed = candidate::all(candidates.into_iter().map(|candidate| {
        let node = candidate.card.node.clone();
        let mut observer = Named { medium: name(&node), next: observer };
        (node, candidate.claim(&source, request, &mut observer))
    }))?;
    let order = Order { request, source: &source, expected: expected.as_ref(), start: *start, stop };
    order.write(claimed, observer)
}

/// A question that a signal ended was not answered.
fn heeding(stop: &Stop, failure: Failure) -> Failure {
    if stop.requested().is_some() { Failure::stopped("as asked; nothing was written") } else { failure }
}
