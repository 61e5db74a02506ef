//! Small machines, and what lies on what in them.

use std::process::{Child, Command};

use super::*;
use crate::sys::machine::Machine;

const USB: &str = "devices/pci0000:00/0000:00:14.0/usb2/2-3/2-3:1.0/host6/target6:0:0/6:0:0:0";
const SATA: &str = "devices/pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0";

fn topology(machine: &Machine) -> Topology {
    Topology::read(&machine.sysfs()).unwrap()
}

/// What stands on the device, chain by chain.
fn standing(topology: &Topology, name: &str) -> Vec<String> {
    topology.standing_on(topology.named(name).unwrap().number).iter().map(ToString::to_string).collect()
}

/// What the file lies on.
fn holding(topology: &Topology, path: &str) -> Vec<String> {
    let mut names: Vec<_> =
        topology.holding(Path::new(path)).into_iter().map(|number| topology.find(number).unwrap().name.clone()).collect();
    names.sort();
    names
}

#[test]
fn a_disk_and_its_partitions_are_described() {
    let machine = Machine::new();
    machine.disk(USB, "sdb", "8:16", 61_440_000);
    machine.partition("sdb", "sdb2", "8:18", 1_050_624, 1000);
    machine.partition("sdb", "sdb1", "8:17", 2048, 1_048_576);
    for (name, value) in [("vendor", "SanDisk \n"), ("model", "Ultra Fit       \n")] {
        machine.write(&format!("sys/{USB}/{name}"), value);
    }
    machine.write("sys/devices/pci0000:00/0000:00:14.0/usb2/2-3/idVendor", "0781\n");
    machine.write("sys/devices/pci0000:00/0000:00:14.0/usb2/2-3/serial", "4C53\n");
    for (name, value) in [("diskseq", "17\n"), ("ro", "1\n"), ("queue/logical_block_size", "4096\n")] {
        machine.attribute("sdb", name, value);
    }
    machine.link("dev/disk/by-id/lvm-pv-uuid-my9OID", "../../sdb");
    machine.link("dev/disk/by-id/usb-SanDisk_4C53-0:0", "../../sdb");
    machine.link("dev/disk/by-id/usb-SanDisk_4C53-0:0-part1", "../../sdb1");
    let topology = topology(&machine);

    let disk = topology.named("sdb").unwrap();
    let number = DeviceNumber { major: 8, minor: 16 };
    assert_eq!((disk.number, &disk.kind, disk.size, disk.sector), (number, &Kind::Usb, 61_440_000 * 512, 4096));
    assert_eq!(
        (disk.vendor.as_deref(), disk.model.as_deref(), disk.serial.as_deref()),
        (Some("SanDisk"), Some("Ultra Fit"), Some("4C53"))
    );
    assert_eq!((disk.disk_sequence, disk.is_read_only, disk.whole), (Some(17), true, None));
    assert_eq!(disk.node, machine.root().join("dev/sdb"));
    assert_eq!(disk.by_id, Some(machine.root().join("dev/disk/by-id/usb-SanDisk_4C53-0:0")));
    let partitions = topology.partitions_of(number);
    assert_eq!(partitions.iter().map(|block| &*block.name).collect::<Vec<_>>(), ["sdb1", "sdb2"]);
    let first = partitions[0];
    assert_eq!((&first.kind, first.start, first.size, first.sector), (&Kind::Partition, 1 << 20, 512 << 20, 4096));
    assert_eq!((first.whole, first.disk_sequence, topology.whole_of(first)), (Some(number), Some(17), disk));
    let node = |path: &str| topology.at_node(Path::new(path)).map(|block| &*block.name);
    assert_eq!(node("/dev/disk/by-id/usb-SanDisk_4C53-0:0-part1"), Some("sdb1"));
    assert_eq!(
        [node("/dev/sdb"), node("/dev/sd"), node("/dev/sdb11"), node("sdb"), node("/home/sdb")],
        [Some("sdb"), None, None, None, None]
    );
}

