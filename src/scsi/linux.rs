//! Optical drives of this machine: `/dev/srN`, `/dev/sgN` and every link to them.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::device::SgDevice;
use super::{Access, Clock, OpenError, Opened, Port, RealClock};
use crate::sys::{DeviceNumber, Found, Sysfs, holders, mounts, unmount};

/// Major numbers, from the kernel's devices.txt.
const SR: u64 = 11;
const SG: u64 = 21;
/// SCSI device type 5 (SPC-4, 6.6.2): CD, DVD and BD.
const OPTICAL: u8 = 5;
/// udev and udisks open a drive for a moment when a disc comes in; libburn waits as long for them.
const BUSY_TRIES: u32 = 4;
const BUSY_WAIT: Duration = Duration::from_secs(2);

/// Whether other programs may use the drive meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// O_EXCL: nobody mounts the disc, and the kernel does not ask the drive for changes between our commands.
    Exclusive,
    /// A mounted disc is read as well.
    Shared,
}

/// A drive of this machine.
#[derive(Debug)]
pub struct SgPort {
    given: PathBuf,
    sharing: Sharing,
    sysfs: Sysfs,
    clock: Arc<RealClock>,
    /// The drive that was opened, once one was.
    known: Option<Place>,
}

/// A node, and the drive behind it as far as /sys knows it.
#[derive(Debug, Clone)]
struct Place {
    node: PathBuf,
    kind: Kind,
    drive: Option<Found>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sr(DeviceNumber),
    Sg(DeviceNumber),
}

impl Kind {
    fn is_of(self, file: &Metadata) -> bool {
        let number = DeviceNumber::from(file.rdev());
        match self {
            Self::Sr(wanted) => file.file_type().is_block_device() && number == wanted,
            Self::Sg(wanted) => file.file_type().is_char_device() && number == wanted,
        }
    }
}

impl SgPort {
    /// The drive at `given`: a node, or a link to one.
    pub fn new(given: impl Into<PathBuf>, sharing: Sharing, sysfs: Sysfs) -> Self {
        Self { given: given.into(), sharing, sysfs, clock: Arc::new(RealClock::new()), known: None }
    }

    /// What /sys says about the drive at the path that the person gave.
    fn find(&self) -> Result<Place, OpenError> {
        let file = fs::metadata(&self.given).map_err(|error| self.refused(&error, None))?;
        let no_drive = |why: &str| Err(OpenError::NotADrive { node: self.name(), why: why.to_owned() });
        let number = DeviceNumber::from(file.rdev());
        let node = fs::canonicalize(&self.given).map_err(|error| self.refused(&error, None))?;
        let mut drives = self.sysfs.drives().into_iter();
        let kind = file.file_type();
        if kind.is_block_device() && number.major == SR {
            Ok(Place { node, kind: Kind::Sr(number), drive: drives.find(|drive| drive.number == number) })
        } else if kind.is_char_device() && number.major == SG {
            match self.sysfs.scsi_type(number) {
                Some(OPTICAL) => {}
                Some(_) => return no_drive("it is a SCSI device of another type"),
                None => {
                    let why = "/sys knows no device of this number".to_owned();
                    return Err(OpenError::Missing { node: self.name(), why });
                }
            }
            Ok(Place { node, kind: Kind::Sg(number), drive: drives.find(|drive| drive.sg_number == Some(number)) })
        } else if kind.is_block_device() || kind.is_char_device() {
            no_drive("it is a device of another kind")
        } else if kind.is_dir() {
            no_drive("it is a folder")
        } else {
            no_drive("it is a file; an image is read as emulated:FILE")
        }
    }

    /// The same drive after it vanished, wherever it is now.
    fn find_again(&self, known: &Place) -> Result<Place, OpenError> {
        let Some(before) = &known.drive else { return self.find() };
        let mut same: Vec<Found> = self.sysfs.drives().into_iter().filter(|drive| before.is_same_drive(drive)).collect();
        same.sort_by_key(|drive| !before.is_same_seat(drive));
        let Some(drive) = same.into_iter().next() else {
            return Err(OpenError::Missing { node: self.name(), why: "it has not come back".to_owned() });
        };
        let (made_by_udev, kind) = match (known.kind, &drive.sg, drive.sg_number) {
            (Kind::Sg(_), Some(sg), Some(number)) => (sg, Kind::Sg(number)),
            _ => (&drive.node, Kind::Sr(drive.number)),
        };
        // A container may call the node by another name, which still leads to the drive when the number fits.
        let fits = fs::metadata(&self.given).is_ok_and(|file| kind.is_of(&file));
        let node = if fits { self.given.clone() } else { made_by_udev.clone() };
        Ok(Place { node, kind, drive: Some(drive) })
    }

