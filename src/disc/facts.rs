//! What the drive says of the disc, gathered before the first sector is read.

use crate::mmc::{
    Capacity, CommandError, DiscInformation, Drive, Family, PhysicalFormat, Profile, Readiness, Toc, TrackInformation,
};

/// The drive's answers. What it did not answer is `None` or empty: old drives and emulators know only some of the commands.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// GET CONFIGURATION.
    pub profile: Option<Profile>,
    /// READ CAPACITY.
    pub capacity: Option<Capacity>,
    /// READ TOC, format 0.
    pub toc: Option<Toc>,
    /// READ TOC, format 2: session and start of its lead-out.
    pub lead_outs: Vec<(u8, u32)>,
    /// READ DISC INFORMATION.
    pub disc: Option<DiscInformation>,
    /// READ TRACK INFORMATION of each track.
    pub tracks: Vec<TrackInformation>,
    /// READ DISC STRUCTURE 0, of a DVD.
    pub physical: Option<PhysicalFormat>,
    /// READ DISC STRUCTURE 1, of a DVD.
    pub copy_protected: bool,
}

impl Facts {
    /// Asks the drive. Errors: drive or disc are gone, the drive no longer answers, or a signal asked to stop. A refused
    /// command is only a fact missing.
    pub fn gather(drive: &mut Drive) -> Result<Self, CommandError> {
        let profile = drive.profile();
        let family = profile.map(Profile::family);
        let capacity = match drive.capacity() {
            Ok(capacity) => Some(capacity),
            Err(CommandError::Refused(sense)) if sense.asc != 0x3a => None,
            Err(error) => return Err(error),
        };
        let toc = drive.toc();
        let disc = drive.disc_information();
        let numbers = match (&disc, &toc) {
            (Some(disc), _) => disc.first_track.max(1)..=disc.last_track.min(999),
            (None, Some(toc)) => {
                toc.tracks.first().map_or(1, |t| t.number.into())..=toc.tracks.last().map_or(0, |t| t.number.into())
            }
            (None, None) => 1..=1,
        };
        let tracks = numbers.map_while(|number| drive.track_information(number)).collect();
        let is_dvd = family == Some(Family::Dvd);
        let facts = Self {
            profile,
            capacity,
            lead_outs: if family.unwrap_or(Family::Cd) == Family::Cd { drive.lead_outs() } else { Vec::new() },
            toc,
            disc,
            tracks,
            physical: is_dvd.then(|| drive.physical_format()).flatten(),
            copy_protected: is_dvd && drive.is_copy_protected() == Some(true),
        };
        // Where drive or disc went away meanwhile, facts are missing that another look would bring.
        match drive.readiness() {
            Readiness::NoDisc(sense) => Err(CommandError::Refused(sense)),
            Readiness::Broken(error) => Err(error),
            Readiness::Ready | Readiness::Wait => Ok(facts),
        }
    }
}