#[test]
fn kinds_are_told_by_where_a_device_hangs_and_not_by_what_it_says() {
    let machine = Machine::new();
    let pci = "devices/pci0000:00/0000:00:1d.0";
    machine.disk(SATA, "sda", "8:0", 1);
    // An NVMe disk in an enclosure, and an SD card in a reader, both on USB.
    machine.disk(&USB.replace("2-3", "2-4"), "sdc", "8:32", 1);
    machine.disk(&format!("{pci}/usb1/1-2/1-2:1.0/rtsx_usb_sdmmc.1/mmc_host/mmc2/mmc2:b368"), "mmcblk2", "179:32", 1);
    machine.disk("devices/pci0000:00/rtsx_pci_sdmmc.0/mmc_host/mmc0/mmc0:aaaa", "mmcblk0", "179:0", 1);
    machine.write("sys/devices/pci0000:00/rtsx_pci_sdmmc.0/mmc_host/mmc0/mmc0:aaaa/type", "SD\n");
    machine.write("sys/devices/pci0000:00/rtsx_pci_sdmmc.0/mmc_host/mmc0/mmc0:aaaa/name", "SC16G\n");
    machine.disk("devices/platform/mmc1/mmc_host/mmc1/mmc1:0001", "mmcblk1", "179:16", 1);
    machine.write("sys/devices/platform/mmc1/mmc_host/mmc1/mmc1:0001/type", "MMC\n");
    machine.disk(&format!("{pci}/nvme/nvme0"), "nvme0n1", "259:0", 1);
    machine.disk(&format!("{pci}/virtio1"), "vda", "254:0", 1);
    machine.write(&format!("sys/{pci}/virtio1/vendor"), "0x1af4\n");
    machine.disk(&USB.replace("2-3", "2-5"), "sr0", "11:0", 1);
    for (name, number) in
        [("md127", "9:127"), ("zram0", "252:0"), ("ram0", "1:0"), ("bcache0", "250:0"), ("zd16", "230:16"), ("rbd0", "249:0")]
    {
        machine.made(name, number, 1);
    }
    machine.made("nbd1", "43:32", 1);
    machine.made("nbd0", "43:0", 0);
    machine.made("loop3", "7:3", 0);
    machine.loop_device(4, "/home/ann/my file\nof two lines");
    machine.mapper(0, "vg0-root", "LVM-abc", &["sda"]);
    let topology = topology(&machine);
    let kind = |name: &str| &topology.named(name).unwrap().kind;
    assert_eq!(
        ["sda", "sdc", "mmcblk2", "mmcblk0", "mmcblk1"].map(kind),
        [&Kind::Sata, &Kind::Usb, &Kind::Usb, &Kind::Card, &Kind::Emmc]
    );
    assert_eq!(
        ["nvme0n1", "vda", "sr0", "md127", "zram0"].map(kind),
        [&Kind::Nvme, &Kind::Virtio, &Kind::Optical, &Kind::Md, &Kind::Zram]
    );
    assert_eq!(
        ["ram0", "bcache0", "zd16", "rbd0", "nbd1"].map(kind),
        [&Kind::Ram, &Kind::Bcache, &Kind::Zvol, &Kind::Other, &Kind::Nbd]
    );
    assert_eq!(kind("dm-0"), &Kind::Mapper { name: "vg0-root".to_owned(), uuid: "LVM-abc".to_owned() });
    assert_eq!(topology.named("loop4").unwrap().backing.as_deref(), Some(Path::new("/home/ann/my file\nof two lines")));
    assert_eq!((topology.named("nbd0"), topology.named("loop3")), (None, None));
    assert_eq!(
        (topology.named("mmcblk0").unwrap().model.as_deref(), topology.named("vda").unwrap().vendor.as_deref()),
        (Some("SC16G"), None)
    );
}

