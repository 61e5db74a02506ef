//! discsmith copies discs and sticks, and proves the copy.

pub mod scsi;
pub mod sys;
