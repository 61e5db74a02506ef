//! discsmith copies discs and sticks, and proves the copy.

pub mod disc;
pub mod image;
pub mod mmc;
pub mod rescue;
pub mod scsi;
