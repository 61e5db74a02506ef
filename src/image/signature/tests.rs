use super::*;
use crate::image::testing::{Medium, tool};
use proptest::prelude::*;
use std::fs;

const MIB: usize = 1 << 20;

fn found(medium: &mut Medium) -> Vec<(Kind, u64, Option<String>)> {
    medium.ask(find).into_iter().map(|it| (it.kind, it.offset, it.label)).collect()
}

/// A label that goes on from one sector into the next.
const LONG: &str =
    "0123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 12345678";

/// What other people's programs make: the file is `it`, and wipefs is asked where the magic lies.
#[test]
fn what_other_programs_make_is_named() {
    let rows: [(usize, &[&str], Kind, Option<&str>); 24] = [
        (4, &["mke2fs", "-q", "-F", "-t", "ext2", "-L", "two ", "it"], Kind::Ext2, Some("two")),
        (8, &["mke2fs", "-q", "-F", "-t", "ext3", "-L", "three", "it"], Kind::Ext3, Some("three")),
        (8, &["mke2fs", "-q", "-F", "-t", "ext4", "-L", "sixteen letters!", "it"], Kind::Ext4, Some("sixteen letters!")),
        (8, &["mke2fs", "-q", "-F", "-t", "ext4", "it"], Kind::Ext4, None),
        (8, &["mke2fs", "-q", "-F", "-O", "journal_dev", "-b", "4096", "-L", "log", "it"], Kind::ExtJournal, Some("log")),
        (1, &["mkswap", "-q", "-L", "pages", "it"], Kind::Swap, Some("pages")),
        (1, &["mkswap", "-q", "-p", "65536", "it"], Kind::Swap, None),
        (1, &["mkfs.fat", "-F", "12", "-n", "FLOPPY", "it"], Kind::Fat12, Some("FLOPPY")),
        (16, &["mkfs.fat", "-F", "16", "-n", "SIXTEEN", "it"], Kind::Fat16, Some("SIXTEEN")),
        (64, &["mkfs.fat", "-F", "32", "-n", "MY STICK", "it"], Kind::Fat32, Some("MY STICK")),
        (64, &["mkfs.fat", "-F", "32", "-S", "4096", "-s", "1", "it"], Kind::Fat32, None),
        (8, &["mkfs.exfat", "-L", "Übertrag", "it"], Kind::ExFat, Some("Übertrag")),
        (8, &["mkfs.ntfs", "-q", "-F", "-f", "-L", "Sicherung für März", "it"], Kind::Ntfs, Some("Sicherung für März")),
        (8, &["mkfs.ntfs", "-q", "-F", "-f", "-L", LONG, "it"], Kind::Ntfs, Some(LONG)),
        (128, &["mkfs.btrfs", "-q", "-L", "butter", "it"], Kind::Btrfs, Some("butter")),
        (320, &["mkfs.xfs", "-q", "-L", "twelve chars", "it"], Kind::Xfs, Some("twelve chars")),
        (64, &["mkfs.f2fs", "-q", "-l", "flash ✓", "it"], Kind::F2fs, Some("flash ✓")),
        (8, &["mkudffs", "--utf8", "-b", "512", "-l", "short blocks", "it"], Kind::Udf, Some("short blocks")),
        (8, &["mkudffs", "--utf8", "-b", "2048", "-l", "discs", "it"], Kind::Udf, Some("discs")),
        (8, &["mkudffs", "--utf8", "-b", "4096", "-l", "long ones", "it"], Kind::Udf, Some("long ones")),
        (0, &["xorriso", "-as", "mkisofs", "-quiet", "-V", "ISOIMAGE", "-o", "it", "tree"], Kind::Iso9660, Some("ISOIMAGE")),
        (0, &["mksquashfs", "tree", "it", "-quiet", "-noappend", "-no-progress"], Kind::Squashfs, None),
        (
            20,
            &["cryptsetup", "-q", "luksFormat", "--type", "luks1", "--pbkdf-force-iterations", "1000", "it", "input"],
            Kind::Luks,
            None,
        ),
        (
            20,
            &[
                "cryptsetup",
                "-q",
                "luksFormat",
                "--type",
                "luks2",
                "--pbkdf",
                "pbkdf2",
                "--pbkdf-force-iterations",
                "1000",
                "--label",
                "vault",
                "it",
                "input",
            ],
            Kind::Luks,
            Some("vault"),
        ),
    ];
    for (mib, command, kind, label) in rows {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tree")).unwrap();
        fs::write(folder.path().join("tree/file"), "text").unwrap();
        let file = folder.path().join("it");
        if mib > 0 {
            fs::File::create(&file).unwrap().set_len((mib * MIB) as u64).unwrap();
        }
        let Some(_) = tool(folder.path(), command, "secret") else { continue };
        let mut medium = Medium::new(fs::read(&file).unwrap());
        let named = found(&mut medium);
        let [(its, offset, name)] = &named[..] else { panic!("{command:?}: {named:?}") };
        assert_eq!((*its, name.as_deref()), (kind, label), "{command:?}");
        assert!(medium.reads <= 30, "{command:?}: {} reads", medium.reads);
        if kind != Kind::ExtJournal
            && let Some(witness) = tool(folder.path(), &["wipefs", "-n", "-p", "it"], "")
        {
            let places: Vec<_> = witness.lines().filter_map(|line| line.split(',').next()?.strip_prefix("0x")).collect();
            // Of UDF it names the descriptor before, which ISO 9660 may have, too.
            let offset = if kind == Kind::Udf { 0x8001 } else { *offset };
            assert!(places.contains(&format!("{offset:x}").as_str()), "{command:?}: {offset:x}: {witness}");
        }
    }
}

