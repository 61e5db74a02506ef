//! What the drive says about itself (layouts after SPC-4 and MMC-6).

use super::profile::{Family, Profile};
use crate::scsi::cdb::Lock;

const VENDOR: &[u8; 8] = b"DISCSMTH";
const PRODUCT: &[u8; 16] = b"Emulated drive  ";
const FIRMWARE: &[u8; 4] = b"1.00";
/// The serial number of a drive that is given none.
pub(super) const SERIAL: &str = "EMU0001";
/// The longest that fits into both replies: a feature's body is whole words, its length one byte (MMC-6, 5.2.2).
pub(super) const LONGEST_SERIAL: usize = 252;
/// Peripheral device type of an MMC device.
const OPTICAL: u8 = 0x05;

/// INQUIRY, standard data (SPC-4, 6.4.2), 36 bytes.
pub(super) fn inquiry() -> Vec<u8> {
    // Removable, SPC-4, response format 2, 31 bytes follow.
    [&[OPTICAL, 0x80, 0x06, 0x02, 31, 0, 0, 0], &VENDOR[..], PRODUCT, FIRMWARE].concat()
}

/// INQUIRY, a page of vital product data: 00h the list of pages, 80h the serial number. None: there is no such page.
pub(super) fn vital_product_data(page: u8, serial: &str) -> Option<Vec<u8>> {
    let body: &[u8] = match page {
        0x00 => &[0x00, 0x80],
        0x80 => serial.as_bytes(),
        _ => return None,
    };
    Some([&[OPTICAL, page, 0, body.len() as u8], body].concat())
}

/// Which features GET CONFIGURATION is asked for: its RT field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    Current,
    One,
}

/// GET CONFIGURATION (MMC-6): the current profile, and features from number `start` on. `recorded` is false on a blank disc.
pub(super) fn configuration(current: Option<Profile>, recorded: bool, wanted: Wanted, start: u16, serial: &str) -> Vec<u8> {
    let family = current.map(Profile::family);
    let readable = |of: Family| recorded && family == Some(of);
    let ecc_block = family.map_or(1, Family::ecc_block) as u16;
    let profiles: Vec<u8> = Profile::ALL
        .into_iter()
        .flat_map(|profile| {
            let [high, low] = profile.code().to_be_bytes();
            [high, low, u8::from(current == Some(profile)), 0]
        })
        .collect();
    // Block length 2048, blocking, page present.
    let random_readable = [&[0, 0, 8, 0][..], &ecc_block.to_be_bytes(), &[1, 0]].concat();
    let mut serial = serial.as_bytes().to_vec();
    serial.resize(serial.len().next_multiple_of(4), b' ');
    let features: [(u16, u8, bool, Vec<u8>); 9] = [
        (0x0000, 0, true, profiles),                     // profile list
        (0x0001, 2, true, vec![0, 0, 0, 7, 1, 0, 0, 0]), // core: SATA, device busy event
        (0x0003, 0, true, vec![0x29, 0, 0, 0]),          // removable medium: tray, eject, lock
        (0x0010, 0, recorded && family.is_some(), random_readable),
        (0x001d, 0, readable(Family::Cd), Vec::new()),        // multi-read
        (0x001e, 2, readable(Family::Cd), vec![0; 4]),        // CD read
        (0x001f, 1, readable(Family::Dvd), vec![1, 0, 1, 0]), // DVD read: also -R and dual layer
        (0x0040, 1, readable(Family::Bd), vec![0xff; 28]),    // BD read: all classes and versions
        (0x0108, 0, true, serial),                            // serial number
    ];
    let mut reply = vec![0; 6];
    reply.extend(current.map_or(0, Profile::code).to_be_bytes());
    for (number, version, is_current, body) in features {
        let asked = match wanted {
            Wanted::All => number >= start,
            Wanted::Current => number >= start && is_current,
            Wanted::One => number == start,
        };
        if asked {
            let persistent = matches!(number, 0x0000 | 0x0001 | 0x0003 | 0x0108);
            reply.extend(number.to_be_bytes());
            reply.extend([version << 2 | u8::from(persistent) << 1 | u8::from(is_current), body.len() as u8]);
            reply.extend(body);
        }
    }
    let length = (reply.len() - 4) as u32;
    reply[..4].copy_from_slice(&length.to_be_bytes());
    reply
}

/// Something that happened to the disc (MMC-6, GET EVENT STATUS NOTIFICATION, media class).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum MediaEvent {
    #[default]
    None = 0,
    NewMedia = 2,
    Removal = 3,
}

/// Whether the tray is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tray {
    Closed,
    Open,
}

/// GET EVENT STATUS NOTIFICATION, polled. Media is the one class that this drive knows; asked for others alone, it says so.
pub(super) fn event(classes: u8, event: MediaEvent, tray: Tray, disc_present: bool) -> Vec<u8> {
    const MEDIA: u8 = 0x10;
    if classes & MEDIA == 0 {
        return vec![0, 2, 0x80, MEDIA];
    }
    let present = u8::from(disc_present && tray == Tray::Closed) << 1 | u8::from(tray == Tray::Open);
    vec![0, 6, 4, MEDIA, event as u8, present, 0, 0]
}

