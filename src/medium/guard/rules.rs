//! The rules themselves.

use super::closing::command;
use super::folders::is_of_system;
use super::{Candidate, Grade, Objection, Rule};
use crate::image::signature::{self, Signature};
use crate::medium::show_size;
use crate::sys::mounts::Mount;
use crate::sys::topology::{Block, Kind, Standing, Use};

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
    Some(never(format!("{}: {}", block.name, block.kind.name()), sentence))
}

/// A loop device would be a way around every rule for the disk that it is made of.
fn loop_over_device(candidate: &Candidate<'_>) -> Option<Objection> {
    let Candidate { topology, block, loop_file, .. } = candidate;
    let by_name = || Some(topology.device_at(block.backing.as_deref()?)?.number);
    let number = loop_file.and_then(|file| file.node_of).or_else(by_name)?;
    let below = topology.find(number).map_or_else(|| number.to_string(), |below| below.node.display().to_string());
    let sentence = format!("{} is made of the disk {below}; name {below} itself", block.node.display());
    Some(never(format!("{}: made of {below}", block.name), sentence))
}

fn system(candidate: &Candidate<'_>) -> Option<Objection> {
    let uses = standing_on(candidate);
    let of_system = uses.iter().filter(|found| is_system(found));
    let (mut seen, mut carried): (Vec<String>, Vec<String>) = of_system
        .map(|found| {
            let what = match &found.standing {
                Standing::Mount(point) | Standing::DistantMount(point) => point.display().to_string(),
                _ => "swap".to_owned(),
            };
            (found.to_string(), what)
        })
        .unzip();
    for pool in imported(candidate.contents, candidate.topology.zfs_pools()) {
        for mount in zfs_of_system(candidate, pool) {
            let point = mount.point.display().to_string();
            seen.push(format!("ZFS pool {pool} → {point}"));
            carried.push(point);
        }
    }
    (!seen.is_empty()).then(|| {
        let carried = list(carried.into_iter());
        let sentence =
            format!("the running system needs {}: it carries {carried}; take another disk", candidate.block.node.display());
        never(seen.join("; "), sentence)
    })
}

fn own_image(candidate: &Candidate<'_>) -> Option<Objection> {
    let Candidate { topology, block, image, inode, loop_file, .. } = candidate;
    let image = (*image)?;
    let (node, shown) = (block.node.display(), image.display());
    let path = topology.canonical(image);
    let says_so = loop_file.zip(*inode).is_some_and(|(file, inode)| file.inode == inode);
    if says_so || block.backing.as_deref().is_some_and(|backing| topology.is_same_file(backing, &path)) {
        return Some(never(
            format!("{} is made of {shown}", block.name),
            format!("{node} shows the image {shown} itself; take another device"),
        ));
    }
    let below = topology.holding(&path);
    if below.contains(&block.number) || block.whole.is_some_and(|whole| below.contains(&whole)) {
        let names = below.iter().filter_map(|number| Some(topology.find(*number)?.name.clone()));
        let sentence = format!("the image {shown} lies on {node} itself; copy it to another disk first");
        return Some(never(format!("{shown} lies on {}", list(names)), sentence));
    }
    // The other way round: a disk is the image, and the target lies on it.
    let image = topology.at_node(&path)?;
    topology.beneath(block.number).contains(&image.number).then(|| {
        let sentence = format!("{node} lies on {shown}, which is the image; take another device");
        never(format!("{} lies on {}", block.name, image.name), sentence)
    })
}

fn in_use(candidate: &Candidate<'_>) -> Option<Objection> {
    let (topology, block) = (candidate.topology, candidate.block);
    let uses = standing_on(candidate);
    let others = apart_from_system(&uses);
    // Nor is a volume to be closed whose group the system's volumes are of.
    let kept: Vec<String> =
        uses.iter().filter(|found| !others.contains(found)).filter_map(|found| command(topology, &found.standing)).collect();
    let is_kept = |found: &&Use| command(topology, &found.standing).is_some_and(|command| kept.contains(&command));
    let others: Vec<&Use> = others.into_iter().filter(|found| !is_kept(found)).collect();
    let is_plain = |found: &&&Use| matches!(found.standing, Standing::Partition(_) | Standing::Mount(_));
    let mut seen: Vec<String> = others.iter().filter(|found| !is_plain(found)).map(ToString::to_string).collect();
    // From below to above, so that the last to be closed comes first; a group of volumes once, below all that lies on one of them.
    let mut commands: Vec<String> = Vec::new();
    if !seen.is_empty() {
        commands.extend(others.iter().filter_map(|found| command(topology, &found.standing)));
    }
    for twin in twins(candidate) {
        seen.push(format!("{} is made of the same file", twin.name));
        commands.extend(command(topology, &Standing::Device(twin.number)));
    }
    for pool in imported(candidate.contents, topology.zfs_pools()).filter(|pool| zfs_of_system(candidate, pool).next().is_none())
    {
        seen.push(format!("imported ZFS pool {pool}"));
        commands.push(format!("zpool export {pool}"));
    }
    let mut commands = once_each(commands.into_iter());
    commands.reverse();
    let way = match &commands[..] {
        [] => "unmount what lies on it, also in containers".to_owned(),
        _ => format!("close what lies on it first ({})", commands.join(", then ")),
    };
    (!seen.is_empty()).then(|| never(seen.join("; "), format!("{} is in use; {way}", block.node.display())))
}

