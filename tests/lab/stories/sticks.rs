//! Stories of sticks: what the hardware, the kernel and other programs do to a person who writes one. Whether the right bytes are
//! on it is judged from outside, by the file behind the stick; whether it is of use, by a machine that boots from it.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Ending, Story};
use crate::disc::noise;
use crate::guest::Guest;
use crate::guest::boot;
use crate::guest::stick::{Bus, Stick, WriteError};

/// Every story by its name.
pub const ALL: &[(&str, Story)] = &[
    ("stick_written", written),
    ("stick_refused", refused),
    ("stick_in_use", in_use),
    ("stick_failing", failing),
    ("stick_unplugged", unplugged),
    ("stick_replaced", replaced),
    ("stick_mounted_meanwhile", mounted_meanwhile),
    ("stick_boots", boots),
];

/// The size of most sticks, in sectors of 2048 bytes.
const SIZE: usize = 12_000;

/// A stick that has been in use: not a byte of it is zero by chance only.
fn used(guest: &Guest, name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let file = guest.file(name);
    fs::write(&file, noise(77, SIZE)?)?;
    Ok(file)
}

/// A stick that has never been written to: in its file's blocks one sees how far a program has come.
fn fresh(guest: &Guest, name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let file = guest.file(name);
    fs::File::create(&file)?.set_len(24 << 20)?;
    Ok(file)
}

/// The image is on the stick, zeros to the end of its last sector, and behind it what was there before.
pub fn holds(stick: &Path, image: &Path, sector: usize, before: &[u8]) -> Result<(), Box<dyn Error>> {
    let mut want = fs::read(image)?;
    want.resize(want.len().next_multiple_of(sector), 0);
    want.extend(before.get(want.len()..).unwrap_or_default());
    let got = fs::read(stick)?;
    match got.iter().zip(&want).position(|(got, want)| got != want) {
        _ if got.len() != want.len() => Err(format!("{}: {} bytes instead of {}", stick.display(), got.len(), want.len()).into()),
        Some(byte) => Err(format!("{}: byte {byte} is wrong", stick.display()).into()),
        None => Ok(()),
    }
}

/// On each driver, and with sectors of 4096 bytes, of which the image fills the last only by half.
fn written() -> Ending {
    let guest = Guest::new()?;
    let image = guest.disc("image.iso", 21, 5001)?;
    let (usb, uas, large) = (used(&guest, "usb")?, used(&guest, "uas")?, used(&guest, "large")?);
    let guest = guest.with_sticks([
        Stick::new(Bus::Usb, &usb),
        Stick::new(Bus::Uas, &uas).fixed(), // an enclosure: bigger ones say that they are not removable, and are USB all the same
        Stick::new(Bus::Bot4096, &large),
    ]);
    let said = guest.run(
        r#"
write() {
    ends 0 isoflash --yes /share/image.iso "$(stick $1)"
    said verified
    said "$(sha256sum </share/image.iso | cut -d ' ' -f 1)"
    ends 0 isoverify /share/image.iso "$(stick $1)"
}
usb_storage() { write 0; }
uas() { write 1; }
ejected() { # what comes of it is a warning at most
    ends 0 isoflash --yes --eject /share/image.iso "$(stick 0)"
    said verified
    said 'switched off'
    wait_for test -z "$(stick 0)"
    is_there 1 # and no other
}
sectors_of_4096_bytes() { write 2; }
found_wrong() { # one bit, far behind
    printf '\377' | dd of=/share/usb bs=1 seek=9000001 conv=notrunc status=none
    ends 4 isoverify /share/image.iso "$(stick 0)"
    no_success
    dd if=/share/image.iso of=/share/usb bs=1 count=1 skip=9000001 seek=9000001 conv=notrunc status=none
}
chapter usb_storage; chapter uas; chapter sectors_of_4096_bytes; chapter found_wrong; chapter ejected
"#,
    )?;
    let before = noise(77, SIZE)?;
    for (stick, sector) in [(&usb, 512), (&uas, 512), (&large, 4096)] {
        holds(stick, &image, sector, &before)?;
    }
    Ok(said)
}

