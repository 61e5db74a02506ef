//! `isoinspect IMAGE`: what an image, a disc or a stick holds.

mod operand;

use std::process::ExitCode;

use discsmith::event::JobResult;
use discsmith::jobs::inspect;
use discsmith::sys::Stop;
use discsmith::ui::Screen;
use discsmith::ui::args::isoinspect::Args;
use discsmith::ui::program::{self, NoJob};

fn main() -> ExitCode {
    program::run(work)
}

fn work(args: &Args, screen: &mut Screen, stop: &Stop) -> Result<JobResult, NoJob> {
    let (request, image) = args.task()?;
    Ok(inspect::run(&request, operand::attached(&image)?, screen, stop))
}
