//! What an image is: its length and what boots from it, as the programs say that made it, and as blkid, sfdisk and isoinfo do.

use serde_json::Value;

use crate::common::{Folder, Ran, SECTOR, finish, installed, mapfile, skipped};

pub const ISOINSPECT: &str = env!("CARGO_BIN_EXE_isoinspect");

/// isoinspect from beginning to end, which must be with this status.
pub fn inspect(folder: &Folder, status: i32, args: &[&str]) -> Ran {
    let ran = finish(folder.command(ISOINSPECT, args), args);
    ran.must_be(status);
    ran
}

/// The same with --json: the result.
pub fn told(folder: &Folder, status: i32, image: &str) -> Value {
    let ran = inspect(folder, status, &[image, "--json"]);
    let result = ran.events().pop().unwrap_or_else(|| panic!("no result: {ran}"));
    assert_eq!((&result["event"], result["status"].as_i64()), (&Value::from("result"), Some(status.into())), "{ran}");
    result
}

/// A program of UEFI in name: a header for this processor, and no code.
fn program(machine: u16) -> Vec<u8> {
    let mut bytes = vec![0; 1024];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3C] = 0x80;
    bytes[0x80..0x84].copy_from_slice(b"PE\0\0");
    bytes[0x84..0x86].copy_from_slice(&machine.to_le_bytes());
    bytes
}

/// `esp.img`: a FAT with these programs in /EFI/BOOT. False, and a line that says so, where mtools are missing.
pub fn esp(folder: &Folder, (kilobytes, bits): (u32, &str), programs: &[(&str, u16)]) -> bool {
    if !installed("mcopy") || !installed("mkfs.vfat") {
        return false;
    }
    folder.witness("/usr/sbin/mkfs.vfat", &["-F", bits, "-C", "esp.img", &kilobytes.to_string()]);
    folder.witness("mmd", &["-i", "esp.img", "::/EFI", "::/EFI/BOOT"]);
    for (name, machine) in programs {
        folder.write(name, program(*machine));
        folder.witness("mcopy", &["-i", "esp.img", name, &format!("::/EFI/BOOT/{name}")]);
    }
    true
}

/// A folder `tree` with a few files.
pub fn tree(folder: &Folder) {
    std::fs::create_dir_all(folder.path("tree/isolinux")).unwrap();
    folder.write("tree/large.bin", (0..300_000u32).map(|number| (number % 251) as u8).collect::<Vec<_>>());
    folder.write("tree/a name with spaces.txt", "text\n");
}

fn xorriso(folder: &Folder, args: &str) -> Option<Ran> {
    let all: Vec<&str> = args.split(' ').collect();
    folder.witness("xorriso", &all)
}

/// `no`, `depends`, `yes` of all firmware, first BIOS: on a disc, on a stick.
fn matrix(result: &Value) -> Vec<(String, String)> {
    let rows = result["boot"].as_array().unwrap();
    let answer = |cell: &Value| cell["answer"].as_str().unwrap().to_string();
    rows.iter().map(|row| (answer(&row["disc"]), answer(&row["stick"]))).collect()
}

pub fn boots(result: &Value, disc: [&str; 5], stick: [&str; 5]) {
    let right: Vec<(String, String)> =
        disc.iter().zip(stick).map(|(disc, stick)| (disc.to_string(), stick.to_string())).collect();
    assert_eq!(matrix(result), right, "{result:#}");
}

#[test]
fn a_disc_is_as_long_as_isoinfo_says_and_shorter_or_longer_files_are_told() {
    let folder = Folder::new();
    tree(&folder);
    let Some(_) = xorriso(&folder, "-as mkisofs -quiet -no-pad -R -J -V STORY -o a.iso tree") else { return };
    let image = folder.read("a.iso");
    let result = told(&folder, 0, "a.iso");
    assert_eq!((&result["length"]["verdict"], &result["class"]), (&"complete".into(), &"data".into()));
    if let Some(ran) = folder.witness("isoinfo", &["-d", "-i", "a.iso"]) {
        let size = ran.out().lines().find_map(|line| line.strip_prefix("Volume size is: ")?.parse::<usize>().ok()).unwrap();
        assert_eq!(result["length"]["end"], size * SECTOR);
        assert!(ran.out().contains(&format!("Volume id: {}\n", result["names"]["volume"].as_str().unwrap())));
    }
    for missing in [1, 2048, 100_000, image.len() - 40_000] {
        folder.write("short.iso", &image[..image.len() - missing]);
        let result = told(&folder, 6, "short.iso");
        assert_eq!((&result["length"]["verdict"], &result["length"]["missing"]), (&"truncated".into(), &missing.into()));
    }
    let mut padded = image.clone();
    padded.resize(image.len() + 150 * SECTOR, 0);
    folder.write("padded.iso", &padded);
    assert_eq!(told(&folder, 0, "padded.iso")["length"]["padding"], 150 * SECTOR);
    inspect(&folder, 0, &["padded.iso"]).out().contains("150 sectors").then_some(()).unwrap();
    padded.push(7);
    folder.write("trailing.iso", &padded);
    let result = told(&folder, 0, "trailing.iso");
    assert_eq!((&result["length"]["verdict"], &result["length"]["from"]), (&"trailing".into(), &(padded.len() - 1).into()));
    // A stick is longer than what is on it.
    folder.write("stick.img", &image);
    std::fs::File::options().write(true).open(folder.path("stick.img")).unwrap().set_len(200 << 20).unwrap();
    assert_eq!(told(&folder, 0, "emulated:stick.img,sector=512")["length"]["verdict"], "room");
}

