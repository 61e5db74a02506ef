//! What the program asks of Linux itself. The only unsafe code is here, and raw file descriptors never leave.
//!
//! [`sg`] sends SCSI commands, [`Stop`] hears signals, [`Sysfs`] and [`mounts`] tell which drives there are and what is mounted,
//! [`Topology`] which disks there are and what stands on them, [`holders`] and [`writers`] who has a device open, [`Space`] how much an output can take, [`Inhibit`] keeps the machine awake,
//! [`tether`] ends child processes.

mod buffer;
mod child;
pub mod disk;
mod drives;
mod holders;
mod inhibit;
#[cfg(test)]
pub(crate) mod machine;
pub mod mounts;
mod number;
mod scratch;
mod serial;
pub mod sg;
mod signals;
mod space;
mod sysfs;
pub mod topology;
mod unmount;
mod usb;

pub use buffer::Buffer;
pub use child::tether;
pub use drives::Found;
pub use holders::{holders, users_of, writers};
pub use inhibit::Inhibit;
pub use number::DeviceNumber;
pub use scratch::Scratch;
pub use signals::{Signal, Stop};
pub use space::{Cause, Ceiling, Space};
pub use sysfs::Sysfs;
pub use topology::Topology;
pub use unmount::unmount;
pub use usb::PowerSwitch;
