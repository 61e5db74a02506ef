//! Stories of discs in QEMU's drives, on each bus.

use std::fs::File;

use super::{Ending, Story};
use crate::guest::Guest;
use crate::guest::drive::{Bus, Drive, Fault};

/// Every story by its name.
pub const ALL: &[(&str, Story)] = &[
    ("healthy", healthy),
    ("damaged", damaged),
    ("end_of_disc", end_of_disc),
    ("interrupted", interrupted),
    ("unplugged", unplugged),
];

/// A good disc on each bus, by sr and by sg, mounted, and for an ordinary user.
fn healthy() -> Ending {
    let guest = Guest::new()?;
    let disc = guest.disc("disc.iso", 1, 5000)?;
    let dvd = guest.disc("dvd.iso", 2, 5000)?;
    File::options().write(true).open(&dvd)?.set_len(361_000 * 2048)?; // more than 700 MiB is a DVD to QEMU
    let drives = [(Bus::Scsi, &disc), (Bus::Scsi, &dvd), (Bus::Sata, &disc), (Bus::Usb, &disc)];
    guest.with(drives.map(|(bus, image)| Drive::new(bus, image))).run(
        r#"
copy() { # NODE IMAGE
    ends 0 discrip "$1" "$2"
    ends 0 cmp "$2" /share/disc.iso
    ends 0 isoverify "$2" "$1"
}
virtio_scsi() {
    copy /dev/sr0 scsi.iso
    # QEMU answers READ TOC format 2 without the MSF bit with an LBA where minutes, seconds and frames belong.
    ends 0 grep -q '"kind":"data","first":0,"count":5000}' scsi.iso.json
}
sata() { copy /dev/sr2 sata.iso; }
usb() { copy /dev/sr3 usb.iso; }
generic_node() { copy /dev/sg0 generic.iso; }

dvd() { # looked at only: reading it all takes minutes without KVM
    ends 0 discrip -n /dev/sr1 /share/copy.iso
    said "dvd-rom, 361000 sectors"
    ends 1 test -e /share/copy.iso
}

mounted() {
    mkdir -p /mnt/disc
    mount -t iso9660 -o ro /dev/sr0 /mnt/disc
    ends 5 discrip /dev/sr0 mounted.iso
    said /mnt/disc
    ends 5 discrip /dev/sg0 mounted.iso # the kernel's O_EXCL on sg knows nothing of mounts
    ends 1 test -e mounted.iso
    ends 0 discrip --unmount /dev/sr0 mounted.iso
    ends 0 cmp mounted.iso /share/disc.iso
    ends 1 grep /mnt/disc /proc/mounts
}

# Read-only on the node: the kernel still lets the reading commands through, but not SET CD SPEED or PREVENT REMOVAL.
ordinary_user() {
    chgrp nogroup /dev/sr2
    chmod 640 /dev/sr2
    ends 0 setpriv --reuid=nobody --regid=nogroup --clear-groups discrip /dev/sr2 user.iso
    said 'can only be opened for reading'
    ends 0 cmp user.iso /share/disc.iso
}
chapter virtio_scsi; chapter sata; chapter usb; chapter generic_node; chapter dvd; chapter mounted; chapter ordinary_user
"#,
    )
}

/// Unreadable sectors, as three ways to the same disc report them: never with an LBA.
fn damaged() -> Ending {
    let guest = Guest::new()?;
    let disc = guest.disc("disc.iso", 2, 5000)?;
    let bad = [1000..1002, 2000..2001, 4990..4991];
    let drive = |bus, fault| Drive::new(bus, &disc).unreadable(fault, &bad);
    let drives = [
        drive(Bus::Scsi, Fault::Medium),
        drive(Bus::Scsi, Fault::Io),
        drive(Bus::Sata, Fault::Medium),
        Drive::new(Bus::Sata, &disc),
        drive(Bus::Usb, Fault::Medium),
    ];
    guest.with(drives).run(
        r#"
cp /share/disc.iso want.iso
hole want.iso 1000 2; hole want.iso 2000 1; hole want.iso 4990 1
copy() { # NODE IMAGE SENSE
    ends any sg_raw -r 2048 "$1" 28 00 00 00 03 e8 00 00 01 00 # the drive does fail as this chapter claims
    said "$3"
    ends 3 discrip "$1" "$2"
    ends 0 cmp "$2" want.iso
    ends 0 test "$(lost "$2.map")" = "1000 1001 2000 4990 "
}
medium_error() { copy /dev/sr0 medium.iso "Unrecovered read error"; }
aborted_command() { copy /dev/sr1 aborted.iso "I/O process terminated"; }
out_of_range() { copy /dev/sr2 range.iso "Logical block address out of range"; } # as if the disc ended there
compared() { # the same disc by a drive that can't read all of it, and another disc
    ends 3 isoverify /share/disc.iso /dev/sr0
    said 'bytes 2048000 to 2052095'
    ends 3 isoverify medium.iso /dev/sr3 # what was never read of it is not compared
    printf '\377\376' | dd of=medium.iso bs=1 seek=3000000 conv=notrunc status=none
    ends 4 isoverify medium.iso /dev/sr3
    dd if=/share/disc.iso of=medium.iso bs=1 skip=3000000 seek=3000000 count=2 conv=notrunc status=none
}
usb_medium_error() { copy /dev/sr4 usb.iso "Unrecovered read error"; }
another_drive() { # on another bus, it reads what the first could not
    ends 0 discrip --retries 1 /dev/sr3 medium.iso
    ends 0 cmp medium.iso /share/disc.iso
}
chapter medium_error; chapter aborted_command; chapter out_of_range; chapter usb_medium_error; chapter compared; chapter another_drive
"#,
    )
}

