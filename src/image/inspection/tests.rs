//! Images that make no sense, made of such that do.

use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::image::testing::{Medium, tool};

/// A small image with all trees that genisoimage makes; `None`, and a line that says so, where it is missing.
fn disc() -> Option<Vec<u8>> {
    let folder = TempDir::new().unwrap();
    let deep = folder.path().join("tree/one/two/three");
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("a name that is longer than eight"), [7; 5000]).unwrap();
    fs::write(folder.path().join("tree/boot.img"), [1; 4096]).unwrap();
    let command = "genisoimage -quiet -udf -J -R -no-pad -b boot.img -no-emul-boot -o disc.iso tree";
    tool(folder.path(), &command.split(' ').collect::<Vec<_>>(), "")?;
    Some(fs::read(folder.path().join("disc.iso")).unwrap())
}

fn inspect(bytes: Vec<u8>) -> (Inspection, u32) {
    let mut medium = Medium { sector: 1, ..Medium::new(bytes) };
    let inspection = medium.ask(|size, sector, read| Inspection::of(size, sector, &[], read));
    (inspection, medium.reads)
}

/// A small FAT with a folder where UEFI looks; `None`, and a line that says so, where mtools are missing.
fn fat() -> Option<Vec<u8>> {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("x64"), [b"MZ".as_slice(), &[0; 3000]].concat()).unwrap();
    tool(folder.path(), &["mkfs.vfat", "-C", "fat", "400"], "")?;
    tool(folder.path(), &["mmd", "-i", "fat", "::/EFI", "::/EFI/BOOT"], "")?;
    tool(folder.path(), &["mcopy", "-i", "fat", "x64", "::/EFI/BOOT/BOOTRISCV64.EFI"], "")?;
    Some(fs::read(folder.path().join("fat")).unwrap())
}

#[test]
fn broken_bytes_end_neither_in_a_panic_nor_in_reads_without_end() {
    for image in [disc(), fat()].into_iter().flatten() {
        let (whole, reads) = inspect(image.clone());
        assert_eq!((whole.missing(), whole.contradictions.as_slice()), (0, &[][..]));
        // What is zero means little.
        let full: Vec<usize> = (0..image.len()).filter(|&at| image[at] != 0).collect();
        let change = (any::<prop::sample::Index>(), prop_oneof![Just(0), Just(0xFF), any::<u8>()]);
        let config = ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() };
        proptest!(config, |(changes in prop::collection::vec(change, 1..12), end in any::<prop::sample::Index>())| {
            let mut broken = image.clone();
            changes.iter().for_each(|(place, byte)| broken[full[place.index(full.len())]] = *byte);
            broken.truncate(if end.index(4) == 0 { end.index(broken.len()) } else { broken.len() });
            let (_, its) = inspect(broken);
            prop_assert!(its < reads * 20 + 5000, "{its} reads, {reads} of the whole image");
        });
    }
}

#[test]
fn bytes_of_no_meaning_are_nothing_that_is_known() {
    for bytes in [vec![0; 1 << 20], vec![0x5A; 1 << 20], vec![1; 100], Vec::new()] {
        let (inspection, _) = inspect(bytes);
        assert_eq!((inspection.class, inspection.length.verdict), (Class::Unknown, Verdict::Unknown));
        assert!(inspection.boot.iter().all(|row| row.stick.answer == Answer::No && row.disc.answer == Answer::No));
    }
}

#[test]
fn numbers_of_a_descriptor_that_disagree_in_their_byte_orders_are_a_contradiction() {
    let Some(mut disc) = disc() else { return };
    disc[16 * 2048 + 87] ^= 1;
    let (inspection, _) = inspect(disc);
    assert_eq!(inspection.contradictions.len(), 1);
    assert!(inspection.contradictions[0].contains("volume space size"), "{:?}", inspection.contradictions);
}

#[test]
fn what_was_made_for_other_sectors_than_a_medium_has_is_warned_of() {
    let folder = TempDir::new().unwrap();
    let Some(_) = tool(folder.path(), &["mkfs.vfat", "-S", "4096", "-C", "fat", "8000"], "") else { return };
    let (inspection, _) = inspect(fs::read(folder.path().join("fat")).unwrap());
    assert_eq!((inspection.sector, inspection.warnings(4096).len(), inspection.warnings(1).len()), (Some(4096), 0, 0));
    assert!(inspection.warnings(512)[0].contains("sectors of 4096 bytes"), "{:?}", inspection.warnings(512));
}
