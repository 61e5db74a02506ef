//! A medium on its way: found and judged, asked about, claimed. With several, all of them take each step before any takes the next.

use crate::event::{Event, FlashOutcome, MediumCard, MediumEnd, Observer};
use crate::jobs::{Ask, Failure, stick};
use crate::medium::show_size;
use crate::status::Status;
use crate::trust::Expected;

use super::fitness::Fitness;
use super::journal::Place;
use super::media::naming;
use super::source::Source;
use super::target::{Opened, Target};
use super::{Request, TargetOperand, Wipe, after, ledger, permission};

/// A medium that nothing speaks against so far.
pub(super) struct Candidate<'a> {
    target: Target<'a>,
    pub(super) card: MediumCard,
    outcome: FlashOutcome,
    journal: Option<Place>,
}

/// A medium that is open for writing.
pub(super) struct Claimed<'a> {
    pub(super) target: Target<'a>,
    pub(super) opened: Opened,
    pub(super) card: MediumCard,
    pub(super) outcome: FlashOutcome,
    /// Where its journal belongs, if there can be one.
    pub(super) journal: Option<Place>,
}

impl<'a> Candidate<'a> {
    /// Finds what the operand names, and why it may not be written. `begun` is what its result says so far, `name` gives the name of one of
    /// several.
    pub(super) fn find(
        operand: &'a TargetOperand,
        (source, request, expected): (&Source, &Request, Option<&Expected>),
        begun: &mut FlashOutcome,
        name: impl Fn(&str) -> Option<String>,
        observer: &mut dyn Observer,
    ) -> Result<Self, Failure> {
        let target = Target::find(operand, request, source)?;
        begun.medium = target.card().node;
        if let Some(judged) = target.judged() {
            judged.tell(&mut Named { medium: name(&begun.medium), next: observer });
        }
        target.refuse(source, request)?;
        ledger::check(request, source, &target)?;
        after::check(request, source, &target)?;
        let journal = journal_place(request, source, &target, expected);
        let mut card = target.card();
        stick::permission::check_identity(&request.terms.identity, &card)?;
        let resumed = journal.as_ref().map_or(0, Place::vouched);
        if resumed > 0 {
            card.contents.push(format!("{} of this image, of a run that did not end: it goes on from there", show_size(resumed)));
        }
        Ok(Self { target, card, outcome: begun.clone(), journal })
    }

    /// Shows who it is.
    pub(super) fn introduce(&self, medium: Option<String>, observer: &mut dyn Observer) {
        Named { medium, next: observer }.event(&Event::Medium(self.card.clone()));
    }

    /// Does the person want it?
    fn permit(&self, request: &Request, source: &Source, ask: &mut Ask<'_>) -> Result<(), Failure> {
        if let Target::Disk(disk) = &self.target {
            disk.permit_unmount(&request.terms, ask)?;
        }
        permission::ask_for(request, source, &self.target, &self.card, ask)
    }

    /// Looks at it a last time, and opens it for writing.
    pub(super) fn claim(self, source: &Source, request: &Request, observer: &mut dyn Observer) -> Result<Claimed<'a>, Failure> {
        let target = match self.target {
            Target::Disk(disk) => Target::Disk(Box::new(disk.again(&source.load(), &request.terms, observer)?)),
            other => other,
        };
        let opened = target.open()?;
        Ok(Claimed { target, opened, card: self.card, outcome: self.outcome, journal: self.journal })
    }

    /// What would be done, and what is on the medium now.
    pub(super) fn dry_run(self, request: &Request, source: &Source) -> MediumEnd {
        let mounted = match &self.target {
            Target::Disk(disk) if disk.judged.is_mounted() => "unmount it (asked on a terminal, in scripts with --unmount) and ",
            _ => "",
        };
        let holes = if source.holes.bytes() > 0 { ", holes and all (in scripts with --allow-holes)" } else { "" };
        let mut reasons =
            vec![format!("would {mounted}write {}{holes} to {}; nothing was written", source.name(), self.card.node)];
        reasons.extend(source.mapping.described());
        reasons.extend(Fitness::of(source, self.card.sector).warnings);
        if request.fix_gpt {
            reasons.push("the backup of its GPT, if it has one, would be put at the end of the medium".into());
        }
        if request.wipe == Wipe::Signatures {
            reasons.push("what systems act on behind the image would become zero".into());
        }
        reasons.extend(self.card.contents.iter().map(|line| format!("it holds {line}")));
        let unusual = permission::unusual(request, &self.target);
        if !unusual.is_empty() {
            reasons.push(format!("--yes alone would not be enough: {}", unusual.join("; ")));
        }
        MediumEnd { reasons, outcome: self.outcome, ..MediumEnd::new(Status::Done, self.card.serial) }
    }
}

/// Where the journal of this run belongs, if there can be one: an image that can be read again, onto a medium that comes back as it was left.
fn journal_place(request: &Request, source: &Source, target: &Target<'_>, expected: Option<&Expected>) -> Option<Place> {
    let origin = source.origin(expected.and_then(Expected::only))?;
    Some(Place::new(request.state.as_ref()?, origin, target.bearer()?))
}

/// All of them; or why there are not all, which keeps the others from being written, too.
pub(super) fn all<T>(each: impl ExactSizeIterator<Item = (String, Result<T, Failure>)>) -> Result<Vec<T>, Failure> {
    let (count, mut failures) = (each.len(), Vec::new());
    let all = each.filter_map(|(name, one)| one.map_err(|failure| failures.push((name, failure))).ok()).collect();
    match failures.pop() {
        None => Ok(all),
        Some((_, failure)) if count == 1 => Err(failure),
        Some(last) => {
            failures.push(last);
            let status = failures.iter().fold(Status::Done, |status, (_, failure)| status.and(failure.status));
            let reasons: Vec<String> = failures.iter().map(|(name, failure)| naming(name, &failure.reason)).collect();
            Err(Failure::new(status, format!("{}; nothing was written to any medium", reasons.join("; "))))
        }
    }
}

/// Does the person want all of them? After a no, nobody is asked about the next.
pub(super) fn permit(candidates: &[Candidate<'_>], request: &Request, source: &Source, ask: &mut Ask<'_>) -> Result<(), Failure> {
    for candidate in candidates {
        candidate.permit(request, source, ask).map_err(|failure| match candidates {
            [_] => failure,
            _ => Failure::new(failure.status, naming(&candidate.card.node, &failure.reason)),
        })?;
    }
    Ok(())
}

/// Refuses media of which two are one.
pub(super) fn refuse_doubles(candidates: &[Candidate<'_>]) -> Result<(), Failure> {
    for (number, one) in candidates.iter().enumerate() {
        if let Some(other) = candidates[..number].iter().find(|other| one.target.is_same_medium(&other.target)) {
            let names = if one.card.node == other.card.node {
                format!("{} is named twice", one.card.node)
            } else {
                format!("{} and {} are one medium", other.card.node, one.card.node)
            };
            return Err(Failure::refused(format!("{names}; name each once")));
        }
    }
    Ok(())
}

/// Names what happens to one of several media.
pub(super) struct Named<'a> {
    /// `None` when it is the only one.
    pub(super) medium: Option<String>,
    pub(super) next: &'a mut dyn Observer,
}

impl Observer for Named<'_> {
    fn event(&mut self, event: &Event) {
        match &self.medium {
            Some(medium) => self.next.event(&event.clone().of(medium)),
            None => self.next.event(event),
        }
    }

    fn next(&mut self) -> Option<&mut dyn Observer> {
        Some(self.next)
    }
}
