//! Each rule on small machines, made up to show it; `trees` judges captured ones.

use super::Grade::{Fixed, Mounted, Never, Unusual};
use super::*;
use crate::image::signature::Kind as Mark;
use crate::sys::DeviceNumber;
use crate::sys::machine::Machine;

const USB: &str = "devices/pci0000:00/0000:00:14.0/usb2/2-3/2-3:1.0/host6/target6:0:0/6:0:0:0";
const SATA: &str = "devices/pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0";
/// 32 GB, in units of 512 bytes.
const STICK: u64 = 62_500_000;

/// What is given beside the disk.
#[derive(Clone, Copy, Default)]
struct Beside<'a> {
    image: Option<&'a str>,
    need: Option<u64>,
    contents: &'a [Signature],
    writers: &'a [String],
    inode: Option<(u64, u64)>,
    loop_file: Option<LoopFile>,
}

fn findings_beside(machine: &Machine, name: &str, beside: &Beside<'_>) -> Vec<Finding> {
    let topology = Topology::read(&machine.sysfs()).unwrap();
    let block = topology.named(name).unwrap();
    let Beside { image, need, contents, writers, inode, loop_file } = *beside;
    judge(&Candidate { topology: &topology, block, image: image.map(Path::new), inode, need, contents, loop_file, writers })
}

fn findings(machine: &Machine, name: &str) -> Vec<Finding> {
    findings_beside(machine, name, &Beside::default())
}

fn short(findings: &[Finding]) -> Vec<(&'static str, Grade)> {
    findings.iter().map(|finding| (finding.rule, finding.grade)).collect()
}

fn verdict(machine: &Machine, name: &str) -> Vec<(&'static str, Grade)> {
    short(&findings(machine, name))
}

/// The sentence of the only finding of this rule.
fn sentence(findings: &[Finding], rule: &str) -> String {
    let [one] = &findings.iter().filter(|finding| finding.rule == rule).collect::<Vec<_>>()[..] else {
        panic!("{rule}: {findings:?}")
    };
    one.sentence.clone()
}

/// A machine with a SATA disk `sda` that carries the system, and a stick `sdb` with a partition.
fn desk() -> Machine {
    let machine = Machine::new();
    machine.disk(SATA, "sda", "8:0", 1_000_000_000);
    machine.partition("sda", "sda1", "8:1", 2048, 1 << 20);
    machine.mount("8:1 / / ext4 /dev/sda1 rw");
    machine.disk(USB, "sdb", "8:16", STICK);
    machine.partition("sdb", "sdb1", "8:17", 2048, 1 << 20);
    machine
}

#[test]
fn a_stick_may_be_written_and_the_systems_disk_may_not() {
    let machine = desk();
    assert_eq!(verdict(&machine, "sdb"), []);
    let found = findings(&machine, "sda");
    assert_eq!(short(&found), [("system", Never), ("fixed", Fixed), ("large", Unusual)]);
    assert!(found[0].sentence.ends_with("dev/sda: it carries /; take another disk"), "{}", found[0].sentence);
    assert_eq!(found[0].looked_at, "sda1 → /");
}

#[test]
fn a_partition_is_answered_with_its_disk() {
    let machine = desk();
    let sentence = sentence(&findings(&machine, "sdb1"), "partition");
    assert!(sentence.contains("dev/sdb1 is a partition; did you mean /") && sentence.ends_with("/dev/sdb?"), "{sentence}");
}

#[test]
fn what_is_no_stick_is_refused_by_its_kind() {
    let machine = Machine::new();
    machine.disk(USB, "sr0", "11:0", 1000);
    for (name, number) in
        [("md0", "9:0"), ("zram0", "252:0"), ("ram0", "1:0"), ("bcache0", "250:0"), ("zd0", "230:0"), ("rbd0", "249:0")]
    {
        machine.made(name, number, 1000);
        assert_eq!(verdict(&machine, name), [("kind", Never)], "{name}");
    }
    machine.mapper(0, "vg0-root", "LVM-abc", &["md0"]);
    assert_eq!(verdict(&machine, "dm-0"), [("kind", Never)]);
    let sentence = sentence(&findings(&machine, "sr0"), "kind");
    assert!(sentence.contains("dev/sr0 is an optical drive; isoflash writes sticks"), "{sentence}");
}