/// Bad sectors among the last 75: there the kernel's sr driver makes the disc shorter (`sr_done` in drivers/scsi/sr.c), and
/// who reads /dev/sr0 gets a short copy and no error.
fn end_of_disc() -> Ending {
    let guest = Guest::new()?;
    guest.disc("disc.iso", 3, 5120)?;
    guest.run(
        r#"
load scsi_debug ptype=5 sector_size=2048 dev_size_mb=10 medium_error_start=5110 medium_error_count=2 opts=2
all_drives 1
ends 0 sg_dd if=/share/disc.iso of=/dev/sg0 bs=2048 bpt=16 # sr is read-only, but sg writes into the emulated medium
cp /share/disc.iso want.iso
hole want.iso 5110 2
every_sector() {
    ends 3 discrip /dev/sr0 out.iso
    ends 0 cmp out.iso want.iso
    ends 0 test "$(lost out.iso.map)" = "5110 5111 "
}
# Told last, as it changes the size that the kernel believes in. The first dd may still see an error.
witnesses() {
    ends any dd if=/dev/sr0 of=dd1.iso bs=2048
    echo "note: the first dd ended with $got"
    ends 0 dd if=/dev/sr0 of=dd2.iso bs=2048
    ends 0 cp /dev/sr0 cp.iso
    for copy in dd1 dd2 cp; do echo "note: $copy of 5120 sectors: $(($(stat -c %s $copy.iso) / 2048))"; done
    ends 1 test "$(stat -c %s dd2.iso)" -ge "$(stat -c %s want.iso)"
    ends 1 test "$(stat -c %s cp.iso)" -ge "$(stat -c %s want.iso)"
}
chapter every_sector; chapter witnesses
"#,
    )
}

/// Something happens while a slow drive is being read; the same command finishes the work.
fn interrupted() -> Ending {
    let guest = Guest::new()?;
    let disc = guest.disc("disc.iso", 4, 8000)?;
    guest.disc("other.iso", 5, 8000)?;
    let drives = [(Bus::Scsi, 800_000), (Bus::Scsi, 3_000_000), (Bus::Sata, 3_000_000)];
    let drives = drives.map(|(bus, rate)| Drive::new(bus, &disc).slow(rate));
    guest.with(drives).run(
        r#"
killed() {
    discrip /dev/sr0 killed.iso &
    program=$!
    wait_for grep -q '+$' killed.iso.map # the map is saved every 15 s
    kill -9 $program
    ends 137 wait $program
    ends 1 ddrescuelog -q -D killed.iso.map
    ends 0 discrip /dev/sr0 killed.iso
    said "going on with killed.iso"
    ends 0 cmp killed.iso /share/disc.iso
}

tray_opened() {
    midway tray.iso tray-open cd1
    ends 7 discrip /dev/sr1 tray.iso
    ends 1 ddrescuelog -q -D tray.iso.map # not by luck at the very end
    host tray-close cd1
    ends 0 discrip /dev/sr1 tray.iso
    ends 0 cmp tray.iso /share/disc.iso
}

disc_changed() {
    midway changed.iso insert cd2 other.iso
    status=0
    discrip /dev/sr2 changed.iso || status=$?
    ends 0 test $status = 5 -o $status = 7
    # Whatever the map calls finished is of the first disc: both cut to that by ddrescue.
    for image in changed.iso /share/disc.iso; do
        ends 0 ddrescue -q -m changed.iso.map $image finished-$(basename $image)
    done
    ends 0 cmp finished-changed.iso finished-disc.iso
    ends 0 test -s finished-disc.iso
    ends 5 discrip /dev/sr2 changed.iso # still the other disc
    host insert cd2 disc.iso
    ends 0 discrip /dev/sr2 changed.iso
    ends 0 cmp changed.iso /share/disc.iso
}
chapter killed; chapter tray_opened; chapter disc_changed
"#,
    )
}

/// A USB drive's plug comes out: for a moment, and for good.
fn unplugged() -> Ending {
    let guest = Guest::new()?;
    let disc = guest.disc("disc.iso", 6, 8000)?;
    guest.with([Drive::new(Bus::Usb, &disc).slow(3 << 20)]).run(
        r#"
plugged_in_again() {
    (wait_for holds 2000000 again.iso; host unplug cd0; host after 3 plug cd0) &
    ends 0 discrip --wait-drive 30s /dev/sr0 again.iso
    ends 0 cmp again.iso /share/disc.iso
}
for_good() {
    there='test -b /dev/sr[0-9]' # it may come back by another name
    wait_for eval "$there"
    midway gone.iso unplug cd0
    ends 7 discrip --wait-drive 3s /dev/sr[0-9] gone.iso
    ends 1 ddrescuelog -q -D gone.iso.map
    host plug cd0
    wait_for eval "$there"
    ends 0 discrip /dev/sr[0-9] gone.iso
    ends 0 cmp gone.iso /share/disc.iso
}
chapter plugged_in_again; chapter for_good
"#,
    )
}
