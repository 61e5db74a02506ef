//! All media at once: the image is read once, and each medium is written and proved on a thread of its own, at its own pace. One that fails,
//! or is slow, hurts no other.

use std::collections::BTreeSet;
use std::env;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Builder};
use std::time::Instant;

use crate::event::{Event, FlashOutcome, JobResult, MediaOutcome, MediumEnd, Observer, Outcome};
use crate::jobs::{Failure, stick};
use crate::pipeline::{Again, Taker, feed};
use crate::status::Status;
use crate::sys::Stop;
use crate::trust::{Algorithm, Expected};

use super::candidate::{Claimed, Named};
use super::passes::thread_failed;
use super::source::Source;
use super::writing::{Writing, Written};
use super::{Done, Request, ledger, named};

/// Where what goes by of a stream is kept for those who are slower, unless TMPDIR says otherwise: not /tmp, which may be memory.
const SPOOL: &str = "/var/tmp";

/// An image, and how it is written.
pub(super) struct Order<'a> {
    pub(super) request: &'a Request,
    pub(super) source: &'a Source,
    /// What the image's digest should be.
    pub(super) expected: Option<&'a Expected>,
    pub(super) start: Instant,
    pub(super) stop: &'a Stop,
}

impl Order<'_> {
    /// Writes and proves all of them. How each ended, in their order.
    pub(super) fn write(&self, claimed: Vec<Claimed<'_>>, observer: &mut dyn Observer) -> Result<Vec<MediumEnd>, Failure> {
        let again = Arc::new(if claimed.len() > 1 { self.again(observer) } else { Again::Never });
        let algorithms: BTreeSet<Algorithm> = Writing::algorithms(self.request, self.expected);
        let takers =
            feed(self.source.reader(), Arc::clone(&again), claimed.len(), (algorithms, self.source.mapping.left_out.clone()))
                .map_err(thread_failed)?;
        let are_several = claimed.len() > 1;
        let ledger = OnceLock::new();
        let (tell, told) = channel();
        thread::scope(|scope| {
            let started: Vec<_> = claimed
                .into_iter()
                .zip(takers)
                .map(|(claimed, image)| {
                    let unstarted = (claimed.card.serial.clone(), claimed.outcome.clone());
                    let name = are_several.then(|| claimed.card.node.clone());
                    let (tell, ledger) = (tell.clone(), &ledger);
                    let work = move || self.write_one(claimed, image, name, ledger, tell);
                    (Builder::new().name("medium".into()).spawn_scoped(scope, work), unstarted)
                })
                .collect();
            drop(tell);
            for event in told {
                observer.event(&event);
                self.tell_broken(&again, observer);
            }
            let end = |(started, (serial, outcome)): (io::Result<thread::ScopedJoinHandle<'_, MediumEnd>>, _)| {
                let failed = |failure: Failure| MediumEnd {
                    reasons: vec![failure.reason],
                    outcome,
                    ..MediumEnd::new(failure.status, serial)
                };
                match started.map(thread::ScopedJoinHandle::join) {
                    Ok(Ok(end)) => end,
                    Ok(Err(_)) => failed(Failure::failed("the thread that wrote it broke down; it was not verified")),
                    Err(error) => failed(thread_failed(error)),
                }
            };
            Ok(started.into_iter().map(end).collect())
        })
    }

    /// Writes and proves one of them; it has a name where there are several.
    fn write_one(
        &self,
        claimed: Claimed<'_>,
        image: Taker,
        name: Option<String>,
        ledger: &OnceLock<Result<(), Failure>>,
        mut tell: Sender<Event>,
    ) -> MediumEnd {
        let Claimed { target, mut opened, card, mut outcome, journal } = claimed;
        let are_several = name.is_some();
        let mut observer = Named { medium: name, next: &mut tell };
        let writing = Writing {
            request: self.request,
            source: self.source,
            target: &target,
            opened: &opened,
            expected: self.expected,
            journal: journal.as_ref(),
        };
        let written = writing.run(image, &mut observer, self.stop, &mut outcome);
        // After a failure as well: partitions that were there are no more.
        stick::show_partitions(opened.disk.as_deref());
        let done = written.and_then(|Written { digests, mut reasons, ledger: chunks }| {
            opened.made.take().into_iter().for_each(|made| made.keep());
            // The image is the same, and so is the ledger.
            ledger.get_or_init(|| ledger::keep(self.request, &chunks)).clone()?;
            if self.request.eject {
                reasons.push(stick::eject(opened.disk.as_deref()));
            }
            Ok(Done { digests, reasons })
        });
        // Who hears that it is done with may take it out.
        drop((target, opened));
        let elapsed = self.start.elapsed().as_millis() as u64;
        let (status, reasons, digests) = match done {
            Ok(done) => (Status::Done, done.reasons, named(done.digests)),
            Err(failure) => (failure.status, vec![failure.reason], [].into()),
        };
        let end = MediumEnd { reasons, outcome, digests, elapsed, ..MediumEnd::new(status, card.serial) };
        if are_several {
            tell.event(&Event::Ended(Box::new(end.clone())));
        }
        end
    }

    /// How a medium gets what others had before.
    fn again(&self, observer: &mut dyn Observer) -> Again {
        let folder = folder();
        self.source.again(&folder).unwrap_or_else(|error| {
            observer.event(&Event::notice(format!(
                "no copy of {} can be kept in {}: {error}; the slowest medium sets the pace (TMPDIR names another folder)",
                self.source.name(),
                folder.display()
            )));
            Again::Never
        })
    }

    fn tell_broken(&self, again: &Again, observer: &mut dyn Observer) {
        if let Again::Spool(spool) = again
            && let Some(error) = spool.broken()
        {
            observer.event(&Event::notice(format!(
                "keeping a copy of {} in {}: {error}; from here on the slowest medium sets the pace",
                self.source.name(),
                folder().display()
            )));
        }
    }
}

