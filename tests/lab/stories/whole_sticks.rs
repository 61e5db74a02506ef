//! Stories of sticks that get no image: tested as a whole, given back as one partition, and switched off; while something mounts whatever it can.

use super::{Ending, Story};
use crate::guest::Guest;
use crate::guest::stick::{Bus, Stick};

/// Every story by its name.
pub const ALL: &[(&str, Story)] = &[
    ("whole_stick_probed", probed),
    ("whole_stick_fake_disk", fake_disk),
    ("whole_stick_formatted", formatted),
    ("whole_stick_reader", reader),
];

/// One that is real, one that wraps, one that forgets.
fn probed() -> Ending {
    let guest = Guest::new()?;
    let guest = guest.with_sticks([
        Stick::emulated(Bus::Usb, "real,size=24M"),
        Stick::emulated(Bus::Uas, "wraps,size=32M,real=8M,wrap"),
        Stick::emulated(Bus::Usb, "drops,size=32M,real=8M,drop"),
    ]);
    guest.run(
        r#"
real() {
    ends 0 isoflash --yes --probe-capacity "$(stick 0)"
    said 'each byte written and read back'
    not_bootable /share/real
}
wraps() {
    fails 4 isoflash --yes --probe-capacity "$(stick 1)"
    said 'byte 8388608 is byte 0 again'
}
drops() {
    fails 4 isoflash --yes --probe-capacity "$(stick 2)"
    said 'nothing that was written from byte 8388608'
}
chapter real; chapter wraps; chapter drops
"#,
    )
}

/// The kernel's own fake: scsi_debug claims 1 GiB of 8 MiB, and wraps.
fn fake_disk() -> Ending {
    Guest::uml()?.run(
        r#"
claims_more() {
    load sd_mod
    load scsi_debug virtual_gb=1 dev_size_mb=8
    wait_for test -b /dev/sda
    fails 4 isoflash --yes --allow-fixed --probe-capacity /dev/sda
    said 'byte 8388608 is byte 0 again'
}
chapter claims_more
"#,
    )
}

/// Something tries to mount stick and partition the whole time, and never can before the program has closed it.
fn formatted() -> Ending {
    let guest = Guest::new()?;
    let guest = guest.with_sticks([Stick::emulated(Bus::Usb, "stick,size=64M,speed=2M@w")]);
    guest.run(
        r#"
still_open() { find "/proc/$program/fd" -lname "$disk" 2>/dev/null | grep -q .; }
mount_it_all() {
    while kill -0 "$program" 2>/dev/null; do
        for node in "$disk"*; do
            count=$((count + 1))
            busybox mount -o ro -t "$1" "$node" /mnt/stick 2>/dev/null || continue
            if still_open; then echo "mounted $node at try $count" >>violation; fi
            umount /mnt/stick
        done
    done
}
while_it_is_formatted() { # FILE-SYSTEM MODULE
    load "$2"
    mkdir -p /mnt/stick
    disk=$(stick 0) count=0
    isoflash --yes "--format=$1" "$disk" >/share/said 2>&1 &
    program=$!
    mount_it_all "$1"
    got=0
    wait $program || got=$?
    cat /share/said
    echo "note: $count tries to mount it"
    [ $got = 0 ]
    [ ! -e violation ] || { cat violation; exit 1; }
    [ $count -gt 3 ]
    wait_for test -b "${disk}1"
    ends 0 "fsck.$1" -n "${disk}1"
    mount -o ro -t "$1" "${disk}1" /mnt/stick # and now it can be
    umount /mnt/stick
}
vfat() {
    load nls_cp437
    load nls_ascii
    while_it_is_formatted vfat vfat
}
ext4() { while_it_is_formatted ext4 ext4; }
after_a_failed_run() { # nothing of it can be mounted
    (sleep 2; host unplug stick0) &
    fails 7 isoflash --yes --format=ext4 "$(stick 0)"
    wait
    not_bootable /share/stick
}
chapter vfat; chapter ext4; chapter after_a_failed_run
"#,
    )
}

/// A card reader with another card in it keeps its power.
fn reader() -> Ending {
    let guest = Guest::new()?;
    std::fs::File::create(guest.file("card"))?.set_len(64 << 20)?;
    let card = guest.file("card");
    let guest = guest.with_sticks([Stick::new(Bus::Reader, &card)]);
    guest.run(
        r#"
not_switched_off() {
    ends 0 isoflash --yes --format=vfat --eject "$(stick 0)"
    said 'not switched off'
    is_there 0 || [ -b "$(stick 0)" ]
}
chapter not_switched_off
"#,
    )
}
