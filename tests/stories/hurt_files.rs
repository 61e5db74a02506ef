//! Which files are hurt: discrip's list is the one that follows from the damage and from where xorriso says that the files lie.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::common::{Dice, Folder, Places, SECTOR, installed, mapfile, places};

/// How an image is made of the folder `tree`, how xorriso is to read it, and whose names discrip gives.
const KINDS: [(&str, &str, &str, &str); 4] = [
    ("xorriso", "-as mkisofs -quiet -R -J -o disc.iso tree", "any", "rock-ridge"),
    ("xorriso", "-as mkisofs -quiet --norock -J -joliet-long -o disc.iso tree", "norock", "joliet"),
    ("genisoimage", "-quiet -iso-level 3 -D -o disc.iso tree", "ecma119", "iso9660"),
    ("genisoimage", "-quiet -udf -J -R -o disc.iso tree", "any", "udf"),
];

/// A file by its witness: extents of LBA and sectors, and its bytes.
type Files = BTreeMap<String, (Places, u64)>;

/// A folder `tree` with files of all sizes, deep directories, a hard link and a symbolic one.
fn tree(folder: &Folder, seed: u64) {
    let mut dice = Dice(seed);
    let deep = "tree/one/two/three/four/five/six/seven/eight/nine";
    for place in ["tree/photos of 2009", deep] {
        fs::create_dir_all(folder.path(place)).unwrap();
    }
    let mut file = |name: &str, most: u32| {
        let bytes: Vec<u8> = (0..1 + dice.below(most)).map(|_| dice.throw() as u8).collect();
        folder.write(name, bytes);
    };
    for number in 0..80 {
        file(&format!("tree/photos of 2009/picture {number} taken at the lake"), 30_000);
    }
    file(&format!("{deep}/ten.bin"), 300_000);
    file("tree/large.bin", 500_000);
    folder.write("tree/empty", "");
    std::os::unix::fs::symlink("large.bin", folder.path("tree/link")).unwrap();
}

/// Makes `disc.iso`; `None`, and a line that says so, where the program is missing.
fn image(folder: &Folder, (program, args, ..): (&str, &str, &str, &str)) -> Option<u32> {
    folder.witness(program, &args.split(' ').collect::<Vec<_>>())?;
    Some((fs::metadata(folder.path("disc.iso")).unwrap().len() / SECTOR as u64) as u32)
}

/// Where the files lie, as xorriso says: `File data lba:  EXTENT , LBA , SECTORS , BYTES , 'PATH'`.
fn files(folder: &Folder, read_fs: &str) -> Option<Files> {
    let args = ["-read_fs", read_fs, "-indev", "disc.iso", "-find", "/", "-type", "f", "-exec", "report_lba"];
    let out = folder.witness("xorriso", &args)?.out();
    let mut files = Files::new();
    for line in out.lines().filter_map(|line| line.strip_prefix("File data lba:")) {
        let fields: Vec<&str> = line.splitn(5, " , ").map(str::trim).collect();
        let number = |index: usize| fields[index].parse::<u64>().unwrap();
        let path = fields[4].trim_matches('\'').trim_end_matches(";1").trim_end_matches('.');
        let (extents, size) = files.entry(path.into()).or_insert((Places::new(), number(3)));
        extents.push((number(1) as u32, number(2) as u32));
        *size = number(3);
    }
    Some(files)
}

/// The files that `dead` sectors hit: missing bytes, missing sectors, the first of them.
fn hit(files: &Files, dead: &[bool]) -> BTreeMap<String, (u64, u32, u32)> {
    let mut hit = BTreeMap::new();
    for (path, (extents, size)) in files {
        let sectors = extents.iter().flat_map(|&(first, count)| first..first + count);
        for (index, lba) in sectors.take(size.div_ceil(SECTOR as u64) as usize).enumerate().filter(|(_, lba)| dead[*lba as usize])
        {
            let entry = hit.entry(path.clone()).or_insert((0, 0, lba));
            entry.0 += (size - (index * SECTOR) as u64).min(SECTOR as u64);
            entry.1 += 1;
        }
    }
    hit
}

/// The same as discrip says it, and whose names it gives.
fn listed(result: &Value) -> BTreeMap<String, (u64, u32, u32)> {
    let file = |file: &Value| {
        let number = |key: &str| file[key].as_u64().unwrap();
        (file["path"].as_str().unwrap().into(), (number("missing"), number("sectors") as u32, number("first") as u32))
    };
    let files = result["hurt"]["files"]["listed"].as_array().unwrap_or_else(|| panic!("no list: {result}"));
    files.iter().map(file).collect()
}

