//! Reading /sys. Its root is a parameter, so that a tree captured elsewhere reads as well.

use std::fs;
use std::path::{Path, PathBuf};

use super::DeviceNumber;

/// Where the kernel describes devices, and where their nodes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sysfs {
    root: PathBuf,
    nodes: PathBuf,
}

impl Default for Sysfs {
    /// This machine: /sys and /dev.
    fn default() -> Self {
        Self::at("/sys", "/dev")
    }
}

impl Sysfs {
    /// A tree with the layout of /sys at `root`, whose nodes are in `nodes`.
    pub fn at(root: impl Into<PathBuf>, nodes: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), nodes: nodes.into() }
    }

    /// The node that udev gives the device `name`.
    pub(super) fn node(&self, name: &str) -> PathBuf {
        self.nodes.join(name)
    }

    /// A path below the root.
    pub(super) fn path(&self, below: &str) -> PathBuf {
        self.root.join(below)
    }

    /// SCSI device type of the `/dev/sgN` with this number; 5 is optical. `None` when there is no such device.
    pub fn scsi_type(&self, number: DeviceNumber) -> Option<u8> {
        let device = self.path(&format!("dev/char/{}:{}/device/type", number.major, number.minor));
        text(&device)?.parse().ok()
    }
}

/// An attribute's text, without the padding that SCSI strings have. `None` when it is absent, unreadable or empty.
pub(super) fn text(attribute: &Path) -> Option<String> {
    let bytes = fs::read(attribute).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty()).then(|| text.to_owned())
}

/// Names in a folder, in order; none when it is absent.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}
