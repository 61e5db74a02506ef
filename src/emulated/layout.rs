//! Tracks and sessions.

use super::profile::{Family, Profile};

/// One track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Track {
    /// From 1.
    pub(super) number: u8,
    /// From 1.
    pub(super) session: u8,
    pub(super) kind: Kind,
    /// First LBA.
    pub(super) first: u32,
    /// Sectors, run-out included.
    pub(super) count: u32,
}

/// What a track holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    /// Data written track-at-once: its last two blocks are run-out.
    TrackAtOnce,
    Audio,
    /// Mode 2 Form 2: sectors of 2324 bytes.
    Form2,
    /// Scrambled by CSS.
    Css,
}

/// Tracks that a table of contents has numbers for.
const MOST_TRACKS: usize = 99;

/// Blocks that a drive leaves behind a track written track-at-once (libburn: "Most drives report READ CAPACITY of TAO CD too
/// high by 2 blocks").
const RUN_OUT: u32 = 2;

impl Track {
    /// The LBA behind the track.
    pub(super) fn end(&self) -> u32 {
        self.first.saturating_add(self.count)
    }

    /// The LBA behind the last sector that a drive can read as data; the first LBA where there is none.
    pub(super) fn readable_end(&self) -> u32 {
        match self.kind {
            Kind::Data => self.end(),
            Kind::TrackAtOnce => self.end().saturating_sub(RUN_OUT),
            Kind::Audio | Kind::Form2 | Kind::Css => self.first,
        }
    }
}

/// Reads `KIND@FIRST+COUNT` joined by `:`, sessions by `::`. The error is a sentence about what is wrong.
pub(super) fn parse(text: &str) -> Result<Vec<Track>, String> {
    let mut tracks: Vec<Track> = Vec::new();
    for (session, in_session) in text.split("::").enumerate() {
        for track in in_session.split(':') {
            if tracks.len() == MOST_TRACKS {
                return Err(format!("a disc has {MOST_TRACKS} tracks at most"));
            }
            // Both numbers are at most 99 here, as no session is without a track.
            let parsed = parse_track(track, tracks.len() as u8 + 1, session as u8 + 1)?;
            if tracks.last().is_some_and(|last| parsed.first < last.end()) {
                return Err(format!("track {} ({track}) begins before the one in front of it ends", parsed.number));
            }
            tracks.push(parsed);
        }
    }
    Ok(tracks)
}

fn parse_track(text: &str, number: u8, session: u8) -> Result<Track, String> {
    let wrong = || format!("{text:?} is no track; write KIND@FIRST+COUNT, e.g. data@0+3000");
    let (kind, place) = text.split_once('@').ok_or_else(wrong)?;
    let (first, count) = place.split_once('+').ok_or_else(wrong)?;
    let first: u32 = first.parse().map_err(|_| wrong())?;
    let count: u32 = count.parse().map_err(|_| wrong())?;
    let kind = match kind {
        "data" => Kind::Data,
        "tao" => Kind::TrackAtOnce,
        "audio" => Kind::Audio,
        "form2" => Kind::Form2,
        "css" => Kind::Css,
        _ => return Err(format!("{kind:?} is no kind of track; there are data, tao, audio, form2 and css")),
    };
    let shortest = if kind == Kind::TrackAtOnce { RUN_OUT + 1 } else { 1 };
    if count < shortest {
        return Err(format!("{text:?} is too short; such a track has {shortest} sectors at least"));
    }
    if first.checked_add(count).is_none() {
        return Err(format!("{text:?} ends past the last LBA there can be"));
    }
    Ok(Track { number, session, kind, first, count })
}

/// Says which track can't be on a disc of this profile, if one can't.
pub(super) fn check(tracks: &[Track], profile: Profile) -> Result<(), String> {
    let fits = |kind| match kind {
        Kind::Data => true,
        Kind::TrackAtOnce | Kind::Audio | Kind::Form2 => profile.family() == Family::Cd,
        Kind::Css => profile.family() == Family::Dvd,
    };
    match tracks.iter().find(|track| !fits(track.kind)) {
        None => Ok(()),
        Some(track) => {
            Err(format!("track {} can't be on a {}: tao, audio and form2 are of CDs, css of DVDs", track.number, profile.name()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_tracks_and_sessions() {
        let tracks = parse("data@0+3000:audio@3000+500::tao@14900+100").unwrap();
        let brief: Vec<_> = tracks.iter().map(|t| (t.number, t.session, t.kind, t.first, t.end(), t.readable_end())).collect();
        assert_eq!(
            brief,
            [
                (1, 1, Kind::Data, 0, 3000, 3000),
                (2, 1, Kind::Audio, 3000, 3500, 3000),
                (3, 2, Kind::TrackAtOnce, 14_900, 15_000, 14_998)
            ]
        );
    }

    #[test]
    fn says_what_is_wrong() {
        for text in [
            "",
            "data",
            "data@0",
            "data@+1",
            "data@0+0",
            "tao@0+2",
            "vinyl@0+9",
            "data@4294967295+1",
            "data@0+9::",
            "data@0+9:data@8+1",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        let hundred = vec!["data@0+1"; 100].join(":");
        assert!(parse(&hundred).is_err());
        assert!(check(&parse("css@0+9").unwrap(), Profile::CdRom).is_err());
        assert!(check(&parse("audio@0+9").unwrap(), Profile::DvdRom).is_err());
        assert_eq!(check(&parse("css@0+9").unwrap(), Profile::DvdRom), Ok(()));
    }
}
