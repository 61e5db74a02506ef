//! Reading what the kernel says of devices. The root of it all is a parameter, so that a tree captured elsewhere reads as well.

use std::fs;
use std::path::{Path, PathBuf};

use super::DeviceNumber;

/// Where the kernel describes devices, and where their nodes are: a folder that holds `sys`, `proc` and `dev`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sysfs {
    root: PathBuf,
}

impl Default for Sysfs {
    /// This machine.
    fn default() -> Self {
        Self::at("/")
    }
}

impl Sysfs {
    /// The machine whose `sys`, `proc` and `dev` are in the folder `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder that all paths of that machine begin in.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The node that udev gives the device `name`.
    pub(super) fn node(&self, name: &str) -> PathBuf {
        self.root.join("dev").join(name)
    }

    /// A path below /sys.
    pub(super) fn path(&self, below: &str) -> PathBuf {
        self.root.join("sys").join(below)
    }

    /// A path below /proc.
    pub(super) fn proc(&self, below: &str) -> PathBuf {
        self.root.join("proc").join(below)
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

/// True for `prefix` with a number behind it: `sr0`, not `sr` or `srx`.
pub(super) fn is_numbered(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(is_number)
}

/// True for digits only, at least one.
pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The first link in `folder` that leads to the node `name`; none that is made after what lies on the disk, for it goes when that does.
pub(super) fn by_id(folder: &Path, name: &str) -> Option<PathBuf> {
    let mut links = names(folder).into_iter().filter(|link| !link.starts_with("lvm-pv-uuid-")).map(|link| folder.join(link));
    links.find(|link| fs::read_link(link).is_ok_and(|target| target.file_name().is_some_and(|node| node == name)))
}
