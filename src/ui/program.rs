//! What all programs have in common: the command line, the screen, the result and the exit status.

use std::process::ExitCode;

use crate::event::{Event, JobResult, Observer};
use crate::status::Status;
use crate::sys::Stop;

use super::args::Arguments;
use super::{Results, Screen, Style, Verbosity};

/// Why there was no job: the status, and what to do about it.
pub type NoJob = (Status, String);

/// Runs a program: `work` does its job and shows the result, or says why there is none to do.
pub fn run<A: Arguments>(work: impl FnOnce(&A, &mut Screen, &Stop) -> Result<JobResult, NoJob>) -> ExitCode {
    let args = match A::try_parse() {
        Ok(args) => args,
        Err(error) => return refuse(&error),
    };
    let mut screen = Screen::new(args.show().style(), args.show().verbosity(), args.results());
    let stop = Stop::listen().unwrap_or_default();
    let result = work(&args, &mut screen, &stop);
    let result = result.unwrap_or_else(|(status, reason)| told(JobResult::because(status, reason), &mut screen));
    match stop.requested() {
        Some(signal) if result.status == Status::Stopped => stop.die(signal),
        _ if screen.lost_results() => ExitCode::from(u8::from(result.status.and(Status::Failed))),
        _ => ExitCode::from(u8::from(result.status)),
    }
}

/// Shows the result of what was no job: of a list, or of why there was none.
pub fn told(result: JobResult, screen: &mut Screen) -> JobResult {
    screen.event(&Event::Result(Box::new(result.clone())));
    result
}

/// A command line that makes no sense, or a wish for help. A script that asked for JSON gets its result.
fn refuse(error: &clap::Error) -> ExitCode {
    let status = if error.use_stderr() { Status::Usage } else { Status::Done };
    if status == Status::Usage && std::env::args_os().any(|arg| arg == "--json") {
        let result = JobResult::because(status, error.to_string());
        Screen::new(Style::None, Verbosity::Quiet, Results::Json).event(&Event::Result(Box::new(result)));
    } else {
        // When nobody reads it there is nobody to tell that.
        let _ = error.print();
    }
    ExitCode::from(u8::from(status))
}
