//! What a disk's image is: partitions, a system partition of each kind of FAT, a Windows installer; sfdisk, mkfs.fat and mtools make them.

use crate::common::{Folder, SECTOR, finish, installed};
use crate::inspect::{boots, esp, inspect, told};

const MIB: usize = 1 << 20;

#[test]
fn system_partitions_of_every_fat_are_read_on_a_disk_and_without_one() {
    for (size, kind) in [((1440, "12"), "fat12"), ((20_000, "16"), "fat16"), ((70_000, "32"), "fat32")] {
        let folder = Folder::new();
        if !installed("sfdisk") || !esp(&folder, size, &[("BOOTIA32.EFI", 0x14C), ("BOOTX64.EFI", 0x8664)]) {
            return;
        }
        let system = folder.read("esp.img");
        let alone = told(&folder, 0, "esp.img");
        assert_eq!((&alone["class"], &alone["signatures"][0]["kind"]), (&"file-system".into(), &kind.into()));
        boots(&alone, ["no"; 5], ["no", "yes", "yes", "no", "no"]);

        let mut disk = vec![0; (system.len() + 3 * MIB).next_multiple_of(MIB)];
        folder.write("disk.img", &disk);
        let sectors = system.len() / 512;
        folder.write("table", format!("label: gpt\nstart=2048, size={sectors}, type=uefi\n"));
        let ran = folder.shell("PATH=$PATH:/usr/sbin sfdisk -q disk.img < table");
        ran.must_be(0);
        disk = folder.read("disk.img");
        disk[MIB..MIB + system.len()].copy_from_slice(&system);
        folder.write("disk.img", &disk);
        let result = told(&folder, 0, "disk.img");
        assert_eq!(
            (&result["class"], &result["sector"], &result["length"]["verdict"]),
            (&"disk".into(), &512.into(), &"complete".into())
        );
        boots(&result, ["no"; 5], ["no", "yes", "yes", "no", "no"]);

        folder.write("short.img", &disk[..disk.len() - 512]);
        assert_eq!(told(&folder, 6, "short.img")["length"]["missing"], 512, "the last sector is the backup of the GPT");
        let mut broken = disk.clone();
        broken[disk.len() - 512..].fill(0);
        folder.write("broken.img", &broken);
        inspect(&folder, 6, &["broken.img"]).must_say("no backup");
        broken = disk.clone();
        broken[600] ^= 1;
        folder.write("broken.img", &broken);
        inspect(&folder, 6, &["broken.img"]).must_say("damaged; its backup is whole");
        boots(&told(&folder, 6, "broken.img"), ["no"; 5], ["no", "yes", "yes", "no", "no"]);
    }
}

#[test]
fn a_windows_installer_is_named_and_needs_another_way_onto_a_stick() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path("tree/sources")).unwrap();
    for name in ["tree/bootmgr", "tree/bootmgr.efi", "tree/sources/boot.wim", "tree/sources/install.wim"] {
        folder.write(name, name);
    }
    if !esp(&folder, (1440, "12"), &[("BOOTX64.EFI", 0x8664)]) {
        return;
    }
    std::fs::copy(folder.path("esp.img"), folder.path("tree/efisys.bin")).unwrap();
    let args = "-quiet -udf -J -R -b efisys.bin -no-emul-boot -o win.iso tree";
    let Some(_) = folder.witness("genisoimage", &args.split(' ').collect::<Vec<_>>()) else { return };
    // genisoimage has no word for UEFI: platform EFh, and the checksum that goes with it.
    let mut image = folder.read("win.iso");
    let catalog = u32::from_le_bytes(image[17 * SECTOR + 71..17 * SECTOR + 75].try_into().unwrap()) as usize * SECTOR;
    image[catalog + 1] = 0xEF;
    let sum = u16::from_le_bytes([image[catalog + 28], image[catalog + 29]]).wrapping_sub(0xEF00);
    image[catalog + 28..catalog + 30].copy_from_slice(&sum.to_le_bytes());
    folder.write("win.iso", &image);
    let ran = finish(folder.command("xorriso", &["-indev", "win.iso", "-report_el_torito", "plain"]), &["win.iso"]);
    assert!(ran.out().contains("UEFI"), "{ran}");
    let result = told(&folder, 0, "win.iso");
    assert_eq!(result["class"], "windows-installer");
    boots(&result, ["no", "yes", "no", "no", "no"], ["no"; 5]);
    assert!(inspect(&folder, 0, &["win.iso"]).out().contains("FAT32"));
    image[catalog + 28] ^= 1;
    folder.write("win.iso", &image);
    inspect(&folder, 6, &["win.iso"]).must_say("checksum of El Torito's boot catalog");
}