#[test]
fn a_chain_leads_through_encryption_and_volumes_to_mounts_and_swap() {
    let machine = Machine::new();
    machine.disk(USB, "sdb", "8:16", 1 << 30);
    machine.partition("sdb", "sdb1", "8:17", 2048, 1 << 20);
    machine.partition("sdb", "sdb3", "8:19", 1 << 21, 1 << 20);
    machine.mapper(0, "cryptroot", "CRYPT-LUKS2-0011-cryptroot", &["sdb3"]);
    machine.mapper(1, "vg0-root", "LVM-abc", &["dm-0"]);
    machine.mapper(2, "vg0-swap", "LVM-abd", &["dm-0"]);
    machine.mount("253:1 / / ext4 /dev/mapper/vg0-root rw");
    machine.mount("8:17 / /boot/efi vfat /dev/sdb1 rw");
    machine.swap("/dev/dm-2");
    machine.swap("/var/my\\040swap");
    let topology = topology(&machine);
    let found = standing(&topology, "sdb");
    assert_eq!(found.len(), 9, "{found:#?}");
    for chain in [
        "sdb1 → /boot/efi",
        "sdb3 → dm-0 (LUKS cryptroot)",
        "sdb3 → dm-0 (LUKS cryptroot) → dm-1 (LVM vg0-root) → /",
        "sdb3 → dm-0 (LUKS cryptroot) → dm-1 (LVM vg0-root) → / → swap /var/my swap",
        "sdb3 → dm-0 (LUKS cryptroot) → dm-2 (LVM vg0-swap) → swap /dev/dm-2",
    ] {
        assert!(found.iter().any(|found| found == chain), "{chain}: {found:#?}");
    }
    let place = |end: &str| found.iter().position(|chain| chain.ends_with(end)).unwrap();
    assert!(place("sdb3") < place("cryptroot)") && place("cryptroot)") < place("vg0-root)") && place("vg0-root)") < place("→ /"));
    assert_eq!(holding(&topology, "/home/ann/image.iso"), ["dm-0", "dm-1", "sdb", "sdb3"]);
    assert_eq!(holding(&topology, "/boot/efi/x"), ["sdb", "sdb1"]);
    assert_eq!(holding(&topology, "/dev/sdb1"), ["sdb", "sdb1"]);
    let node = |path: &str| topology.at_node(Path::new(path)).map(|block| &*block.name);
    assert_eq!([node("/dev/mapper/vg0-root"), node("/dev/dm-1"), node("/dev/mapper/vg0")], [Some("dm-1"), Some("dm-1"), None]);
}

#[test]
fn every_member_of_a_btrfs_carries_it_whatever_its_source_names() {
    let machine = Machine::new();
    machine.disk(USB, "sdb", "8:16", 1 << 30);
    machine.disk(SATA, "sda", "8:0", 1 << 30);
    machine.partition("sda", "sda1", "8:1", 2048, 1 << 20);
    machine.disk(&SATA.replace("ata3", "ata4"), "sdc", "8:32", 1 << 30);
    for (uuid, member) in [("5e1a", "sda1"), ("5e1a", "sdb"), ("0n1y", "sdc")] {
        machine.link(&format!("sys/fs/btrfs/{uuid}/devices/{member}"), machine.root().join("sys/class/block").join(member));
    }
    machine.write("sys/fs/btrfs/features/raid1c34", "0\n");
    machine.mount("0:45 /@home /data btrfs /dev/sda1 rw,subvol=/@home");
    let seen = topology(&machine);
    assert_eq!(standing(&seen, "sdb"), ["sdb → btrfs of 2 devices", "sdb → btrfs of 2 devices → /data"]);
    assert_eq!(standing(&seen, "sda").last().unwrap(), "sda1 → btrfs of 2 devices → /data");
    assert!(
        matches!(&seen.standing_on(seen.named("sdb").unwrap().number)[1].standing, Standing::DistantMount(point) if point == "/data")
    );
    // Mounted in a container, where nobody sees it.
    assert_eq!(standing(&seen, "sdc"), ["sdc → btrfs"]);
    assert_eq!(holding(&seen, "/data/x"), ["sda", "sda1", "sdb"]);
    machine.mount("0:46 / /alone btrfs /dev/sdc rw");
    assert_eq!(standing(&topology(&machine), "sdc"), ["sdc → /alone"]);
    machine.mount("0:45 / /again btrfs /dev/root rw");
    assert!(standing(&topology(&machine), "sdc").contains(&"sdc → /again".to_owned()));
}

