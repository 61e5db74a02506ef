//! From the open medium to the proof.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::event::{FlashOutcome, Observer};
use crate::jobs::Failure;
use crate::pipeline::{CHUNK, Digested, Taker};
use crate::status::Status;
use crate::sys::Stop;
use crate::trust::{Algorithm, Digests, Expected, Ledger};

use super::after::{self, Gpt, LeftBehind, Piece};
use super::journal::Place;
use super::passes::Passes;
use super::source::Source;
use super::target::{Opened, Target};
use super::{Proof, Request};

/// An image, and the medium that it is to be written to.
pub(super) struct Writing<'a> {
    pub(super) request: &'a Request,
    pub(super) source: &'a Source,
    pub(super) target: &'a Target<'a>,
    pub(super) opened: &'a Opened,
    /// What the image's digest should be.
    pub(super) expected: Option<&'a Expected>,
    /// Where its journal belongs, if there can be one.
    pub(super) journal: Option<&'a Place>,
}

/// What is known when all went well.
pub(super) struct Written {
    pub(super) digests: Digests,
    /// What a person should know besides.
    pub(super) reasons: Vec<String>,
    pub(super) ledger: Ledger,
}

impl Writing<'_> {
    /// Digests that are wanted, of the image and of what comes back.
    pub(super) fn algorithms(request: &Request, expected: Option<&Expected>) -> BTreeSet<Algorithm> {
        std::iter::once(Algorithm::Sha256)
            .chain(request.digests.iter().copied())
            .chain(expected.iter().flat_map(|expected| expected.algorithms()))
            .collect()
    }

    /// Writes and proves.
    pub(super) fn run(
        &self,
        image: Taker,
        observer: &mut dyn Observer,
        stop: &Stop,
        outcome: &mut FlashOutcome,
    ) -> Result<Written, Failure> {
        let mut passes = Passes::new(self.source, Arc::clone(&self.opened.medium), self.request.course, outcome, observer, stop);
        if self.request.fix_gpt {
            passes.gpt = Gpt::Wanted;
        }
        if let Some(place) = self.journal {
            passes.keep_journal(place);
        }
        let written = self.pass(image, &mut passes);
        // What is proved needs no going on, and what proved to be wrong none of it.
        let is_settled = |status| matches!(status, Status::Different | Status::Corrupt);
        if written.as_ref().err().is_none_or(|failure| is_settled(failure.status)) {
            passes.finish_journal();
        }
        written
    }

    fn pass(&self, image: Taker, passes: &mut Passes<'_>) -> Result<Written, Failure> {
        let written = passes.write_body(image)?;
        let mut reasons = Vec::new();
        if self.source.has_changed() {
            return Err(self.corrupt("it changed while it was read", passes.outcome));
        }
        if let Some(expected) = self.expected {
            match expected.compare(&written.digests) {
                Ok(what) => reasons.push(format!("the image matches the expected {what}")),
                Err(what) => {
                    let computed = expected.computed(&written.digests).unwrap_or_default();
                    let why = format!("it does not match its checksum: expected {what}, and it has {computed}");
                    return Err(self.corrupt(&why, passes.outcome));
                }
            }
        }
        let sector = self.opened.medium.geometry().sector;
        let end = passes.outcome.bytes.next_multiple_of(sector.into());
        let left_behind = LeftBehind::find(self.request, self.target.judged(), end, sector);
        let behind = after::pieces(&passes.gpt, &left_behind.wiped, end)?;
        passes.write_behind(&behind)?;
        while let Err(failure) = self.prove(passes, &written, &behind) {
            passes.mend(&written, failure, self.request.proof)?;
        }
        let warning = passes.warning();
        reasons.extend(passes.gpt.told());
        (passes.outcome.gpt, passes.outcome.wiped) = (passes.gpt.moved(), left_behind.wiped.clone());
        let outcome = &mut *passes.outcome;
        outcome.verified = self.request.proof != Proof::None;
        let sha256 = written.digests.get(&Algorithm::Sha256).cloned().unwrap_or_default();
        let ledger = Ledger::new(outcome.bytes, CHUNK as u32, sha256, written.chunks.clone());
        reasons.extend(left_behind.told());
        if let (Target::File(path, _), true) = (self.target, outcome.verified) {
            reasons.push(format!("{} is a file: it was flushed, and read back through its file system", path.display()));
        }
        reasons.extend(warning);
        let mut digests = written.digests.clone();
        digests.retain(|algorithm, _| self.request.digests.contains(algorithm));
        Ok(Written { digests, reasons, ledger })
    }

    /// Reads the body back, writes the head, and reads that back; what lies behind the image before and after the head comes. Without a proof only the
    /// head is written.
    fn prove(&self, passes: &mut Passes<'_>, written: &Digested, behind: &[Piece]) -> Result<(), Failure> {
        let is_proved = self.request.proof != Proof::None;
        if is_proved {
            passes.prove_body(written)?;
            passes.prove_behind(behind)?;
        }
        self.check_disk(passes)?;
        passes.write_head()?;
        if is_proved {
            passes.prove_head(written)?;
            passes.prove_behind(behind)?;
            self.check_disk(passes)?;
        }
        Ok(())
    }

    /// The image is not what it should be: the medium keeps its first MiB zero.
    fn corrupt(&self, why: &str, outcome: &FlashOutcome) -> Failure {
        Failure::new(
            Status::Corrupt,
            format!(
                "{}: {why}; get the image anew. {} holds a part of it, and does not boot",
                self.source.name(),
                outcome.medium
            ),
        )
    }

    /// Pinned from the card to the last byte: the disk is still the one that the person was asked about.
    fn check_disk(&self, passes: &Passes<'_>) -> Result<(), Failure> {
        match (self.target, &self.opened.disk) {
            (Target::Disk(disk), Some(device)) if !disk.is_same(device) => Err(Failure::stopped(format!(
                "{} was changed or unplugged meanwhile; nothing is proved; plug the stick in again ({}), and run the same command",
                disk.card().node,
                passes.state()
            ))),
            _ => Ok(()),
        }
    }
}