/// Headers of what needs a device, or a program that few have. Where their fields lie: beside the finders.
#[test]
fn headers_made_by_hand_are_named() {
    let md = |offset: u64| {
        let mut block = vec![0; 256];
        block[..8].copy_from_slice(&[0xFC, 0x4E, 0x2B, 0xA9, 1, 0, 0, 0]);
        block[32..41].copy_from_slice(b"host:data");
        block[144..152].copy_from_slice(&(offset / 512).to_le_bytes());
        block
    };
    let size = 4 * MIB + 5 * 4096 + 512;
    let md_end = 4 * MIB + 3 * 4096;
    let old_md = 4 * MIB - 0x1_0000;
    let lvm = [b"LABELONE".as_slice(), &[1, 0, 0, 0, 0, 0, 0, 0], &[9; 8], b"LVM2 001"].concat();
    let bcache = [&8u64.to_le_bytes()[..], &[1; 8], &hex("c68573f64e1a45ca8265f57f48ba6d81"), &[5; 32], b"cached\0"].concat();
    let bcachefs = [&[3; 24][..], &hex("c68573f666ce90a9d96a60cf803df7ef"), &[5; 32], b"many\0"].concat();
    let old_bcachefs = hex("c68573f64e1a45ca8265f57f48ba6d81").to_vec();
    let hfs = [b"BD".as_slice(), &[0; 18], &4096u32.to_be_bytes(), &[0; 12], b"\x04Disk!!"].concat();
    let mut to_go = [b"\xEB\x58\x90MSWIN4.1".as_slice(), &[0; 501]].concat();
    to_go[424..440].copy_from_slice(&hex("3bd66749292ed84a8399f6a339e3d001"));
    to_go[510..512].copy_from_slice(&[0x55, 0xAA]);
    /// Where a header is put, the header, and what is to be found where.
    type Row<'a> = (usize, Vec<u8>, Kind, u64, Option<&'a str>);
    let rows: [Row; 18] = [
        (0, md(0), Kind::Md, 0, Some("host:data")),
        (4096, md(4096), Kind::Md, 4096, Some("host:data")),
        (md_end, md(md_end as u64), Kind::Md, md_end as u64, Some("host:data")),
        (old_md, vec![0xFC, 0x4E, 0x2B, 0xA9, 0, 0, 0, 0, 90, 0, 0, 0], Kind::Md, 0x3F_0000, None),
        (old_md, vec![0xA9, 0x2B, 0x4E, 0xFC, 0, 0, 0, 0, 0, 0, 0, 90], Kind::Md, 0x3F_0000, None),
        (512, lvm, Kind::Lvm, 512, None),
        (4096 + 8, bcache, Kind::Bcache, 4120, Some("cached")),
        (4096, bcachefs.clone(), Kind::Bcachefs, 4120, Some("many")),
        (4096 + 24, old_bcachefs, Kind::Bcachefs, 4120, None),
        (2 * MIB, bcachefs, Kind::Bcachefs, 2_097_176, Some("many")),
        (0, b"\xEB\x58\x90-FVE-FS-".to_vec(), Kind::BitLocker, 3, None),
        (0, to_go, Kind::BitLocker, 424, None),
        (32, b"NXSB".to_vec(), Kind::Apfs, 32, None),
        (1024, b"H+\0\x04".to_vec(), Kind::HfsPlus, 1024, None),
        (1024, hfs, Kind::Hfs, 1024, Some("Disk")),
        (0, b"sqsh".to_vec(), Kind::Squashfs, 0, None),
        (8182, b"S1SUSPEND\0".to_vec(), Kind::Swap, 8182, None),
        (0, b"LUKS\xBA\xBE\0\x02".to_vec(), Kind::Luks, 0, None),
    ];
    for (at, header, kind, offset, label) in rows {
        let named = found(&mut Medium::with(size, &[(at, &header)]));
        assert_eq!(named, [(kind, offset, label.map(str::to_string))], "{kind:?} at {at}");
    }
    // What lies elsewhere than it says is a copy that nobody would believe.
    assert_eq!(found(&mut Medium::with(size, &[(4096, &md(0))])), []);
    assert_eq!(found(&mut Medium::with(size, &[(0, b"LUKS\xBA\xBE\0\x09")])), []);
}

