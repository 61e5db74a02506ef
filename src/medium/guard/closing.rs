//! How to close what stands on a disk.

use crate::sys::Topology;
use crate::sys::topology::{Block, Kind, Standing};

/// The command that closes it; `None` for what is closed with what lies on it.
pub(super) fn command(topology: &Topology, standing: &Standing) -> Option<String> {
    match standing {
        Standing::Partition(_) | Standing::Array { .. } => None,
        Standing::Mount(point) | Standing::DistantMount(point) => Some(format!("umount {}", point.display())),
        Standing::Swap(path) => Some(format!("swapoff {}", path.display())),
        Standing::Device(number) => topology.find(*number).map(of_device),
    }
}

fn of_device(block: &Block) -> String {
    let node = block.node.display();
    match &block.kind {
        Kind::Mapper { name, uuid } if uuid.starts_with("LVM-") => format!("vgchange -an {}", volume_group(name)),
        Kind::Mapper { name, uuid } if uuid.starts_with("CRYPT-") => format!("cryptsetup close {name}"),
        Kind::Mapper { name, uuid } if uuid.starts_with("mpath-") => format!("multipath -f {name}"),
        Kind::Mapper { name, .. } => format!("dmsetup remove {name}"),
        Kind::Md => format!("mdadm --stop {node}"),
        Kind::Loop => format!("losetup -d {node}"),
        Kind::Zram => format!("zramctl --reset {node}"),
        Kind::Bcache => format!("echo 1 > /sys/block/{}/bcache/stop", block.name),
        Kind::Nbd => format!("nbd-client -d {node}"),
        _ => format!("stop {}", block.name),
    }
}

/// LVM names a volume `GROUP-VOLUME`, and doubles each hyphen that is part of a name (lvm2's `dm_build_dm_name`).
fn volume_group(name: &str) -> String {
    let mut group = String::new();
    let mut rest = name.chars().peekable();
    while let Some(letter) = rest.next() {
        if letter == '-' && rest.next_if_eq(&'-').is_none() {
            break;
        }
        group.push(letter);
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_group_is_read_from_a_volumes_name() {
        assert_eq!(volume_group("vg0-root"), "vg0");
        assert_eq!(volume_group("my--vg-my--root"), "my-vg");
    }
}
