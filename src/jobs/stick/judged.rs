//! A disk, real or emulated, as the guard sees it.

use std::sync::Arc;

use crate::event::{Event, MediumCard, Observer};
use crate::image::signature::Signature;
use crate::jobs::{Failure, cards};
use crate::medium::Medium;
use crate::medium::guard::{self, Candidate, Finding, Grade};
use crate::sys::Topology;
use crate::sys::disk::LoopFile;
use crate::sys::topology::Block;

use super::{Given, Load, Terms};

/// What was found out about a disk.
pub(in crate::jobs) struct Judged {
    findings: Vec<Finding>,
    /// What lies on it now.
    pub(in crate::jobs) contents: Vec<Signature>,
    /// The same for the card.
    pub(in crate::jobs) lines: Vec<String>,
}

impl Judged {
    /// Judges a disk. It is opened for reading, by `open`, only when nothing but a mount speaks against it; a loop device then tells its
    /// file.
    pub(in crate::jobs) fn judge(
        topology: &Topology,
        block: &Block,
        writers: &[String],
        (load, terms): (&Load<'_>, &Terms),
        open: impl FnOnce(&Self) -> Result<(Arc<dyn Medium>, Option<LoopFile>), Failure>,
    ) -> Result<Self, Failure> {
        let need = load.bytes.map(|bytes| bytes.next_multiple_of(block.sector.max(1).into()));
        let candidate = Candidate { image: load.place, inode: load.inode, need, writers, ..Candidate::new(topology, block) };
        let mut judged = Self { findings: guard::judge(&candidate), contents: Vec::new(), lines: Vec::new() };
        if judged.refuse(terms).is_ok() {
            let (medium, loop_file) = open(&judged)?;
            (judged.contents, judged.lines) = cards::contents(&*medium);
            judged.findings = guard::judge(&Candidate { contents: &judged.contents, loop_file, ..candidate });
        }
        Ok(judged)
    }

    /// What the person must recognise, of a medium that the caller made.
    pub(in crate::jobs) fn card(&self, given: &Given) -> MediumCard {
        MediumCard { contents: self.lines.clone(), bus: "emulated".into(), ..cards::of(&given.block) }
    }

    /// What no question lifts.
    pub(in crate::jobs) fn refuse(&self, terms: &Terms) -> Result<(), Failure> {
        let stands = |finding: &&Finding| match finding.grade {
            Grade::Never => true,
            Grade::Fixed => !terms.allow_fixed,
            Grade::Mounted | Grade::Unusual => false,
        };
        let reasons: Vec<&str> = self.findings.iter().filter(stands).map(|finding| finding.sentence.as_str()).collect();
        if reasons.is_empty() { Ok(()) } else { Err(Failure::refused(reasons.join("; "))) }
    }

    /// Why it deserves a second look.
    pub(in crate::jobs) fn unusual(&self) -> Vec<String> {
        let unusual = self.findings.iter().filter(|finding| finding.grade == Grade::Unusual);
        unusual.map(|finding| finding.sentence.clone()).collect()
    }

    /// True while file systems of it are mounted.
    pub(in crate::jobs) fn is_mounted(&self) -> bool {
        self.findings.iter().any(|finding| finding.grade == Grade::Mounted)
    }

    /// Says which rules had something to say, and why.
    pub(in crate::jobs) fn tell(&self, observer: &mut dyn Observer) {
        self.findings.iter().for_each(|finding| observer.event(&Event::Guard(finding.clone())));
    }
}
