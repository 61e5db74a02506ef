//! Real configurations of disks, as /sys and /proc show them: `cargo test --test lab -- --trees [WORD]` sets each up in a
//! machine and writes what tests/trees/capture.pl sees to tests/trees/NAME.tree. Not a test, but where a table test's data come
//! from; it needs cryptsetup, lvm2, mdadm, btrfs-progs, dosfstools, fdisk, squashfs-tools and udev on this machine.

use std::error::Error;
use std::fs::{self, File};
use std::path::PathBuf;

use serde_json::json;

use crate::guest::Guest;
use crate::guest::stick::{Bus, Stick};

/// What is captured.
pub struct Tree {
    /// Its file's name.
    pub name: &'static str,
    /// What was set up, in words.
    what: &'static str,
    /// What is plugged in.
    sticks: &'static [(Bus, Kind)],
    system: System,
    script: &'static str,
}

/// What a stick says of itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Removable,
    Fixed,
}

/// The disk that is built in; the system is on it, if the script says nothing else.
#[derive(Clone, Copy, PartialEq, Eq)]
enum System {
    Sata,
    Nvme,
}

const SIZE: u64 = 512 << 20;

impl Tree {
    /// Sets it up, and writes its file.
    pub fn capture(&self) -> Result<String, Box<dyn Error>> {
        let guest = Guest::new()?;
        let file = |name: &str| -> Result<PathBuf, Box<dyn Error>> {
            let path = guest.file(name);
            File::create(&path)?.set_len(SIZE)?;
            Ok(path)
        };
        let mut sticks = Vec::new();
        for (number, (bus, kind)) in self.sticks.iter().enumerate() {
            let stick = Stick::new(*bus, &file(&format!("stick{number}"))?);
            sticks.push(match kind {
                Kind::Removable => stick,
                Kind::Fixed => stick.fixed(),
            });
        }
        let device = match self.system {
            System::Nvme => json!({"driver": "nvme", "drive": "system", "serial": "LABNVME1"}),
            System::Sata => json!({"driver": "ide-hd", "bus": "ide.0", "drive": "system", "serial": "LABSATA1"}),
        };
        let disk = json!({"driver": "raw", "node-name": "system", "file": {"driver": "file", "filename": file("system")?}});
        let arguments = ["-blockdev".to_owned(), disk.to_string(), "-device".to_owned(), device.to_string()];
        let guest = guest.with_sticks(sticks).with_arguments(arguments);
        let root = env!("CARGO_MANIFEST_DIR");
        let script = format!("CAPTURE={root}/tests/trees/capture.pl\n{}\n{}", include_str!("trees.sh"), self.script);
        let said = guest.run(&script)?;
        let tree = fs::read_to_string(guest.file("tree"))?;
        let head = format!("# captured with Linux 6.1 in QEMU: {}\n", self.what);
        fs::write(format!("{root}/tests/trees/{}.tree", self.name), head + &tree)?;
        Ok(said)
    }
}

