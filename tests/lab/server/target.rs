//! The kernel's target, built in configfs: a device of target_core_user, and a LUN of tcm_loop that shows it on a SCSI bus of
//! this machine.
//!
//! ```text
//! target/core/user_PID/drive                    the device; its ring is a node of uio
//! target/loopback/naa.…/tpgt_1/lun/lun_0/drive  a link to it: while it is there, the LUN is on the bus
//! ```

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process;
use std::thread::sleep;
use std::time::{Duration, Instant};

const CONFIGFS: &str = "/sys/kernel/config/target";
/// Bytes.
const SECTOR: usize = 2048;
/// How long nodes may take to appear.
const PATIENCE: Duration = Duration::from_secs(20);

/// A device without a LUN on the bus, at first.
pub(super) struct Target {
    device: PathBuf,
    /// The loopback fabric's target portal group.
    portal: PathBuf,
    /// What the device's UIO node is called in /sys/class/uio.
    uio_name: String,
    /// Longest transfer, in bytes.
    max_transfer: usize,
}

impl Target {
    /// Makes the device and an empty LUN.
    pub(super) fn make(max_transfer: usize) -> io::Result<Self> {
        let pid = process::id();
        let base = Path::new(CONFIGFS);
        // NAA 6 with the OUI that the target core uses; the initiator is another port.
        let [name, initiator] = [0, 1].map(|port| format!("naa.6001405{port}{pid:08x}"));
        let target = Self {
            device: base.join(format!("core/user_{pid}/drive")),
            portal: base.join("loopback").join(name).join("tpgt_1"),
            uio_name: format!("tcm-user/{pid}/drive/discsmith"),
            max_transfer,
        };
        target.fill(&initiator).inspect_err(|_| drop(target.remove()))?;
        Ok(target)
    }

    fn fill(&self, initiator: &str) -> io::Result<()> {
        make_folder(&self.device)?;
        // The drive itself says how large its disc is: dev_size only has to be something.
        let sectors = self.max_transfer / SECTOR;
        for line in [
            "dev_config=discsmith",
            &format!("dev_size={SECTOR}"),
            &format!("hw_block_size={SECTOR}"),
            &format!("hw_max_sectors={sectors}"),
            // No answer over netlink is waited for.
            "nl_reply_supported=-1",
            "async=1",
        ] {
            put(&self.device.join("control"), line)?;
        }
        put(&self.device.join("enable"), "1")?;
        // The kernel waits for each command as long as the initiator does, and reservations are the drive's.
        put(&self.device.join("attrib/cmd_time_out"), "0")?;
        put(&self.device.join("attrib/emulate_pr"), "0")?;
        make_folder(&self.portal.join("lun/lun_0"))?;
        put(&self.portal.join("nexus"), initiator)
    }

    /// The ring's node in /dev, and its folder in /sys/class/uio.
    pub(super) fn uio(&self) -> io::Result<(PathBuf, PathBuf)> {
        let is_ours = |folder: &PathBuf| fs::read_to_string(folder.join("name")).is_ok_and(|name| name.trim() == self.uio_name);
        patiently(|| {
            let mut folders = fs::read_dir("/sys/class/uio").ok()?.flatten().map(|entry| entry.path());
            let folder = folders.find(is_ours)?;
            Some((node(&folder)?, folder))
        })
        .ok_or_else(|| io::Error::other(format!("no node of uio for {}", self.uio_name)))
    }

    /// Shows the LUN on the bus, and waits for the nodes of sr and sg. The kernel sends commands meanwhile.
    pub(super) fn attach(&self) -> io::Result<(PathBuf, PathBuf)> {
        let link = self.link();
        symlink(&self.device, &link).map_err(|error| named(&link, &error))?;
        let address = fs::read_to_string(self.portal.join("address"))?;
        let device = Path::new("/sys/class/scsi_device").join(format!("{}:0/device", address.trim()));
        let node_of = |class: &str| node(&fs::read_dir(device.join(class)).ok()?.next()?.ok()?.path());
        let (sr, sg) = patiently(|| Some((node_of("block")?, node_of("scsi_generic")?)))
            .ok_or_else(|| io::Error::other(format!("no nodes for {}: are sr_mod and sg there?", device.display())))?;
        // tcm_loop lets longer commands through, whatever the device says: hw_max_sectors is for fabrics that ask.
        let Some(name) = sr.file_name() else { return Err(named(&sr, &io::ErrorKind::InvalidInput.into())) };
        put(&Path::new("/sys/block").join(name).join("queue/max_sectors_kb"), &(self.max_transfer >> 10).to_string())?;
        Ok((sr, sg))
    }

    /// Takes the LUN off the bus, if it is there. The kernel sends commands meanwhile.
    pub(super) fn detach(&self) -> io::Result<()> {
        let link = self.link();
        match fs::remove_file(&link) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(named(&link, &error)),
            _ => Ok(()),
        }
    }

    /// Removes what was made, once the LUN is off the bus and the ring is unmapped.
    pub(super) fn remove(&self) -> io::Result<()> {
        let (lun, fabric, host) = (self.portal.join("lun/lun_0"), self.portal.parent(), self.device.parent());
        for folder in [Some(&*lun), Some(&self.portal), fabric, Some(&self.device), host].into_iter().flatten() {
            match fs::remove_dir(folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(named(folder, &error)),
                _ => {}
            }
        }
        Ok(())
    }

    fn link(&self) -> PathBuf {
        self.portal.join("lun/lun_0/drive")
    }
}

/// The node in /dev of a device in /sys, once it is there.
fn node(device: &Path) -> Option<PathBuf> {
    Some(Path::new("/dev").join(device.file_name()?)).filter(|node| node.exists())
}

fn patiently<T>(look: impl Fn() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        match look() {
            None if start.elapsed() < PATIENCE => sleep(Duration::from_millis(20)),
            found => return found,
        }
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path).map_err(|error| named(path, &error))
}

fn put(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text).map_err(|error| named(path, &error))
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