    fn place(&self) -> Result<Place, OpenError> {
        self.known.as_ref().map_or_else(|| self.find(), |known| self.find_again(known))
    }

    fn refuse_mounted(&self, place: &Place) -> Result<(), OpenError> {
        let mount_points = place.mount_points();
        if self.sharing == Sharing::Shared || mount_points.is_empty() {
            return Ok(());
        }
        let mount_points = mount_points.iter().map(|point| point.display().to_string()).collect();
        Err(OpenError::Mounted { node: place.name(), mount_points })
    }

    /// What an error of opening means.
    fn refused(&self, error: &io::Error, place: Option<&Place>) -> OpenError {
        let node = place.map_or_else(|| self.name(), Place::name);
        match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR | libc::ENXIO | libc::ENODEV) => OpenError::Missing { node, why: plain(error) },
            Some(libc::EACCES | libc::EPERM | libc::EROFS) => OpenError::Denied { node },
            Some(libc::EBUSY) => OpenError::Busy { node, holder: place.and_then(Place::holder) },
            _ => OpenError::Failed { node, why: plain(error) },
        }
    }
}

impl Port for SgPort {
    fn name(&self) -> String {
        self.given.display().to_string()
    }

    fn open(&mut self) -> Result<Opened, OpenError> {
        let place = self.place()?;
        // A drive that comes back is tried once: its caller does the waiting.
        let mut tries = if self.known.is_some() { 0 } else { BUSY_TRIES };
        loop {
            self.refuse_mounted(&place)?;
            match place.open(self.sharing) {
                Ok((transport, access)) => {
                    let node = place.name();
                    self.known = Some(place);
                    return Ok(Opened { transport: Box::new(transport), access, node });
                }
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) && tries > 0 => {
                    tries -= 1;
                    self.clock.sleep(BUSY_WAIT);
                }
                Err(error) => return Err(self.refused(&error, Some(&place))),
            }
        }
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::<RealClock>::clone(&self.clock)
    }

    fn unmount(&mut self) -> Result<(), OpenError> {
        let place = self.place()?;
        let node = place.drive.as_ref().map_or(&place.node, |drive| &drive.node);
        // What was mounted last may lie on top of the others.
        for point in place.mount_points().iter().rev() {
            unmount(point, node).map_err(|why| OpenError::Failed {
                node: place.name(),
                why: format!("unmounting {}: {why}; close what uses it and run this command again", point.display()),
            })?;
        }
        Ok(())
    }

    fn backing(&self) -> Option<PathBuf> {
        None
    }
}

impl Place {
    fn name(&self) -> String {
        self.node.display().to_string()
    }

    fn block(&self) -> Option<DeviceNumber> {
        match self.kind {
            Kind::Sr(number) => Some(number),
            Kind::Sg(_) => self.drive.as_ref().map(|drive| drive.number),
        }
    }

    /// An unreadable table counts as empty: O_EXCL on sr has the last word.
    fn mount_points(&self) -> Vec<PathBuf> {
        self.block().and_then(|block| mounts::points_of(block).ok()).unwrap_or_default()
    }

    fn holder(&self) -> Option<String> {
        let character = match self.kind {
            Kind::Sg(number) => Some(number),
            Kind::Sr(_) => self.drive.as_ref().and_then(|drive| drive.sg_number),
        };
        let holders = holders(self.block(), character);
        (!holders.is_empty()).then(|| holders.join(", "))
    }

    fn open(&self, sharing: Sharing) -> io::Result<(SgDevice, Access)> {
        let (node, access) = open_node(&self.node, self.kind, sharing)?;
        if !self.kind.is_of(&node.metadata()?) {
            // Between looking and opening, the name went to another device.
            return Err(io::Error::from_raw_os_error(libc::ENXIO));
        }
        let sibling = match (self.kind, &self.drive) {
            (Kind::Sg(_), Some(drive)) if sharing == Sharing::Exclusive => {
                match open_node(&drive.node, Kind::Sr(drive.number), sharing) {
                    Ok((sibling, _)) => Some(sibling),
                    Err(error) if error.raw_os_error() == Some(libc::EBUSY) => return Err(error),
                    // In a container there may be the sg node alone.
                    Err(_) => None,
                }
            }
            _ => None,
        };
        Ok((SgDevice::new(node, sibling, self.drive.as_ref().and_then(|drive| drive.longest)), access))
    }
}