/// Every configuration.
pub const ALL: &[Tree] = &[
    Tree {
        name: "luks-root-on-usb",
        what: "a system on a USB stick: /boot on its first partition, / in LUKS on its second; a SATA disk that nobody uses",
        sticks: &[(Bus::Usb, Kind::Removable)],
        system: System::Sata,
        script: r#"
load dm_crypt; load xts; load ecb; load aesni_intel
disk=$(stick 0)
partition "$disk" size=100M type=linux
mkfs.ext4 -q "${disk}1"
printf secret | cryptsetup -q luksFormat --key-file - --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "${disk}2"
printf secret | cryptsetup open --key-file - "${disk}2" root_crypt
mkfs.ext4 -q /dev/mapper/root_crypt
mount /dev/mapper/root_crypt /target
mkdir -p /target/boot
mount "${disk}1" /target/boot
capture /target
"#,
    },
    Tree {
        name: "lvm-over-two-disks",
        what: "a volume group over a SATA disk's second partition and the whole of a USB disk: / is linear over both, another volume is on the SATA disk only; the EFI partition is mounted",
        sticks: &[(Bus::Uas, Kind::Fixed), (Bus::Usb, Kind::Removable)],
        system: System::Sata,
        script: r#"
partition "$system" size=64M,type=uefi type=lvm
mkfs.vfat "${system}1" >/dev/null
pvcreate -q "${system}2" "$(stick 0)"
vgcreate -q vg "${system}2" "$(stick 0)"
lvcreate -q -n root -L 600M vg
lvcreate -q -n spare-data -L 64M vg
mkfs.ext4 -q /dev/vg/root
mount /dev/vg/root /target
mkdir -p /target/boot/efi
mount "${system}1" /target/boot/efi
capture /target
"#,
    },
    Tree {
        name: "btrfs-over-two-disks",
        what: "a btrfs over a USB stick's partition and a whole USB disk, mounted at /data by its first device only; the system on a SATA disk, / and /home as btrfs subvolumes",
        sticks: &[(Bus::Usb, Kind::Removable), (Bus::Uas, Kind::Fixed)],
        system: System::Sata,
        script: r#"
load btrfs
partition "$system" type=linux
mkfs.btrfs -q -L system "${system}1"
mount "${system}1" /target
btrfs -q subvolume create /target/@
btrfs -q subvolume create /target/@home
umount /target
mount -o subvol=@ "${system}1" /target
mkdir -p /target/home /target/data
mount -o subvol=@home "${system}1" /target/home
partition "$(stick 0)" type=linux
mkfs.btrfs -q -d single -m raid1 -L data "$(stick 0)1" "$(stick 1)"
mount "$(stick 0)1" /target/data
capture /target
"#,
    },
    Tree {
        name: "md-mirror",
        what: "two md mirrors: md0 over two whole USB sticks, mounted; md1 over a SATA disk's second partition and nothing, not mounted; / on the SATA disk's first",
        sticks: &[(Bus::Usb, Kind::Removable), (Bus::Usb, Kind::Removable)],
        system: System::Sata,
        script: r#"
load raid1
partition "$system" size=300M type=linux
mkfs.ext4 -q "${system}1"
mount "${system}1" /target
mdadm --create /dev/md0 --run --quiet --level=1 --raid-devices=2 --metadata=1.2 --assume-clean "$(stick 0)" "$(stick 1)"
mdadm --create /dev/md1 --run --quiet --level=1 --raid-devices=2 --metadata=1.2 "${system}2" missing
mkfs.ext4 -q /dev/md0
mkdir -p /target/mnt/mirror
mount /dev/md0 /target/mnt/mirror
capture /target
"#,
    },
    Tree {
        name: "swap-on-zram",
        what: "swap on zram0, on a USB stick's second partition, and in a file on the stick's first (mounted at /mnt/stick); / on a SATA disk",
        sticks: &[(Bus::Usb, Kind::Removable), (Bus::Usb, Kind::Removable)],
        system: System::Sata,
        script: r#"
load zram
system_root
echo 128M >/sys/block/zram0/disksize
mkswap /dev/zram0 >/dev/null
swapon -p 100 /dev/zram0
partition "$(stick 0)" size=200M type=swap
mkfs.ext4 -q "$(stick 0)1"
mkswap "$(stick 0)2" >/dev/null
swapon "$(stick 0)2"
mkdir -p /target/mnt/stick
mount "$(stick 0)1" /target/mnt/stick
dd if=/dev/zero of=/target/mnt/stick/swapfile bs=1M count=32 status=none
chmod 600 /target/mnt/stick/swapfile
mkswap /target/mnt/stick/swapfile >/dev/null
swapon /target/mnt/stick/swapfile
capture /target
"#,
    },
    Tree {
        name: "sda-beside-sdaa",
        what: "28 disks: sdaa (a USB stick) is mounted, by its partition; sda (a USB stick) is free; sdb to sdz are scsi_debug's; the machine's own disk is nvme0n1",
        sticks: &[(Bus::Usb, Kind::Removable), (Bus::Usb, Kind::Removable)],
        system: System::Nvme,
        script: r#"
many_disks
mount_stick /dev/sdaa
capture /target
"#,
    },
    Tree {
        name: "sdaa-beside-sda",
        what: "28 disks: sda (a USB stick) is mounted, by its partition; sdaa (a USB stick) is free; sdb to sdz are scsi_debug's; the machine's own disk is nvme0n1",
        sticks: &[(Bus::Usb, Kind::Removable), (Bus::Usb, Kind::Removable)],
        system: System::Nvme,
        script: r#"
many_disks
mount_stick /dev/sda
capture /target
"#,
    },
    Tree {
        name: "card-reader",
        what: "a USB card reader with two slots: a card in the first, none in the second; / on a SATA disk",
        sticks: &[(Bus::Reader, Kind::Removable)],
        system: System::Sata,
        script: r#"
system_root
host eject stick0-slot
blockdev --rereadpt "/dev/disk/by-id/usb-LAB_Slot_LAB0000-0:1" 2>/dev/null || true # the kernel looks at it once more
udevadm settle -t 60
partition "$(stick 0)" size=100M type=linux
mkfs.vfat "$(stick 0)1" >/dev/null
capture /target
"#,
    },
    Tree {
        name: "nvme-enclosure",
        what: "an NVMe disk in a USB enclosure (uas, says that it is not removable), beside the NVMe disk that the system is on",
        sticks: &[(Bus::Uas, Kind::Fixed)],
        system: System::Nvme,
        script: r#"
system_root
partition "$(stick 0)" size=100M type=linux
mkfs.ext4 -q "$(stick 0)1"
capture /target
"#,
    },
    Tree {
        name: "live-system",
        what: "a system booted from a hybrid ISO image on a USB stick: the stick is mounted at /run/live/medium, a squashfs on it by a loop device, / is an overlay; a second stick is free; a SATA disk that nobody uses",
        sticks: &[(Bus::Usb, Kind::Removable), (Bus::Usb, Kind::Removable)],
        system: System::Sata,
        script: r#"
load loop; load squashfs; load isofs
mkdir -p tree/live root/etc
echo live >root/etc/hostname
mksquashfs root tree/live/filesystem.squashfs -quiet -no-progress >/dev/null
xorriso -as mkisofs -quiet -R -V LIVE -o live.iso tree -partition_offset 16 2>/dev/null
dd if=live.iso of="$(stick 0)" bs=1M status=none conv=fsync
blockdev --rereadpt "$(stick 0)"
mkdir -p /live/medium /live/lower /live/memory
mount -t iso9660 -o ro "$(stick 0)" /live/medium
mount -t squashfs -o ro,loop /live/medium/live/filesystem.squashfs /live/lower
mount -t tmpfs memory /live/memory
mkdir /live/memory/rw /live/memory/work
mount -t overlay -o lowerdir=/live/lower,upperdir=/live/memory/rw,workdir=/live/memory/work overlay /target
mkdir -p /target/run
mount -t tmpfs run /target/run
for part in medium lower; do
    mkdir -p /target/run/live/$part
    mount --move /live/$part /target/run/live/$part
done
capture /target
"#,
    },
];
