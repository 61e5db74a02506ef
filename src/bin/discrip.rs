//! `discrip DRIVE IMAGE [MAP]`: a disc into an image.

use std::io::ErrorKind;
use std::process::ExitCode;

use clap::Parser;
use discsmith::emulated;
use discsmith::event::{Event, JobResult, Observer};
use discsmith::jobs::{list, rip};
use discsmith::scsi::Port;
use discsmith::scsi::linux::{SgPort, Sharing};
use discsmith::scsi::recording::RecordingPort;
use discsmith::status::Status;
use discsmith::sys::{Stop, Sysfs};
use discsmith::ui::args::{Args, EMULATED, Operands};
use discsmith::ui::{Results, Screen, Style, Verbosity};

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return refuse(&error),
    };
    let mut screen = Screen::new(args.style(), args.verbosity(), args.results());
    let stop = Stop::listen().unwrap_or_default();
    let result = run(&args, &mut screen, &stop).unwrap_or_else(|(status, reason)| {
        let result = JobResult { reasons: vec![reason], ..JobResult::new(status) };
        screen.event(&Event::Result(Box::new(result.clone())));
        result
    });
    match stop.requested() {
        Some(signal) if result.status == Status::Stopped => stop.die(signal),
        _ if screen.lost_results() => ExitCode::from(u8::from(result.status.and(Status::Failed))),
        _ => ExitCode::from(u8::from(result.status)),
    }
}

/// A command line that makes no sense, or a wish for help. A script that asked for JSON gets its result.
fn refuse(error: &clap::Error) -> ExitCode {
    let status = if error.use_stderr() { Status::Usage } else { Status::Done };
    if status == Status::Usage && std::env::args_os().any(|arg| arg == "--json") {
        let reasons = vec![error.to_string()];
        let result = JobResult { reasons, ..JobResult::new(status) };
        Screen::new(Style::None, Verbosity::Quiet, Results::Json).event(&Event::Result(Box::new(result)));
    } else {
        // When nobody reads it there is nobody to tell that.
        let _ = error.print();
    }
    ExitCode::from(u8::from(status))
}

fn run(args: &Args, screen: &mut Screen, stop: &Stop) -> Result<JobResult, (Status, String)> {
    if args.list {
        list::run(&Sysfs::default(), screen);
        return Ok(JobResult::new(Status::Done));
    }
    let usage = |error: &dyn std::fmt::Display| (Status::Usage, error.to_string());
    let operands = args.operands().map_err(|error| usage(&error))?;
    let request = args.request(&operands).map_err(|error| usage(&error))?;
    let mut port = port(args, &operands)?;
    if let Some(path) = &args.record {
        let recording = RecordingPort::new(port, path);
        port = Box::new(recording.map_err(|error| {
            let is_other = matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::InvalidInput);
            (if is_other { Status::Refused } else { Status::Failed }, format!("recording to {}: {error}", path.display()))
        })?);
    }
    Ok(rip::run(&request, port, &mut |question| args.prompt().ask(question, stop), screen, stop))
}

/// The drive that is meant.
fn port(args: &Args, operands: &Operands) -> Result<Box<dyn Port>, (Status, String)> {
    let sysfs = Sysfs::default();
    let node = match &operands.drive {
        Some(named) => match named.strip_prefix(EMULATED) {
            Some(emulated) => return emulated::port(emulated).map_err(|error| (Status::Usage, error.to_string())),
            None => named.clone(),
        },
        None => match list::with_disc(&sysfs).as_slice() {
            [only] => only.clone(),
            [] => {
                return Err((
                    Status::Stopped,
                    "no drive holds a disc that can be read; put one in, or name the drive and say --wait".into(),
                ));
            }
            several => {
                return Err((Status::Usage, format!("several drives hold a disc ({}); name one of them", several.join(", "))));
            }
        },
    };
    let sharing = if args.shared { Sharing::Shared } else { Sharing::Exclusive };
    Ok(Box::new(SgPort::new(node, sharing, sysfs)))
}
