//! discsmith copies discs and sticks, and proves the copy.

pub mod rescue;
pub mod scsi;