#[test]
fn what_is_no_image_is_said_to_be_none() {
    let folder = Folder::new();
    folder.write("noise", vec![0x5A; 100_000]);
    folder.write("empty", "");
    folder.write("a.iso.gz", [&[0x1F, 0x8B, 8, 0, 0, 0, 0, 0][..], &[7; 100]].concat());
    assert_eq!(told(&folder, 5, "noise")["class"], "unknown");
    assert_eq!(told(&folder, 5, "a.iso.gz")["packed"], "gzip");
    inspect(&folder, 6, &["empty"]).must_say("empty");
    inspect(&folder, 1, &["absent"]).must_say("absent");
    inspect(&folder, 5, &["."]).must_say("folder");
    inspect(&folder, 2, &["-"]).must_say("stdin");
}

#[test]
fn a_hybrid_boots_from_discs_and_sticks_by_the_programs_in_its_system_partition() {
    let folder = Folder::new();
    tree(&folder);
    let Some(loader) = std::fs::read("/usr/lib/ISOLINUX/isolinux.bin").ok() else {
        return skipped("isolinux is not installed");
    };
    folder.write("tree/isolinux/isolinux.bin", loader);
    if !esp(&folder, (1440, "12"), &[("BOOTX64.EFI", 0x8664), ("BOOTAA64.EFI", 0x8664), ("BOOTRISCV64.EFI", 0x5064)]) {
        return;
    }
    std::fs::copy(folder.path("esp.img"), folder.path("tree/esp.img")).unwrap();
    let isolinux = "-b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table";
    let hybrid = "-isohybrid-mbr /usr/lib/ISOLINUX/isohdpfx.bin -eltorito-alt-boot -e esp.img -no-emul-boot";
    let makes = [
        ("bios.iso", isolinux.to_string(), ["yes", "no", "no", "no", "no"], ["no"; 5]),
        ("mbr.iso", format!("{isolinux} {hybrid}"), ["yes", "yes", "no", "no", "yes"], ["yes", "depends", "no", "no", "depends"]),
        ("gpt.iso", format!("{isolinux} {hybrid} -isohybrid-gpt-basdat"), ["yes", "yes", "no", "no", "yes"], ["yes", "yes", "no", "no", "yes"]),
        (
            "appended.iso",
            "-append_partition 2 0xef esp.img -appended_part_as_gpt -eltorito-alt-boot -e --interval:appended_partition_2:all:: -no-emul-boot"
                .into(),
            ["no", "yes", "no", "no", "yes"],
            ["no", "yes", "no", "no", "yes"],
        ),
    ];
    for (name, options, disc, stick) in makes {
        let Some(_) = xorriso(&folder, &format!("-as mkisofs -quiet -R -o {name} {options} tree")) else { return };
        let result = told(&folder, 0, name);
        let class = if name == "bios.iso" { "disc-only" } else { "hybrid" };
        assert_eq!((&result["class"], &result["contradictions"]), (&class.into(), &Value::Array(Vec::new())), "{name}");
        boots(&result, disc, stick);
        catalog_is_as_xorriso_says(&folder, name, &result);
        partitions_are_as_sfdisk_says(&folder, name, &result);
        let image = folder.read(name);
        folder.write("short.iso", &image[..image.len() - 200 * SECTOR]);
        assert!(told(&folder, 6, "short.iso")["length"]["missing"].as_u64() > Some(0), "{name}");
    }
}

