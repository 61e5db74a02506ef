//! The drive proper: what it answers to each command when nothing goes wrong but the disc.

use std::ops::Range;
use std::time::Duration;

use super::about_disc::{self, Address};
use super::about_drive::{self, MediaEvent, ModeHeader, Tray, Wanted};
use super::disc::{Disc, Trouble};
use super::profile::Family;
use super::rule::Circumstances;
use super::timing::Mechanics;
use crate::scsi::cdb::{Lock, opcode};
use crate::scsi::{Cdb, Sense};

const REQUEST_SENSE: u8 = 0x03;
const GET_EVENT_STATUS_NOTIFICATION: u8 = 0x4a;
const MODE_SENSE_6: u8 = 0x1a;
const MODE_SELECT_10: u8 = 0x55;
const SET_STREAMING: u8 = 0xb6;
const MECHANISM_STATUS: u8 = 0xbd;

const NO_SENSE: Sense = sense(0, 0, 0);
const NO_DISC: Sense = sense(2, 0x3a, 0x01);
const TRAY_OPEN: Sense = sense(2, 0x3a, 0x02);
const UNREADABLE: Sense = sense(3, 0x11, 0x05);
const NOT_SUPPORTED: Sense = sense(5, 0x20, 0x00);
const OUT_OF_RANGE: Sense = sense(5, 0x21, 0x00);
const INVALID_FIELD: Sense = sense(5, 0x24, 0x00);
const WRONG_MEDIUM: Sense = sense(5, 0x30, 0x02);
const NOT_SAVED: Sense = sense(5, 0x39, 0x00);
const LOCKED: Sense = sense(5, 0x53, 0x02);
const WRONG_MODE: Sense = sense(5, 0x64, 0x00);
const PROTECTED: Sense = sense(5, 0x6f, 0x03);

const fn sense(key: u8, asc: u8, ascq: u8) -> Sense {
    Sense { key, asc, ascq, information: None, deferred: false }
}

/// What a command comes to, before data moves.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    Reply(Vec<u8>),
    Sectors(Range<u32>),
}

/// The unit and the disc in it.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) disc: Option<Disc>,
    pub(super) mechanics: Mechanics,
    pub(super) lock: Lock,
    tray: Tray,
    event: MediaEvent,
    /// Sectors that READ CAPACITY claims, whatever the disc has.
    capacity: Option<u32>,
    serial: String,
}

impl Unit {
    pub(super) fn new(disc: Disc, mechanics: Mechanics, capacity: Option<u32>, serial: String) -> Self {
        Self { disc: Some(disc), mechanics, lock: Lock::Open, tray: Tray::Closed, event: MediaEvent::None, capacity, serial }
    }

    /// Another disc lies in the closed drive, or none.
    pub(super) fn change_disc(&mut self, disc: Option<Disc>) {
        self.event = if disc.is_some() { MediaEvent::NewMedia } else { MediaEvent::Removal };
        self.disc = disc;
        self.tray = Tray::Closed;
        self.mechanics.stop();
    }

    /// How the command ends, and how long it takes.
    pub(super) fn answer(&mut self, cdb: &Cdb) -> (Result<Answer, Sense>, Duration) {
        match cdb.sectors_read() {
            Some((lba, count)) => self.read(cdb, lba, count),
            None => (self.tell(cdb), self.mechanics.command()),
        }
    }

    /// How the command finds the drive.
    pub(super) fn circumstances(&self, cdb: &Cdb) -> Circumstances {
        let family = self.disc.as_ref().map_or(Family::Cd, |disc| disc.profile.family());
        Circumstances {
            run_up: cdb.sectors_read().map_or(0, |(lba, _)| self.mechanics.run_up_to(lba)),
            speed: self.mechanics.speed(family),
        }
    }

    fn medium(&self) -> Result<&Disc, Sense> {
        medium(self.tray, &self.disc)
    }

    /// READ(10), READ(12), READ CD. A command that fails delivers nothing, but the drive has read all up to the sector that
    /// failed.
    fn read(&mut self, cdb: &Cdb, lba: u32, count: u32) -> (Result<Answer, Sense>, Duration) {
        let disc = match medium(self.tray, &self.disc).and_then(|disc| may_read(cdb, disc, lba, count)) {
            Ok(disc) => disc,
            Err(sense) => return (Err(sense), self.mechanics.command()),
        };
        let end = lba + count;
        let trouble = disc.first_trouble(&(lba..end));
        let good = lba..trouble.map_or(end, |(at, _)| at);
        let time = self.mechanics.read(disc.profile.family(), good, &disc.trouble.weak);
        match trouble {
            None => (Ok(Answer::Sectors(lba..end)), time),
            Some((at, Trouble::Unreadable)) => {
                (Err(Sense { information: Some(at.into()), ..UNREADABLE }), time + self.mechanics.give_up(at))
            }
            Some((_, Trouble::OffTrack)) => (Err(WRONG_MODE), time),
            Some((_, Trouble::Protected)) => (Err(PROTECTED), time),
        }
    }

