//! The rules themselves.

use super::closing::command;
use super::folders::is_of_system;
use super::{Candidate, Grade, Objection, Rule};
use crate::image::signature::Signature;
use crate::sys::topology::{Kind, Standing, Use};

/// Larger than this, a stick is rare and a backup disk likely (balenaEtcher warns from 128 GB on, and sticks have grown).
const LARGE: u64 = 256_000_000_000;

/// Every rule, in the order in which findings of one grade are told.
pub const RULES: &[Rule] = &[
    Rule { name: "partition", looks_at: "whether /sys calls the device a partition", check: partition },
    Rule {
        name: "kind",
        looks_at: "the kind of device, by its folder in /sys: volumes, arrays, memory and optical drives are no sticks",
        check: kind,
    },
    Rule {
        name: "system",
        looks_at: "mounts and swaps that lie on the disk through any chain of partitions, volumes, arrays, loop devices and overlays: \
                   /, /usr, /boot, /home and the other folders of the system, a live system's medium, and active swap",
        check: system,
    },
    Rule {
        name: "own-image",
        looks_at: "the disks that the image's file lies on, and the file that a loop device is made of",
        check: own_image,
    },
    Rule {
        name: "in-use",
        looks_at: "volumes, arrays, loop devices, file systems over several disks and imported ZFS pools that the disk is part of",
        check: in_use,
    },
    Rule {
        name: "open-elsewhere",
        looks_at: "other programs that have the disk or a partition of it open for writing, in /proc",
        check: open_elsewhere,
    },
    Rule { name: "read-only", looks_at: "the device's ro attribute in /sys", check: read_only },
    Rule { name: "no-medium", looks_at: "the device's size in /sys: 0 without a medium", check: no_medium },
    Rule { name: "too-small", looks_at: "the device's size in /sys, against the image's", check: too_small },
    Rule {
        name: "mounted",
        looks_at: "file systems of the disk and its partitions that are mounted outside of the system's folders",
        check: mounted,
    },
    Rule {
        name: "fixed",
        looks_at: "how the disk is attached: only USB, SD cards and loop devices are taken for sticks",
        check: fixed,
    },
    Rule {
        name: "member",
        looks_at: "marks on the disk of encrypted volumes, and of volumes and arrays that it may be part of",
        check: member,
    },
    Rule { name: "large", looks_at: "the device's size in /sys: more than 256 GB", check: large },
];

fn partition(candidate: &Candidate<'_>) -> Option<Objection> {
    let Candidate { topology, block, .. } = candidate;
    (block.kind == Kind::Partition).then(|| {
        let disk = topology.whole_of(block);
        let question = match disk.number == block.number {
            true => "name the whole disk".to_owned(),
            false => format!("did you mean {}?", disk.node.display()),
        };
        never(
            format!("{} begins at byte {} of {}", block.name, block.start, disk.name),
            format!("{} is a partition; {question}", block.node.display()),
        )
    })
}

fn kind(candidate: &Candidate<'_>) -> Option<Objection> {
    let block = candidate.block;
    let what = match &block.kind {
        Kind::Mapper { .. } => "a volume that lies on other disks, not a stick",
        Kind::Md => "an array of several disks, not a stick",
        Kind::Zram | Kind::Ram => "a piece of this machine's memory, not a stick",
        Kind::Optical => "an optical drive; isoflash writes sticks",
        Kind::Bcache => "a cached volume that lies on other disks, not a stick",
        Kind::Zvol => "a volume of a ZFS pool, not a stick",
        Kind::Other => "not a kind of disk that isoflash knows",
        Kind::Loop => return loop_over_device(candidate),
        _ => return None,
    };
    let sentence = format!("{} is {what}; `isoflash --list` shows the sticks there are", block.node.display());
    Some(never(format!("{}: {:?}", block.name, block.kind), sentence))
}

/// A loop device would be a way around every rule for the disk that it is made of.
fn loop_over_device(candidate: &Candidate<'_>) -> Option<Objection> {
    let backing = candidate.block.backing.as_deref()?;
    let below = candidate.topology.at_node(backing)?;
    let sentence = format!("{} is made of the disk {1}; name {1} itself", candidate.block.node.display(), below.node.display());
    Some(never(format!("{}: made of {}", candidate.block.name, backing.display()), sentence))
}

