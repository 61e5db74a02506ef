//! Who has a device open.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::process;

use super::DeviceNumber;
use super::sysfs::names;

/// Other programs that have the block device `block` or the character device `character` open: `"vlc (pid 1234)"`.
/// Without root only the person's own are seen. Names come from outside: escape them before a terminal sees them.
pub fn holders(block: Option<DeviceNumber>, character: Option<DeviceNumber>) -> Vec<String> {
    let is_held = |link: &Path| {
        // Only /dev is looked at any further: stat of a file on a dead network mount would hang.
        if !fs::read_link(link).is_ok_and(|target| target.starts_with("/dev")) {
            return false;
        }
        fs::metadata(link).is_ok_and(|file| {
            let number = Some(DeviceNumber::from(file.rdev()));
            (file.file_type().is_block_device() && number == block) || (file.file_type().is_char_device() && number == character)
        })
    };
    let holds = |pid: &u32| {
        let folder = format!("/proc/{pid}/fd");
        names(Path::new(&folder)).iter().any(|fd| is_held(&Path::new(&folder).join(fd)))
    };
    let pids = names(Path::new("/proc")).into_iter().filter_map(|name| name.parse().ok());
    let others = pids.filter(|pid| *pid != process::id()).filter(holds);
    others.map(|pid| format!("{} (pid {pid})", name(pid))).collect()
}

fn name(pid: u32) -> String {
    let name = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    String::from_utf8_lossy(&name).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_program_that_holds_a_device_is_named() {
        let zero = fs::File::open("/dev/zero").unwrap();
        let number = DeviceNumber::from(zero.metadata().unwrap().rdev());
        let mut child = Command::new("sleep").arg("60").stdin(zero).stdout(Stdio::null()).spawn().unwrap();
        let wanted = format!("sleep (pid {})", child.id());
        let found = holders(None, Some(number));
        let of_that_block_number = holders(Some(number), None);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found.contains(&wanted), "{found:?}");
        assert!(!found.iter().any(|holder| holder.ends_with(&format!("(pid {})", process::id()))));
        assert!(!of_that_block_number.contains(&wanted));
    }
}
