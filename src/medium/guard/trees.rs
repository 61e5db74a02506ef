//! The guard's verdict on each disk of machines that were captured, not invented: tests/trees.

use std::fs;
use std::path::Path;

use super::{Candidate, Grade, judge};
use crate::sys::Topology;
use crate::sys::machine::Machine;

/// Tree, disk, and all that speaks against it.
type Row = (&'static str, &'static str, &'static [(&'static str, Grade)]);

const ROWS: &[Row] = &[];

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
    for tree in captured() {
        let topology = read(&tree);
        for disk in topology.blocks().iter().filter(|block| block.whole.is_none()) {
            let candidate = Candidate { topology: &topology, block: disk, image: None, need: None, contents: &[], writers: &[] };
            let findings = judge(&candidate);
            let found: Vec<(&str, Grade)> = findings.iter().map(|finding| (finding.rule, finding.grade)).collect();
            let row = ROWS.iter().find(|(of, name, _)| *of == tree && *name == disk.name);
            if row.is_none_or(|(_, _, wanted)| found != *wanted) {
                let told: Vec<_> =
                    findings.iter().map(|finding| format!("\n    {} [{}]", finding.sentence, finding.looked_at)).collect();
                wrong.push(format!("({tree:?}, {:?}, &{found:?}),{}", disk.name, told.concat()));
            }
        }
    }
    assert!(wrong.is_empty(), "not as in the table:\n{}", wrong.join("\n"));
}

#[test]
fn each_row_has_its_tree() {
    let trees = captured();
    for (tree, disk, _) in ROWS {
        assert!(trees.iter().any(|name| name == tree), "{tree} is missing");
        assert!(read(tree).named(disk).is_some(), "{tree} has no {disk}");
    }
}
