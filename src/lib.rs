//! discsmith copies discs and sticks, and proves the copy.

pub mod disc;
pub mod emulated;
pub mod event;
pub mod image;
pub mod jobs;
pub mod medium;
pub mod mmc;
pub mod pipeline;
pub mod rescue;
pub mod scsi;
pub mod status;
pub mod sys;
pub mod trust;
pub mod ui;
