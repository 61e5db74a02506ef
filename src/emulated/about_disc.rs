//! What the drive says about the disc (layouts after MMC-6 and SBC-3).

use super::disc::{Disc, SECTOR};
use super::layout::{Kind, Track};
use super::profile::{Family, Profile};

/// READ CAPACITY(10) (SBC-3): the last LBA, and the block length. A blank disc has last LBA 0.
pub(super) fn capacity(sectors: u32) -> Vec<u8> {
    [sectors.saturating_sub(1).to_be_bytes(), SECTOR.to_be_bytes()].concat()
}

/// How addresses in a table of contents are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Address {
    Lba,
    /// Minute, second, frame.
    Msf,
}

impl Address {
    fn bytes(self, lba: u32) -> [u8; 4] {
        match self {
            Self::Lba => lba.to_be_bytes(),
            Self::Msf => {
                let [minute, second, frame] = msf(lba);
                [0, minute, second, frame]
            }
        }
    }
}

/// Minute, second and frame of an LBA; what is past 255 minutes can't be told.
fn msf(lba: u32) -> [u8; 3] {
    let frames = lba.saturating_add(150);
    u8::try_from(frames / 75 / 60).map_or([255, 59, 74], |minute| [minute, (frames / 75 % 60) as u8, (frames % 75) as u8])
}

/// Number of the lead-out in a table of contents.
const LEAD_OUT: u8 = 0xaa;

/// READ TOC/PMA/ATIP, format 0: the tracks from number `start` on, and the lead-out. None: there is no such track. Of DVDs and
/// BDs drives make it up in the same form.
pub(super) fn toc(disc: &Disc, start: u8, address: Address) -> Option<Vec<u8>> {
    let (first, last) = (disc.tracks.first()?, disc.tracks.last()?);
    if start > last.number && start != LEAD_OUT {
        return None;
    }
    let listed =
        disc.tracks.iter().filter(|track| track.number >= start).map(|track| (control(track), track.number, track.first));
    let descriptors: Vec<u8> = listed
        .chain([(control(last), LEAD_OUT, last.end())])
        .flat_map(|(control, number, lba)| [[0, control, number, 0], address.bytes(lba)].concat())
        .collect();
    Some(with_length(&[first.number, last.number], &descriptors))
}

/// READ TOC/PMA/ATIP, format 1: the sessions, and the first track of the last one.
pub(super) fn sessions(disc: &Disc, address: Address) -> Option<Vec<u8>> {
    let last = disc.tracks.last()?.session;
    let first_track = disc.tracks.iter().find(|track| track.session == last)?;
    let descriptor = [[0, control(first_track), first_track.number, 0], address.bytes(first_track.first)].concat();
    Some(with_length(&[1, last], &descriptor))
}

/// READ TOC/PMA/ATIP, format 2: the lead-in's raw entries. Of CDs alone.
pub(super) fn full_toc(disc: &Disc) -> Option<Vec<u8>> {
    let last_session = disc.tracks.last()?.session;
    let mut entries = Vec::new();
    for session in 1..=last_session {
        let tracks: Vec<_> = disc.tracks.iter().filter(|track| track.session == session).collect();
        let (first, last) = (tracks.first()?, tracks.last()?);
        let mut entry = |control: u8, point: u8, place: [u8; 3]| {
            entries.extend([session, control, 0, point, 0, 0, 0, 0]);
            entries.extend(place);
        };
        entry(control(first), 0xa0, [first.number, 0, 0]);
        entry(control(last), 0xa1, [last.number, 0, 0]);
        entry(control(last), 0xa2, msf(last.end()));
        for track in &tracks {
            entry(control(track), track.number, msf(track.first));
        }
    }
    Some(with_length(&[1, last_session], &entries))
}

/// ADR 1 and the control nibble: 4 for data.
fn control(track: &Track) -> u8 {
    if track.kind == Kind::Audio { 0x10 } else { 0x14 }
}

/// READ DISC INFORMATION, type 0, 34 bytes.
pub(super) fn disc_information(disc: &Disc) -> Vec<u8> {
    const COMPLETE_AND_FINALIZED: u8 = 0x0e;
    let mut reply = vec![0; 34];
    reply[1] = 32;
    let last = disc.tracks.last();
    let session = last.map_or(1, |track| track.session);
    let first_track = disc.tracks.iter().find(|track| track.session == session).map_or(1, |track| track.number);
    let erasable = u8::from(disc.profile == Profile::CdRw) << 4;
    reply[2] = erasable | if last.is_some() { COMPLETE_AND_FINALIZED } else { 0 };
    reply[3..7].copy_from_slice(&[1, session, first_track, last.map_or(1, |track| track.number)]);
    reply[7] = 0x20; // unrestricted use
    if disc.profile.family() != Family::Cd {
        reply[8] = 0xff; // disc type: told of CDs alone
    }
    let lead_out = if last.is_some() { [0xff; 4] } else { Address::Msf.bytes(disc.profile.room()) };
    reply[16..20].fill(0xff);
    reply[20..24].copy_from_slice(&lead_out);
    reply
}

