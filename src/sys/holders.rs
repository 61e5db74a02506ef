//! Who has a device open.

use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process;

use super::DeviceNumber;
use super::sysfs::names;

/// Other programs that have the block device `block` or the character device `character` open: `"vlc (pid 1234)"`.
/// Without root only the person's own are seen. Names come from outside: escape them before a terminal sees them.
pub fn holders(block: Option<DeviceNumber>, character: Option<DeviceNumber>) -> Vec<String> {
    programs(&|file, _| {
        let number = Some(DeviceNumber::from(file.rdev()));
        (file.file_type().is_block_device() && number == block) || (file.file_type().is_char_device() && number == character)
    })
}

/// Other programs that have one of these block devices open for writing, named as by [`holders`].
pub fn writers(blocks: &[DeviceNumber]) -> Vec<String> {
    programs(&|file, facts| {
        file.file_type().is_block_device() && blocks.contains(&DeviceNumber::from(file.rdev())) && is_for_writing(facts)
    })
}

/// Other programs with a descriptor of something in /dev that `is_meant`, told by what it leads to and by its file in fdinfo.
fn programs(is_meant: &dyn Fn(&Metadata, &Path) -> bool) -> Vec<String> {
    let is_held = |link: &Path, facts: &Path| {
        // Only /dev is looked at any further: stat of a file on a dead network mount would hang.
        fs::read_link(link).is_ok_and(|target| target.starts_with("/dev"))
            && fs::metadata(link).is_ok_and(|file| is_meant(&file, facts))
    };
    let holds = |pid: &u32| {
        let [links, facts] = ["fd", "fdinfo"].map(|folder| PathBuf::from(format!("/proc/{pid}/{folder}")));
        names(&links).iter().any(|fd| is_held(&links.join(fd), &facts.join(fd)))
    };
    let pids = names(Path::new("/proc")).into_iter().filter_map(|name| name.parse().ok());
    let others = pids.filter(|pid| *pid != process::id()).filter(holds);
    others.map(|pid| format!("{} (pid {pid})", name(pid))).collect()
}

/// Other programs that keep a file system busy: with a file open below `point`, or standing or running there. Named as by [`holders`].
pub fn users_of(point: &Path) -> Vec<String> {
    let uses = |pid: &u32| {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let open = names(&folder.join("fd")).into_iter().map(|fd| folder.join("fd").join(fd));
        let places = ["cwd", "root", "exe"].map(|link| folder.join(link));
        // The links' names alone: what they lead to may hang.
        open.chain(places).any(|link| fs::read_link(link).is_ok_and(|target| target.starts_with(point)))
    };
    let pids = names(Path::new("/proc")).into_iter().filter_map(|name| name.parse().ok());
    let others = pids.filter(|pid| *pid != process::id()).filter(uses);
    others.map(|pid| format!("{} (pid {pid})", name(pid))).collect()
}

/// Reads the `flags:` of a descriptor (proc_pid_fdinfo(5)): in octal, as open(2) takes them.
/// What can't be read counts as writing: better a refusal too many.
fn is_for_writing(facts: &Path) -> bool {
    let facts = fs::read_to_string(facts).unwrap_or_default();
    let flags = facts.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| i32::from_str_radix(flags.trim(), 8).ok());
    flags.is_none_or(|flags| flags & libc::O_ACCMODE != libc::O_RDONLY)
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

    #[test]
    fn who_writes_is_told_from_who_reads() {
        let null = || fs::File::options().read(true).write(true).open("/dev/null").unwrap();
        let number = DeviceNumber::from(null().metadata().unwrap().rdev());
        let reader = fs::File::open("/dev/null").unwrap();
        let sleep = |stdin: fs::File| {
            let zero = fs::File::open("/dev/zero").unwrap();
            Command::new("sleep").arg("60").stdin(stdin).stdout(zero.try_clone().unwrap()).stderr(zero).spawn().unwrap()
        };
        let (mut reads, mut writes) = (sleep(reader), sleep(null()));
        let found = programs(&|file, facts| DeviceNumber::from(file.rdev()) == number && is_for_writing(facts));
        let no_block_device = writers(&[number]);
        for child in [&mut reads, &mut writes] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let named = |child: &std::process::Child| format!("sleep (pid {})", child.id());
        assert!(found.contains(&named(&writes)) && !found.contains(&named(&reads)), "{found:?}");
        assert!(!no_block_device.contains(&named(&writes)));
    }
}