#[test]
fn a_bcachefs_and_a_log_device_carry_their_mount() {
    let machine = Machine::new();
    machine.disk(USB, "sdb", "8:16", 1 << 30);
    machine.disk(SATA, "sda", "8:0", 1 << 30);
    machine.mount("0:45 / /many bcachefs /dev/sda:/dev/sdb rw");
    machine.mount("8:0 / /xfs xfs /dev/sda rw,logdev=/dev/sdb,noquota");
    let topology = topology(&machine);
    for disk in ["sda", "sdb"] {
        let uses = topology.standing_on(topology.named(disk).unwrap().number);
        let points: Vec<_> = uses.iter().map(|found| found.standing.clone()).collect();
        assert_eq!(points, ["/many", "/xfs"].map(|point| Standing::DistantMount(point.into())), "{disk}");
    }
}

#[test]
fn the_root_of_a_live_system_leads_to_its_stick() {
    let machine = Machine::new();
    machine.disk(USB, "sdb", "8:16", 1 << 30);
    machine.partition("sdb", "sdb1", "8:17", 64, 1 << 20);
    machine.partition("sdb", "sdb3", "8:19", 1 << 21, 1 << 20);
    machine.loop_device(0, "/run/live/medium/live/filesystem.squashfs");
    machine.mount("0:20 / /run tmpfs tmpfs rw");
    machine.mount("8:17 / /run/live/medium iso9660 /dev/sdb1 ro");
    machine.mount("7:0 / /run/live/rootfs/filesystem.squashfs squashfs /dev/loop0 ro");
    machine.mount("8:19 / /run/live/persistence/sd\\134:b3 ext4 /dev/sdb3 rw");
    machine.mount(
        "0:30 / / overlay overlay rw,lowerdir=/run/live/rootfs/filesystem.squashfs/,\
         upperdir=/run/live/persistence/sd\\134\\134\\134:b3/rw,workdir=/run/live/work",
    );
    let topology = topology(&machine);
    let found = topology.standing_on(topology.named("sdb").unwrap().number);
    let ends: Vec<_> = found.iter().map(|found| &**found.chain.last().unwrap()).collect();
    let squashfs = "/run/live/rootfs/filesystem.squashfs";
    assert_eq!(ends, ["sdb1", "/run/live/medium", "loop0", squashfs, "sdb3", "/run/live/persistence/sd\\:b3", "/"]);
    assert_eq!(found[3].to_string(), format!("sdb1 → /run/live/medium → loop0 → {squashfs}"));
    assert_eq!(found.iter().map(|found| &found.on[..]).collect::<Vec<_>>(), [&[][..], &[0], &[1], &[2], &[], &[4], &[3, 5]]);
    assert_eq!(holding(&topology, "/home/user/image.iso"), ["loop0", "sdb", "sdb1", "sdb3"]);
}

#[test]
fn layers_that_moved_when_the_overlay_became_the_root_are_found() {
    let machine = Machine::new();
    machine.disk(USB, "sdb", "8:16", 1 << 30);
    machine.disk(&USB.replace("2-3", "2-4"), "sdc", "8:32", 1 << 30);
    machine.mount("0:30 / / overlay overlay rw,lowerdir=/live/lower,upperdir=/memory/rw,workdir=/memory/work");
    machine.mount("8:16 / /run/live/lower squashfs /dev/sdb ro");
    machine.mount("8:32 / /run/other/lower squashfs /dev/sdc ro");
    let topology = topology(&machine);
    assert_eq!(standing(&topology, "sdb"), ["sdb → /run/live/lower", "sdb → /run/live/lower → /"]);
    assert_eq!(standing(&topology, "sdc"), ["sdc → /run/other/lower"]);
}