fn hex(text: &str) -> [u8; 16] {
    hex::decode(text).unwrap().try_into().unwrap()
}

/// One of ZFS' labels, as `zdb -l` shows it: a version, a name, or not, as spare disks have it, and a list with names of its own.
fn pool(name: Option<&str>) -> Vec<u8> {
    let padded = |text: &str| [text.as_bytes(), &[0; 4][..text.len().next_multiple_of(4) - text.len()]].concat();
    let pair = |name: &str, value: &[u8]| {
        let length = 12 + padded(name).len() + value.len();
        [&(length as u32).to_be_bytes()[..], &[0, 0, 0, 64], &(name.len() as u32).to_be_bytes(), &padded(name), value].concat()
    };
    let string = |text: &str| [&[0, 0, 0, 9, 0, 0, 0, 1][..], &(text.len() as u32).to_be_bytes(), &padded(text)].concat();
    let number = [0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x13, 0x88];
    let list = [0, 0, 0, 19, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
    let name = name.map(|name| pair("name", &string(name))).unwrap_or_default();
    let head = [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    [&head[..], &pair("version", &number), &name, &pair("vdev_tree", &list), &pair("name", &string("inner")), &[0; 8]].concat()
}

#[test]
fn zfs_has_labels_at_both_ends() {
    let list = pool(Some("tank5"));
    let (end, label) = (4 * MIB, 256 * 1024);
    let places = [0, label, end - 2 * label, end - label].map(|start| start + 16 * 1024);
    let mut medium = Medium::with(end + 100_352, &places.map(|at| (at, &list[..])));
    let named = medium.ask(find);
    assert!(named.iter().all(|it| it.kind == Kind::Zfs && it.label.as_deref() == Some("tank5")), "{named:?}");
    assert_eq!(named.iter().map(|it| it.offset).collect::<Vec<_>>(), places.map(|at| at as u64));
    // An image of one mebibyte leaves the last two; one that ends where the last begins leaves it.
    assert_eq!(beyond(&named, MIB as u64).count(), 2);
    assert_eq!(beyond(&named, places[3] as u64).count(), 1);
    assert_eq!(beyond(&named, places[3] as u64 + 1).count(), 0);
    let spare = Medium::with(end, &[(places[0], &pool(None))]);
    assert_eq!(found(&mut { spare }), [(Kind::Zfs, places[0] as u64, None)]);
}

/// A GPT as `sgdisk` makes it is asked of [`crate::image::partitions`]; here the backup after an image, and the stale one.
#[test]
fn tables_are_named_where_they_lie() {
    for sector in [512, 4096] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("it");
        fs::File::create(&file).unwrap().set_len(4 * MIB as u64).unwrap();
        fs::write(folder.path().join("script"), "label: gpt\nstart=1MiB, size=1MiB\n").unwrap();
        let Some(_) = tool(folder.path(), &["fdisk", "-b", &sector.to_string(), "it"], "I\nscript\nw\n") else { return };
        let mut medium = Medium::new(fs::read(&file).unwrap());
        let last = 4 * MIB as u64 - sector;
        assert_eq!(found(&mut medium), [(Kind::Gpt, sector, None), (Kind::GptBackup, last, None)]);
        // On a longer stick the backup stays where the primary says it is.
        medium.bytes.extend(vec![0; MIB]);
        assert_eq!(found(&mut medium), [(Kind::Gpt, sector, None), (Kind::GptBackup, last, None)]);
        assert!(medium.reads < 40, "{}", medium.reads);
        // After an image that is shorter, it is what remains; one byte changed in it, and nobody believes it.
        medium.bytes.truncate(4 * MIB);
        medium.bytes[..MIB].fill(0);
        assert_eq!(found(&mut medium), [(Kind::GptBackup, last, None)]);
        medium.bytes[last as usize + 60] ^= 1;
        assert_eq!(found(&mut medium), []);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it");
    fs::File::create(&file).unwrap().set_len(4 * MIB as u64).unwrap();
    let Some(_) = tool(folder.path(), &["sfdisk", "-q", "it"], "label: dos\nstart=1MiB, type=c, bootable\n") else { return };
    assert_eq!(found(&mut Medium::new(fs::read(&file).unwrap())), [(Kind::Mbr, 510, None)]);
}

/// Code that runs through where a table would be is none, nor is a boot sector that looks like one.
#[test]
fn not_everything_that_ends_in_55_aa_is_a_table() {
    let mut code = vec![0x90; 512];
    code[510..].copy_from_slice(&[0x55, 0xAA]);
    assert_eq!(found(&mut Medium::with(MIB, &[(0, &code)])), []);
    code[446..510].fill(0);
    assert_eq!(found(&mut Medium::with(MIB, &[(0, &code)])), []);
    // A protective entry whose GPT is gone is all there is to name.
    code[446 + 4] = 0xEE;
    code[446 + 12] = 1;
    assert_eq!(found(&mut Medium::with(MIB, &[(0, &code)])), [(Kind::Mbr, 510, None)]);
    let mut ntfs = [b"\xEB\x52\x90NTFS    ".as_slice(), &[0; 501]].concat();
    ntfs[510..].copy_from_slice(&[0x55, 0xAA]);
    ntfs[446 + 4] = 0x83;
    ntfs[446 + 12] = 1;
    assert_eq!(found(&mut Medium::with(MIB, &[(0, &ntfs)])), [(Kind::Ntfs, 3, None)]);
}

/// The numbers of clusters between which Microsoft's specification draws the lines; 32 bits have their own field.
#[test]
fn the_width_of_a_fat_goes_by_its_clusters() {
    for (clusters, width, kind) in [
        (4084u32, 16, Some(Kind::Fat12)),
        (4085, 16, Some(Kind::Fat16)),
        (65_524, 16, Some(Kind::Fat16)),
        (65_525, 16, None),
        (65_525, 32, Some(Kind::Fat32)),
    ] {
        let mut boot = [0; 512];
        boot[..3].copy_from_slice(b"\xEB\x3C\x90");
        // Sectors of 512 bytes, one a cluster; one reserved, two tables, 16 entries, of which one sector is full.
        boot[11..22].copy_from_slice(&[0, 2, 1, 1, 0, 2, 16, 0, 0, 0, 0xF8]);
        let table = if width == 16 { 22 } else { 36 };
        boot[table..table + 2].copy_from_slice(&[0, 1]);
        boot[32..36].copy_from_slice(&(1 + 2 * 256 + 1 + clusters).to_le_bytes());
        boot[44] = 2;
        boot[510..].copy_from_slice(&[0x55, 0xAA]);
        let expected: Vec<_> = kind.map(|kind| (kind, 510, None)).into_iter().collect();
        assert_eq!(found(&mut Medium::with(MIB, &[(0, &boot)])), expected, "{clusters} {width}");
    }
}

#[test]
fn apples_map_is_named() {
    let map = Medium::with(MIB, &[(0, b"ER\x08\0"), (2048, b"PM\0\0\0\0\0\x02")]);
    assert_eq!(found(&mut { map }), [(Kind::Apm, 2048, None)]);
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("tree")).unwrap();
    let command = ["xorriso", "-as", "mkisofs", "-quiet", "-hfsplus", "-V", "APPLES", "-o", "it", "tree"];
    let Some(_) = tool(folder.path(), &command, "") else { return };
    let mut medium = Medium::new(fs::read(folder.path().join("it")).unwrap());
    assert_eq!(found(&mut medium), [(Kind::Apm, 512, None), (Kind::Iso9660, 32_769, Some("APPLES".to_string()))]);
}

/// The label is an entry of the root directory, wherever it stands there; the boot sector's copy is what was once.
#[test]
fn a_fats_label_is_told_from_files_and_from_its_copy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it");
    fs::File::create(&file).unwrap().set_len(16 * MIB as u64).unwrap();
    let Some(_) = tool(folder.path(), &["mkfs.fat", "-F", "16", "-n", "ONCE", "it"], "") else { return };
    let mut medium = Medium::new(fs::read(&file).unwrap());
    let root = (512..MIB).find(|&at| medium.bytes[at..].starts_with(b"ONCE       \x08")).unwrap();
    medium.bytes[root..root + 160].fill(0);
    for (number, entry) in
        [b"README  TXT\x20", b"\xE5LD        \x08", b"Af.i.l.e.n.\x0F", b"FOLDER     \x10", b"NOW        \x08"].iter().enumerate()
    {
        medium.bytes[root + 32 * number..][..12].copy_from_slice(*entry);
    }
    assert_eq!(found(&mut medium), [(Kind::Fat16, 54, Some("NOW".to_string()))]);
    medium.bytes[root..root + 160].fill(0);
    assert_eq!(found(&mut medium), [(Kind::Fat16, 54, Some("ONCE".to_string()))]);
}