#[test]
fn what_belongs_to_the_machine_needs_to_be_allowed() {
    let machine = Machine::new();
    machine.disk(SATA, "sda", "8:0", STICK);
    machine.disk("devices/pci0000:00/0000:00:1d.0/nvme/nvme0", "nvme0n1", "259:0", STICK);
    machine.disk("devices/pci0000:00/virtio1", "vda", "254:0", STICK);
    machine.disk("devices/platform/mmc1/mmc_host/mmc1/mmc1:0001", "mmcblk1", "179:16", STICK);
    machine.made("nbd0", "43:0", STICK);
    for name in ["sda", "nvme0n1", "vda", "mmcblk1", "nbd0"] {
        assert_eq!(verdict(&machine, name), [("fixed", Fixed)], "{name}");
    }
    machine.disk("devices/pci0000:00/rtsx/mmc_host/mmc0/mmc0:aaaa", "mmcblk0", "179:0", STICK);
    machine.write("sys/devices/pci0000:00/rtsx/mmc_host/mmc0/mmc0:aaaa/type", "SD\n");
    machine.loop_device(0, "/home/ann/stick.img");
    assert_eq!((verdict(&machine, "mmcblk0"), verdict(&machine, "loop0")), (vec![], vec![]));
}

#[test]
fn an_encrypted_root_on_a_usb_disk_is_the_system() {
    let machine = Machine::new();
    machine.disk(USB, "sdb", "8:16", STICK);
    machine.partition("sdb", "sdb3", "8:19", 2048, 1 << 20);
    machine.mapper(0, "cryptroot", "CRYPT-LUKS2-0011-cryptroot", &["sdb3"]);
    machine.mapper(1, "vg0-root", "LVM-abc", &["dm-0"]);
    machine.mount("253:1 / / ext4 /dev/mapper/vg0-root rw");
    // Nobody is told to close the volume that the system runs from, nor what lies on it.
    machine.loop_device(0, "/home/ann/x.img");
    machine.mapper(2, "vg0-spare", "LVM-abd", &["dm-0"]);
    assert_eq!(verdict(&machine, "sdb"), [("system", Never)]);
    assert_eq!(verdict(&machine, "dm-0"), [("kind", Never), ("system", Never)]);
}

#[test]
fn an_open_volume_on_a_stick_is_closed_from_the_top() {
    let machine = desk();
    machine.mapper(0, "backup", "CRYPT-LUKS2-0011-backup", &["sdb1"]);
    machine.mapper(1, "my--vg-data", "LVM-abc", &["dm-0"]);
    machine.mapper(2, "my--vg-more", "LVM-abd", &["dm-0"]);
    machine.mount("253:1 / /mnt ext4 /dev/mapper/my--vg-data rw");
    let found = findings(&machine, "sdb");
    assert_eq!(short(&found), [("in-use", Never)]);
    let way = "(umount /mnt, then vgchange -an my-vg, then cryptsetup close backup)";
    assert!(found[0].sentence.ends_with(way), "{}", found[0].sentence);
}

