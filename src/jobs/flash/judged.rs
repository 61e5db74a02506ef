//! A disk, real or emulated, as the guard sees it.

use std::sync::Arc;

use crate::event::{Event, Observer};
use crate::image::signature::Signature;
use crate::jobs::{Failure, cards};
use crate::medium::Medium;
use crate::medium::guard::{self, Candidate, Finding, Grade};
use crate::sys::Topology;
use crate::sys::disk::LoopFile;
use crate::sys::topology::Block;

use super::Request;
use super::source::Source;

/// What was found out about a disk.
pub(super) struct Judged {
    findings: Vec<Finding>,
    /// What lies on it now.
    pub(super) contents: Vec<Signature>,
    /// The same for the card.
    pub(super) lines: Vec<String>,
}

impl Judged {
    /// Judges a disk. It is opened for reading, by `open`, only when nothing but a mount speaks against it; a loop device then tells its
    /// file.
    pub(super) fn judge(
        topology: &Topology,
        block: &Block,
        writers: &[String],
        (source, request): (&Source, &Request),
        open: impl FnOnce(&Self) -> Result<(Arc<dyn Medium>, Option<LoopFile>), Failure>,
    ) -> Result<Self, Failure> {
        let need = source.bytes().map(|bytes| bytes.next_multiple_of(block.sector.max(1).into()));
        let candidate =
            Candidate { image: source.place(), inode: source.inode(), need, writers, ..Candidate::new(topology, block) };
        let mut judged = Self { findings: guard::judge(&candidate), contents: Vec::new(), lines: Vec::new() };
        if judged.refuse(request).is_ok() {
            let (medium, loop_file) = open(&judged)?;
            (judged.contents, judged.lines) = cards::contents(&*medium);
            judged.findings = guard::judge(&Candidate { contents: &judged.contents, loop_file, ..candidate });
        }
        Ok(judged)
    }

    /// What no question lifts.
    pub(super) fn refuse(&self, request: &Request) -> Result<(), Failure> {
        let stands = |finding: &&Finding| match finding.grade {
            Grade::Never => true,
            Grade::Fixed => !request.allow_fixed,
            Grade::Mounted | Grade::Unusual => false,
        };
        let reasons: Vec<&str> = self.findings.iter().filter(stands).map(|finding| finding.sentence.as_str()).collect();
        if reasons.is_empty() { Ok(()) } else { Err(Failure::refused(reasons.join("; "))) }
    }

    /// Why it deserves a second look.
    pub(super) fn unusual(&self) -> Vec<String> {
        let unusual = self.findings.iter().filter(|finding| finding.grade == Grade::Unusual);
        unusual.map(|finding| finding.sentence.clone()).collect()
    }

    /// True while file systems of it are mounted.
    pub(super) fn is_mounted(&self) -> bool {
        self.findings.iter().any(|finding| finding.grade == Grade::Mounted)
    }

    /// Says which rules had something to say, and why.
    pub(super) fn tell(&self, observer: &mut dyn Observer) {
        self.findings.iter().for_each(|finding| observer.event(&Event::Guard(finding.clone())));
    }
}
