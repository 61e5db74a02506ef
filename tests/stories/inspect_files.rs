//! Files out of an image: the same that went in, from each tree, and of a damaged image what there is.

use std::fs;

use crate::common::{Folder, SECTOR, mapfile};
use crate::inspect::{inspect, told, tree};

/// How an image is made of the folder `tree`, and whose names it has.
const KINDS: [(&str, &str, &[&str]); 3] = [
    ("xorriso", "-as mkisofs -quiet -R -J -o a.iso tree", &["rock-ridge", "joliet", "iso"]),
    ("genisoimage", "-quiet -udf -J -R -o a.iso tree", &["udf", "rock-ridge", "joliet", "iso"]),
    ("genisoimage", "-quiet -iso-level 1 -o a.iso tree", &["iso"]),
];

/// The paths that `--ls` prints of files: `         5  /a name with spaces.txt`.
fn files(list: &str) -> Vec<String> {
    let paths = list.lines().map(|line| line[17..].to_string());
    paths.filter(|path| !path.ends_with('/')).collect()
}

#[test]
fn each_tree_gives_every_file_as_it_went_in() {
    for (program, args, trees) in KINDS {
        let folder = Folder::new();
        tree(&folder);
        let Some(_) = folder.witness(program, &args.split(' ').collect::<Vec<_>>()) else { continue };
        let originals = [folder.read("tree/large.bin"), folder.read("tree/a name with spaces.txt")];
        for tree in trees {
            let list = inspect(&folder, 0, &["a.iso", "--ls", "--tree", tree]).out();
            let paths = files(&list);
            assert_eq!(paths.len(), originals.len(), "{tree}: {list}");
            let mut found = Vec::new();
            for (number, path) in paths.iter().enumerate() {
                let name = format!("{tree}-{number}");
                inspect(&folder, 0, &["a.iso", "--extract", path, "-o", &name, "--tree", tree]);
                let bytes = folder.read(&name);
                assert_eq!(inspect(&folder, 0, &["a.iso", "--extract", path, "-o", "-", "--tree", tree]).stdout, bytes);
                found.push(bytes);
            }
            assert!(originals.iter().all(|original| found.contains(original)), "{tree}: {list}");
        }
        let wrong = inspect(&folder, if trees.contains(&"udf") { 0 } else { 5 }, &["a.iso", "--ls", "--tree", "udf"]);
        assert!(trees.contains(&"udf") || wrong.stderr.contains("no names of UDF"), "{wrong}");
    }
}

#[test]
fn xorriso_and_bsdtar_extract_the_same() {
    let folder = Folder::new();
    tree(&folder);
    let Some(_) = folder.witness("xorriso", &["-as", "mkisofs", "-quiet", "-R", "-o", "a.iso", "tree"]) else { return };
    inspect(&folder, 0, &["a.iso", "--extract", "/large.bin", "-o", "ours"]);
    folder.witness("xorriso", &["-osirrox", "on", "-indev", "a.iso", "-extract", "/large.bin", "theirs"]);
    folder.witness("cmp", &["ours", "theirs"]);
    if folder.witness("bsdtar", &["-xf", "a.iso", "large.bin"]).is_some() {
        folder.witness("cmp", &["ours", "large.bin"]);
    }
}

#[test]
fn nothing_is_overwritten_and_what_can_not_be_extracted_is_named() {
    let folder = Folder::new();
    tree(&folder);
    std::os::unix::fs::symlink("large.bin", folder.path("tree/link")).unwrap();
    let Some(_) = folder.witness("xorriso", &["-as", "mkisofs", "-quiet", "-R", "-o", "a.iso", "tree"]) else { return };
    folder.write("there", "mine");
    inspect(&folder, 5, &["a.iso", "--extract", "/large.bin", "-o", "there"]).must_say("exists");
    inspect(&folder, 5, &["a.iso", "--extract", "/isolinux", "-o", "new"]).must_say("directory");
    inspect(&folder, 5, &["a.iso", "--extract", "/link", "-o", "new"]).must_say("link to large.bin");
    inspect(&folder, 1, &["a.iso", "--extract", "/absent", "-o", "new"]).must_say("no /absent");
    inspect(&folder, 1, &["a.iso", "--extract", "/large.bin", "-o", "absent/new"]).must_say("absent/new");
    assert_eq!((folder.text("there").as_str(), folder.exists("new")), ("mine", false));
}

#[test]
fn of_damaged_and_of_truncated_images_there_is_what_is_left() {
    let folder = Folder::new();
    tree(&folder);
    let Some(_) = folder.witness("xorriso", &["-as", "mkisofs", "-quiet", "-no-pad", "-R", "-o", "a.iso", "tree"]) else {
        return;
    };
    let (image, original) = (folder.read("a.iso"), folder.read("tree/large.bin"));
    let at = image.windows(4096).position(|window| window == &original[..4096]).unwrap();
    let lost = 10 * SECTOR..13 * SECTOR;
    let mut right = original.clone();
    right[lost.clone()].fill(0);
    let damage = mapfile(&[((at + lost.start) as u32 / SECTOR as u32, 3)], '-', (image.len() / SECTOR) as u32);
    // The map beside an image, and a drive that can't read the disc.
    folder.write("a.iso.map", &damage);
    folder.write("damage", &damage);
    fs::copy(folder.path("a.iso"), folder.path("disc")).unwrap();
    for (number, image) in ["a.iso", "emulated:disc,damage=damage"].into_iter().enumerate() {
        let ran = inspect(&folder, 3, &[image, "--extract", "/large.bin", "-o", &format!("out{number}"), "--json"]);
        assert_eq!(ran.events().last().unwrap()["extracted"]["missing"], 3 * SECTOR, "{ran}");
        assert!(folder.read(&format!("out{number}")) == right, "{image}");
    }
    let list = inspect(&folder, 3, &["a.iso", "--ls", "/large.bin"]);
    assert!(list.out().contains(&format!("({} bytes missing)", 3 * SECTOR)), "{list}");
    inspect(&folder, 0, &["a.iso", "--ls", "/a name with spaces.txt"]);

    let cut = at + 100_000;
    folder.write("short.iso", &image[..cut]);
    told(&folder, 6, "short.iso");
    inspect(&folder, 3, &["short.iso", "--extract", "/large.bin", "-o", "half"]).must_say("could not be read");
    let mut half = original.clone();
    half[100_000..].fill(0);
    assert!(folder.read("half") == half);
}

