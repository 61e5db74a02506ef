//! May this disk be written? The rules are data: each has a name, what it looks at, and what it says. Nothing is opened here.

mod closing;
mod folders;
mod rules;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trees;

use std::path::Path;

use serde::Serialize;

pub use rules::RULES;

use crate::image::signature::Signature;
use crate::sys::Topology;
use crate::sys::disk::LoopFile;
use crate::sys::topology::Block;

/// How grave a finding is; the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// Refused; nothing lifts it.
    Never,
    /// Refused until its file systems are unmounted; nothing else stands in the way.
    Mounted,
    /// Refused but with `--allow-fixed`.
    Fixed,
    /// Not refused, but asked about more closely.
    Unusual,
}

/// A disk that might be written, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The machine it is in.
    pub topology: &'a Topology,
    /// The disk.
    pub block: &'a Block,
    /// The image's file or node.
    pub image: Option<&'a Path>,
    /// Device and inode of the image's file, whatever has become of its name.
    pub inode: Option<(u64, u64)>,
    /// Bytes that will be written, where that is known.
    pub need: Option<u64>,
    /// What lies on the disk now.
    pub contents: &'a [Signature],
    /// What a loop device that was opened says of its file: the name in /sys may lead nowhere.
    pub loop_file: Option<LoopFile>,
    /// Other programs that have it, or a part of it, open for writing: [`crate::sys::writers`].
    pub writers: &'a [String],
}

impl<'a> Candidate<'a> {
    /// A disk that nothing is known of but what the machine tells.
    pub fn new(topology: &'a Topology, block: &'a Block) -> Self {
        Self { topology, block, image: None, inode: None, need: None, contents: &[], loop_file: None, writers: &[] }
    }
}

/// What speaks against a disk. Its texts hold names from outside: escape them before a terminal sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's name.
    pub rule: &'static str,
    /// How grave it is.
    pub grade: Grade,
    /// What was looked at, and what was seen there.
    pub looked_at: String,
    /// What is wrong, and what the person can do now.
    pub sentence: String,
}

/// One thing that can speak against a disk.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its name, for scripts and for docs/safety.md.
    pub name: &'static str,
    /// What it looks at, for docs/safety.md.
    pub looks_at: &'static str,
    check: fn(&Candidate<'_>) -> Option<Objection>,
}

/// What a rule has to say.
struct Objection {
    grade: Grade,
    seen: String,
    sentence: String,
}

/// All that speaks against this disk, the gravest first. Nothing of it: it may be written.
pub fn judge(candidate: &Candidate<'_>) -> Vec<Finding> {
    let finding = |rule: &Rule| {
        let Objection { grade, seen, sentence } = (rule.check)(candidate)?;
        Some(Finding { rule: rule.name, grade, looked_at: seen, sentence })
    };
    let mut findings: Vec<Finding> = RULES.iter().filter_map(finding).collect();
    findings.sort_by_key(|finding| finding.grade);
    findings
}
