//! `discrip DRIVE IMAGE [MAP]`: a disc into an image; `discrip --batch DIR DRIVE…`: disc after disc.

use std::path::PathBuf;
use std::process::ExitCode;

use discsmith::emulated;
use discsmith::event::JobResult;
use discsmith::jobs::{batch, drives, rip};
use discsmith::scsi::Port;
use discsmith::scsi::linux::{SgPort, Sharing};
use discsmith::status::Status;
use discsmith::sys::{Stop, Sysfs};
use discsmith::ui::args::discrip::Args;
use discsmith::ui::args::{Arguments, EMULATED};
use discsmith::ui::program::{self, NoJob};
use discsmith::ui::{Board, Screen, watch};

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
    let prompt = args.show().prompt();
    if let Some(folder) = &args.batch {
        let (batch, named) = args.batch(folder)?;
        let drives = if named.is_empty() { drives::all(&Sysfs::default())? } else { named };
        let [only] = drives.as_slice() else { return Board::supervise(&drives, screen, stop) };
        screen.show_drive(only);
        // Nobody is asked: the discs to come would wait for the answer.
        let ask = &mut |question: &_| prompt.unattended(question);
        return Ok(batch::station(&batch, port(args, Some(only))?, ask, screen, stop));
    }
    let operands = args.operands()?;
    let request = args.request(&operands)?;
    let port = watch::recorded(args, port(args, operands.drive.as_deref())?)?;
    watch::watched(args, &request.options, screen, |observer| {
        rip::run(&request, port, &mut |question| prompt.ask(question, stop), observer, stop)
    })
}

/// The drive that is meant: the one that is named, or the only one that holds a disc.
fn port(args: &Args, named: Option<&str>) -> Result<Box<dyn Port>, NoJob> {
    if let Some(emulated) = named.and_then(|named| named.strip_prefix(EMULATED)) {
        return emulated::port(emulated).map_err(|error| (Status::Usage, error.to_string()));
    }
    let sysfs = Sysfs::default();
    let node = named.map_or_else(|| drives::only_with_disc(&sysfs), |named| Ok(named.into()))?;
    let sharing = if args.shared { Sharing::Shared } else { Sharing::Exclusive };
    Ok(Box::new(SgPort::new(node, sharing, sysfs)))
}
