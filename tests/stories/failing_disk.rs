//! Stories of a disk that fails in the middle of a run: a write, a flush, a rename. strace puts the error into one system call.

use crate::common::{DISCRIP, Folder, disc, finish, installed, mapfile};

const SECTORS: u32 = 3000;

/// One call of a kind fails, the first one, the second, …; what was saved before stands, and the same command goes on.
fn fails(call: &str, error: &str) {
    if !installed("strace") {
        println!("skipped: strace is not installed");
        return;
    }
    let image = disc(77, SECTORS);
    let damage = [(100, 3), (1700, 40), (2999, 1)];
    let mut stopped = 0;
    for when in 1..=12 {
        let folder = Folder::new();
        folder.write("disc.iso", &image);
        folder.write("damage.map", mapfile(&damage, '-', SECTORS));
        let drive = "emulated:disc.iso,damage=damage.map,model=ideal";
        let inject = format!("inject={call}:error={error}:when={when}");
        let trace = format!("trace={call}");
        let args = ["-f", "-qq", "-o", "trace", "-e", &trace, "-e", &inject, DISCRIP, drive, "out.iso"];
        let ran = finish(folder.command("strace", &args), &args);
        let was_hit = folder.text("trace").contains("INJECTED");
        let status = ran.ended.code();
        if !was_hit {
            assert_eq!(status, Some(3), "{call} {when}: {ran}");
            break;
        }
        stopped += 1;
        assert!(matches!(status, Some(1 | 7)), "{call} {when}: {ran}");
        assert!(!ran.stderr.contains("panicked"), "{call} {when}: {ran}");
        folder.ends(3, &[drive, "out.iso"]);
        folder.must_hold("out.iso", &image, &damage);
        folder.map_must_say("out.iso.map", &damage, SECTORS);
    }
    assert!(stopped > 0, "{call} was never called");
}

#[test]
fn a_flush_that_fails_is_told_and_the_same_command_goes_on() {
    fails("fdatasync", "EIO");
}

#[test]
fn a_write_that_fails_is_told_and_the_same_command_goes_on() {
    fails("pwrite64", "EIO");
}

#[test]
fn a_full_disk_is_told_and_the_same_command_goes_on() {
    fails("pwrite64", "ENOSPC");
}

#[test]
fn a_map_that_cannot_take_its_name_is_told_and_the_same_command_goes_on() {
    fails("rename", "EIO");
}
