use super::*;
use crate::image::testing::tool;
use proptest::prelude::*;
use std::fs;

const MIB: usize = 1 << 20;

/// An image that programs made: the last one's standard input is `input`.
fn made(commands: &[&str], input: &str) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("it"), vec![0; 12 * MIB]).unwrap();
    fs::create_dir(folder.path().join("tree")).unwrap();
    fs::write(folder.path().join("tree/file"), "a file").unwrap();
    fs::write(folder.path().join("efi"), vec![7; MIB]).unwrap();
    fs::write(folder.path().join("code"), [0x90; 440]).unwrap();
    for command in commands {
        tool(folder.path(), &command.split(' ').collect::<Vec<_>>(), input)?;
    }
    Some(fs::read(folder.path().join("it")).unwrap())
}

/// A GPT of its own, and one on a hybrid image with boot code and further entries in its MBR.
fn images() -> Vec<Vec<u8>> {
    let plain = ["sgdisk -n 1:2048:+4M -t 1:ef00 -n 2:0:+2M it"];
    let hybrid = ["rm it", "xorriso -as mkisofs -quiet -G code -append_partition 2 0xef efi -appended_part_as_gpt -o it tree"];
    let bootable = [
        "rm it",
        "xorriso -as mkisofs -quiet -G code --mbr-force-bootable -append_partition 2 0xef efi -appended_part_as_gpt -o it tree",
    ];
    [&plain[..], &hybrid, &bootable].into_iter().filter_map(|commands| made(commands, "")).collect()
}

/// The image on a medium of `size` bytes, its GPT moved.
fn moved(image: &[u8], size: usize, sector: u32) -> Result<Vec<u8>, Unmoved> {
    let relocation = Relocation::plan(&image[..image.len().min(MIB)], size as u64, sector)?;
    let mut medium = image.to_vec();
    medium.resize(size, 0);
    for change in &relocation.changes {
        assert_eq!(medium[change.offset as usize..][..change.before.len()], change.before);
    }
    relocation.apply(&mut medium);
    put(&mut medium, relocation.array as usize, &relocation.backup);
    let mut undone = medium.clone();
    relocation.undo(&mut undone, 0);
    assert!(undone[..image.len().min(size)] == image[..image.len().min(size)]);
    undone[512 + 16] ^= 1;
    relocation.apply(&mut undone[..MIB]);
    undone[512 + 16] ^= 1;
    let hurt = undone.clone();
    relocation.undo(&mut undone[512..], 512);
    assert!(undone == hurt, "a header that is another stays");
    assert_eq!(relocation.header as usize, size - sector as usize);
    Ok(medium)
}

#[test]
fn what_is_written_is_what_sgdisk_writes() {
    for (number, image) in images().into_iter().enumerate() {
        for size in [12 * MIB + 17 * 1024, 16 * MIB, 64 * MIB + 512] {
            let ours = moved(&image, size, 512).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let mut theirs = image.clone();
            theirs.resize(size, 0);
            fs::write(folder.path().join("it"), theirs).unwrap();
            let Some(_) = tool(folder.path(), &["sgdisk", "-e", "it"], "") else { return };
            let theirs = fs::read(folder.path().join("it")).unwrap();
            let different: Vec<_> = (0..size).step_by(512).filter(|&at| ours[at..][..512] != theirs[at..][..512]).collect();
            // It throws away an entry that makes old firmware boot the image; here it stays.
            assert_eq!(different, if number == 2 { vec![0] } else { vec![] }, "image {number} on {size} bytes");
            assert_eq!((&ours[446..462], &ours[462..512]), (&theirs[446..462], &image[462..512]), "the MBR");
            fs::write(folder.path().join("ours"), &ours).unwrap();
            assert!(tool(folder.path(), &["sgdisk", "-v", "ours"], "").unwrap().contains("No problems found"), "image {number}");
            assert_eq!(ours[..440], image[..440], "the boot code");
            assert_eq!(moved(&ours, size, 512), Err(Unmoved::Fits));
        }
    }
}

#[test]
fn sectors_of_4096_bytes_are_moved_too_and_other_ones_are_refused() {
    let script = "label: gpt\nstart=1MiB, size=2MiB, type=uefi\n";
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("script"), script).unwrap();
    fs::write(folder.path().join("it"), vec![0; 12 * MIB]).unwrap();
    let Some(_) = tool(folder.path(), &["fdisk", "-b", "4096", "it"], "I\nscript\nw\n") else { return };
    let image = fs::read(folder.path().join("it")).unwrap();
    assert_eq!(moved(&image, 20 * MIB, 512), Err(Unmoved::Sectors { table: 4096, medium: 512 }));
    fs::write(folder.path().join("it"), moved(&image, 20 * MIB, 4096).unwrap()).unwrap();
    let said = tool(folder.path(), &["fdisk", "-b", "4096", "it"], "v\nq\n").unwrap();
    assert!(said.contains("No errors detected"), "{said}");
}

#[test]
fn what_is_not_there_or_does_not_hold_is_not_moved() {
    assert_eq!(moved(&[0; MIB], 2 * MIB, 512), Err(Unmoved::NoGpt));
    assert_eq!(moved(&[], MIB, 512), Err(Unmoved::NoGpt));
    let Some(image) = made(&["sgdisk -n 1:2048:0 it"], "") else { return };
    for at in [512 + 40, 1024 + 40] {
        let mut hurt = image.clone();
        hurt[at] ^= 1;
        assert_eq!(moved(&hurt, 16 * MIB, 512), Err(Unmoved::Damaged), "{at}");
    }
    // The partition ends 33 sectors before the image does.
    assert_eq!(Relocation::plan(&image[..MIB], 12 * MIB as u64 - 512, 512), Err(Unmoved::NoRoom));
    assert!(Relocation::plan(&image[..MIB], 12 * MIB as u64 + 512, 512).is_ok());
    assert_eq!(Relocation::plan(&image[..MIB], 4096, 512), Err(Unmoved::NoRoom));
    assert_eq!(Relocation::plan(&image[..1024 + 128], 16 * MIB as u64, 512), Err(Unmoved::Damaged));
}

proptest! {
    #[test]
    fn no_table_breaks_it(
        fields in proptest::collection::vec((16usize..92, any::<u8>()), 0..8),
        size in any::<u64>(),
        length in 512usize..40_000,
    ) {
        let mut head = vec![0u8; length];
        put(&mut head, 512, b"EFI PART");
        put(&mut head, 524, &92u32.to_le_bytes());
        put(&mut head, 536, &1u64.to_le_bytes());
        put(&mut head, 584, &2u64.to_le_bytes());
        put(&mut head, 592, &128u32.to_le_bytes());
        put(&mut head, 596, &128u32.to_le_bytes());
        if let Some(array) = head.get(1024..1024 + 16_384) {
            let crc = crc32fast::hash(array);
            put(&mut head, 600, &crc.to_le_bytes());
        }
        for (at, byte) in fields {
            put(&mut head, 512 + at, &[byte]);
        }
        if length >= 1024 {
            sum_up(&mut head[512..1024]);
        }
        if let Ok(relocation) = Relocation::plan(&head, size, 512) {
            prop_assert_eq!(relocation.array + relocation.backup.len() as u64, size - size % 512);
        }
    }
}