/// What neither carries the system nor lies on what does: nobody is to be told to close that.
fn apart_from_system(uses: &[Use]) -> Vec<&Use> {
    // Each stands after what it lies on.
    let mut carries: Vec<bool> = uses.iter().map(is_system).collect();
    let mut lies_on = carries.clone();
    for (place, found) in uses.iter().enumerate() {
        lies_on[place] |= found.on.iter().any(|below| lies_on[*below]);
    }
    for (place, found) in uses.iter().enumerate().rev() {
        found.on.iter().for_each(|below| carries[*below] |= carries[place]);
    }
    uses.iter().enumerate().filter(|(place, _)| !carries[*place] && !lies_on[*place]).map(|(_, found)| found).collect()
}

/// Other loop devices that are made of the same file, and used.
fn twins<'a>(candidate: &Candidate<'a>) -> impl Iterator<Item = &'a Block> {
    let Candidate { topology, block, .. } = *candidate;
    let backing = block.backing.as_deref();
    let shows_it =
        move |other: &Block| backing.zip(other.backing.as_deref()).is_some_and(|(this, that)| topology.is_same_file(this, that));
    let is_twin = move |other: &&Block| other.number != block.number && shows_it(other);
    topology.blocks().iter().filter(is_twin).filter(move |twin| !topology.standing_on(twin.number).is_empty())
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
    (block.size == 0 && !matches!(block.kind, Kind::Zram | Kind::Ram)).then(|| {
        let sentence = format!("there is nothing in {}; put a card or a disk in, or name another device", block.node.display());
        never(format!("{}: size is 0", block.name), sentence)
    })
}

fn too_small(candidate: &Candidate<'_>) -> Option<Objection> {
    let block = candidate.block;
    let need = candidate.need.filter(|need| *need > block.size && block.size > 0)?;
    let (image, disk) = match [need, block.size].map(show_size) {
        [image, disk] if image == disk => (format!("{need} bytes"), block.size.to_string()),
        [image, disk] => (image, disk),
    };
    let sentence = format!("{} is too small: the image has {image}, and it only {disk}; take a larger one", block.node.display());
    Some(never(format!("{}: {} bytes of {need}", block.name, block.size), sentence))
}

fn mounted(candidate: &Candidate<'_>) -> Option<Objection> {
    let uses = standing_on(candidate);
    let plain: Vec<&Use> =
        uses.iter().filter(|found| matches!(found.standing, Standing::Mount(_)) && !is_system(found)).collect();
    let points = plain.iter().filter_map(|found| if let Standing::Mount(point) = &found.standing { Some(point) } else { None });
    let points = list(points.map(|point| point.display().to_string()));
    (!plain.is_empty()).then(|| {
        let sentence = format!("{} is mounted on {points}; unmount it first (--unmount does)", candidate.block.node.display());
        Objection { grade: Grade::Mounted, seen: chains(&plain), sentence }
    })
}

fn fixed(candidate: &Candidate<'_>) -> Option<Objection> {
    let block = candidate.block;
    block.kind.is_fixed().then(|| {
        let sentence = format!(
            "{} is a disk of this machine, not a stick; take another, or if you are sure, allow it with --allow-fixed",
            block.node.display()
        );
        Objection { grade: Grade::Fixed, seen: format!("{}: {}", block.name, block.kind.name()), sentence }
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
            "{} is unusually large for a stick ({}); make sure that it is none of your backups",
            block.node.display(),
            show_size(block.size)
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
fn imported<'a>(contents: &'a [Signature], pools: &'a [String]) -> impl Iterator<Item = &'a str> {
    let members = contents.iter().filter(|signature| signature.kind == signature::Kind::Zfs);
    let labels: Vec<_> = members.map(|member| member.label.as_ref()).collect();
    pools.iter().filter(move |pool| labels.iter().any(|label| label.is_none_or(|label| label == *pool))).map(String::as_str)
}

/// What of this pool the system has mounted.
fn zfs_of_system<'a>(candidate: &Candidate<'a>, pool: &'a str) -> impl Iterator<Item = &'a Mount> {
    let is_of_pool = move |source: &str| source.strip_prefix(pool).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let mounts = candidate.topology.mounts().iter().filter(|mount| mount.fs_type == "zfs" && is_of_system(&mount.point));
    mounts.filter(move |mount| mount.source.to_str().is_some_and(is_of_pool))
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
    let names = once_each(names);
    match &names[..] {
        [all @ .., last] if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        few => few.concat(),
    }
}

fn once_each(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut known = Vec::new();
    for name in names {
        if !known.contains(&name) {
            known.push(name);
        }
    }
    known
}