fn system(candidate: &Candidate<'_>) -> Option<Objection> {
    let uses = standing_on(candidate);
    let of_system: Vec<&Use> = uses.iter().filter(|found| is_system(found)).collect();
    let what = of_system.iter().filter_map(|found| match &found.standing {
        Standing::Mount(point) | Standing::DistantMount(point) => Some(point.display().to_string()),
        Standing::Swap(_) => Some("swap".to_owned()),
        _ => None,
    });
    let what = list(what);
    (!of_system.is_empty()).then(|| {
        let sentence =
            format!("the running system needs {}: it carries {what}; take another disk", candidate.block.node.display());
        never(chains(&of_system), sentence)
    })
}

fn own_image(candidate: &Candidate<'_>) -> Option<Objection> {
    let Candidate { topology, block, image, .. } = candidate;
    let image = (*image)?;
    let (node, shown) = (block.node.display(), image.display());
    let path = topology.canonical(image);
    if block.backing.as_deref().is_some_and(|backing| topology.canonical(backing) == path) {
        return Some(never(
            format!("{}: made of {shown}", block.name),
            format!("{node} shows the image {shown} itself; take another device"),
        ));
    }
    let below = topology.holding(image);
    // Also the other way round: a disk as image, and something that lies on it as target.
    let lies_on_image = topology.at_node(&path).is_some_and(|image| topology.beneath(block.number).contains(&image.number));
    let is_below = below.contains(&block.number) || block.whole.is_some_and(|whole| below.contains(&whole));
    (is_below || lies_on_image).then(|| {
        let names = below.iter().filter_map(|number| Some(topology.find(*number)?.name.clone()));
        let sentence = format!("the image {shown} lies on {node} itself; copy it to another disk first");
        never(format!("{shown} lies on {}", list(names)), sentence)
    })
}

fn in_use(candidate: &Candidate<'_>) -> Option<Objection> {
    let uses = standing_on(candidate);
    let is_below_system = |found: &Use| uses.iter().any(|other| is_system(other) && other.chain.starts_with(&found.chain));
    let others: Vec<&Use> = uses.iter().filter(|found| !is_below_system(found)).collect();
    let is_distant = |found: &&&Use| !matches!(found.standing, Standing::Partition(_) | Standing::Mount(_));
    let mut seen: Vec<String> = others.iter().filter(is_distant).map(ToString::to_string).collect();
    let mut commands = Vec::new();
    if !seen.is_empty() {
        // Plain mounts as well: what lies on their files is closed before them.
        for found in others.iter().rev() {
            commands.extend(command(candidate.topology, &found.standing).filter(|command| !commands.contains(command)));
        }
    }
    for pool in imported(candidate.contents, candidate.topology.zfs_pools()) {
        seen.push(format!("imported ZFS pool {pool}"));
        commands.push(format!("zpool export {pool}"));
    }
    (!seen.is_empty()).then(|| {
        let sentence =
            format!("{} is in use; close what lies on it first ({})", candidate.block.node.display(), commands.join(", then "));
        never(seen.join("; "), sentence)
    })
}

fn open_elsewhere(candidate: &Candidate<'_>) -> Option<Objection> {
    (!candidate.writers.is_empty()).then(|| {
        let programs = list(candidate.writers.iter().cloned());
        let sentence = format!("{programs} may be writing to {}; end that first", candidate.block.node.display());
        never(format!("open for writing by {programs}"), sentence)
    })
}

fn read_only(candidate: &Candidate<'_>) -> Option<Objection> {
    let block = candidate.block;
    block.is_read_only.then(|| {
        let way = match block.kind {
            Kind::Usb | Kind::Card => "slide its lock switch if it has one, or take another",
            _ => "make it writable, or take another",
        };
        never(format!("{}: ro is 1", block.name), format!("{} is write-protected; {way}", block.node.display()))
    })
}

fn no_medium(candidate: &Candidate<'_>) -> Option<Objection> {
    let block = candidate.block;
    (block.size == 0).then(|| {
        let sentence = format!("there is nothing in {}; put a card or a disk in, or name another device", block.node.display());
        never(format!("{}: size is 0", block.name), sentence)
    })
}