#[test]
fn every_disk_under_a_volume_array_or_btrfs_is_in_use() {
    let machine = desk();
    machine.disk(&USB.replace("2-3", "2-4"), "sdc", "8:32", STICK);
    machine.mapper(0, "vg0-data", "LVM-abc", &["sdb1", "sdc"]);
    assert_eq!((verdict(&machine, "sdb"), verdict(&machine, "sdc")), (vec![("in-use", Never)], vec![("in-use", Never)]));

    let machine = desk();
    machine.disk(&USB.replace("2-3", "2-4"), "sdc", "8:32", STICK);
    machine.made("md127", "9:127", 1000);
    machine.stack("sdb", "md127");
    machine.stack("sdc", "md127");
    let found = findings(&machine, "sdc");
    assert_eq!(short(&found), [("in-use", Never)]);
    assert!(found[0].sentence.contains("(mdadm --stop /") && found[0].sentence.ends_with("/dev/md127)"), "{}", found[0].sentence);

    let machine = desk();
    machine.disk(&USB.replace("2-3", "2-4"), "sdc", "8:32", STICK);
    for member in ["sdb1", "sdc"] {
        machine.link(&format!("sys/fs/btrfs/5e1a/devices/{member}"), "anywhere");
    }
    let hidden = findings(&machine, "sdc");
    assert!(hidden[0].sentence.ends_with("in use; unmount what lies on it, also in containers"), "{}", hidden[0].sentence);
    machine.mount("0:45 / /pool btrfs /dev/sdb1 rw");
    for disk in ["sdb", "sdc"] {
        let found = findings(&machine, disk);
        assert_eq!(short(&found), [("in-use", Never)]);
        assert!(found[0].sentence.ends_with("(umount /pool)"), "{}", found[0].sentence);
    }
}

#[test]
fn a_mounted_child_is_unmounted_first_and_a_file_on_it_in_use_is_closed_before() {
    let machine = desk();
    machine.mount("8:17 / /media/ann/STICK vfat /dev/sdb1 rw");
    let found = findings(&machine, "sdb");
    assert_eq!(short(&found), [("mounted", Mounted)]);
    assert!(found[0].sentence.contains("is mounted on /media/ann/STICK; unmount it first"), "{}", found[0].sentence);
    machine.loop_device(3, "/media/ann/STICK/disk.img");
    let found = findings(&machine, "sdb");
    assert_eq!(short(&found), [("in-use", Never), ("mounted", Mounted)]);
    let sentence = &found[0].sentence;
    assert!(sentence.contains("(losetup -d /") && sentence.ends_with("/dev/loop3, then umount /media/ann/STICK)"), "{sentence}");
}

#[test]
fn swap_is_of_the_system_and_zram_harms_nobody() {
    let machine = desk();
    machine.made("zram0", "252:0", 1000);
    machine.swap("/dev/zram0");
    assert_eq!(verdict(&machine, "sdb"), []);
    machine.swap("/dev/sdb1\\040(deleted)");
    let found = findings(&machine, "sdb");
    assert_eq!(short(&found), [("system", Never)]);
    assert!(found[0].sentence.contains("it carries swap"), "{}", found[0].sentence);
    assert_eq!(found[0].looked_at, "sdb1 → swap /dev/sdb1 (deleted)");
}

#[test]
fn the_stick_of_a_live_system_is_the_system() {
    let machine = Machine::new();
    machine.disk(USB, "sdb", "8:16", STICK);
    machine.partition("sdb", "sdb1", "8:17", 64, 1 << 20);
    machine.loop_device(0, "/anywhere/filesystem.squashfs");
    machine.mount("8:17 / /anywhere iso9660 /dev/sdb1 ro");
    machine.mount("7:0 / /lower squashfs /dev/loop0 ro");
    machine.mount("0:30 / / overlay overlay rw,lowerdir=/lower,upperdir=/cow/upper,workdir=/cow/work");
    let found = findings(&machine, "sdb");
    // Its medium is mounted too, but no unmount lifts the other.
    assert_eq!(short(&found), [("system", Never), ("mounted", Mounted)]);
    assert_eq!(found[0].looked_at, "sdb1 → /anywhere → loop0 → /lower → /");
}

#[test]
fn the_images_own_disk_is_never_written() {
    let machine = desk();
    machine.disk(&USB.replace("2-3", "2-4"), "sdc", "8:32", STICK);
    machine.mount("8:17 / /media/stick vfat /dev/sdb1 rw");
    let image = |image, name| short(&findings_beside(&machine, name, &Beside { image: Some(image), ..Beside::default() }));
    assert_eq!(image("/media/stick/x.iso", "sdb"), [("own-image", Never), ("mounted", Mounted)]);
    assert_eq!(image("/home/x.iso", "sdb"), [("mounted", Mounted)]);
    assert_eq!(image("/home/x.iso", "sda"), [("system", Never), ("own-image", Never), ("fixed", Fixed), ("large", Unusual)]);
    assert_eq!(image("/dev/sdc", "sdc"), [("own-image", Never)]);
    assert_eq!(image("/dev/sdb1", "sdc"), []);
    assert!(image("/dev/sdb", "sdb1").contains(&("own-image", Never)));
    assert!(image("/dev/sdb1", "sdb").contains(&("own-image", Never)));
}