#[test]
fn isoflash_tells_of_a_truncated_image_before_it_asks_and_nobody_writes_half_of_one() {
    let folder = Folder::new();
    tree(&folder);
    let Some(_) = folder.witness("xorriso", &["-as", "mkisofs", "-quiet", "-R", "-o", "a.iso", "tree"]) else { return };
    let image = folder.read("a.iso");
    folder.write("short.iso", &image[..200_000]);
    folder.write("stick", vec![0; 8 << 20]);
    let flash = |status: i32, args: &[&str]| {
        let ran = crate::common::finish(folder.command(env!("CARGO_BIN_EXE_isoflash"), args), args);
        ran.must_be(status);
        ran
    };
    flash(6, &["short.iso", "emulated:stick", "--yes"]).must_say("truncated");
    assert!(folder.read("stick").iter().all(|&byte| byte == 0));
    flash(0, &["a.iso", "emulated:stick", "--yes"]);
    assert!(folder.read("stick").starts_with(&image));
}

#[test]
fn trees_that_differ_limits_and_checksums_are_named() {
    let folder = Folder::new();
    tree(&folder);
    let deep = "tree/1/2/3/4/5/6/7/8/9";
    fs::create_dir_all(folder.path(deep)).unwrap();
    folder.write(&format!("{deep}/deep.txt"), "deep");
    folder.write("tree/md5sum.txt", "none");
    let args = ["-quiet", "-R", "-J", "-D", "-hide-joliet", "large.bin", "-o", "a.iso", "tree"];
    let Some(_) = folder.witness("genisoimage", &args) else { return };
    let result = told(&folder, 0, "a.iso");
    let differences = result["differences"].as_array().unwrap();
    assert_eq!(differences.len(), 1, "{differences:?}");
    assert_eq!(
        (&differences[0]["tree"], &differences[0]["other"], &differences[0]["files"], &differences[0]["example"]),
        (&"rock-ridge".into(), &"joliet".into(), &1.into(), &"/large.bin".into())
    );
    assert_eq!(result["trees"][1]["limits"][0], "more than 8 directories in each other");
    assert_eq!(result["checksums"], serde_json::json!(["/md5sum.txt"]));
    if folder.witness("implantisomd5", &["a.iso"]).is_some() {
        assert_eq!(told(&folder, 0, "a.iso")["checksums"], serde_json::json!(["isomd5sum", "/md5sum.txt"]));
    }
    if folder.witness("xorriso", &["-md5", "on", "-outdev", "tags.iso", "-map", "tree", "/"]).is_some() {
        let result = told(&folder, 0, "tags.iso");
        assert_eq!(result["checksums"], serde_json::json!(["libisofs checksum tags", "/md5sum.txt"]));
    }
}

#[test]
fn a_file_in_several_parts_is_extracted_whole() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("tree")).unwrap();
    let parts = [vec![1; 3 * SECTOR], vec![2; 5000]];
    folder.write("tree/A", &parts[0]);
    folder.write("tree/B", &parts[1]);
    let Some(_) = folder.witness("genisoimage", &["-quiet", "-iso-level", "1", "-o", "a.iso", "tree"]) else { return };
    // As an image has a file of more than 4 GiB: the first record says that it goes on, and the next has the same name.
    let mut image = folder.read("a.iso");
    let record = |image: &[u8], name: &[u8]| image.windows(name.len()).position(|window| window == name).unwrap() - 33;
    let (first, second) = (record(&image, b"A.;1"), record(&image, b"B.;1"));
    image[first + 25] |= 0x80;
    image[second + 33] = b'A';
    folder.write("a.iso", &image);
    folder.write("right", parts.concat());
    let list = inspect(&folder, 0, &["a.iso", "--ls"]).out();
    assert!(list.contains(&format!("{:>15}  /A\n", 3 * SECTOR + 5000)) && !list.contains("/B"), "{list}");
    inspect(&folder, 0, &["a.iso", "--extract", "/A", "-o", "out"]);
    folder.witness("cmp", &["out", "right"]);
    assert_eq!(told(&folder, 0, "a.iso")["trees"][0]["in_parts"], 1);
    // xorriso sees one file of these two extents as well.
    if let Some(ran) = folder.witness("xorriso", &["-indev", "a.iso", "-find", "/", "-type", "f", "-exec", "report_lba"]) {
        assert_eq!(ran.out().lines().filter(|line| line.starts_with("File data lba:")).count(), 2, "{ran}");
    }
}
