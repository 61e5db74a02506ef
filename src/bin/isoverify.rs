//! `isoverify [IMAGE] MEDIUM`: a medium, compared with what it should be.

use std::ffi::OsStr;
use std::process::ExitCode;

use discsmith::emulated;
use discsmith::event::{Event, JobResult, MediumCard, Observer};
use discsmith::jobs::cards;
use discsmith::jobs::verify::{self, Attached};
use discsmith::status::Status;
use discsmith::sys::Stop;
use discsmith::ui::Screen;
use discsmith::ui::args::EMULATED;
use discsmith::ui::args::isoverify::{Args, Task};
use discsmith::ui::program::{self, NoJob};

fn main() -> ExitCode {
    program::run(work)
}

fn work(args: &Args, screen: &mut Screen, stop: &Stop) -> Result<JobResult, NoJob> {
    match args.task()? {
        Task::Medium(request, medium) => Ok(verify::run(&request, attached(&medium)?, screen, stop)),
        Task::Images(images, known, notice) => {
            notice.iter().for_each(|notice| screen.event(&Event::notice(*notice)));
            Ok(verify::check(&images, &known, screen, stop))
        }
    }
}

/// The medium that is meant.
fn attached(medium: &OsStr) -> Result<Attached, NoJob> {
    let Some(emulated) = medium.to_str().and_then(|text| text.strip_prefix(EMULATED)) else {
        return Ok(Attached::Path(medium.into()));
    };
    if !emulated::is_stick(emulated) {
        let port = emulated::port(emulated).map_err(|error| (Status::Usage, error.to_string()))?;
        return Ok(Attached::Drive(port));
    }
    let stick = emulated::stick(emulated).map_err(|error| (Status::Usage, error.to_string()))?;
    let card = MediumCard { bus: "emulated".into(), ..cards::of(&stick.as_disk(&medium.to_string_lossy())) };
    let backing = stick.backing().to_owned();
    Ok(Attached::Stick(card, Box::new(stick), backing))
}
