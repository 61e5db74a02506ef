//! A machine's /sys, /proc and /dev in a temporary folder, for tests.

use std::fs;
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
}
