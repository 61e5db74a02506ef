//! The disks of this machine, which of them may be written, and why the others may not.

use crate::event::{Event, ListedTarget, MediumCard, Observer, Targets};
use crate::medium::guard::{self, Candidate, Finding, Grade};
use crate::medium::{BlockDevice, Claim, DiskError, show_size};
use crate::sys::topology::{Block, Kind};
use crate::sys::{Sysfs, Topology, writers};

use super::{Answer, Ask, Failure, Question, Wanted, cards};

/// Shows every disk; those that may be written come first. Only these are opened, and only for reading.
pub fn list(sysfs: &Sysfs, observer: &mut dyn Observer) -> Result<(), Failure> {
    let mut targets = look(sysfs)?;
    targets.sort_by_key(|target| !target.allowed);
    if !targets.iter().any(|target| target.allowed) {
        observer
            .event(&Event::notice("no stick is plugged in that may be written; emulated:FILE,size=64M makes one to practise on"));
    }
    observer.event(&Event::Targets(Targets { targets }));
    Ok(())
}

/// Lets the person choose one of the disks that may be written.
pub fn choose(sysfs: &Sysfs, ask: &mut Ask<'_>) -> Result<String, Failure> {
    let allowed: Vec<ListedTarget> = look(sysfs)?.into_iter().filter(|target| target.allowed).collect();
    let nodes = allowed.iter().map(|target| target.card.node.as_str()).collect::<Vec<_>>().join(", ");
    if allowed.is_empty() {
        return Err(Failure::refused(
            "no stick is plugged in that may be written; `isoflash --list` says why others are refused",
        ));
    }
    let row = |(number, target): (usize, &ListedTarget)| {
        let MediumCard { node, model, serial, bytes, bus, .. } = &target.card;
        let parts = [model.clone(), bytes.map(show_size), serial.clone(), Some(bus.clone())];
        format!("  {}  {node}  {}", number + 1, parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    };
    let rows: Vec<String> = allowed.iter().enumerate().map(row).collect();
    let text = format!("Sticks that may be written:\n{}\nWhich one?", rows.join("\n"));
    match ask(&Question { text, wanted: Wanted::Choice(allowed.len()) }) {
        Answer::Choice(number) => {
            let chosen = number.checked_sub(1).and_then(|index| allowed.get(index));
            chosen.map(|target| target.card.node.clone()).ok_or_else(|| Failure::refused("none chosen; nothing was written"))
        }
        Answer::Yes | Answer::Assumed | Answer::No => Err(Failure::refused("none chosen; nothing was written")),
        Answer::Nobody | Answer::Unasked => Err(Failure::usage(format!("name the medium; those that may be written: {nodes}"))),
    }
}

fn look(sysfs: &Sysfs) -> Result<Vec<ListedTarget>, Failure> {
    let topology = Topology::read(sysfs).map_err(|error| Failure::failed(error.to_string()))?;
    let disks = topology.blocks().iter().filter(|block| !matches!(block.kind, Kind::Partition | Kind::Ram | Kind::Optical));
    Ok(disks.map(|block| listed(&topology, block)).collect())
}

fn listed(topology: &Topology, block: &Block) -> ListedTarget {
    let numbers: Vec<_> =
        std::iter::once(block.number).chain(topology.partitions_of(block.number).iter().map(|part| part.number)).collect();
    let writers = writers(&numbers);
    let candidate = Candidate { writers: &writers, ..Candidate::new(topology, block) };
    let mut card = cards::of(block);
    let findings = guard::judge(&candidate);
    if !may_be_written(&findings) {
        return verdict(card, &findings);
    }
    // Shared: a list must not get in the way of somebody who mounts the stick just now.
    match BlockDevice::open(&block.node, block.number, Claim::Shared) {
        Ok(device) => {
            let (signatures, lines) = cards::contents(&device);
            card.contents = lines;
            let seen = Candidate { contents: &signatures, loop_file: device.loop_file(), ..candidate };
            verdict(card, &guard::judge(&seen))
        }
        Err(DiskError::Denied) => {
            let reasons = vec!["permission denied: run isoflash as root to see more (docs/permissions.md says how else)".into()];
            ListedTarget { card, allowed: true, reasons }
        }
        Err(error) => ListedTarget { card, allowed: false, reasons: vec![error.to_string()] },
    }
}

fn verdict(card: MediumCard, findings: &[Finding]) -> ListedTarget {
    let allowed = may_be_written(findings);
    ListedTarget { card, allowed, reasons: findings.iter().map(|finding| finding.sentence.clone()).collect() }
}

/// Perhaps only once it is unmounted: isoflash asks.
fn may_be_written(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| matches!(finding.grade, Grade::Unusual | Grade::Mounted))
}
