//! `isoflash IMAGE [MEDIUM]...`: an image onto sticks, and the proof.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use discsmith::emulated;
use discsmith::event::JobResult;
use discsmith::jobs::flash::{self, Given, TargetOperand};
use discsmith::jobs::{Answer, Failure, Question, format, probe, targets};
use discsmith::status::Status;
use discsmith::sys::{Stop, Sysfs};
use discsmith::ui::Screen;
use discsmith::ui::args::isoflash::{Args, Errand};
use discsmith::ui::args::{Arguments, EMULATED};
use discsmith::ui::program::{self, NoJob};

fn main() -> ExitCode {
    program::run(work)
}

fn work(args: &Args, screen: &mut Screen, stop: &Stop) -> Result<JobResult, NoJob> {
    if args.list {
        targets::list(&Sysfs::default(), screen)?;
        return Ok(program::told(JobResult::new(Status::Done), screen));
    }
    let mut ask = |question: &Question| -> Answer { args.show().prompt().ask(question, stop) };
    if let Some((errand, medium)) = args.errand()? {
        let (request, target) = (args.errand_request()?, target(medium)?);
        return Ok(match errand {
            Errand::Probe => probe::run(&request, &target, &mut ask, screen, stop),
            Errand::Format(filesystem) => format::run(&request, filesystem, &target, &mut ask, screen, stop),
        });
    }
    let operands = args.operands()?;
    // Before anybody is asked to choose: what is wrong with the command line is so for every medium.
    let request = args.request(operands.image)?;
    let mut media = operands.media.into_iter().map(target).collect::<Result<Vec<_>, _>>()?;
    if media.is_empty() {
        let chosen = targets::choose(&Sysfs::default(), &mut ask);
        // A signal at the question: the program dies by it.
        let stopped = |failure: Failure| if stop.requested().is_some() { Failure::stopped("as asked") } else { failure };
        media.push(TargetOperand::Path(chosen.map_err(stopped)?.into()));
    }
    Ok(flash::run(&request, &media, &mut ask, screen, stop))
}

/// A medium that is meant.
fn target(named: OsString) -> Result<TargetOperand, NoJob> {
    let Some(text) = named.to_str().and_then(|text| text.strip_prefix(EMULATED)) else {
        return Ok(TargetOperand::Path(named.into()));
    };
    let stick = emulated::stick(text).map_err(|error| (Status::Usage, error.to_string()))?;
    let block = stick.as_disk(&named.to_string_lossy());
    Ok(TargetOperand::Given(Box::new(Given { medium: Arc::new(stick), block })))
}