    /// All commands but reads. Replies are cut to the allocation length.
    fn tell(&mut self, cdb: &Cdb) -> Result<Answer, Sense> {
        let at = |i: usize| cdb.bytes().get(i).copied().unwrap_or(0);
        let word = |i: usize| u16::from_be_bytes([at(i), at(i + 1)]);
        let (reply, allocated) = match cdb.opcode() {
            opcode::TEST_UNIT_READY => {
                self.medium()?;
                return Ok(Answer::Done);
            }
            // Parameters and streaming rates are taken and change nothing.
            MODE_SELECT_10 | SET_STREAMING => return Ok(Answer::Done),
            opcode::START_STOP_UNIT => return self.start_stop(at(4)),
            opcode::PREVENT_ALLOW => {
                self.lock = if at(4) & 1 == 1 { Lock::Closed } else { Lock::Open };
                return Ok(Answer::Done);
            }
            opcode::SET_CD_SPEED => {
                self.mechanics.set_speed(word(2));
                return Ok(Answer::Done);
            }
            // The sense of a command that failed went with its status.
            REQUEST_SENSE => (NO_SENSE.to_fixed(), at(4).into()),
            opcode::INQUIRY => (inquiry(at(1), at(2), &self.serial)?, word(3)),
            opcode::GET_CONFIGURATION => (self.configuration(at(1), word(2)), word(7)),
            GET_EVENT_STATUS_NOTIFICATION => (self.event(at(1), at(4))?, word(7)),
            MODE_SENSE_6 => (self.mode_sense(ModeHeader::Short, at(2))?, at(4).into()),
            opcode::MODE_SENSE_10 => (self.mode_sense(ModeHeader::Long, at(2))?, word(7)),
            MECHANISM_STATUS => (about_drive::mechanism(self.tray), word(8)),
            opcode::READ_CAPACITY => {
                let sectors = self.medium()?.sectors();
                return Ok(Answer::Reply(about_disc::capacity(self.capacity.unwrap_or(sectors))));
            }
            opcode::READ_TOC => (toc(self.medium()?, at(1), at(2), at(6))?, word(7)),
            opcode::READ_DISC_INFORMATION if at(1) & 7 == 0 => (about_disc::disc_information(self.medium()?), word(7)),
            opcode::READ_DISC_INFORMATION => return Err(INVALID_FIELD),
            opcode::READ_TRACK_INFORMATION => {
                let number = u32::from_be_bytes([at(2), at(3), at(4), at(5)]);
                (track_information(self.medium()?, at(1), number)?, word(7))
            }
            opcode::READ_DISC_STRUCTURE => (structure(self.medium()?, at(1), at(7))?, word(8)),
            _ => return Err(NOT_SUPPORTED),
        };
        let mut reply = reply;
        reply.truncate(allocated.into());
        Ok(Answer::Reply(reply))
    }

    /// START STOP UNIT (MMC-6): byte 4 has START in bit 0 and LOEJ in bit 1.
    fn start_stop(&mut self, how: u8) -> Result<Answer, Sense> {
        match how & 3 {
            0 => self.mechanics.stop(),
            2 if matches!(self.lock, Lock::Closed) => return Err(LOCKED),
            2 if self.tray == Tray::Closed => {
                (self.tray, self.event) = (Tray::Open, MediaEvent::Removal);
                self.mechanics.stop();
            }
            3 if self.tray == Tray::Open => {
                self.tray = Tray::Closed;
                self.event = if self.disc.is_some() { MediaEvent::NewMedia } else { MediaEvent::None };
            }
            _ => {}
        }
        Ok(Answer::Done)
    }

    fn configuration(&self, wanted: u8, start: u16) -> Vec<u8> {
        let wanted = match wanted & 3 {
            0 => Wanted::All,
            1 => Wanted::Current,
            _ => Wanted::One,
        };
        let disc = self.medium().ok();
        let recorded = disc.is_some_and(|disc| disc.sectors() > 0);
        about_drive::configuration(disc.map(|disc| disc.profile), recorded, wanted, start, &self.serial)
    }

