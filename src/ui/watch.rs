//! What is written down of a run beside the image, where that was asked for: its commands, its log, its picture.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::event::{JobResult, Observer};
use crate::scsi::Port;
use crate::scsi::recording::RecordingPort;
use crate::status::Status;

use super::args::discrip::Args;
use super::program::NoJob;
use super::{Log, Picture, Screen};

/// The port whose commands `--record` wants, or the same one.
///
/// # Errors
/// The file can't be had.
pub fn recorded(args: &Args, port: Box<dyn Port>) -> Result<Box<dyn Port>, NoJob> {
    let Some(path) = &args.record else { return Ok(port) };
    Ok(Box::new(RecordingPort::new(port, path).map_err(|error| no_file("recording to", path, &error))?))
}

/// Runs a job with those who watch it: picture and log, and behind them the screen. `words` are what the program was called with.
///
/// # Errors
/// One of the files can't be had; the job did not begin.
pub fn watched(
    args: &Args,
    words: &[String],
    screen: &mut Screen,
    job: impl FnOnce(&mut dyn Observer) -> JobResult,
) -> Result<JobResult, NoJob> {
    let (mut logged, mut drawn);
    let mut observer: &mut dyn Observer = screen;
    if let Some(path) = args.log() {
        let program = concat!("discrip ", env!("CARGO_PKG_VERSION"));
        logged = Log::open(path, program, words, observer).map_err(|error| no_file("opening the log", path, &error))?;
        observer = &mut logged;
    }
    if let Some(path) = args.picture() {
        drawn = Picture::new(path, observer).map_err(|error| no_file("drawing to", path, &error))?;
        observer = &mut drawn;
    }
    Ok(job(observer))
}

/// A file that was asked for can't be had: told before anything begins.
fn no_file(gerund: &str, path: &Path, error: &io::Error) -> NoJob {
    let is_other = matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::InvalidInput);
    (if is_other { Status::Refused } else { Status::Failed }, format!("{gerund} {}: {error}; name another file", path.display()))
}
