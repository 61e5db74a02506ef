//! `isoverify [IMAGE] MEDIUM`: a medium, compared with what it should be.

mod operand;

use std::process::ExitCode;

use discsmith::event::{Event, JobResult, Observer};
use discsmith::jobs::verify;
use discsmith::sys::Stop;
use discsmith::ui::Screen;
use discsmith::ui::args::isoverify::{Args, Task};
use discsmith::ui::program::{self, NoJob};

fn main() -> ExitCode {
    program::run(work)
}

fn work(args: &Args, screen: &mut Screen, stop: &Stop) -> Result<JobResult, NoJob> {
    match args.task()? {
        Task::Medium(request, medium) => Ok(verify::run(&request, operand::attached(&medium)?, screen, stop)),
        Task::Images(images, known, notice) => {
            notice.iter().for_each(|notice| screen.event(&Event::notice(*notice)));
            Ok(verify::check(&images, &known, screen, stop))
        }
    }
}
