//! The device that all write to: a loop device of a file of the bench's own.
//!
//! It is held open as long as the bench lives. So nobody else gets its number meanwhile, and it goes with the bench, however that ends: once
//! the last one has closed it, the kernel takes it apart (LO_FLAGS_AUTOCLEAR).

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use discsmith::medium::{BlockDevice, Claim, Medium};
use discsmith::sys::DeviceNumber;

use crate::Result;
use crate::fuse;
use crate::pace::Speed;
use crate::tool;

/// Bytes of a sector in /sys/block/*/stat, whatever the device's own are.
const STAT_SECTOR: u64 = 512;

pub struct Device {
    node: PathBuf,
    /// What it holds, for the bench to see without a request.
    store: File,
    /// Keeps it alive, and its number its own.
    _held: BlockDevice,
}

impl Device {
    /// A device of `bytes` bytes, made of a file in `folder`; as fast as that, or at a speed.
    pub fn new(folder: &Path, bytes: u64, speed: Option<Speed>) -> Result<Self> {
        let path = folder.join("device");
        let store = File::options().read(true).write(true).create(true).truncate(true).open(&path)?;
        store.set_len(bytes)?;
        let (node, held) = match speed {
            None => attach(&path)?,
            Some(speed) => {
                let point = folder.join("paced");
                File::create(&point)?;
                fuse::serve(store.try_clone()?, speed, &point, || attach(&point))?
            }
        };
        fs::remove_file(&path)?;
        Ok(Self { node, store, _held: held })
    }

    pub fn node(&self) -> &Path {
        &self.node
    }

    /// Puts an image on it behind its back, with zeros for some of it, and lets the kernel forget what it knew of it.
    pub fn fill(&self, image: &[u8], zeros: Range<usize>) -> Result<()> {
        self.store.write_all_at(image, 0)?;
        self.store.write_all_at(&vec![0; zeros.len()], zeros.start as u64)?;
        tool::run("blockdev", &["--flushbufs".as_ref(), &self.node])?;
        Ok(())
    }

    /// Whether it begins with `image`.
    pub fn holds(&self, image: &[u8]) -> Result<bool> {
        let mut part = vec![0; 1 << 20];
        for (number, expected) in image.chunks(part.len()).enumerate() {
            let part = &mut part[..expected.len()];
            self.store.read_exact_at(part, (number << 20) as u64)?;
            if part != expected {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What reached it so far.
    pub fn traffic(&self) -> Result<Traffic> {
        let name = self.node.file_name().ok_or("a node without a name")?;
        let path = Path::new("/sys/block").join(name).join("stat");
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let field = |number: usize| -> Result<u64> { Ok(text.split_whitespace().nth(number).ok_or("a short stat")?.parse()?) };
        Ok(Traffic { read: field(2)? * STAT_SECTOR, written: field(6)? * STAT_SECTOR })
    }
}

/// Bytes that a device has read and written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    pub read: u64,
    pub written: u64,
}

/// A loop device of this file, with direct access, and held. Fails if it is of any other file.
fn attach(file: &Path) -> io::Result<(PathBuf, BlockDevice)> {
    let shown = tool::run("losetup", &["--find".as_ref(), "--show".as_ref(), "--direct-io=on".as_ref(), file])?;
    let node = PathBuf::from(shown.trim());
    let number = DeviceNumber::from(fs::metadata(&node)?.rdev());
    let held = BlockDevice::open(&node, number, Claim::Shared).map_err(io::Error::other);
    // From now on it lives as long as it is open.
    tool::run("losetup", &["--detach".as_ref(), &node])?;
    let (held, own) = (held?, fs::metadata(file)?);
    let is_own = held.loop_file().is_some_and(|found| found.inode == (own.dev(), own.ino()));
    if is_own && held.geometry().bytes == own.len() {
        Ok((node, held))
    } else {
        Err(io::Error::other(format!("{} is not the device that was made; nothing was written", node.display())))
    }
}
