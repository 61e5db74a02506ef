//! Unmounting, properly: never lazily, never by force.

use std::path::Path;
use std::process::{Command, Stdio};

use nix::mount::{MntFlags, umount2};

/// Unmounts what is mounted at `point`, which is what `node` is of, a disk or a partition: as root by system call; for a person, udisks may unmount what it
/// mounted for them. `Err` says why not.
pub fn unmount(point: &Path, node: &Path) -> Result<(), String> {
    match umount2(point, MntFlags::UMOUNT_NOFOLLOW) {
        Ok(()) => return Ok(()),
        Err(nix::Error::EPERM) => {}
        Err(errno) => return Err(errno.desc().to_owned()),
    }
    let udisks =
        Command::new("udisksctl").args(["unmount", "--no-user-interaction", "-b"]).arg(node).stdin(Stdio::null()).output();
    match udisks {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(_) => Err("only root may do this here".to_owned()),
    }
}