    /// An event is told once.
    fn event(&mut self, polled: u8, classes: u8) -> Result<Vec<u8>, Sense> {
        if polled & 1 == 0 {
            return Err(INVALID_FIELD); // this drive does not queue commands
        }
        Ok(about_drive::event(classes, std::mem::take(&mut self.event), self.tray, self.disc.is_some()))
    }

    fn mode_sense(&self, header: ModeHeader, page: u8) -> Result<Vec<u8>, Sense> {
        const SAVED_VALUES: u8 = 3;
        if page >> 6 == SAVED_VALUES {
            return Err(NOT_SAVED);
        }
        let family = self.disc.as_ref().map_or(Family::Cd, |disc| disc.profile.family());
        let speeds = (family.full_speed(), self.mechanics.speed(family));
        about_drive::mode_page(header, page & 0x3f, self.lock, speeds.0, speeds.1).ok_or(INVALID_FIELD)
    }
}

fn medium(tray: Tray, disc: &Option<Disc>) -> Result<&Disc, Sense> {
    match (tray, disc) {
        (Tray::Open, _) => Err(TRAY_OPEN),
        (Tray::Closed, None) => Err(NO_DISC),
        (Tray::Closed, Some(disc)) => Ok(disc),
    }
}

/// The disc, if the command may read there at all.
fn may_read<'a>(cdb: &Cdb, disc: &'a Disc, lba: u32, count: u32) -> Result<&'a Disc, Sense> {
    if cdb.opcode() == opcode::READ_CD {
        user_data_only(cdb, disc.profile.family())?;
    }
    match lba.checked_add(count) {
        Some(end) if end <= disc.sectors() => Ok(disc),
        _ => Err(OUT_OF_RANGE),
    }
}

/// READ CD is for CDs, and this drive gives 2048 bytes of user data of mode 1 sectors alone.
fn user_data_only(cdb: &Cdb, family: Family) -> Result<(), Sense> {
    const USER_DATA: u8 = 0x10;
    let at = |i: usize| cdb.bytes().get(i).copied().unwrap_or(0);
    let (expected_type, selected, subchannel) = (at(1) >> 2 & 7, at(9), at(10) & 7);
    match (expected_type, selected, subchannel) {
        _ if family != Family::Cd => Err(WRONG_MEDIUM),
        (0 | 2, USER_DATA, 0) => Ok(()),
        (_, USER_DATA, 0) => Err(WRONG_MODE),
        _ => Err(INVALID_FIELD),
    }
}

fn inquiry(vital: u8, page: u8, serial: &str) -> Result<Vec<u8>, Sense> {
    match (vital & 1, page) {
        (0, 0) => Ok(about_drive::inquiry()),
        (0, _) => Err(INVALID_FIELD),
        _ => about_drive::vital_product_data(page, serial).ok_or(INVALID_FIELD),
    }
}

fn toc(disc: &Disc, address: u8, format: u8, start: u8) -> Result<Vec<u8>, Sense> {
    let address = if address & 2 == 0 { Address::Lba } else { Address::Msf };
    let reply = match format & 0x0f {
        0 => about_disc::toc(disc, start, address),
        1 => about_disc::sessions(disc, address),
        2 if disc.profile.family() == Family::Cd => about_disc::full_toc(disc),
        _ => None,
    };
    reply.ok_or(INVALID_FIELD)
}

/// READ TRACK INFORMATION by LBA (0), track (1) or session (2).
fn track_information(disc: &Disc, by: u8, number: u32) -> Result<Vec<u8>, Sense> {
    const INCOMPLETE_TRACK: u32 = 0xff;
    let track = disc.tracks.iter().find(|track| match by & 3 {
        0 => (track.first..track.end()).contains(&number),
        1 => u32::from(track.number) == number,
        2 => u32::from(track.session) == number,
        _ => false,
    });
    // A blank disc has one track that waits to be written; it goes by both of its numbers.
    let waiting = disc.tracks.is_empty() && (by & 3 == 0 || matches!(number, 1 | INCOMPLETE_TRACK));
    if track.is_none() && !waiting {
        return Err(INVALID_FIELD);
    }
    Ok(about_disc::track_information(track, disc.profile))
}

fn structure(disc: &Disc, media: u8, format: u8) -> Result<Vec<u8>, Sense> {
    match (disc.profile.family(), media & 0x0f, format) {
        (Family::Dvd, 0, 0) => Ok(about_disc::dvd_physical(disc)),
        (Family::Dvd, 0, 1) => Ok(about_disc::dvd_copyright(disc)),
        (Family::Bd, 1, 0) => Ok(about_disc::bd_information(disc)),
        (Family::Cd, ..) => Err(WRONG_MEDIUM),
        _ => Err(INVALID_FIELD),
    }
}
