//! A machine by User Mode Linux: Debian's kernel as a process of the host, at the CPU's own speed, and without any hardware.

use std::error::Error;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::statvfs::statvfs;

use super::guardian::Guardian;
use super::machine::{Machine, Process};

/// The kernel of Debian's package user-mode-linux.
pub const KERNEL: &str = "linux.uml";
const INIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/guest/init-uml");
const MEMORY: u64 = 1 << 30;

/// Starts a machine whose /share is the guardian's folder.
pub fn start(guardian: &Guardian) -> Result<Machine, Box<dyn Error>> {
    let folder = guardian.folder();
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", KERNEL, "rootfstype=hostfs", "rootflags=/", "ro"]);
    command.arg(format!("mem={}M", MEMORY >> 20)).arg(format!("init={INIT}"));
    command.arg(format!("share={}", folder.display())).arg(format!("uml_dir={}", guardian.sockets().display()));
    // The first serial line leads here; the console, of which the kernel's log is all that comes, to stderr.
    command.args(["ssl=null", "ssl0=fd:0,fd:1", "con=null", "con0=null,fd:2", "console=tty0", "panic=-1"]);
    // The memory is a file without a name: in memory itself, if there is room.
    let shm = Path::new("/dev/shm");
    let has_room = statvfs(shm).is_ok_and(|about| about.blocks_available() * about.fragment_size() > MEMORY);
    command.env("TMPDIR", if has_room { shm } else { folder });
    let log = File::create(folder.join("kernel.log"))?;
    // A group of its own: the kernel keeps helpers, which outlive it.
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).process_group(0);
    let process = command.spawn().map_err(|error| format!("{KERNEL}: {error}"))?;
    Machine::new(Process::group(process), None)
}