#[test]
fn a_loop_device_is_written_unless_it_shows_the_image_a_disk_or_what_another_uses() {
    let machine = desk();
    machine.loop_device(0, "/home/ann/x.iso");
    machine.loop_device(1, "/home/ann/stick.img");
    machine.loop_device(2, "/dev/sda");
    machine.loop_device(3, "/home/ann/disk.img");
    machine.loop_device(4, "/home/ann/disk.img");
    machine.mount("7:4 / /mnt ext4 /dev/loop4 rw");
    let verdict = |name| short(&findings_beside(&machine, name, &Beside { image: Some("/home/ann/x.iso"), ..Beside::default() }));
    assert_eq!(verdict("loop0"), [("own-image", Never)]);
    assert_eq!(verdict("loop1"), []);
    assert_eq!(verdict("loop2"), [("kind", Never)]);
    assert_eq!(verdict("loop3"), [("in-use", Never)]);
    assert_eq!(verdict("loop4"), [("mounted", Mounted)]);
    let device = short(&findings_beside(&machine, "loop1", &Beside { image: Some("/dev/sda"), ..Beside::default() }));
    assert_eq!(device, [("own-image", Never)]);
}

#[test]
fn a_loop_device_itself_knows_its_file_when_the_name_is_gone() {
    let machine = desk();
    machine.loop_device(0, "/home/ann/gone (deleted)");
    let beside = Beside { image: Some("/home/ann/x.iso"), inode: Some((5, 70)), ..Beside::default() };
    let made_of = |inode, node_of| Beside { loop_file: Some(LoopFile { inode, node_of }), ..beside };
    let verdict = |beside| short(&findings_beside(&machine, "loop0", &beside));
    assert_eq!(verdict(beside), []);
    assert_eq!(verdict(made_of((5, 71), None)), []);
    assert_eq!(verdict(made_of((5, 70), None)), [("own-image", Never)]);
    let node_of = |major, minor| made_of((5, 71), Some(DeviceNumber { major, minor }));
    assert_eq!(verdict(node_of(8, 16)), [("kind", Never)]);
    let sentence = |beside| sentence(&findings_beside(&machine, "loop0", &beside), "kind");
    assert!(sentence(node_of(8, 16)).ends_with("/dev/sdb itself"));
    assert!(sentence(node_of(8, 99)).ends_with("name 8:99 itself"));
}

#[test]
fn a_disk_is_known_below_a_loop_device_though_its_node_was_made_anew() {
    let machine = desk();
    machine.loop_device(0, "/dev/sda (deleted)");
    assert_eq!(short(&findings(&machine, "loop0"))[0], ("kind", Never));
    assert!(sentence(&findings(&machine, "loop0"), "kind").contains("made of the disk"));
}

#[test]
fn write_protected_empty_small_and_open_elsewhere_are_refused() {
    let machine = desk();
    let bytes = STICK * 512;
    let need = |need| findings_beside(&machine, "sdb", &Beside { need: Some(need), ..Beside::default() });
    assert_eq!(need(bytes), []);
    let sentence = sentence(&need(bytes + 1), "too-small");
    assert!(sentence.contains(&(bytes + 1).to_string()) && sentence.contains(&format!(" only {bytes};")), "{sentence}");
    let writers = ["dd (pid 7)".to_owned()];
    let found = findings_beside(&machine, "sdb", &Beside { writers: &writers, ..Beside::default() });
    assert_eq!(short(&found), [("open-elsewhere", Never)]);
    assert!(found[0].sentence.starts_with("dd (pid 7) may be writing to "), "{}", found[0].sentence);
    machine.attribute("sdb", "ro", "1\n");
    assert_eq!(verdict(&machine, "sdb"), [("read-only", Never)]);
    machine.attribute("sdb", "ro", "0\n");
    machine.attribute("sdb", "size", "0\n");
    let empty = findings_beside(&machine, "sdb", &Beside { need: Some(1), ..Beside::default() });
    assert_eq!(short(&empty), [("no-medium", Never)]);
}

