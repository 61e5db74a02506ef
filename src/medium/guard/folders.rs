//! Folders that a running system lives in.

use std::path::Path;

/// Mounted exactly here, a file system belongs to the system; further down it may be a stick that someone mounted by hand.
const PLACES: &[&str] = &["/", "/home", "/root", "/tmp", "/var/tmp"];

/// Here and below. The later ones are where live systems keep the medium that they came from: Debian and Tails, Ubuntu (also one
/// started from an image on a disk), Fedora and openSUSE, Arch, Manjaro, NixOS, Alpine.
const TREES: &[&str] = &[
    "/boot",
    "/efi",
    "/etc",
    "/gnu",
    "/nix",
    "/opt",
    "/snap",
    "/srv",
    "/sysroot",
    "/usr",
    "/var",
    "/lib/live",
    "/run/live",
    "/cdrom",
    "/cow",
    "/isodevice",
    "/rofs",
    "/run/initramfs",
    "/run/overlay",
    "/run/rootfsbase",
    "/run/archiso",
    "/run/miso",
    "/iso",
    "/.modloop",
];

/// True where the system, or a person's home, would miss what is mounted here.
pub(super) fn is_of_system(point: &Path) -> bool {
    if point.starts_with("/var/tmp") {
        return point == Path::new("/var/tmp");
    }
    let is_home = point.parent() == Some(Path::new("/home"));
    is_home || PLACES.iter().any(|place| point == Path::new(place)) || TREES.iter().any(|tree| point.starts_with(tree))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_the_system_are_told_from_those_of_a_person() {
        let of_system = [
            "/",
            "/usr/local",
            "/boot/efi",
            "/home",
            "/home/ann",
            "/tmp",
            "/var/tmp",
            "/var/lib/docker",
            "/nix/store",
            "/run/live/medium",
        ];
        let others = [
            "/media/ann/STICK",
            "/run/media/ann/STICK",
            "/mnt",
            "/home/ann/stick",
            "/tmp/stick",
            "/var/tmp/stick",
            "/usrx",
            "/varnish",
        ];
        assert_eq!(of_system.map(|point| is_of_system(Path::new(point))), [true; 10]);
        assert_eq!(others.map(|point| is_of_system(Path::new(point))), [false; 8]);
    }
}