/// What must not be written is not, and is told why.
fn refused() -> Ending {
    let guest = Guest::new()?;
    let image = guest.disc("image.iso", 22, 5000)?;
    let (locked, idle) = (used(&guest, "locked")?, used(&guest, "idle")?);
    let mounted = guest.disc("mounted", 23, 6000)?;
    let small = guest.disc("small", 24, 4000)?;
    let small_before = fs::read(&small)?;
    let mounted_before = fs::read(&mounted)?;
    let guest = guest.with_sticks([
        Stick::new(Bus::Usb, &locked).read_only(),
        Stick::new(Bus::Usb, &mounted),
        Stick::new(Bus::Usb, &small),
        Stick::new(Bus::Usb, &idle),
    ]);
    let said = guest.run(
        r#"
cp /share/mounted before
read_only() {
    fails 5 isoflash --yes /share/image.iso "$(stick 0)"
    said write-protected
}
too_small() {
    fails 5 isoflash --yes /share/image.iso "$(stick 2)"
    said 'too small'
}
nobody_to_ask() { # no terminal, and no --yes
    fails 5 isoflash /share/image.iso "$(stick 3)"
}
no_such_stick() {
    fails 1 isoflash --yes /share/image.iso /dev/sdzz
    ends 1 test -e /dev/sdzz
}
mounted() {
    mkdir -p /mnt/stick
    mount -t iso9660 -o ro "$(stick 1)" /mnt/stick
    fails 5 isoflash --yes /share/image.iso "$(stick 1)"
    said /mnt/stick
    ends 0 cmp before /share/mounted
    (cd /mnt/stick && exec sleep 1000) & # busy: it can't be unmounted, and is not, lazily
    sleep 0.5
    fails 5 isoflash --yes --unmount /share/image.iso "$(stick 1)"
    ends 0 cmp before /share/mounted
    ends 0 grep /mnt/stick /proc/mounts
    kill $!
    wait $! || true
    ends 0 isoflash --yes --unmount /share/image.iso "$(stick 1)"
    said verified
    ends 1 grep /mnt/stick /proc/mounts
}
chapter read_only; chapter too_small; chapter nobody_to_ask; chapter no_such_stick; chapter mounted
"#,
    )?;
    let before = noise(77, SIZE)?;
    holds(&mounted, &image, 512, &mounted_before)?;
    for (stick, before) in [(&locked, &before), (&idle, &before), (&small, &small_before)] {
        if fs::read(stick)? != *before {
            return Err(format!("{} was written to", stick.display()).into());
        }
    }
    Ok(said)
}

/// Sticks that something stands on: each way to use one that a kernel knows without further tools.
fn in_use() -> Ending {
    let guest = Guest::new()?;
    guest.disc("image.iso", 29, 5000)?;
    let (first, second) = (used(&guest, "first")?, used(&guest, "second")?);
    let guest = guest.with_sticks([Stick::new(Bus::Usb, &first), Stick::new(Bus::Usb, &second)]);
    guest.run(
        r#"
refused() { # NODE TEXT
    cp "/share/$2" before
    fails 5 isoflash --yes --unmount /share/image.iso "$1"
    said "$3"
    ends 0 cmp before "/share/$2"
}
swap() {
    mkswap -q "$(stick 0)"
    swapon "$(stick 0)"
    refused "$(stick 0)" first swap
    swapoff "$(stick 0)"
}
partition() {
    # An MBR with one entry of type 83h, from sector 2048 on, of 20480 sectors.
    { head -c 446 /dev/zero; printf '\0\0\0\0\203\0\0\0\0\010\0\0\0\120\0\0'; head -c 48 /dev/zero; printf '\125\252'; } |
        dd of="$(stick 0)" conv=fsync status=none
    ends 0 blockdev --rereadpt "$(stick 0)"
    wait_for test -b "$(stick 0)1"
    refused "$(stick 0)1" first "did you mean $(stick 0)?"
}
file_on_it() { # shown as a disk, and that mounted: neither the stick nor its partition is free
    load ext4
    load loop
    mkfs.ext4 -q "$(stick 0)1"
    mkdir -p /mnt/stick /mnt/file
    mount "$(stick 0)1" /mnt/stick
    truncate -s 2M /mnt/stick/file
    mkfs.ext4 -q /mnt/stick/file
    mount -o loop /mnt/stick/file /mnt/file
    sync
    refused "$(stick 0)" first "losetup -d"
    umount /mnt/file
}
image_on_it() {
    head -c 1000000 /share/image.iso >/mnt/stick/image.iso
    sync
    fails 5 isoflash --yes --unmount /mnt/stick/image.iso "$(stick 0)"
    said "lies on $(stick 0) itself"
    ends 0 umount /mnt/stick
}
open_for_writing() {
    exec 5<>"$(stick 1)"
    refused "$(stick 1)" second "writing"
    exec 5>&-
    ends 0 isoflash --yes /share/image.iso "$(stick 1)"
}
chapter swap; chapter partition; chapter file_on_it; chapter image_on_it; chapter open_for_writing
"#,
    )
}

