use super::*;
use crate::image::testing::{Medium, tool};
use std::fs;

const MIB: u64 = 1 << 20;

/// A file of 16 MiB on which a program has worked; beside it lies a `script` for fdisk.
fn made(command: &[&str], input: &str) -> Option<Medium> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it");
    fs::File::create(&file).unwrap().set_len(16 * MIB).unwrap();
    fs::write(folder.path().join("script"), SCRIPT).unwrap();
    tool(folder.path(), command, input)?;
    Some(Medium::new(fs::read(&file).unwrap()))
}

fn partition(number: u32, start: u64, bytes: u64, kind: &str, name: Option<&str>) -> Partition {
    Partition { number, start, bytes, kind: kind.to_string(), name: name.map(str::to_string) }
}

const SCRIPT: &str = "label: gpt\nstart=1MiB, size=2MiB, type=uefi, name=\"EFI ✓\"\nstart=4MiB, size=8MiB, type=linux\n";

#[test]
fn a_gpt_is_read_for_either_size_of_sector_and_from_its_backup() {
    for sector in [512, 4096] {
        let Some(mut medium) = made(&["fdisk", "-b", &sector.to_string(), "it"], "I\nscript\nw\n") else { return };
        let partitions =
            vec![partition(1, MIB, 2 * MIB, "EFI system", Some("EFI ✓")), partition(2, 4 * MIB, 8 * MIB, "Linux", None)];
        let table = Some(Table { scheme: Scheme::Gpt, sector, partitions });
        for of_the_medium in [512, 4096] {
            medium.sector = of_the_medium;
            assert_eq!(medium.ask(read), table);
        }
        // An entry that was changed: the array no longer is what was summed up.
        medium.bytes[2 * sector as usize + 32] ^= 1;
        assert_eq!(medium.ask(read), table, "from the backup");
        let end = medium.bytes.len();
        medium.bytes[end - 40_000..].fill(0);
        let left = medium.ask(read).map(|table| (table.scheme, table.partitions[0].kind.clone()));
        assert_eq!(left, Some((Scheme::Mbr, "GPT protective".to_string())));
    }
}

#[test]
fn a_backup_is_found_when_the_beginning_is_lost() {
    let Some(mut medium) = made(&["sgdisk", "-n", "1:2048:+4M", "-t", "1:8e00", "-c", "1:volume", "it"], "") else { return };
    medium.bytes[..34 * 512].fill(0);
    let partitions = vec![partition(1, MIB, 4 * MIB, "LVM", Some("volume"))];
    assert_eq!(medium.ask(read), Some(Table { scheme: Scheme::Gpt, sector: 512, partitions }));
}

#[test]
fn an_mbr_is_read_with_its_logical_partitions() {
    let script = "label: dos\nstart=1MiB, size=2MiB, type=c\nstart=4MiB, size=10MiB, type=f\n\
        start=5MiB, size=1MiB, type=83\nstart=8MiB, size=2MiB, type=82\n";
    let Some(mut medium) = made(&["sfdisk", "-q", "it"], script) else { return };
    let expected = vec![
        partition(1, MIB, 2 * MIB, "FAT32", None),
        partition(2, 4 * MIB, 10 * MIB, "extended", None),
        partition(5, 5 * MIB, MIB, "Linux", None),
        partition(6, 8 * MIB, 2 * MIB, "Linux swap", None),
    ];
    assert_eq!(medium.ask(read), Some(Table { scheme: Scheme::Mbr, sector: 512, partitions: expected }));
    // A chain that leads back to itself ends.
    let link = medium.bytes[4 * MIB as usize + 462..][..16].to_vec();
    assert_eq!(link[4], 5);
    medium.bytes[4 * MIB as usize + 470..][..4].fill(0);
    assert_eq!(medium.ask(read).unwrap().partitions.len(), 3);
}

/// An image with both an MBR and a file system of discs in one partition.
#[test]
fn a_hybrid_image_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("tree")).unwrap();
    fs::write(folder.path().join("efi"), vec![7; MIB as usize]).unwrap();
    let command = "xorriso -as mkisofs -quiet -V HYBRID -append_partition 2 0xef efi -o it --protective-msdos-label tree";
    let Some(_) = tool(folder.path(), &command.split(' ').collect::<Vec<_>>(), "") else { return };
    let table = Medium::new(fs::read(folder.path().join("it")).unwrap()).ask(read).unwrap();
    let kinds: Vec<_> = table.partitions.iter().map(|it| (it.number, it.kind.as_str())).collect();
    assert_eq!((table.scheme, kinds), (Scheme::Mbr, vec![(1, "ISO 9660 (isohybrid)"), (2, "EFI system")]));
    assert_eq!(table.partitions[1].bytes, MIB);
}

#[test]
fn a_file_system_from_the_first_sector_on_has_no_table() {
    if let Some(mut medium) = made(&["mkfs.fat", "it"], "") {
        assert_eq!(medium.ask(read), None);
    }
    if let Some(mut medium) = made(&["mke2fs", "-q", "-F", "it"], "") {
        assert_eq!(medium.ask(read), None);
    }
    assert_eq!(Medium::with(0, &[]).ask(read), None);
    assert_eq!(super::read(u64::MAX, 512, &mut |_, _| None), None);
}
