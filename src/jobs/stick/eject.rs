//! When all is proved: the stick is given back. What fails here is a warning.

use crate::medium::BlockDevice;
use crate::sys::{PowerSwitch, Sysfs};

/// Shows the kernel the new partitions; or, after a failure, that the old ones are gone: it would let anybody mount what lies there now.
pub(in crate::jobs) fn show_partitions(disk: Option<&BlockDevice>) {
    if let Some(disk) = disk {
        // A disk without partitions says no; whoever looks at it next reads it anew.
        let _ = disk.reread_partitions();
    }
}

/// Ejects the disk, and switches it off when it is a USB stick of its own. Says what came of it.
pub(in crate::jobs) fn eject(disk: Option<&BlockDevice>) -> String {
    let Some(disk) = disk else { return "warning: there is nothing to eject".into() };
    // Asked first: a disk that is ejected may be gone from /sys.
    let switch = PowerSwitch::of(&Sysfs::default(), disk.number());
    let ejected = disk.eject();
    match (ejected, switch.map(|switch| switch.off())) {
        (_, Ok(Ok(()))) => "ejected, and switched off; it can be taken out".into(),
        (Ok(()), Ok(Err(error))) => {
            format!("warning: it was ejected, and switching it off failed ({error}); it can be taken out")
        }
        (Ok(()), Err(why)) => format!("ejected; it can be taken out ({why}: not switched off)"),
        (Err(error), _) => format!("warning: ejecting failed ({error}); the medium is good, and can be taken out"),
    }
}