#[test]
fn what_cannot_be_read_hides_nothing_else() {
    let volume = [b"LUKS\xBA\xBE\0\x01".as_slice(), &[0; 100]].concat();
    let mut medium = Medium::with(4 * MIB, &[(0, &volume), (4086, b"SWAPSPACE2"), (65_600, b"_BHRfS_M")]);
    medium.bad = vec![4096..4608, 40_000..40_001, 4 * MIB as u64 - 1..4 * MIB as u64];
    assert_eq!(found(&mut medium), [(Kind::Luks, 0, None), (Kind::Swap, 4086, None), (Kind::Btrfs, 65_600, None)]);
}

#[test]
fn little_is_read_of_an_empty_medium_and_nothing_of_none() {
    let mut medium = Medium::with(16 * MIB, &[]);
    assert_eq!(found(&mut medium), []);
    assert!(medium.reads <= 10, "{}", medium.reads);
    for size in [0, 1, 511, 512, 4095, 4096, 65_536] {
        assert_eq!(found(&mut Medium::with(size, &[])), []);
    }
    assert_eq!(find(1 << 20, 0, &mut |_, _| None), []);
    assert_eq!(find(u64::MAX, 512, &mut |_, _| None), []);
    assert_eq!(find(u64::MAX, 4096, &mut |_, len| Some(vec![0xFF; len])), []);
}

