//! A machine's /sys, /proc and /dev in a temporary folder, for tests.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

use super::Sysfs;

/// A machine made of files. Dropped, it is gone.
pub(crate) struct Machine(TempDir);

impl Machine {
    /// A machine without devices, where nothing is mounted.
    pub(crate) fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        for folder in ["sys/block", "sys/class/block", "sys/dev/char", "dev/disk/by-id"] {
            fs::create_dir_all(machine.root().join(folder)).unwrap();
        }
        machine.write("proc/self/mountinfo", "");
        machine
    }

    /// A machine captured elsewhere: `PATH = CONTENT` or `PATH -> LINK` on each line, paths below `/`, with C's escapes `\n` `\t` `\0`
    /// `\\` `\xHH` and three octal digits. Lines that are empty or begin with `#` say nothing.
    pub(crate) fn captured(tree: &str) -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        for line in tree.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            // An empty file's line may have lost the blank at its end.
            let line = if line.ends_with(" =") { format!("{line} ") } else { line.to_owned() };
            let sign = [" = ", " -> "].into_iter().filter_map(|sign| Some((line.find(sign)?, sign))).min();
            let (at, sign) = sign.unwrap_or_else(|| panic!("neither content nor link: {line}"));
            let path = String::from_utf8(unescape(&line[..at])).unwrap();
            let content = unescape(&line[at + sign.len()..]);
            match sign {
                " = " => machine.write(&path, content),
                _ => machine.link(&path, OsStr::from_bytes(&content)),
            }
        }
        machine
    }

    /// The folder that stands for `/`.
    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    /// What the program sees.
    pub(crate) fn sysfs(&self) -> Sysfs {
        Sysfs::at(self.root())
    }

    /// Writes a file, and the folders that lead to it.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Makes a link, and the folders that lead to it.
    pub(crate) fn link(&self, path: &str, target: impl AsRef<Path>) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    /// A whole disk whose device is the folder `device` below /sys. `number` is `8:0`, `size` in units of 512 bytes.
    pub(crate) fn disk(&self, device: &str, name: &str, number: &str, size: u64) {
        self.write(&format!("sys/{device}/type"), "0\n");
        self.block(&format!("{device}/block/{name}"), name, number, size);
        self.link(&format!("sys/{device}/block/{name}/device"), "../..");
    }

    /// A device of the kernel's own making.
    pub(crate) fn made(&self, name: &str, number: &str, size: u64) {
        self.block(&format!("devices/virtual/block/{name}"), name, number, size);
    }

    /// A partition that begins at `start`, in units of 512 bytes.
    pub(crate) fn partition(&self, disk: &str, name: &str, number: &str, start: u64, size: u64) {
        let folder = self.folder(disk);
        self.block(&format!("{folder}/{name}"), name, number, size);
        self.write(&format!("sys/{folder}/{name}/partition"), "1\n");
        self.write(&format!("sys/{folder}/{name}/start"), format!("{start}\n"));
    }

    /// A volume of the device mapper.
    pub(crate) fn mapper(&self, minor: u64, name: &str, uuid: &str, below: &[&str]) {
        let block = format!("dm-{minor}");
        self.made(&block, &format!("253:{minor}"), 1 << 20);
        self.attribute(&block, "dm/name", &format!("{name}\n"));
        self.attribute(&block, "dm/uuid", &format!("{uuid}\n"));
        below.iter().for_each(|below| self.stack(below, &block));
    }

    /// A loop device made of a file.
    pub(crate) fn loop_device(&self, minor: u64, backing: &str) {
        self.made(&format!("loop{minor}"), &format!("7:{minor}"), 1 << 20);
        self.attribute(&format!("loop{minor}"), "loop/backing_file", &format!("{backing}\n"));
    }

    /// Makes `above` a holder of `below`.
    pub(crate) fn stack(&self, below: &str, above: &str) {
        let class = self.root().join("sys/class/block");
        self.link(&format!("sys/{}/holders/{above}", self.folder(below)), class.join(above));
        self.link(&format!("sys/{}/slaves/{below}", self.folder(above)), class.join(below));
    }

    /// Changes an attribute of a block device.
    pub(crate) fn attribute(&self, block: &str, name: &str, value: &str) {
        self.write(&format!("sys/{}/{name}", self.folder(block)), value);
    }

    /// Adds a line to the table of mounts: `8:1 / /media/stick vfat /dev/sda1 rw` (number, root, point, type, source, options).
    pub(crate) fn mount(&self, line: &str) {
        let [number, root, point, fs_type, source, options] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        self.append(
            "proc/self/mountinfo",
            &format!("30 1 {number} {root} {point} rw,relatime shared:1 - {fs_type} {source} {options}\n"),
        );
    }

    /// Adds a line to the table of swaps.
    pub(crate) fn swap(&self, path: &str) {
        if !self.root().join("proc/swaps").exists() {
            self.write("proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
        }
        self.append("proc/swaps", &format!("{path}                               partition\t8388604\t0\t-2\n"));
    }

    fn append(&self, path: &str, line: &str) {
        let table = fs::read_to_string(self.root().join(path)).unwrap();
        self.write(path, table + line);
    }

    fn block(&self, folder: &str, name: &str, number: &str, size: u64) {
        let size = format!("{size}\n");
        for (attribute, value) in [("dev", &*format!("{number}\n")), ("size", &size), ("ro", "0\n"), ("removable", "0\n")] {
            self.write(&format!("sys/{folder}/{attribute}"), value);
        }
        self.link(&format!("sys/class/block/{name}"), Path::new("../..").join(folder));
    }

    /// The folder of a block device, below /sys.
    fn folder(&self, block: &str) -> String {
        let link = fs::read_link(self.root().join("sys/class/block").join(block)).unwrap();
        link.strip_prefix("../..").unwrap().to_str().unwrap().to_owned()
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let (byte, used) = match (first, after) {
            (b'\\', [b'n', ..]) => (b'\n', 1),
            (b'\\', [b't', ..]) => (b'\t', 1),
            (b'\\', [b'r', ..]) => (b'\r', 1),
            (b'\\', [b'\\', ..]) => (b'\\', 1),
            (b'\\', [b'x', high, low, ..]) => (number(&[*high, *low], 16), 3),
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..]) => (number(&[*a, *b, *c], 8), 3),
            (b'\\', [b'0', ..]) => (0, 1),
            (b'\\', _) => panic!("unknown escape: {text}"),
            _ => (*first, 0),
        };
        bytes.push(byte);
        rest = &rest[used..];
    }
    bytes
}

fn number(digits: &[u8], radix: u32) -> u8 {
    u8::from_str_radix(str::from_utf8(digits).unwrap(), radix).unwrap()
}

#[test]
fn a_captured_tree_is_expanded() {
    let tree = "# a comment\n\nsys/a/b = one\\ntwo\\\\\\x00\\377\nsys/empty =\nsys/link -> ../a = b\nsys/c = x -> y\\n\n";
    let machine = Machine::captured(tree);
    let read = |path: &str| fs::read(machine.root().join(path)).unwrap();
    assert_eq!((read("sys/a/b"), read("sys/empty"), read("sys/c")), (b"one\ntwo\\\0\xff".to_vec(), vec![], b"x -> y\n".to_vec()));
    assert_eq!(fs::read_link(machine.root().join("sys/link")).unwrap(), Path::new("../a = b"));
}