/// MECHANISM STATUS (MMC-6), 8 bytes: no changer.
pub(super) fn mechanism(tray: Tray) -> Vec<u8> {
    vec![0, u8::from(tray == Tray::Open) << 4, 0, 0, 0, 0, 0, 0]
}

/// MODE SENSE, the form of 6 or of 10 bytes: what comes before the pages. A bus on which the kernel does not know of MMC asks by the former.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ModeHeader {
    Short,
    Long,
}

/// MODE SENSE, pages 01h (error recovery) and 2Ah (capabilities), 3Fh for both. None: there is no such page. Speeds in kB/s.
pub(super) fn mode_page(header: ModeHeader, page: u8, lock: Lock, full_speed: u16, speed: u16) -> Option<Vec<u8>> {
    // Error recovery: AWRE and ARRE off, 32 retries.
    let recovery = [0x01, 10, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut capabilities = vec![0; 22];
    capabilities[..2].copy_from_slice(&[0x2a, 20]);
    capabilities[2] = 0x0f; // reads CD-R, CD-RW, method 2, DVD-ROM
    capabilities[4] = 0x70; // mode 2 form 1, form 2, multi-session
    capabilities[6] = 0x29 | u8::from(matches!(lock, Lock::Closed)) << 1; // tray, eject, lock; locked now
    capabilities[8..10].copy_from_slice(&full_speed.to_be_bytes());
    capabilities[12..14].copy_from_slice(&2048u16.to_be_bytes()); // KiB of buffer
    capabilities[14..16].copy_from_slice(&speed.to_be_bytes());
    let pages = match page {
        0x01 => recovery.to_vec(),
        0x2a => capabilities,
        0x3f => [&recovery[..], &capabilities].concat(),
        _ => return None,
    };
    // The length counts what follows it.
    let header = match header {
        ModeHeader::Short => vec![pages.len() as u8 + 3, 0, 0, 0],
        ModeHeader::Long => [&(pages.len() as u16 + 6).to_be_bytes()[..], &[0; 6]].concat(),
    };
    Some([header, pages].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The features of a reply: number, current, body.
    fn features(reply: &[u8]) -> Vec<(u16, bool, Vec<u8>)> {
        assert_eq!(u32::from_be_bytes(reply[..4].try_into().unwrap()) as usize, reply.len() - 4);
        let (mut rest, mut found) = (&reply[8..], Vec::new());
        while !rest.is_empty() {
            let length = usize::from(rest[3]);
            assert_eq!(length % 4, 0);
            found.push((u16::from_be_bytes([rest[0], rest[1]]), rest[2] & 1 == 1, rest[4..4 + length].to_vec()));
            rest = &rest[4 + length..];
        }
        found
    }

    #[test]
    fn the_configuration_names_profile_features_and_serial_number() {
        let reply = configuration(Some(Profile::BdR), true, Wanted::All, 0, SERIAL);
        assert_eq!(reply[6..8], [0, 0x41]);
        let all = features(&reply);
        let current: Vec<_> = all.iter().filter(|feature| feature.1).map(|feature| feature.0).collect();
        assert_eq!(current, [0, 1, 3, 0x10, 0x40, 0x108]);
        let listed: Vec<_> = all[0].2.chunks(4).map(|p| (u16::from_be_bytes([p[0], p[1]]), p[2])).collect();
        assert_eq!(listed.iter().find(|profile| profile.1 == 1), Some(&(0x41, 1)));
        assert_eq!(listed.len(), 8);
        assert_eq!(all.last().unwrap().2, b"EMU0001 ");
        assert_eq!(all[3].2[4..6], [0, 32]);
    }

    #[test]
    fn the_configuration_is_cut_to_what_is_wanted() {
        let one = features(&configuration(Some(Profile::CdRom), true, Wanted::One, 0x1e, SERIAL));
        assert_eq!((one.len(), one[0].0, one[0].1), (1, 0x1e, true));
        assert!(features(&configuration(Some(Profile::CdRom), true, Wanted::Current, 2, SERIAL)).iter().all(|f| f.1 && f.0 > 2));
        let empty = configuration(None, false, Wanted::Current, 0, SERIAL);
        assert_eq!(empty[6..8], [0, 0]);
        assert_eq!(features(&empty).iter().map(|f| f.0).collect::<Vec<_>>(), [0, 1, 3, 0x108]);
    }

    #[test]
    fn inquiry_names_the_drive() {
        assert_eq!(inquiry().len(), 36);
        assert_eq!(inquiry()[8..16], *b"DISCSMTH");
        assert_eq!(vital_product_data(0x80, "K3").unwrap(), b"\x05\x80\x00\x02K3");
        assert_eq!(vital_product_data(0x00, SERIAL).unwrap(), [5, 0, 0, 2, 0, 0x80]);
        assert_eq!(vital_product_data(0x83, SERIAL), None);
    }
}
