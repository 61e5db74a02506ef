//! An optical drive made of a file, faults and a virtual clock; and a USB stick made of a file and faults.
//!
//! The drive stands behind the same traits as a real drive ([`Port`], [`crate::scsi::Transport`], [`crate::scsi::Clock`]), so that
//! whoever reads a disc through them can't tell the two apart: it refuses, stalls, lies and vanishes as drives do.
//! docs/formats.md has the grammar of the operand, and docs/emulated.md shows how to practise.
//!
//! The [`Stick`] is a [`crate::medium::Medium`] like a real one; its nouns are in `stick`. The words of both operands have one
//! `grammar`, and [`is_stick`] tells which of the two is meant where both will do.
//!
//! A command to the drive goes through these nouns:
//!
//! - `port`: the node that is opened, and the drive's way back after it vanished
//! - `drive`: the drive on its bus. Asks the `faults` whether a `rule` has its way, moves data, and lets `timing` pass
//! - `unit`: what a drive answers when only the disc can be wrong; its replies are `about_drive` and `about_disc`
//! - `disc`: tracks (`layout`) of a kind of disc (`profile`), the bytes, and the `areas` that make trouble (`damage`)
//! - `demo`: the disc to practise on, and `dice`: chance that falls the same way each time
//!
//! What the drive does is a function of operand, files, seed and the commands so far. Its disc's troubles need no memory: a run
//! that was killed meets the same disc again.

mod about_disc;
mod about_drive;
mod areas;
mod damage;
mod demo;
mod dice;
mod disc;
mod drive;
mod faults;
mod grammar;
mod kind;
mod layout;
mod operand;
mod port;
mod profile;
mod rule;
mod stick;
mod timing;
mod unit;

#[cfg(test)]
mod tests;

pub use grammar::GrammarError;
pub use kind::is_stick;
pub use operand::OperandError;
pub use stick::{Stick, StickError};

use crate::scsi::Port;

/// The drive that an operand describes; `operand` is everything that follows `emulated:`. Files are opened here, and read only.
pub fn port(operand: &str) -> Result<Box<dyn Port>, OperandError> {
    port::attach(operand)
}

/// The stick that an operand describes; `operand` is everything that follows `emulated:`. Its file is opened for writing, or made if
/// `size=` says how long, with the first write.
///
/// # Errors
/// Words that make no sense, and files that no stick can be made of.
pub fn stick(operand: &str) -> Result<Stick, StickError> {
    Stick::plug_in(operand)
}
