//! A medium as several programs are given it: by a path, or emulated.

use std::ffi::OsStr;

use discsmith::emulated;
use discsmith::event::MediumCard;
use discsmith::jobs::cards;
use discsmith::jobs::verify::Attached;
use discsmith::status::Status;
use discsmith::ui::args::EMULATED;
use discsmith::ui::program::NoJob;

/// The medium that is meant.
pub fn attached(medium: &OsStr) -> Result<Attached, NoJob> {
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