#[test]
fn labels_are_short_and_control_characters_are_left() {
    assert_eq!(label(b"  \x1B[31mred \xFF \0rest"), Some("\x1B[31mred \u{FFFD}".to_string()));
    assert_eq!(label(&[b'x'; 500]).map(|text| text.len()), Some(128));
    assert_eq!(label(b"   \0"), None);
    assert_eq!(label_utf16(&[0x3D, 0xD8, 0, 0xDE, 0x20, 0, 0, 0, 65, 0]), Some("😀".to_string()));
}

#[test]
fn kinds_are_written_in_lower_case_and_members_are_told() {
    let it = Signature { kind: Kind::GptBackup, offset: 512, label: None };
    assert_eq!(serde_json::to_string(&it).unwrap(), r#"{"kind":"gptbackup","offset":512,"label":null}"#);
    assert!([Kind::Luks, Kind::Lvm, Kind::Md, Kind::Zfs, Kind::Bcache, Kind::BitLocker].into_iter().all(Kind::is_member));
    assert!(![Kind::Gpt, Kind::Ext4, Kind::Btrfs, Kind::Swap].into_iter().any(Kind::is_member));
}

proptest! {
    /// Any bytes where headers lie: no panic, little work, and only what is promised of labels.
    #[test]
    fn hostile_bytes_cost_little(
        size in 0usize..(2 << 20),
        sector in prop::sample::select(vec![512u32, 2048, 4096]),
        fill in any::<u8>(),
        pieces in prop::collection::vec((piece(), prop::collection::vec(any::<u8>(), 0..200)), 0..12),
        bad in prop::collection::vec(0u64..(2 << 20), 0..4),
    ) {
        let size = size - size % sector as usize;
        let mut medium = Medium::new(vec![fill; size]);
        for ((at, magic, from_end), noise) in pieces {
            let at = if from_end { size.saturating_sub(at) } else { at };
            for (place, byte) in (at..size).zip(magic.iter().chain(&noise)) {
                medium.bytes[place] = *byte;
            }
        }
        medium.sector = sector;
        medium.bad = bad.into_iter().map(|at| at..at + 700).collect();
        let named = medium.ask(find);
        prop_assert!(medium.reads <= 160);
        for it in &named {
            prop_assert!(it.offset < size as u64);
            prop_assert!(it.label.as_ref().is_none_or(|text| !text.is_empty() && text.chars().count() <= 128));
        }
        medium.reads = 0;
        let _ = medium.ask(crate::image::partitions::read);
        prop_assert!(medium.reads <= 160);
    }
}

/// A place where headers lie, what could lie there, and whether it counts from the end.
fn piece() -> impl Strategy<Value = (usize, Vec<u8>, bool)> {
    let mut places = vec![];
    for (at, magic) in [
        (0, b"\xEB\x3C\x90NTFS    \0\x02\x08".as_slice()),
        (0, b"\xEB\x3C\x90EXFAT   "),
        (0, b"\xEB\x3C\x90mkfs.fat\0\x02\x04\x01\0\x02\0\x02\0\x40\xF8"),
        (54, b"FAT16   "),
        (88, b"\x20\0\0\0\0\0\0\0\x05\0\0\0"),
        (108, b"\x09\x03"),
        (446, b"\x80\0\0\0\x05"),
        (510, b"\x55\xAA"),
        (512, b"EFI PART\0\0\x01\0\x5C\0\0\0"),
        (512, b"LABELONE"),
        (1024, b"BD"),
        (1080, b"\x53\xEF"),
        (4096, b"\xFC\x4E\x2B\xA9\x01\0\0\0"),
        (16_384, b"\x01\x01\0\0\0\0\0\0\0\0\0\x01\0\0\0\x20\0\0\0\0\0\0\0\x07version\0\0\0\0\x08"),
        (32_768, b"\x01CD001\x01"),
        (34_816, b"\0NSR02\x01"),
        (34_816, b"\0NSR03\x01"),
        (131_072, b"\x02\0\x02\0"),
        (524_288, b"\x02\0\x02\0\x09\0\0\0\0\0\0\0\0\x01\0\0\0\x80\0\0\0\x01\0\0"),
    ] {
        places.extend([(at, magic.to_vec(), false), (at, magic.to_vec(), true)]);
    }
    prop::sample::select(places)
}
