//! discsmith copies discs, and proves the copy.
//!
//! The job: `discrip /dev/sr0 out.iso`, told from top to bottom in [`jobs::rip`].
//!
//! Its nouns: a [`scsi::Port`] is where a drive is attached, and opens a [`scsi::Transport`]; an [`mmc::Drive`] sends commands
//! through it. A [`disc::Layout`] says what lies where on the disc, with evidence, and a [`disc::Identity`] tells it from others. The
//! [`rescue::Planner`] holds the map of the disc and decides which sectors to read next. The [`pipeline::Pipeline`] writes what came
//! and computes digests. A [`disc::Record`] keeps what is known of the image.
//!
//! How data flows: the planner asks for sectors, the drive answers, the planner learns how it ended; the bytes go through the
//! pipeline, and the map is saved after its bytes are on the disk. Everything that happens is an [`event::Event`]; [`ui`] shows it.
//!
//! Nothing above [`scsi`] knows whether a drive is real: [`emulated`] ones live by the same traits. The only unsafe code is in
//! [`sys`]. docs/architecture.md is the map of the house.

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
