//! When all is proved: the stick is given back.

use crate::medium::BlockDevice;

/// Shows the kernel the new partitions, and ejects the disk if that was asked for. What fails here is a warning.
pub(in crate::jobs) fn after(eject: bool, disk: Option<&BlockDevice>) -> Option<String> {
    if let Some(disk) = disk {
        // A disk without partitions says no; whoever looks at it next reads it anew.
        let _ = disk.reread_partitions();
    }
    if !eject {
        return None;
    }
    match disk.map(BlockDevice::eject) {
        Some(Ok(())) => Some("ejected; it can be taken out".into()),
        Some(Err(error)) => Some(format!("warning: ejecting failed ({error}); the medium is good, and can be taken out")),
        None => Some("warning: there is nothing to eject".into()),
    }
}