/// READ TRACK INFORMATION, 36 bytes. None stands for the one track of a blank disc.
pub(super) fn track_information(track: Option<&Track>, profile: Profile) -> Vec<u8> {
    const BLANK: u8 = 0x40;
    const NEXT_WRITABLE_VALID: u8 = 1;
    const LAST_RECORDED_VALID: u8 = 2;
    let mut reply = vec![0; 36];
    reply[1] = 34;
    let room = profile.room();
    let (number, session, mode, count) = match track {
        Some(track) => (track.number, track.session, control(track) & 0x0f, track.count),
        None => (1, 1, 4, room),
    };
    reply[2..4].copy_from_slice(&[number, session]);
    reply[5] = mode;
    reply[6] = match track.map(|track| track.kind) {
        None => BLANK | 0x0f,
        Some(Kind::Audio) => 0x0f,
        Some(Kind::Form2) => 2,
        Some(Kind::Data | Kind::TrackAtOnce | Kind::Css) => 1,
    };
    reply[24..28].copy_from_slice(&count.to_be_bytes());
    match track {
        Some(track) => {
            reply[7] = LAST_RECORDED_VALID;
            reply[8..12].copy_from_slice(&track.first.to_be_bytes());
            reply[28..32].copy_from_slice(&track.end().saturating_sub(1).to_be_bytes());
        }
        None => {
            reply[7] = NEXT_WRITABLE_VALID;
            reply[16..20].copy_from_slice(&room.to_be_bytes());
        }
    }
    reply
}

/// READ DISC STRUCTURE of a DVD, format 0: the physical format, 2048 bytes.
pub(super) fn dvd_physical(disc: &Disc) -> Vec<u8> {
    /// Physical sector number of LBA 0.
    const START: u32 = 0x03_0000;
    let (book, layer_type) = match disc.profile {
        Profile::DvdPlusR => (0xa1, 0x02),
        Profile::DvdMinusR => (0x25, 0x02),
        _ => (0x01, 0x01),
    };
    let single_layer = disc.profile.room();
    // A recordable disc tells its room, however much of it is written (redumper #127: over-reads on DVD+R).
    let sectors = if disc.profile.recordable() { disc.sectors().max(single_layer) } else { disc.sectors() };
    let mut body = vec![0; 2048];
    // 120 mm, maximum rate 10.08 Mbit/s; 0.267 µm/bit, 0.74 µm/track.
    body[..4].copy_from_slice(&[book, 0x02, layer_type, 0x00]);
    let (last, last_of_layer_0) = if sectors > single_layer {
        // Two layers on opposite track paths: layer 1 goes on at the bitwise complement of where layer 0 ended.
        body[2] |= 0x30;
        let layer_0 = (sectors / 2).next_multiple_of(16);
        let end = START + layer_0 - 1;
        ((!end).wrapping_add(sectors - layer_0 - 1), end)
    } else {
        (START + sectors.saturating_sub(1), 0)
    };
    body[4..8].copy_from_slice(&START.to_be_bytes());
    body[8..12].copy_from_slice(&(last & 0x00ff_ffff).to_be_bytes());
    body[12..16].copy_from_slice(&last_of_layer_0.to_be_bytes());
    structure(&body)
}

/// READ DISC STRUCTURE of a DVD, format 1: copy protection system (1 is CSS) and region mask.
pub(super) fn dvd_copyright(disc: &Disc) -> Vec<u8> {
    let css = disc.tracks.iter().any(|track| track.kind == Kind::Css);
    structure(&[u8::from(css), 0, 0, 0])
}

/// READ DISC STRUCTURE of a BD, format 0: disc information, 4096 bytes, of which the first unit is filled in.
pub(super) fn bd_information(disc: &Disc) -> Vec<u8> {
    /// Physical sector number of LBA 0.
    const START: u32 = 0x0002_0000;
    let mut body = vec![0; 4096];
    body[..8].copy_from_slice(&[b'D', b'I', 1, 1, 0, 0, 64, 0]);
    // A recordable disc has last physical sector number 0 here (redumper #394, #398).
    let (kind, last) = match disc.profile {
        Profile::BdR => (b"BDR", 0),
        _ => (b"BDO", START.saturating_add(disc.sectors().saturating_sub(1))),
    };
    body[8..11].copy_from_slice(kind);
    body[11] = 0x01; // 120 mm, class 0, version 1
    body[12] = 0x10; // one layer
    body[20..24].copy_from_slice(&last.to_be_bytes());
    body[24..28].copy_from_slice(&START.to_be_bytes());
    body[28..32].copy_from_slice(&last.saturating_sub(1).to_be_bytes());
    structure(&body)
}

fn structure(body: &[u8]) -> Vec<u8> {
    with_length(&[0, 0], body)
}