fn catalog_is_as_xorriso_says(folder: &Folder, name: &str, result: &Value) {
    let Some(ran) = xorriso(folder, &format!("-indev {name} -report_el_torito plain")) else { return };
    // `El Torito boot img :   1  BIOS  y   none  0x0000  0x00      4          38`
    let images: Vec<(String, u64)> = ran
        .out()
        .lines()
        .filter_map(|line| line.strip_prefix("El Torito boot img :"))
        .map(|line| line.split_whitespace().map(String::from).collect::<Vec<_>>())
        .map(|fields| (fields[1].to_lowercase().replace("uefi", "efi"), fields[7].parse().unwrap()))
        .collect();
    let entries = result["catalog"]["entries"].as_array().unwrap();
    let ours: Vec<(String, u64)> =
        entries.iter().map(|entry| (entry["platform"].as_str().unwrap().into(), entry["lba"].as_u64().unwrap())).collect();
    assert_eq!(ours, images, "{name}");
}

fn partitions_are_as_sfdisk_says(folder: &Folder, name: &str, result: &Value) {
    if !installed("sfdisk") {
        return;
    }
    let ran = finish(folder.command("/usr/sbin/sfdisk", &["--json", name]), &[name]);
    let Ok(table) = serde_json::from_slice::<Value>(&ran.stdout) else { return };
    let ours: Vec<u64> = result["partitions"].as_array().unwrap().iter().map(|part| part["start"].as_u64().unwrap()).collect();
    for partition in table["partitiontable"]["partitions"].as_array().into_iter().flatten() {
        let start = partition["start"].as_u64().unwrap() * 512;
        assert!(ours.contains(&start), "{name}: sfdisk knows one at {start}, we {ours:?}");
    }
}

#[test]
fn debians_own_images_are_told_as_they_are() {
    let folder = Folder::new();
    // From the images themselves: their partitions and catalogs, by fdisk and xorriso.
    let images = [
        ("/usr/lib/memtest86+/memtest86+x64.iso", Some(5_885_952), ["yes", "yes"], ["yes", "yes"]),
        ("/usr/lib/ipxe/ipxe.iso", None, ["yes", "yes"], ["yes", "depends"]),
        ("/usr/lib/grub-rescue/grub-rescue-cdrom.iso", None, ["yes", "no"], ["yes", "no"]),
    ];
    for (image, end, disc, stick) in images {
        let Ok(meta) = std::fs::metadata(image) else {
            skipped(&format!("{image} is not installed"));
            continue;
        };
        let result = told(&folder, 0, image);
        assert_eq!(result["length"]["end"], end.unwrap_or(meta.len()), "{image}");
        boots(&result, [disc[0], disc[1], "no", "no", "no"], [stick[0], stick[1], "no", "no", "no"]);
        let loader = ["GRUB", "ISOLINUX", "GRUB"].iter().zip(&images).find(|(_, (known, ..))| *known == image);
        let evidence = result["boot"][0]["stick"]["evidence"].as_str().unwrap();
        assert!(evidence.contains(loader.unwrap().0), "{image}: {evidence}");
        catalog_is_as_xorriso_says(&folder, image, &result);
        partitions_are_as_sfdisk_says(&folder, image, &result);
        uuid_is_as_blkid_says(&folder, image, &result);
    }
}

fn uuid_is_as_blkid_says(folder: &Folder, image: &str, result: &Value) {
    if let Some(ran) = folder.witness("/usr/sbin/blkid", &["-p", "-o", "value", "-s", "UUID", image]) {
        assert_eq!(ran.out().trim(), result["names"]["uuid"].as_str().unwrap_or_default(), "{image}");
    }
}

#[test]
fn labels_and_uuids_are_those_of_blkid() {
    let folder = Folder::new();
    tree(&folder);
    let bridge = ["-quiet", "-udf", "-J", "-R", "-V", "BRIDGE", "-publisher", "SOMEBODY", "-o", "bridge.iso", "tree"];
    if folder.witness("genisoimage", &bridge).is_some() {
        let result = told(&folder, 0, "bridge.iso");
        assert_eq!((&result["names"]["publisher"], &result["names"]["udf"]), (&"SOMEBODY".into(), &"BRIDGE".into()));
        uuid_is_as_blkid_says(&folder, "bridge.iso", &result);
    }
    for block in ["512", "2048"] {
        folder.write("udf.img", vec![0; 4 << 20]);
        let Some(_) = installed("mkudffs").then(|| {
            folder.witness("/usr/sbin/mkudffs", &["-b", block, "--label=Ünique", "udf.img"]);
        }) else {
            return;
        };
        let result = told(&folder, 0, "udf.img");
        assert_eq!((&result["names"]["udf"], &result["length"]["verdict"]), (&"Ünique".into(), &"complete".into()), "{block}");
        uuid_is_as_blkid_says(&folder, "udf.img", &result);
        let image = folder.read("udf.img");
        // Where the copy of the descriptors lay, and the last anchor.
        folder.write("short.img", &image[..image.len() - (1 << 20)]);
        assert_eq!(told(&folder, 6, "short.img")["length"]["verdict"], "truncated", "{block}");
    }
}