/// Dead sectors from LBA `from` on.
fn damage(seed: u64, from: u32, sectors: u32) -> Vec<bool> {
    let mut dice = Dice(seed);
    let mut dead = vec![false; sectors as usize];
    for _ in 0..3 + dice.below(8) {
        let longest = [1, 4, 60][dice.below(3) as usize];
        let (first, count) = (from + dice.below(sectors - from), 1 + dice.below(longest));
        dead[first as usize..(first + count).min(sectors) as usize].fill(true);
    }
    dead
}

fn rescue(folder: &Folder, dead: &[bool], name: &str) -> Value {
    folder.write("damage", mapfile(&places(dead), '-', dead.len() as u32));
    folder.json(3, &["emulated:disc.iso,damage=damage", name]).1
}

#[test]
fn damaged_files_are_those_that_lie_in_the_damage_by_xorrisos_account() {
    for kind in KINDS {
        let folder = Folder::new();
        tree(&folder, 1);
        let Some(sectors) = image(&folder, kind) else { continue };
        let Some(files) = files(&folder, kind.2) else { continue };
        let data = files.values().filter(|(_, size)| *size > 0).flat_map(|(extents, _)| extents).map(|extent| extent.0).min();
        for seed in 1..=6 {
            println!("{}, seed {seed}", kind.3);
            let dead = damage(seed, data.unwrap(), sectors);
            let result = rescue(&folder, &dead, &format!("{seed}.iso"));
            let right = hit(&files, &dead);
            assert_eq!(listed(&result), right);
            let hurt = &result["hurt"];
            assert_eq!((&hurt["files"]["count"], &hurt["trees"][0]), (&right.len().into(), &kind.3.into()));
            // The only structure there is the anchor of UDF at the end.
            let structures: u64 =
                hurt["structures"]["listed"].as_array().unwrap().iter().map(|s| s["sectors"].as_u64().unwrap()).sum();
            let in_files: u32 = right.values().map(|file| file.1).sum();
            assert_eq!(hurt["free"].as_u64().unwrap() + structures + u64::from(in_files), result["bad"].as_u64().unwrap());
            assert_eq!(hurt["unknown"]["count"], 0, "{hurt}");
        }
    }
}

#[test]
fn where_directories_are_hurt_too_no_file_is_blamed_wrongly_and_none_is_lost_untold() {
    for kind in KINDS {
        let folder = Folder::new();
        tree(&folder, 2);
        let Some(sectors) = image(&folder, kind) else { continue };
        let Some(files) = files(&folder, kind.2) else { continue };
        let data =
            files.values().filter(|(_, size)| *size > 0).flat_map(|(extents, _)| extents).map(|extent| extent.0).min().unwrap();
        let mut told = 0;
        for seed in 1..=8 {
            println!("{}, seed {seed}", kind.3);
            let mut dead = damage(seed, data, sectors);
            let mut dice = Dice(seed);
            (0..6).for_each(|_| dead[dice.below(data) as usize] = true);
            let result = rescue(&folder, &dead, &format!("{seed}.iso"));
            let unknown = result["hurt"]["unknown"]["listed"].as_array().unwrap();
            let names: Vec<&str> = unknown.iter().map(|place| place["path"].as_str().unwrap()).collect();
            let right = hit(&files, &dead);
            let ours = listed(&result);
            // Where a tree is lost, the next best names the files in its own way.
            let of_this_tree = result["hurt"]["files"]["listed"].as_array().unwrap().iter().filter(|file| file["tree"] == kind.3);
            for file in of_this_tree {
                let path = file["path"].as_str().unwrap();
                assert_eq!(ours.get(path), right.get(path), "{path}");
            }
            let listed = result["hurt"]["files"]["listed"].as_array().unwrap();
            let has = |path: &String| listed.iter().any(|file| file["lba"] == files[path].0[0].0);
            for path in right.keys().filter(|path| !has(path)) {
                let is_told = names.iter().any(|name| *name == "/" || path == name || path.starts_with(&format!("{name}/")));
                assert!(is_told, "nothing of {path}: {}", result["hurt"]);
            }
            told += names.len();
        }
        assert!(told > 0, "no directory was hit");
    }
}

