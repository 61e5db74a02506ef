//! discsmith copies discs and sticks, and proves the copy.
//!
//! The jobs, each told from top to bottom in a module: `discrip /dev/sr0 out.iso` in [`jobs::rip`], disc after disc in [`jobs::batch`],
//! `isoflash image.iso /dev/sdb` in [`jobs::flash`], a stick tested in [`jobs::probe`] and given back in [`jobs::format`],
//! `isoverify image.iso /dev/sdb` in [`jobs::verify`].
//!
//! The nouns of discs: a [`scsi::Port`] is where a drive is attached, and opens a [`scsi::Transport`]; an [`mmc::Drive`] sends commands
//! through it. A [`disc::Layout`] says what lies where on the disc, with evidence, and a [`disc::Identity`] tells it from others. The
//! [`rescue::Planner`] holds the map of the disc and decides which sectors to read next. The [`pipeline::Pipeline`] writes what came
//! and computes digests. A [`disc::Record`] keeps what is known of the image.
//!
//! The nouns of sticks: a [`sys::Topology`] knows what lies on what in this machine, and the [`medium::guard`] judges by it which disk may be
//! written. A [`medium::Medium`] is read by offset, a [`medium::Writable`] written as well; [`pipeline::stream`] moves an image in chunks, and
//! a [`trust::Ledger`] has a digest of each.
//!
//! How data flows. From a disc: the planner asks for sectors, the drive answers, the planner learns how it ended; the bytes go through the
//! pipeline, and the map is saved after its bytes are on the disk. To a stick: image, digests of each chunk, medium; flush; medium, digests
//! again, compared; the first MiB last. Everything that happens is an [`event::Event`]; [`ui`] shows it.
//!
//! Nothing above [`scsi`] knows whether a drive is real, and nothing above [`medium`] whether a stick is: [`emulated`] ones live by the same
//! traits. The only unsafe code is in [`sys`]. docs/architecture.md is the map of the house.

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