#[test]
fn sessions_one_behind_the_other_are_followed_and_the_last_ones_files_are_named() {
    let folder = Folder::new();
    tree(&folder);
    let Some(_) = xorriso(&folder, "-as mkisofs -quiet -no-pad -R -o first.iso tree") else { return };
    let first = folder.read("first.iso");
    let start = (first.len() / SECTOR).next_multiple_of(32);
    folder.write("tree/second.txt", "second session\n");
    let sectors = format!("16,{start}");
    let more = ["-quiet", "-R", "-no-pad", "-C", &sectors, "-M", "first.iso", "-o", "second.bin", "tree"];
    if folder.witness("genisoimage", &more).is_none() {
        return;
    }
    let mut both = first.clone();
    both.resize(start * SECTOR, 0);
    both.extend(folder.read("second.bin"));
    folder.write("both.iso", &both);
    let result = told(&folder, 0, "both.iso");
    assert_eq!((&result["sessions"], &result["length"]["end"]), (&serde_json::json!([0, start]), &both.len().into()));
    assert!(inspect(&folder, 0, &["both.iso", "--ls"]).out().contains("second.txt"));
    folder.write("short.iso", &both[..both.len() - SECTOR]);
    assert_eq!(told(&folder, 6, "short.iso")["length"]["missing"], SECTOR);
}

#[test]
fn sessions_of_a_disc_are_those_that_it_lists_with_the_gap_between_them() {
    let folder = Folder::new();
    tree(&folder);
    let Some(_) = xorriso(&folder, "-as mkisofs -quiet -no-pad -R -o first.iso tree") else { return };
    let mut disc = folder.read("first.iso");
    let (first, start) = (disc.len() / SECTOR, disc.len() / SECTOR + 11_400);
    folder.write("tree/second.txt", "second session\n");
    let more = ["-quiet", "-R", "-no-pad", "-C", &format!("16,{start}"), "-M", "first.iso", "-o", "second.bin", "tree"];
    if folder.witness("genisoimage", &more).is_none() {
        return;
    }
    let second = folder.read("second.bin");
    disc.resize(start * SECTOR, 0);
    disc.extend(&second);
    folder.write("disc", &disc);
    let drive = format!("emulated:disc,profile=cd-r,layout=data@0+{first}::data@{start}+{}", second.len() / SECTOR);
    assert_eq!(told(&folder, 0, &drive)["sessions"], serde_json::json!([0, start]));
    inspect(&folder, 0, &[&drive, "--extract", "/second.txt", "-o", "out"]);
    folder.witness("cmp", &["out", "tree/second.txt"]);
}

#[test]
fn a_drive_with_a_damaged_disc_tells_what_it_can_and_that_there_may_be_more() {
    let folder = Folder::new();
    tree(&folder);
    let Some(_) = xorriso(&folder, "-as mkisofs -quiet -no-pad -R -J -V STORY -o a.iso tree") else { return };
    let sectors = (folder.read("a.iso").len() / SECTOR) as u32;
    let result = told(&folder, 0, "emulated:a.iso");
    assert_eq!(result["names"]["volume"], "STORY");
    // The root directories lie behind the descriptors.
    folder.write("damage", mapfile(&[(19, 20)], '-', sectors));
    let result = told(&folder, 3, "emulated:a.iso,damage=damage");
    assert_eq!(result["names"]["volume"], "STORY");
    assert!(!result["unreadable"].as_array().unwrap().is_empty());
}

#[test]
fn the_page_is_narrow_escapes_names_and_is_no_place_for_colours() {
    let folder = Folder::new();
    tree(&folder);
    let Some(_) = xorriso(&folder, "-as mkisofs -quiet -R -J -V LABEL -publisher NOBODY -o a.iso tree") else { return };
    let mut image = folder.read("a.iso");
    image[16 * SECTOR + 318..16 * SECTOR + 324].copy_from_slice(b"\x1b[31mX");
    folder.write("a.iso", image);
    let page = inspect(&folder, 0, &["a.iso"]).out();
    assert!(page.lines().all(|line| line.chars().count() <= 98), "{page}");
    assert!(page.contains("\\u{1b}[31mX") && !page.contains('\x1b'), "{page}");
}