/// Sectors that can't be written: an error of the stick, and no space left inside of it. And such as can't be read back.
fn failing() -> Ending {
    let guest = Guest::new()?;
    guest.disc("image.iso", 25, 5000)?;
    let (broken, full, mute) = (fresh(&guest, "broken")?, fresh(&guest, "full")?, fresh(&guest, "mute")?);
    let guest = guest.with_sticks([
        Stick::new(Bus::Usb, &broken).unwritable(WriteError::Io, 12_288..12_296),
        Stick::new(Bus::Uas, &full).unwritable(WriteError::Full, 12_288..12_296),
        Stick::new(Bus::Usb, &mute).unreadable(12_288..12_296),
    ]);
    guest.run(
        r#"
unwritable() { # NUMBER FILE
    fails 1 isoflash --yes /share/image.iso "$(stick $1)"
    names_sector 12288
    not_bootable "/share/$2"
}
write_error() { unwritable 0 broken; }
no_space_inside() { unwritable 1 full; }
not_to_be_read_back() {
    fails any isoflash --yes /share/image.iso "$(stick 2)"
    [ $got = 1 ] || [ $got = 4 ] # not proved
    names_sector 12288
}
chapter write_error; chapter no_space_inside; chapter not_to_be_read_back
"#,
    )
}

/// Pulled out while it is written, and another one put in, which is written as a whole; plugged in again, the same command goes on with
/// what reached the first.
fn unplugged() -> Ending {
    let guest = Guest::new()?;
    let image = guest.disc("image.iso", 26, 5000)?;
    let (stick, other) = (fresh(&guest, "stick")?, used(&guest, "other")?);
    let guest = guest.with_sticks([Stick::new(Bus::Usb, &stick).slow(2_000_000), Stick::new(Bus::Usb, &other).unplugged()]);
    let said = guest.run(
        r#"
pulled_out() {
    midway /share/stick unplug stick0
    fails 7 isoflash --yes /share/image.iso "$(stick 0)"
    not_bootable /share/stick
}
written_whole() { # ID SERIAL
    host plug "$1"
    wait_for is_there "$2"
    ends 0 isoflash --yes /share/image.iso "$(stick "$2")"
    said verified
    ends 1 grep -q 'were there already' /share/said
    host unplug "$1"
    wait_for test -z "$(stick "$2")"
}
another() { written_whole stick1 1; }
plugged_in_again() {
    host plug stick0
    wait_for is_there 0
    ends 0 isoflash --yes /share/image.iso "$(stick 0)"
    said verified
    said 'were there already'
}
chapter pulled_out; chapter another; chapter plugged_in_again
"#,
    )?;
    holds(&stick, &image, 512, &vec![0; 24 << 20])?;
    Ok(said)
}

/// Another stick between the question and the answer: of another serial number, and one that is the same in all that it says.
fn replaced() -> Ending {
    let guest = Guest::new()?;
    guest.disc("image.iso", 27, 5000)?;
    let sticks = [used(&guest, "asked")?, used(&guest, "other")?, used(&guest, "twin")?];
    let guest = guest.with_sticks([
        Stick::new(Bus::Usb, &sticks[0]),
        Stick::new(Bus::Usb, &sticks[1]).unplugged(),
        Stick::new(Bus::Usb, &sticks[2]).serial("LAB0000").unplugged(),
    ]);
    let said = guest.run(
        r#"
replaced_by() { # ID SERIAL
    mkfifo "answer-$1"
    node=$(stick 0)
    script -qefc "isoflash /share/image.iso $node" "typescript-$1" <"answer-$1" >/share/said 2>&1 &
    program=$!
    exec 4>"answer-$1"
    wait_for grep -qF '[y/N]' /share/said
    host unplug stick0
    wait_for test -z "$(stick 0)" -o ! -e "$node"
    host plug "$1"
    wait_for is_there "$2"
    echo "note: the question was about $node, and at the answer there is $(stick "$2")"
    echo y >&4
    got=0
    wait $program || got=$?
    exec 4>&-
    cat /share/said
    echo "[$got]"
    [ $got = 5 ]
    no_success
    host unplug "$1"
    host plug stick0
    wait_for is_there 0
}
another() { replaced_by stick1 1; }
its_twin() { replaced_by stick2 0; }
not_replaced() { # the same words, and nothing happens between
    mkfifo answer
    script -qefc "isoflash /share/image.iso $(stick 0)" typescript <answer >/share/said 2>&1 &
    program=$!
    exec 4>answer
    wait_for grep -qF '[y/N]' /share/said
    echo n >&4
    got=0
    wait $program || got=$?
    cat /share/said
    [ $got = 5 ]
    no_success
}
chapter another; chapter its_twin; chapter not_replaced
"#,
    )?;
    let before = noise(77, SIZE)?;
    for stick in sticks {
        if fs::read(&stick)? != before {
            return Err(format!("{} was written to", stick.display()).into());
        }
    }
    Ok(said)
}