#[test]
fn arrays_caches_and_zram_stand_on_their_disks() {
    let machine = Machine::new();
    machine.disk(USB, "sdb", "8:16", 1 << 30);
    machine.partition("sdb", "sdb1", "8:17", 64, 1 << 20);
    machine.partition("sdb", "sdb2", "8:18", 1 << 21, 1 << 20);
    machine.made("md0", "9:0", 1 << 20);
    machine.partition("md0", "md0p1", "259:1", 64, 1000);
    machine.stack("sdb1", "md0");
    machine.made("zram0", "252:0", 1 << 20);
    machine.attribute("zram0", "backing_dev", "/dev/sdb2\n");
    machine.made("zram1", "252:1", 1 << 20);
    machine.attribute("zram1", "backing_dev", "none\n");
    machine.swap("/dev/zram0");
    machine.swap("/dev/zram1");
    machine.mount("259:1 / /mnt ext4 /dev/md0p1 rw");
    let topology = topology(&machine);
    let chains = [
        "sdb1",
        "sdb1 → md0",
        "sdb1 → md0 → md0p1",
        "sdb1 → md0 → md0p1 → /mnt",
        "sdb2",
        "sdb2 → zram0",
        "sdb2 → zram0 → swap /dev/zram0",
    ];
    let mut found = standing(&topology, "sdb");
    found.sort();
    assert_eq!(found, chains);
    assert_eq!(standing(&topology, "zram1"), ["zram1 → swap /dev/zram1"]);
}

#[test]
fn sda_is_not_sdaa() {
    let machine = Machine::new();
    machine.disk(SATA, "sda", "8:0", 1 << 30);
    machine.partition("sda", "sda1", "8:1", 64, 1 << 20);
    machine.disk(USB, "sdaa", "65:160", 1 << 30);
    machine.partition("sdaa", "sdaa1", "65:161", 64, 1 << 20);
    machine.mount("65:161 / /media/stick vfat /dev/sdaa1 rw");
    machine.mount("0:40 / /pool btrfs /dev/sdaa rw");
    machine.swap("/dev/sdaa1");
    machine.link("dev/disk/by-id/usb-stick", "../../sdaa");
    let topology = topology(&machine);
    assert_eq!(standing(&topology, "sda"), ["sda1"]);
    assert_eq!(standing(&topology, "sdaa").len(), 4);
    assert_eq!(topology.partitions_of(topology.named("sda").unwrap().number).len(), 1);
    assert_eq!(topology.named("sda").unwrap().by_id, None);
    assert_eq!(topology.whole_of(topology.named("sdaa1").unwrap()).name, "sdaa");
}

#[test]
fn of_mounts_the_longest_point_counts_and_of_several_on_one_point_the_last() {
    let machine = Machine::new();
    machine.disk(SATA, "sda", "8:0", 1 << 30);
    machine.disk(USB, "sdb", "8:16", 1 << 30);
    machine.mount("8:0 / / ext4 /dev/sda rw");
    machine.mount("8:0 / /media ext4 /dev/sda rw");
    machine.mount("8:16 / /media vfat /dev/sdb rw");
    machine.mount("0:50 / /media/server nfs4 server:/x rw");
    let topology = topology(&machine);
    assert_eq!(holding(&topology, "/media/../media/./image.iso"), ["sdb"]);
    assert_eq!(holding(&topology, "/mediaX/image.iso"), ["sda"]);
    assert_eq!(holding(&topology, "/media/server/image.iso"), Vec::<String>::new());
}

#[test]
fn a_file_that_a_fuse_mount_shows_lies_where_its_source_does() {
    let machine = Machine::new();
    machine.disk(USB, "sdb", "8:16", 1 << 30);
    machine.mount("8:16 / /media/stick exfat /dev/sdb rw");
    machine.mount("0:50 / /mnt fuse.bindfs /media/stick/folder rw");
    machine.mount("0:51 / /net autofs /media/stick/auto.net rw");
    assert_eq!(standing(&topology(&machine), "sdb"), ["sdb → /media/stick", "sdb → /media/stick → /mnt"]);
}

