//! `discrip DRIVE IMAGE [MAP]`: a disc into an image.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;

use discsmith::emulated;
use discsmith::event::JobResult;
use discsmith::jobs::{drives, rip};
use discsmith::scsi::Port;
use discsmith::scsi::linux::{SgPort, Sharing};
use discsmith::scsi::recording::RecordingPort;
use discsmith::status::Status;
use discsmith::sys::{Stop, Sysfs};
use discsmith::ui::Screen;
use discsmith::ui::args::discrip::{Args, Operands};
use discsmith::ui::args::{Arguments, EMULATED};
use discsmith::ui::program::{self, NoJob};

fn main() -> ExitCode {
    program::run(work)
}

fn work(args: &Args, screen: &mut Screen, stop: &Stop) -> Result<JobResult, NoJob> {
    if args.list {
        drives::run(&Sysfs::default(), screen);
        return Ok(program::told(JobResult::new(Status::Done), screen));
    }
    if let [image, map @ ..] = args.status.as_slice() {
        return Ok(program::told(rip::standing(image, map.first().map(PathBuf::as_path)), screen));
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
    Ok(rip::run(&request, port, &mut |question| args.show().prompt().ask(question, stop), screen, stop))
}

/// The drive that is meant.
fn port(args: &Args, operands: &Operands) -> Result<Box<dyn Port>, NoJob> {
    let sysfs = Sysfs::default();
    let node = match &operands.drive {
        Some(named) => match named.strip_prefix(EMULATED) {
            Some(emulated) => return emulated::port(emulated).map_err(|error| (Status::Usage, error.to_string())),
            None => named.clone(),
        },
        None => match drives::with_disc(&sysfs).as_slice() {
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
