//! discsmith copies discs and sticks, and proves the copy.

pub mod emulated;
pub mod scsi;
