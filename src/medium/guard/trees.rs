//! The guard's verdict on each disk of machines that were captured, not invented: tests/trees.

use std::fs;
use std::path::Path;

use super::Grade::{self, Fixed, Mounted, Never};
use super::{Candidate, judge};
use crate::sys::Topology;
use crate::sys::machine::Machine;

/// Tree, disks, and all that speaks against each of them.
type Row = (&'static str, &'static [&'static str], &'static [(&'static str, Grade)]);

/// Disks with names of one letter that fill the alphabet up, so that `sdaa` comes.
const FILLERS: &[&str] = &[
    "sdb", "sdc", "sdd", "sde", "sdf", "sdg", "sdh", "sdi", "sdj", "sdk", "sdl", "sdm", "sdn", "sdo", "sdp", "sdq", "sdr", "sds",
    "sdt", "sdu", "sdv", "sdw", "sdx", "sdy", "sdz",
];

const ROWS: &[Row] = &[
    ("btrfs-over-two-disks", &["sda"], &[("system", Never), ("fixed", Fixed)]),
    ("btrfs-over-two-disks", &["sdb", "sdc"], &[("in-use", Never)]),
    ("card-reader", &["sda"], &[("system", Never), ("fixed", Fixed)]),
    ("card-reader", &["sdb"], &[]),
    ("card-reader", &["sdc"], &[("no-medium", Never)]),
    ("live-system", &["loop0"], &[("system", Never), ("read-only", Never)]),
    ("live-system", &["sda"], &[("fixed", Fixed)]),
    ("live-system", &["sdb"], &[("system", Never)]),
    ("live-system", &["sdc"], &[]),
    ("luks-root-on-usb", &["sda"], &[("fixed", Fixed)]),
    ("luks-root-on-usb", &["sdb"], &[("system", Never)]),
    ("luks-root-on-usb", &["dm-0"], &[("kind", Never), ("system", Never)]),
    ("lvm-over-two-disks", &["dm-0"], &[("kind", Never), ("system", Never)]),
    ("lvm-over-two-disks", &["dm-1"], &[("kind", Never)]),
    ("lvm-over-two-disks", &["sda"], &[("system", Never), ("fixed", Fixed)]),
    ("lvm-over-two-disks", &["sdb"], &[("system", Never)]),
    ("lvm-over-two-disks", &["sdc"], &[]),
    ("md-mirror", &["sda"], &[("system", Never), ("in-use", Never), ("fixed", Fixed)]),
    ("md-mirror", &["sdb", "sdc"], &[("in-use", Never)]),
    ("md-mirror", &["md0"], &[("kind", Never), ("mounted", Mounted)]),
    ("md-mirror", &["md1"], &[("kind", Never)]),
    ("nvme-enclosure", &["nvme0n1"], &[("system", Never), ("fixed", Fixed)]),
    ("nvme-enclosure", &["sda"], &[]),
    ("sda-beside-sdaa", &["nvme0n1"], &[("system", Never), ("fixed", Fixed)]),
    ("sda-beside-sdaa", &["sda"], &[]),
    ("sda-beside-sdaa", &["sdaa"], &[("mounted", Mounted)]),
    ("sda-beside-sdaa", FILLERS, &[("fixed", Fixed)]),
    ("sdaa-beside-sda", &["nvme0n1"], &[("system", Never), ("fixed", Fixed)]),
    ("sdaa-beside-sda", &["sda"], &[("mounted", Mounted)]),
    ("sdaa-beside-sda", &["sdaa"], &[]),
    ("sdaa-beside-sda", FILLERS, &[("fixed", Fixed)]),
    ("swap-on-zram", &["sda"], &[("system", Never), ("fixed", Fixed)]),
    ("swap-on-zram", &["sdb"], &[("system", Never), ("mounted", Mounted)]),
    ("swap-on-zram", &["sdc"], &[]),
    ("swap-on-zram", &["zram0"], &[("kind", Never), ("system", Never)]),
];

/// The names of the captured trees, without `.tree`.
fn captured() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trees");
    let entries = fs::read_dir(folder).into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter_map(|name| Some(name.strip_suffix(".tree")?.to_owned())).collect();
    names.sort();
    names
}

fn read(tree: &str) -> Topology {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trees").join(format!("{tree}.tree"));
    let machine = Machine::captured(&fs::read_to_string(path).unwrap());
    Topology::read(&machine.sysfs()).unwrap()
}

#[test]
fn each_disk_of_each_captured_machine_gets_its_verdict() {
    let mut wrong = Vec::new();
    let trees = captured();
    if !trees.is_empty() {
        let absent = ROWS.iter().filter(|(tree, ..)| !trees.iter().any(|name| name == tree));
        wrong.extend(absent.map(|(tree, ..)| format!("{tree} is not there")));
    }
    for tree in trees {
        let topology = read(&tree);
        let listed = ROWS.iter().filter(|(of, ..)| *of == tree).flat_map(|(_, disks, _)| *disks);
        wrong.extend(listed.filter(|disk| topology.named(disk).is_none()).map(|disk| format!("{tree} has no {disk}")));
        for disk in topology.blocks().iter().filter(|block| block.whole.is_none()) {
            let candidate = Candidate::new(&topology, disk);
            let findings = judge(&candidate);
            let found: Vec<(&str, Grade)> = findings.iter().map(|finding| (finding.rule, finding.grade)).collect();
            let row = ROWS.iter().find(|(of, names, _)| *of == tree && names.contains(&&*disk.name));
            if row.is_none_or(|(_, _, wanted)| found != *wanted) {
                let told: Vec<_> =
                    findings.iter().map(|finding| format!("\n    {} [{}]", finding.sentence, finding.looked_at)).collect();
                wrong.push(format!("({tree:?}, {:?}, &{found:?}),{}", disk.name, told.concat()));
            }
        }
    }
    assert!(wrong.is_empty(), "not as in the table:\n{}", wrong.join("\n"));
}
