//! The programs, and how each is asked to write an image and to prove that it is there.

use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::device::Device;

/// What runs, one after the other.
pub struct Contestant {
    pub name: &'static str,
    pub before: Before,
    /// Until the image is on the device, whatever happens to its power.
    pub write: Vec<Pipeline>,
    /// Until its SHA-256 was computed from what the device gives back; a program that does both has none.
    pub verify: Vec<Pipeline>,
}

/// How much of the image the device lacks before: it has zeros there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Before {
    Nothing,
    /// One extent of 5 % is missing, in the middle.
    Nearly,
    Image,
}

impl Before {
    /// Which bytes of an image are zero.
    pub fn zeros(self, bytes: usize) -> Range<usize> {
        match self {
            Self::Nothing => 0..bytes,
            Self::Nearly => bytes / 2..bytes / 2 + bytes / 20,
            Self::Image => 0..0,
        }
    }
}

/// Programs, each of which reads what the one before it prints.
pub type Pipeline = Vec<Command>;

pub const ISOFLASH: &str = "isoflash";
pub const DELTA: &str = "isoflash --delta";
pub const DD: &str = "dd, dd \\| openssl";
/// dd's read without a digest: what the device gives.
pub const READ: &str = "dd, read only";

/// All that are installed, in a fixed order.
pub fn contestants(image: &Path, bytes: u64, device: &Device) -> Vec<Contestant> {
    let node = device.node();
    let read_back = || vec![dd_read(node, bytes), command("openssl", &["dgst", "-sha256"])];
    let mut all = vec![
        Contestant { name: ISOFLASH, before: Before::Nothing, write: vec![vec![isoflash(image, node)]], verify: vec![] },
        Contestant { name: DD, before: Before::Nothing, write: vec![vec![dd_write(image, node)]], verify: vec![read_back()] },
        Contestant { name: READ, before: Before::Image, write: vec![], verify: vec![vec![nowhere(dd_read(node, bytes))]] },
        Contestant {
            name: "cp, sync, dd \\| openssl",
            before: Before::Nothing,
            write: vec![vec![with(command("cp", &[]), &[image, node])], vec![with(command("sync", &[]), &[node])]],
            verify: vec![read_back()],
        },
    ];
    if missing("bmaptool").is_none() {
        let copy = with(command("bmaptool", &["--quiet", "copy", "--nobmap"]), &[image, node]);
        all.push(Contestant {
            name: "bmaptool, dd \\| openssl",
            before: Before::Nothing,
            write: vec![vec![copy]],
            verify: vec![read_back()],
        });
    }
    if missing("caligula").is_none() {
        let options = ["burn", "--force", "--interactive", "never", "--hash", "skip", "--compression", "none", "--root", "never"];
        let mut burn = with(command("caligula", &options), &[image]);
        burn.arg("-o").arg(node);
        all.push(Contestant { name: "caligula", before: Before::Nothing, write: vec![vec![burn]], verify: vec![] });
    }
    if no_delta().is_none() {
        let mut delta = isoflash(image, node);
        delta.arg("--delta");
        all.push(Contestant { name: DELTA, before: Before::Nearly, write: vec![vec![delta]], verify: vec![] });
    }
    all
}

/// A line for each that can't take part.
pub fn absent() -> Vec<String> {
    ["bmaptool", "caligula"].into_iter().filter_map(missing).chain(no_delta()).collect()
}

fn missing(program: &str) -> Option<String> {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    found.err().map(|error| format!("{program}: {error}"))
}

fn no_delta() -> Option<String> {
    let help = Command::new(env!("CARGO_BIN_EXE_isoflash")).arg("--help").output();
    let knows = help.is_ok_and(|help| String::from_utf8_lossy(&help.stdout).contains("--delta"));
    (!knows).then(|| format!("{DELTA}: this isoflash has no such option"))
}

fn isoflash(image: &Path, node: &Path) -> Command {
    with(command(env!("CARGO_BIN_EXE_isoflash"), &["--yes", "--json", "--progress", "none"]), &[image, node])
}

fn dd_write(image: &Path, node: &Path) -> Command {
    let mut dd = command("dd", &["bs=4M", "oflag=direct", "conv=fsync", "status=none"]);
    dd.arg(format!("if={}", image.display())).arg(format!("of={}", node.display()));
    dd
}

fn dd_read(node: &Path, bytes: u64) -> Command {
    let mut dd = command("dd", &["bs=4M", "iflag=direct,count_bytes", "status=none"]);
    dd.arg(format!("if={}", node.display())).arg(format!("count={bytes}"));
    dd
}

fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

fn with(mut command: Command, paths: &[&Path]) -> Command {
    command.args(paths);
    command
}

fn nowhere(mut dd: Command) -> Command {
    dd.arg("of=/dev/null");
    dd
}
