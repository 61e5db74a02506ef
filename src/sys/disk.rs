//! What an open block device tells by ioctl(2) (the kernel's include/uapi/linux/fs.h).
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::raw::c_int;
use std::os::unix::fs::MetadataExt;

use super::DeviceNumber;

mod ioctl {
    // The macros make public functions; the module keeps them and the raw descriptor in.
    nix::ioctl_read!(
        /// BLKGETSIZE64: bytes.
        size,
        0x12,
        114,
        usize
    );
    nix::ioctl_read_bad!(
        /// BLKSSZGET: bytes of a logical sector.
        sector,
        nix::request_code_none!(0x12, 104),
        super::c_int
    );
    nix::ioctl_read_bad!(
        /// BLKROGET: not 0 if it can't be written.
        read_only,
        nix::request_code_none!(0x12, 94),
        super::c_int
    );
    nix::ioctl_read!(
        /// BLKGETDISKSEQ, since Linux 5.15.
        sequence,
        0x12,
        128,
        u64
    );
    nix::ioctl_none_bad!(
        /// BLKRRPART.
        reread_partitions,
        nix::request_code_none!(0x12, 95)
    );
    nix::ioctl_read_bad!(
        /// LOOP_GET_STATUS64 (include/uapi/linux/loop.h): a `struct loop_info64`.
        loop_status,
        0x4c05,
        [u64; super::LOOP_INFO]
    );
}

/// Major number of loop devices, from the kernel's devices.txt.
const LOOP: u64 = 7;

/// `struct loop_info64` in words of 64 bits: 232 bytes. The first three are the file's device, its inode, and the device that it is a
/// node of.
const LOOP_INFO: usize = 29;

/// The file that a loop device is made of, whatever has become of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoopFile {
    /// Device and inode, as stat(2) tells them.
    pub inode: (u64, u64),
    /// The device that it is a node of; `None` for a regular file.
    pub node_of: Option<DeviceNumber>,
}

/// What a loop device is made of; `None` for any other device.
pub fn loop_file(device: &File) -> Option<LoopFile> {
    // Another driver may take the request for one of its own.
    if DeviceNumber::from(device.metadata().ok()?.rdev()).major != LOOP {
        return None;
    }
    let mut info = [0; LOOP_INFO];
    // SAFETY: the kernel writes a struct loop_info64, which is as long as `info` and needs no other alignment.
    unsafe { ioctl::loop_status(device.as_raw_fd(), &raw mut info) }.ok()?;
    let [device, inode, node_of, ..] = info;
    // Of a regular file older kernels tell the device that it lies on once more (drivers/block/loop.c of Linux 5.15, loop_get_status).
    let node_of = (node_of != 0 && node_of != device).then(|| DeviceNumber::from(node_of));
    Some(LoopFile { inode: (device, inode), node_of })
}

/// Bytes of the device; 0 once it is gone.
///
/// # Errors
/// Those of ioctl(2); ENOTTY for what is no block device.
pub fn size(device: &File) -> io::Result<u64> {
    // The kernel writes 64 bits, though its header calls them size_t.
    let mut bytes = 0u64;
    // SAFETY: `bytes` has room for the 64 bits that the kernel writes, and outlives the call.
    unsafe { ioctl::size(device.as_raw_fd(), (&raw mut bytes).cast()) }?;
    Ok(bytes)
}

/// Bytes of a logical sector.
///
/// # Errors
/// Those of ioctl(2).
pub fn sector(device: &File) -> io::Result<u32> {
    let mut bytes: c_int = 0;
    // SAFETY: the kernel writes an int, for which there is room.
    unsafe { ioctl::sector(device.as_raw_fd(), &mut bytes) }?;
    u32::try_from(bytes).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// True for a device that can't be written. A read-only loop device opens for writing all the same (seen on Linux 6.18).
///
/// # Errors
/// Those of ioctl(2).
pub fn is_read_only(device: &File) -> io::Result<bool> {
    let mut flag: c_int = 0;
    // SAFETY: the kernel writes an int, for which there is room.
    unsafe { ioctl::read_only(device.as_raw_fd(), &mut flag) }?;
    Ok(flag != 0)
}

/// The number that no other disk has had since the machine started, and that a change of medium changes. `None` before Linux 5.15.
pub fn sequence(device: &File) -> Option<u64> {
    let mut number = 0;
    // SAFETY: the kernel writes 64 bits, for which there is room.
    unsafe { ioctl::sequence(device.as_raw_fd(), &mut number) }.ok()?;
    Some(number)
}

/// Lets the kernel read the partition table anew.
///
/// # Errors
/// Those of ioctl(2): EINVAL for what has no partitions, EBUSY while one is in use.
pub fn reread_partitions(device: &File) -> io::Result<()> {
    // SAFETY: no memory is handed over.
    unsafe { ioctl::reread_partitions(device.as_raw_fd()) }?;
    Ok(())
}