fn folder() -> PathBuf {
    env::var_os("TMPDIR").filter(|folder| !folder.is_empty()).map_or_else(|| SPOOL.into(), PathBuf::from)
}

/// What happens on the threads is told by the one that started them.
impl Observer for Sender<Event> {
    fn event(&mut self, event: &Event) {
        // Nobody listens only when the program is ending.
        let _ = self.send(event.clone());
    }
}

/// The end of the job. Of one medium it is that medium's.
pub(super) fn result(mut ends: Vec<MediumEnd>) -> JobResult {
    if ends.len() == 1
        && let Some(MediumEnd { status, reasons, outcome, digests, .. }) = ends.pop()
    {
        return JobResult { reasons, digests, outcome: Some(Outcome::Flash(outcome)), ..JobResult::new(status) };
    }
    let status = ends.iter().fold(Status::Done, |status, end| status.and(end.status));
    let (first, others): (Vec<_>, Vec<_>) = ends.iter().partition(|end| end.status == status);
    // What is true of all of them is said once.
    let is_common = |reason: &&String| ends.iter().all(|end| end.reasons.contains(reason));
    let of_one = |end: &MediumEnd| {
        let reasons = end.reasons.iter().filter(|reason| !is_common(reason));
        reasons.map(|reason| naming(&end.outcome.medium, reason)).collect::<Vec<_>>()
    };
    let mut reasons: Vec<String> = first.into_iter().chain(others).flat_map(of_one).collect();
    reasons.extend(ends.iter().take(1).flat_map(|end| end.reasons.iter().filter(is_common).cloned()));
    // Whoever reads only these is not to take them for a success.
    let digests = if status == Status::Done { ends.first().map(|end| end.digests.clone()) } else { None };
    let digests = digests.unwrap_or_default();
    JobResult { reasons, digests, outcome: Some(Outcome::Media(MediaOutcome { media: ends })), ..JobResult::new(status) }
}

/// The end of a job that began nothing.
pub(super) fn nothing(failure: Failure, begun: FlashOutcome, media: usize) -> JobResult {
    let outcome = if media == 1 { Outcome::Flash(begun) } else { Outcome::Media(MediaOutcome::default()) };
    JobResult { outcome: Some(outcome), ..JobResult::because(failure.status, failure.reason) }
}

/// A sentence that may be about any of several media, with the name of the one that it is about.
pub(super) fn naming(medium: &str, reason: &str) -> String {
    if reason.contains(medium) { reason.into() } else { format!("{medium}: {reason}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(medium: &str, status: Status, reasons: &[&str]) -> MediumEnd {
        let outcome = FlashOutcome { medium: medium.into(), ..FlashOutcome::default() };
        let digests = [("sha256".to_string(), "ab".to_string())].into();
        let reasons = reasons.iter().map(|reason| reason.to_string()).collect();
        MediumEnd { reasons, outcome, digests, ..MediumEnd::new(status, None) }
    }

    #[test]
    fn the_reason_of_the_status_comes_first_and_what_all_say_comes_last_and_once() {
        let all = "the image matches";
        let several = result(vec![
            end("/dev/sdb", Status::Stopped, &["/dev/sdb is gone", all]),
            end("/dev/sdc", Status::Done, &[all, "ejected"]),
            end("/dev/sdd", Status::Different, &[all, "flips bits"]),
        ]);
        assert_eq!(several.status, Status::Different);
        assert_eq!(several.reasons, ["/dev/sdd: flips bits", "/dev/sdb is gone", "/dev/sdc: ejected", all]);
        assert!(several.digests.is_empty());
        let good = result(vec![end("/dev/sdb", Status::Done, &[all]), end("/dev/sdc", Status::Done, &[all])]);
        assert_eq!((good.reasons.as_slice(), good.digests.len()), ([all.to_string()].as_slice(), 1));
    }

    #[test]
    fn of_one_medium_the_result_is_its_own() {
        let one = result(vec![end("/dev/sdb", Status::Failed, &["flushing"])]);
        assert_eq!((one.status, one.reasons.as_slice()), (Status::Failed, ["flushing".to_string()].as_slice()));
        assert!(matches!(one.outcome, Some(Outcome::Flash(outcome)) if outcome.medium == "/dev/sdb"));
    }
}
