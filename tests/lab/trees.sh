# Words for the scripts in trees.rs, in which every command must succeed.
set -eu
export SYSTEMD_IGNORE_CHROOT=1
mkdir -p /target
load loop; load ext4; load vfat; load nls_ascii; load nls_cp437; load nvme; load dm_mod
# udev, for /dev/disk/by-id, and because LVM and cryptsetup wait for it.
/lib/systemd/systemd-udevd --daemon 2>/dev/null
udevadm trigger --action=add
udevadm settle -t 60
# The disk that is built in, if there is one.
system=/dev/nvme0n1
for disk in /sys/block/sd*; do
    case $(readlink -f "$disk") in */ata*) system=/dev/${disk##*/} ;; esac
done
partition() { # DISK SPECIFICATION...: a GPT with these partitions, in sfdisk's words
    disk=$1
    shift
    printf '%s\n' "$@" | sfdisk -q -X gpt --wipe always "$disk"
    udevadm settle -t 60
}
system_root() { # / on the built-in disk's only partition
    partition "$system" type=linux
    case $system in *[0-9]) first=${system}p1 ;; *) first=${system}1 ;; esac
    mkfs.ext4 -q "$first"
    mount "$first" /target
}
# The sticks are named sda and sdaa by the order in which they come.
many_disks() {
    system_root
    host unplug stick1
    wait_for eval '[ -z "$(stick 1)" ]'
    load scsi_debug num_tgts=25 dev_size_mb=8 max_luns=1 # all share the 8 MB
    wait_for test -b /dev/sdz
    host plug stick1
    wait_for is_there 1
    udevadm settle -t 60
}
mount_stick() {
    partition "$1" type=linux
    mkfs.ext4 -q "${1}1"
    mkdir -p /target/media/stick
    mount "${1}1" /target/media/stick
}
# capture FOLDER: what is there, as a process sees it whose / is that folder and who sees no other mounts.
capture() {
    for mount in proc sys dev old; do mkdir -p "$1/$mount"; done
    cp /bin/busybox "$1/"
    sync
    unshare --mount sh -euc '
        mount -t proc proc "$1/proc"
        mount -t sysfs sysfs "$1/sys"
        mount -t devtmpfs udev "$1/dev"
        cd "$1"
        pivot_root . old
        /busybox umount -l /old
        exec /busybox sleep 600' sh "$1" &
    sleeper=$!
    wait_for grep -qx busybox "/proc/$sleeper/comm"
    udevadm settle -t 60
    perl "$CAPTURE" "$sleeper" "$1" >/share/tree
    wc -c /share/tree
}
