//! What any SCSI device understands: commands go out, completions come back.
//!
//! [`Cdb`] is a command, [`Data`] its buffer, [`Completion`] every status field that came back, and [`Completion::ending`] the
//! one place that decides whether a command was good. [`Transport`] sends commands, [`Port`] is where a drive is attached;
//! [`linux::SgPort`] is the one for drives of this machine.

pub mod cdb;
mod completion;
mod device;
pub mod linux;
pub mod recording;
pub mod replay;
mod sense;
mod transport;

pub use cdb::Cdb;
pub use completion::{Completion, Ending};
pub use sense::{Sense, SenseCode};
pub use transport::{Access, Clock, Data, OpenError, Opened, Port, RealClock, Transport, TransportError};