/// Opens a node read-write, else read-only. O_NONBLOCK, or an empty drive fails with ENOMEDIUM and an open tray closes.
fn open_node(node: &Path, kind: Kind, sharing: Sharing) -> io::Result<(File, Access)> {
    let exclusive = if sharing == Sharing::Exclusive { libc::O_EXCL } else { 0 };
    let flags = libc::O_NONBLOCK | exclusive;
    let only_to_read = |errno| match errno {
        libc::EACCES | libc::EPERM | libc::EROFS => true,
        // Linux 6.8 and later may keep what is mounted from being opened for writing (CONFIG_BLK_DEV_WRITE_MOUNTED).
        libc::EBUSY => sharing == Sharing::Shared,
        _ => false,
    };
    match OpenOptions::new().read(true).write(true).custom_flags(flags).open(node) {
        Ok(file) => Ok((file, Access::Full)),
        Err(error) if error.raw_os_error().is_some_and(only_to_read) => {
            // sg_open() refuses O_EXCL on a read-only descriptor with EPERM.
            let flags = if matches!(kind, Kind::Sg(_)) { libc::O_NONBLOCK } else { flags };
            Ok((OpenOptions::new().read(true).custom_flags(flags).open(node)?, Access::ReadOnly))
        }
        Err(error) => Err(error),
    }
}

/// The error's words without its number.
fn plain(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |errno| nix::Error::from_raw(errno).desc().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn port(path: impl Into<PathBuf>) -> SgPort {
        SgPort::new(path, Sharing::Exclusive, Sysfs::default())
    }

    fn refusal(path: impl Into<PathBuf>) -> OpenError {
        port(path).open().err().unwrap()
    }

    #[test]
    fn what_is_no_drive_is_refused_before_it_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("disc.iso");
        fs::write(&image, [0; 2048]).unwrap();
        let link = folder.path().join("cdrom");
        symlink(&image, &link).unwrap();
        for path in [folder.path(), &image, &link, Path::new("/dev/null")] {
            let refused = refusal(path);
            assert!(matches!(&refused, OpenError::NotADrive { node, .. } if Path::new(node) == path), "{refused:?}");
        }
        assert!(refusal(&image).to_string().contains("emulated:"));
    }

    #[test]
    fn a_missing_node_and_a_dangling_link_are_missing() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("cdrom");
        symlink("sr99", &link).unwrap();
        for path in [folder.path().join("sr99"), link] {
            let refused = refusal(path);
            assert!(matches!(refused, OpenError::Missing { .. }), "{refused:?}");
        }
    }

    #[test]
    fn errors_of_opening_are_told_apart() {
        let of = |errno| port("/dev/sr0").refused(&io::Error::from_raw_os_error(errno), None);
        let node = || "/dev/sr0".to_owned();
        for errno in [libc::ENOENT, libc::ENXIO, libc::ENODEV] {
            assert!(matches!(of(errno), OpenError::Missing { .. }));
        }
        for errno in [libc::EACCES, libc::EPERM, libc::EROFS] {
            assert_eq!(of(errno), OpenError::Denied { node: node() });
        }
        assert_eq!(of(libc::EBUSY), OpenError::Busy { node: node(), holder: None });
        assert_eq!(of(libc::EMFILE), OpenError::Failed { node: node(), why: "Too many open files".to_owned() });
    }

    #[test]
    fn a_node_that_may_only_be_read_is_opened_so() {
        // sysfs keeps its read-only files from being opened for writing, even by root.
        let node = Path::new("/sys/kernel/uevent_seqnum");
        let number = DeviceNumber { major: SR, minor: 0 };
        for kind in [Kind::Sr(number), Kind::Sg(number)] {
            assert_eq!(open_node(node, kind, Sharing::Exclusive).unwrap().1, Access::ReadOnly);
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(open_node(file.path(), Kind::Sr(number), Sharing::Shared).unwrap().1, Access::Full);
    }
}
