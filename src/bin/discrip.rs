//! `discrip DRIVE IMAGE [MAP]`: a disc into an image; `discrip --batch DIR DRIVE…`: disc after disc.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use discsmith::emulated;
use discsmith::event::{JobResult, Observer};
use discsmith::jobs::batch::{self, Batch};
use discsmith::jobs::{Answer, Question, drives, rip};
use discsmith::scsi::Port;
use discsmith::scsi::linux::{SgPort, Sharing};
use discsmith::scsi::recording::RecordingPort;
use discsmith::status::Status;
use discsmith::sys::{Stop, Sysfs};
use discsmith::ui::args::discrip::Args;
use discsmith::ui::args::{Arguments, EMULATED};
use discsmith::ui::program::{self, NoJob};
use discsmith::ui::{Board, Log, Picture, Prompt, Screen};

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
    if let Some(folder) = &args.batch {
        let (batch, drives) = args.batch(folder).map_err(|error| usage(&error))?;
        return many(args, &batch, drives, screen, stop);
    }
    let operands = args.operands().map_err(|error| usage(&error))?;
    let request = args.request(&operands).map_err(|error| usage(&error))?;
    let mut port = port(args, operands.drive.as_deref())?;
    if let Some(path) = &args.record {
        port = Box::new(RecordingPort::new(port, path).map_err(|error| no_file("recording to", path, &error))?);
    }
    let (mut logged, mut drawn);
    let mut observer: &mut dyn Observer = screen;
    if let Some(path) = args.log() {
        let program = concat!("discrip ", env!("CARGO_PKG_VERSION"));
        logged =
            Log::open(path, program, &request.options, observer).map_err(|error| no_file("opening the log", path, &error))?;
        observer = &mut logged;
    }
    if let Some(path) = args.picture() {
        drawn = Picture::new(path, observer).map_err(|error| no_file("drawing to", path, &error))?;
        observer = &mut drawn;
    }
    Ok(rip::run(&request, port, &mut |question| args.show().prompt().ask(question, stop), observer, stop))
}

/// A file that was asked for can't be had: told before anything begins.
fn no_file(gerund: &str, path: &Path, error: &io::Error) -> NoJob {
    let is_other = matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::InvalidInput);
    (if is_other { Status::Refused } else { Status::Failed }, format!("{gerund} {}: {error}; name another file", path.display()))
}

/// A batch: one drive here, several in a process each.
fn many(args: &Args, batch: &Batch, mut drives: Vec<String>, screen: &mut Screen, stop: &Stop) -> Result<JobResult, NoJob> {
    if drives.is_empty() {
        drives = drives::all(&Sysfs::default())?;
    }
    match drives.as_slice() {
        [only] => {
            screen.show_drive(only);
            // Nobody is asked: the discs to come would wait for the answer.
            let ask = &mut |question: &Question| match args.show().prompt() {
                Prompt::Yes => Prompt::Yes.ask(question, stop),
                Prompt::Terminal | Prompt::Never => Answer::Nobody,
            };
            Ok(batch::station(batch, port(args, Some(only))?, ask, screen, stop))
        }
        several => {
            let program =
                std::env::current_exe().map_err(|error| (Status::Failed, format!("finding discrip itself: {error}")))?;
            let mut board = Board::new(screen, several);
            let command = |drive: &String| {
                let mut command = Command::new(&program);
                command.args(Args::of_drive(drive, board.style()));
                (drive.clone(), command)
            };
            let programs = several.iter().map(command).collect();
            let result = batch::supervise(programs, &mut |drive, said| board.show(drive, said), stop);
            drop(board);
            Ok(program::told(result, screen))
        }
    }
}

/// The drive that is meant.
fn port(args: &Args, drive: Option<&str>) -> Result<Box<dyn Port>, NoJob> {
    let sysfs = Sysfs::default();
    let node = match drive {
        Some(named) => match named.strip_prefix(EMULATED) {
            Some(emulated) => return emulated::port(emulated).map_err(|error| (Status::Usage, error.to_string())),
            None => named.to_string(),
        },
        None => drives::only_with_disc(&sysfs)?,
    };
    let sharing = if args.shared { Sharing::Shared } else { Sharing::Exclusive };
    Ok(Box::new(SgPort::new(node, sharing, sysfs)))
}