/// What a desktop does: something mounts whatever it can, as often as it can.
fn mounted_meanwhile() -> Ending {
    let guest = Guest::new()?;
    let image = Guest::bootable("grub-rescue-cdrom.iso"); // has partitions, that a kernel may find in mid-write
    let stick = guest.disc("stick", 28, 6000)?;
    let before = fs::read(&stick)?;
    fs::copy(&image, guest.file("image.iso"))?;
    let guest = guest.with_sticks([Stick::new(Bus::Usb, &stick).slow(600_000)]);
    let said = guest.run(
        r#"
still_open() { find "/proc/$program/fd" -lname "$disk" 2>/dev/null | grep -q .; }
violation() { if still_open; then echo "$* at try $count" >>violation; fi; }
mount_it_all() { # until something can be mounted, which must not be before the program has closed the stick
    while :; do
        for node in "$disk"*; do
            count=$((count + 1))
            busybox mount -o ro -t iso9660 "$node" /mnt/stick 2>/dev/null || continue
            violation "mounted $node"
            umount /mnt/stick
            return
        done
        if blockdev --rereadpt "$disk" 2>/dev/null; then violation "partitions of $disk read again"; fi
        if ! kill -0 "$program" 2>/dev/null; then return; fi
    done
}
in_mid_write() {
    mkdir -p /mnt/stick
    disk=$(stick 0) count=0
    mount -o ro -t iso9660 "$disk" /mnt/stick # it could be done
    umount /mnt/stick
    isoflash --yes /share/image.iso "$disk" >/share/said 2>&1 &
    program=$!
    wait_for cmp -s -n 1048576 /share/stick /dev/zero
    mount_it_all
    got=0
    wait $program || got=$?
    cat /share/said
    echo "[$got]"
    echo "note: $count tries to mount it"
    [ $got = 0 ]
    said verified
    [ ! -e violation ] || { cat violation; exit 1; }
    [ $count -gt 3 ] # each waits behind the slow writes
}
chapter in_mid_write
"#,
    )?;
    holds(&stick, &image, 512, &before)?;
    Ok(said)
}

/// A BIOS boots from the stick, and the screen says the same as when it boots from the image itself.
fn boots() -> Ending {
    const IMAGES: [(&str, &str); 3] = [
        ("memtest86+x64.iso", "<Enter> to start testing"),
        ("ipxe.iso", "No more network devices"),
        ("grub-rescue-cdrom.iso", "Press enter to boot the selected OS"),
    ];
    let guest = Guest::new()?;
    let mut sticks = Vec::new();
    for (image, words) in IMAGES {
        sticks.push(used(&guest, &format!("stick-{image}"))?);
        fs::copy(Guest::bootable(image), guest.file(image))?;
        if sticks.len() == 1 && boot::screen(&sticks[0], words).is_ok() {
            return Err("a stick boots that nothing was written to".into());
        }
    }
    let guest = guest.with_sticks(sticks.iter().map(|stick| Stick::new(Bus::Usb, stick)));
    let mut said = guest.run(
        r#"
write() { ends 0 isoflash --yes "/share/$2" "$(stick "$1")"; }
memtest() { write 0 memtest86+x64.iso; }
ipxe() { write 1 ipxe.iso; }
grub() { write 2 grub-rescue-cdrom.iso; }
chapter memtest; chapter ipxe; chapter grub
"#,
    )?;
    let before = noise(77, SIZE)?;
    for ((image, words), stick) in IMAGES.into_iter().zip(&sticks) {
        let original = Guest::bootable(image);
        holds(stick, &original, 512, &before)?;
        let wanted = boot::screen(&original, words)?;
        let screen = boot::screen(stick, words)?;
        if boot::without_digits(&wanted) != boot::without_digits(&screen) {
            return Err(format!("{image}: the image's own screen:\n{wanted}\nthe stick's:\n{screen}").into());
        }
        let line = screen.lines().find(|line| ["GRUB", "Memtest86+ v", "iPXE 1"].iter().any(|name| line.contains(name)));
        said += &format!("note: {image}, on the screen: {}\n", line.unwrap_or_default().trim());
    }
    Ok(said)
}