/// A reply that begins with the length of what follows.
fn with_length(head: &[u8; 2], body: &[u8]) -> Vec<u8> {
    let length = (body.len() + head.len()) as u16;
    [&length.to_be_bytes()[..], head, body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulated::disc::{Store, TroubleSpots};
    use crate::emulated::layout;

    fn disc(profile: Profile, tracks: &str) -> Disc {
        let tracks = if tracks.is_empty() { Vec::new() } else { layout::parse(tracks).unwrap() };
        Disc { profile, tracks, store: Store::Memory(Vec::new()), trouble: TroubleSpots::default() }
    }

    fn word(bytes: &[u8], at: usize) -> u32 {
        u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    const MIXED: &str = "data@0+3000:audio@3000+500::tao@14900+100";

    #[test]
    fn tables_of_contents() {
        let disc = disc(Profile::CdR, MIXED);
        let reply = toc(&disc, 0, Address::Lba).unwrap();
        assert_eq!((usize::from(reply[1]) + 2, reply[2], reply[3]), (reply.len(), 1, 3));
        let listed: Vec<_> = reply[4..].chunks(8).map(|d| (d[1], d[2], word(d, 4))).collect();
        assert_eq!(listed, [(0x14, 1, 0), (0x10, 2, 3000), (0x14, 3, 14_900), (0x14, 0xaa, 15_000)]);
        assert_eq!(toc(&disc, 3, Address::Msf).unwrap()[4..12], [0, 0x14, 3, 0, 0, 3, 20, 50]);
        assert_eq!(toc(&disc, 0xaa, Address::Lba).unwrap().len(), 12);
        assert_eq!(toc(&disc, 4, Address::Lba), None);

        let reply = sessions(&disc, Address::Lba).unwrap();
        assert_eq!((reply[2], reply[3], reply[6], word(&reply, 8)), (1, 2, 3, 14_900));

        let reply = full_toc(&disc).unwrap();
        let points: Vec<_> = reply[4..].chunks(11).map(|e| (e[0], e[3], [e[8], e[9], e[10]])).collect();
        assert_eq!(points[..4], [(1, 0xa0, [1, 0, 0]), (1, 0xa1, [2, 0, 0]), (1, 0xa2, [0, 48, 50]), (1, 1, [0, 2, 0])]);
        assert_eq!(points[5..], [(2, 0xa0, [3, 0, 0]), (2, 0xa1, [3, 0, 0]), (2, 0xa2, [3, 22, 0]), (2, 3, [3, 20, 50])]);
    }

    #[test]
    fn disc_and_track_information() {
        let mixed = disc(Profile::CdR, MIXED);
        let reply = disc_information(&mixed);
        assert_eq!((reply.len(), reply[1], reply[2]), (34, 32, 0x0e));
        assert_eq!(reply[3..7], [1, 2, 3, 3]);
        let audio = track_information(mixed.tracks.get(1), mixed.profile);
        assert_eq!((audio[2], audio[3], audio[5], audio[6]), (2, 1, 0, 0x0f));
        let tao = track_information(mixed.tracks.last(), mixed.profile);
        assert_eq!((tao[2], tao[3], tao[5], tao[6], tao[7]), (3, 2, 4, 1, 2));
        assert_eq!((word(&tao, 8), word(&tao, 24), word(&tao, 28)), (14_900, 100, 14_999));

        let blank = disc(Profile::CdRw, "");
        assert_eq!(disc_information(&blank)[2], 0x10);
        let track = track_information(None, blank.profile);
        assert_eq!((track[6] & 0x40, track[7], word(&track, 24)), (0x40, 1, 359_849));
    }

    #[test]
    fn physical_formats_tell_the_number_of_sectors() {
        let single = dvd_physical(&disc(Profile::DvdRom, "data@0+1000"));
        assert_eq!((single.len(), single[..2].to_vec()), (2052, vec![8, 2]));
        assert_eq!((word(&single, 8), word(&single, 12), word(&single, 16)), (0x03_0000, 0x03_03e7, 0));
        // The rule for opposite track paths, as programs apply it: 24-bit numbers with sign.
        let dual = dvd_physical(&disc(Profile::DvdRom, "data@0+4000000"));
        let signed = |at| ((word(&dual, at) << 8) as i32) >> 8;
        assert_eq!(signed(12) + 1 - signed(8) + 2 * (signed(16) + 1), 4_000_000);
        assert_eq!(dual[6] & 0x70, 0x30);
        assert_eq!(word(&dvd_physical(&disc(Profile::DvdPlusR, "data@0+1000")), 12), 0x26_053f);
        assert_eq!(dvd_copyright(&disc(Profile::DvdRom, "css@0+9"))[..5], [0, 6, 0, 0, 1]);
        assert_eq!(dvd_copyright(&disc(Profile::DvdRom, "data@0+9"))[4], 0);

        let bd = bd_information(&disc(Profile::BdRom, "data@0+1000"));
        assert_eq!((bd.len(), &bd[4..6], &bd[12..15]), (4100, &b"DI"[..], &b"BDO"[..]));
        assert_eq!(word(&bd, 24) + 1 - word(&bd, 28), 1000);
        assert_eq!(word(&bd, 32) + 2 - word(&bd, 28), 1000);
        assert_eq!(word(&bd_information(&disc(Profile::BdR, "data@0+1000")), 24), 0);
    }
}