#[test]
fn the_list_is_in_the_result_the_record_and_the_status() {
    let folder = Folder::new();
    tree(&folder, 3);
    fs::write(folder.path("tree/evil\x1b[2Jname"), vec![7; 5000]).unwrap();
    fs::hard_link(folder.path("tree/large.bin"), folder.path("tree/second name.bin")).unwrap();
    let Some(sectors) = image(&folder, KINDS[0]) else { return };
    let Some(files) = files(&folder, "any") else { return };
    let mut dead = vec![true; sectors as usize];
    dead[..files.values().filter(|(_, size)| *size > 0).flat_map(|(extents, _)| extents).map(|extent| extent.0).min().unwrap()
        as usize]
        .fill(false);
    let result = rescue(&folder, &dead, "out.iso");
    let large = result["hurt"]["files"]["listed"].as_array().unwrap().iter().find(|file| file["path"] == "/large.bin").unwrap();
    assert_eq!((&large["names"], &large["missing"]), (&2.into(), &large["size"]));
    let record: Value = serde_json::from_slice(&folder.read("out.iso.json")).unwrap();
    assert_eq!(record["hurt"], result["hurt"]);
    assert_eq!(folder.json(3, &["--status", "out.iso"]).1["hurt"], result["hurt"]);
    assert_eq!(folder.json(3, &["emulated:disc.iso", "out.iso"]).1["hurt"], result["hurt"], "finished before");
    let text = folder.ends(3, &["emulated:disc.iso", "out.iso"]);
    text.must_say("more files; out.iso.json names them");
    assert!(text.stderr.matches("all of it is missing").count() == 10, "{text}");
    assert!(!text.stderr.contains("\x1b[2J") && !folder.ends(3, &["--status", "out.iso"]).out().contains("\x1b[2J"));
    // The other sectors come: nothing is hurt any more.
    folder.ends(0, &["emulated:disc.iso", "out.iso", "--retries", "1"]);
    let record: Value = serde_json::from_slice(&folder.read("out.iso.json")).unwrap();
    assert_eq!((&record["hurt"], record["damage"].as_array().map(Vec::len)), (&Value::Null, Some(0)));
}

#[test]
fn of_a_rescue_that_was_begun_the_status_says_that_what_was_not_read_counts() {
    let folder = Folder::new();
    tree(&folder, 4);
    let Some(sectors) = image(&folder, KINDS[0]) else { return };
    let status = |status| folder.ends(status, &["--status", "out.iso"]).out();
    let said = "; what was not read yet counts as missing";
    folder.ends(7, &["emulated:disc.iso", "out.iso", "--range", "16-17"]);
    let begun = status(7);
    assert!(begun.contains("hurt    no file that is known") && begun.contains(said), "{begun}");
    folder.ends(7, &["emulated:disc.iso", "out.iso", "--range", &format!("0-{}", sectors / 2)]);
    assert!(status(7).contains(said));
    folder.ends(0, &["emulated:disc.iso", "out.iso"]);
    assert!(!status(0).contains("hurt"));
}

#[test]
fn a_disc_without_a_file_system_has_no_names_and_says_so() {
    let folder = Folder::new();
    folder.write("disc.iso", vec![9; 1000 * SECTOR]);
    folder.write("damage", mapfile(&[(700, 5)], '-', 1000));
    folder.ends(3, &["emulated:disc.iso,damage=damage", "out.iso"]).must_say("no ISO 9660 and no UDF");
    let (_, status) = folder.json(3, &["--status", "out.iso"]);
    assert_eq!((&status["hurt"]["trees"], &status["hurt"]["files"]["count"]), (&Value::Array(Vec::new()), &0.into()));
}

#[test]
fn of_several_sessions_the_last_one_names_the_files() {
    if !installed("genisoimage") {
        return;
    }
    const SECOND: u32 = 12_000;
    let folder = Folder::new();
    for (name, bytes) in [("first/old.bin", 90_000), ("second/new.bin", 50_000)] {
        fs::create_dir_all(folder.path(name).parent().unwrap()).unwrap();
        folder.write(name, vec![5; bytes]);
    }
    folder.witness("genisoimage", &["-quiet", "-R", "-o", "one.iso", "first"]);
    folder.witness("genisoimage", &["-quiet", "-R", "-C", "0,12000", "-M", "one.iso", "-o", "two.iso", "second"]);
    let (mut disc, second) = (folder.read("one.iso"), folder.read("two.iso"));
    let first = disc.len() / SECTOR;
    disc.resize(SECOND as usize * SECTOR, 0);
    disc.extend_from_slice(&second);
    folder.write("disc.iso", &disc);
    // isoinfo is a witness for sessions: -N says where this one begins.
    let Some(ran) = folder.witness("isoinfo", &["-R", "-l", "-N", "12000", "-i", "two.iso"]) else { return };
    let lba = |name: &str| {
        let out = ran.out();
        let line = out.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("no {name}: {ran}")).to_string();
        let place = line.split('[').nth(1).unwrap().trim_start();
        place.split_whitespace().next().unwrap().parse::<u32>().unwrap()
    };
    let dead = [(lba("old.bin") + 1, 2), (lba("new.bin"), 1)];
    folder.write("damage", mapfile(&dead, '-', (disc.len() / SECTOR) as u32));
    let tracks = format!("data@0+{first}::data@{SECOND}+{}", second.len() / SECTOR);
    let (_, result) = folder.json(3, &[&format!("emulated:disc.iso,profile=cd-r,damage=damage,layout={tracks}"), "out.iso"]);
    let right = [("/new.bin".to_string(), (2048, 1, dead[1].0)), ("/old.bin".to_string(), (4096, 2, dead[0].0))].into();
    assert_eq!(listed(&result), right);
}