#[test]
fn links_to_an_image_are_followed_also_before_the_file_is_there() {
    let machine = Machine::new();
    machine.disk(USB, "sdb", "8:16", 1 << 30);
    machine.mount("8:16 / /media/stick exfat /dev/sdb rw");
    machine.write("media/stick/folder/old.iso", "");
    machine.link("home/images", "../media/stick/folder");
    let topology = topology(&machine);
    assert_eq!(holding(&topology, "/home/images/old.iso"), ["sdb"]);
    assert_eq!(holding(&topology, "/home/images/new.iso"), ["sdb"]);
    assert_eq!(holding(&topology, "/home/new.iso"), Vec::<String>::new());
}

#[test]
fn imported_pools_are_told_by_their_folders_and_mounts() {
    let machine = Machine::new();
    machine.write("proc/spl/kstat/zfs/tank/state", "ONLINE\n");
    machine.write("proc/spl/kstat/zfs/arcstats", "\n");
    machine.mount("0:60 / /data zfs other/data rw");
    assert_eq!(topology(&machine).zfs_pools(), ["other", "tank"]);
}

#[test]
fn without_sys_or_the_table_of_mounts_nothing_is_told() {
    let machine = Machine::new();
    fs::remove_file(machine.root().join("proc/self/mountinfo")).unwrap();
    let error = Topology::read(&machine.sysfs()).unwrap_err();
    assert!(error.to_string().starts_with("reading /proc/self/mountinfo: "), "{error}");
    let error = Topology::read(&Sysfs::at("/nonexistent")).unwrap_err();
    assert!(error.to_string().starts_with("reading /nonexistent/sys/class/block: "), "{error}");
}

#[test]
fn this_machine_is_read() {
    let topology = Topology::read(&Sysfs::default()).unwrap();
    assert!(topology.mounts().iter().any(|mount| mount.point == Path::new("/")));
    let numbers: Vec<_> = topology.blocks().iter().map(|block| block.number).collect();
    assert!(numbers.is_sorted());
}

/// A loop device of this machine, made of a file; detached when dropped.
struct Attached(String);

impl Attached {
    fn to(file: &Path) -> Option<Self> {
        let made = Command::new("losetup").args(["--find", "--show"]).arg(file).output().ok()?;
        made.status.success().then(|| Self(String::from_utf8(made.stdout).unwrap().trim().to_owned()))
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["--detach", &self.0]).status();
    }
}

#[test]
fn a_loop_device_of_this_machine_is_described_and_its_writer_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().canonicalize().unwrap().join("a stick.img");
    fs::File::create(&file).unwrap().set_len(3 << 20).unwrap();
    let Some(node) = Attached::to(&file) else {
        println!("skipped: loop devices need root and losetup");
        return;
    };
    let topology = Topology::read(&Sysfs::default()).unwrap();
    let block = topology.at_node(Path::new(&node.0)).unwrap();
    assert_eq!((&block.kind, block.size, block.sector, block.is_read_only), (&Kind::Loop, 3 << 20, 512, false));
    assert_eq!((&block.node, block.backing.as_ref()), (&PathBuf::from(&node.0), Some(&file)));
    assert!(topology.holding(Path::new(&node.0)).contains(&block.number));
    let hold = |writes| {
        let device = fs::File::options().read(true).write(writes).open(&node.0).unwrap();
        Command::new("sleep").arg("60").stdin(device).spawn().unwrap()
    };
    let (mut reader, mut writer) = (hold(false), hold(true));
    let found = crate::sys::writers(&[block.number]);
    for child in [&mut reader, &mut writer] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let named = |child: &Child| found.contains(&format!("sleep (pid {})", child.id()));
    assert!(named(&writer) && !named(&reader), "{found:?}");
}