#[test]
fn members_and_large_disks_are_unusual_but_not_refused() {
    let machine = desk();
    let sign = |kind, label: Option<&str>| Signature { kind, offset: 0, label: label.map(str::to_owned) };
    let contents = [sign(Mark::Gpt, None), sign(Mark::Luks, Some("backup"))];
    let found = findings_beside(&machine, "sdb", &Beside { contents: &contents, ..Beside::default() });
    assert_eq!(short(&found), [("member", Unusual)]);
    assert!(found[0].sentence.contains("holds LUKS \"backup\", which"), "{}", found[0].sentence);
    assert_eq!(short(&findings_beside(&machine, "sdb", &Beside { contents: &contents[..1], ..Beside::default() })), []);
    machine.attribute("sdb", "size", &format!("{}\n", 256_000_000_000_u64 / 512));
    assert_eq!(verdict(&machine, "sdb"), []);
    machine.attribute("sdb", "size", &format!("{}\n", 256_000_000_000_u64 / 512 + 1));
    assert_eq!(verdict(&machine, "sdb"), [("large", Unusual)]);
}

#[test]
fn sda_is_not_judged_by_what_sdaa_carries() {
    let machine = Machine::new();
    machine.disk(USB, "sda", "8:0", STICK);
    machine.partition("sda", "sda1", "8:1", 2048, 1000);
    machine.disk(&USB.replace("2-3", "2-4"), "sdaa", "65:160", STICK);
    machine.partition("sdaa", "sdaa1", "65:161", 2048, 1000);
    machine.mount("65:161 / / ext4 /dev/sdaa1 rw");
    machine.swap("/dev/sdaa1");
    assert_eq!((verdict(&machine, "sda"), verdict(&machine, "sdaa")), (vec![], vec![("system", Never)]));
}

#[test]
fn rules_have_names_of_their_own_and_say_what_they_look_at() {
    let mut names: Vec<_> = RULES.iter().map(|rule| rule.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), RULES.len());
    assert!(RULES.iter().all(|rule| !rule.looks_at.is_empty()));
}

#[test]
fn a_member_of_an_imported_zfs_pool_is_in_use_and_of_the_systems_pool_is_the_system() {
    let machine = desk();
    let contents = [Signature { kind: Mark::Zfs, offset: 16 << 10, label: Some("tank".into()) }];
    let beside = Beside { contents: &contents, ..Beside::default() };
    assert_eq!(short(&findings_beside(&machine, "sdb", &beside)), [("member", Unusual)]);
    machine.write("proc/spl/kstat/zfs/tank/state", "ONLINE\n");
    let found = findings_beside(&machine, "sdb", &beside);
    assert_eq!(short(&found), [("in-use", Never), ("member", Unusual)]);
    assert!(sentence(&found, "in-use").contains("zpool export tank"));
    machine.mount("0:50 / /home zfs tank/home rw");
    assert_eq!(short(&findings_beside(&machine, "sdb", &beside))[0], ("system", Never));
}

#[test]
fn a_loop_device_of_a_hard_link_to_the_image_shows_the_image() {
    let machine = desk();
    machine.write("srv/image.iso", "image");
    let (one, two) = (machine.root().join("srv/image.iso"), machine.root().join("srv/other.iso"));
    std::fs::hard_link(one, two).unwrap();
    machine.loop_device(0, "/srv/other.iso");
    let beside = Beside { image: Some("/srv/image.iso"), ..Beside::default() };
    assert_eq!(short(&findings_beside(&machine, "loop0", &beside)), [("own-image", Never)]);
}