fn too_small(candidate: &Candidate<'_>) -> Option<Objection> {
    let block = candidate.block;
    let need = candidate.need.filter(|need| *need > block.size && block.size > 0)?;
    let sentence = format!("the image has {need} bytes and {} only {}; take a larger one", block.node.display(), block.size);
    Some(never(format!("{}: {} bytes of {need}", block.name, block.size), sentence))
}

fn mounted(candidate: &Candidate<'_>) -> Option<Objection> {
    let uses = standing_on(candidate);
    let plain: Vec<&Use> =
        uses.iter().filter(|found| matches!(found.standing, Standing::Mount(_)) && !is_system(found)).collect();
    let points = plain.iter().filter_map(|found| if let Standing::Mount(point) = &found.standing { Some(point) } else { None });
    let points = list(points.map(|point| point.display().to_string()));
    (!plain.is_empty()).then(|| {
        let sentence = format!("{} is mounted at {points}; unmount it first (--unmount does)", candidate.block.node.display());
        Objection { grade: Grade::Mounted, seen: chains(&plain), sentence }
    })
}

fn fixed(candidate: &Candidate<'_>) -> Option<Objection> {
    let block = candidate.block;
    block.is_fixed().then(|| {
        let sentence = format!(
            "{} is a disk of this machine, not a stick; take another, or if you are sure, allow it with --allow-fixed",
            block.node.display()
        );
        Objection { grade: Grade::Fixed, seen: format!("{}: {:?}", block.name, block.kind), sentence }
    })
}

fn member(candidate: &Candidate<'_>) -> Option<Objection> {
    let members = candidate.contents.iter().filter(|signature| signature.kind.is_member());
    let mut names: Vec<String> = members.map(name).collect();
    names.dedup();
    (!names.is_empty()).then(|| {
        let sentence = format!(
            "{} holds {}, which may be part of something larger or hide what is in it; make sure that nobody misses it",
            candidate.block.node.display(),
            list(names.iter().cloned())
        );
        Objection { grade: Grade::Unusual, seen: names.join("; "), sentence }
    })
}

fn large(candidate: &Candidate<'_>) -> Option<Objection> {
    let block = candidate.block;
    (block.size > LARGE).then(|| {
        let sentence = format!(
            "{} is unusually large for a stick ({} GB); make sure that it is none of your backups",
            block.node.display(),
            block.size / 1_000_000_000
        );
        Objection { grade: Grade::Unusual, seen: format!("{}: {} bytes", block.name, block.size), sentence }
    })
}

fn never(seen: String, sentence: String) -> Objection {
    Objection { grade: Grade::Never, seen, sentence }
}

fn standing_on(candidate: &Candidate<'_>) -> Vec<Use> {
    candidate.topology.standing_on(candidate.block.number)
}

fn is_system(found: &Use) -> bool {
    match &found.standing {
        Standing::Mount(point) | Standing::DistantMount(point) => is_of_system(point),
        Standing::Swap(_) => true,
        Standing::Partition(_) | Standing::Device(_) | Standing::Array { .. } => false,
    }
}

/// The pools that this disk may be a member of: the one that it names; where it names none, any.
pub(super) fn imported(contents: &[Signature], pools: &[String]) -> Vec<String> {
    let members = contents.iter().filter(|signature| signature.kind.name().to_ascii_uppercase().starts_with("ZFS"));
    let mut found: Vec<String> = members
        .flat_map(|member| pools.iter().filter(|pool| member.label.as_ref().is_none_or(|label| label == *pool)).cloned())
        .collect();
    found.sort();
    found.dedup();
    found
}

fn chains(uses: &[&Use]) -> String {
    uses.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// `LUKS "backup"`
fn name(signature: &Signature) -> String {
    match &signature.label {
        Some(label) => format!("{} \"{label}\"", signature.kind.name()),
        None => signature.kind.name().to_owned(),
    }
}

/// `a, b and c`, each once.
fn list(names: impl Iterator<Item = String>) -> String {
    let mut known: Vec<String> = Vec::new();
    for name in names {
        if !known.contains(&name) {
            known.push(name);
        }
    }
    match &known[..] {
        [] => String::new(),
        [only] => only.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}
