#!/bin/sh
# Makes what the lab's guests boot from, in target/lab: vmlinux, the modules' initramfs, images. Installs what is missing (apt, root).
# Quick when all is done already. Nothing is put anywhere else in the tree, and no kernel is installed on this machine.
set -eu
here=$(dirname "$(readlink -f "$0")")
lab=$here/../../target/lab
packages="qemu-system-x86 user-mode-linux busybox-static cpio kmod xz-utils binutils sg3-utils xorriso gddrescue bmap-tools fdisk jq"
# What all guests need; modprobe adds what these depend on. A story loads others from target/lab/kernel (guest/words.sh: load).
modules="virtio_pci 9p 9pnet_virtio overlay isofs virtio_scsi ahci xhci_pci usb_storage uas sr_mod sd_mod sg"

missing=
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' || missing="$missing $package"
done
if [ -n "$missing" ]; then
    apt-get update -qq
    # shellcheck disable=SC2086 # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

mkdir -p "$lab"
work=$(mktemp -d "$lab/work.XXXXXX")
trap 'rm -rf "$work"' EXIT

if [ ! -s "$lab/vmlinux" ] || [ ! -d "$lab/kernel" ]; then
    image=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
    (cd "$work" && apt-get download -qq -o APT::Sandbox::User=root "$image")
    dpkg -x "$work"/linux-image-*.deb "$work/kernel"
    # A kernel that unpacks itself takes 6 s more to start without KVM: QEMU starts the ELF file inside by its PVH entry.
    # The kernel's own scripts/extract-vmlinux looks for the same magic; the payload is xz in Debian.
    bzimage=$(echo "$work"/kernel/boot/vmlinuz-*)
    offset=$(LC_ALL=C grep -abom 1 -P '\xfd7zXZ\x00' "$bzimage" | head -n 1 | cut -d : -f 1)
    tail -c +$((offset + 1)) "$bzimage" | xz -dc --single-stream >"$work/vmlinux"
    rm -rf "$lab/kernel"
    mv "$work/kernel" "$lab/kernel"
    mv "$work/vmlinux" "$lab/vmlinux"
fi

# Images that boot from a stick, out of Debian's packages: a GRUB by grub-mkrescue twice, and an ISOLINUX.
if [ ! -d "$lab/images" ]; then
    (cd "$work" && apt-get download -qq -o APT::Sandbox::User=root memtest86+ grub-rescue-pc ipxe)
    mkdir "$work/images"
    for package in memtest86+ grub-rescue-pc ipxe; do
        dpkg -x "$work/$package"_*.deb "$work/packages"
    done
    cp "$work/packages/usr/lib/memtest86+/memtest86+x64.iso" "$work/packages/usr/lib/grub-rescue/grub-rescue-cdrom.iso" \
        "$work/packages/usr/lib/ipxe/ipxe.iso" "$work/images"
    mv "$work/images" "$lab/images"
fi

if [ ! -s "$lab/initramfs" ] || [ -n "$(find "$here/setup.sh" "$here/guest/init" "$lab/vmlinux" -newer "$lab/initramfs")" ]; then
    version=$(basename "$lab"/kernel/lib/modules/*)
    depmod -b "$lab/kernel" "$version"
    root=$work/root
    mkdir -p "$root/bin" "$root/modules"
    cp /bin/busybox "$root/bin/busybox"
    cp "$here/guest/init" "$root/init"
    for module in $modules; do
        modprobe -d "$lab/kernel" -S "$version" --show-depends "$module"
    done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$work/files"
    while read -r file; do
        name=$(basename "${file%.xz}")
        case $file in
        *.xz) xz -dc "$file" >"$root/modules/$name" ;;
        *) cp "$file" "$root/modules/$name" ;;
        esac
        strip -g "$root/modules/$name" # and with the debug data goes the signature, slow to check without KVM
        echo "$name"
    done <"$work/files" >"$root/modules/order"
    (cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$work/initramfs"
    mv "$work/initramfs" "$lab/initramfs"
fi
echo "lab: ready in target/lab"
