//! Command blocks. Layouts after SPC-4, SBC-3 and MMC-6; all fields are big-endian.

use std::fmt;

/// One command block, 6, 10 or 12 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Cdb {
    bytes: [u8; 16],
    len: u8,
}

/// Operation codes that this program sends.
pub mod opcode {
    #![allow(missing_docs)]
    pub const TEST_UNIT_READY: u8 = 0x00;
    pub const INQUIRY: u8 = 0x12;
    pub const START_STOP_UNIT: u8 = 0x1b;
    pub const PREVENT_ALLOW: u8 = 0x1e;
    pub const READ_CAPACITY: u8 = 0x25;
    pub const READ_10: u8 = 0x28;
    pub const READ_TOC: u8 = 0x43;
    pub const GET_CONFIGURATION: u8 = 0x46;
    pub const READ_DISC_INFORMATION: u8 = 0x51;
    pub const READ_TRACK_INFORMATION: u8 = 0x52;
    pub const MODE_SENSE_10: u8 = 0x5a;
    pub const READ_12: u8 = 0xa8;
    pub const READ_DISC_STRUCTURE: u8 = 0xad;
    pub const SET_CD_SPEED: u8 = 0xbb;
    pub const READ_CD: u8 = 0xbe;
}

/// Force Unit Access: bit 3 of byte 1 of READ(10) and READ(12).
const FUA: u8 = 0x08;

impl Cdb {
    /// A command block from its bytes; all but the first 16 are cut off.
    pub fn new(given: &[u8]) -> Self {
        let mut bytes = [0; 16];
        let len = given.len().min(16);
        bytes[..len].copy_from_slice(&given[..len]);
        Self { bytes, len: len as u8 }
    }

    /// TEST UNIT READY (00h).
    pub fn test_unit_ready() -> Self {
        Self::new(&[opcode::TEST_UNIT_READY, 0, 0, 0, 0, 0])
    }

    /// INQUIRY (12h): standard data, or a vital product data page.
    pub fn inquiry(page: Option<u8>, length: u16) -> Self {
        let [high, low] = length.to_be_bytes();
        Self::new(&[opcode::INQUIRY, u8::from(page.is_some()), page.unwrap_or(0), high, low, 0])
    }

    /// START STOP UNIT (1Bh) with LOEJ: opens the tray.
    pub fn eject() -> Self {
        Self::new(&[opcode::START_STOP_UNIT, 0, 0, 0, 0x02, 0])
    }

    /// START STOP UNIT (1Bh) with START: the disc is spun up.
    pub fn start_unit() -> Self {
        Self::new(&[opcode::START_STOP_UNIT, 0, 0, 0, 0x01, 0])
    }

    /// PREVENT ALLOW MEDIUM REMOVAL (1Eh): locks the tray, or unlocks it.
    pub fn prevent_removal(lock: Lock) -> Self {
        Self::new(&[opcode::PREVENT_ALLOW, 0, 0, 0, matches!(lock, Lock::Closed).into(), 0])
    }

    /// READ CAPACITY(10) (25h): 8 bytes come back.
    pub fn read_capacity() -> Self {
        Self::new(&[opcode::READ_CAPACITY, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    /// READ(10) (28h) of `count` sectors from `lba`.
    pub fn read_10(lba: u32, count: u16) -> Self {
        let ([a, b, c, d], [e, f]) = (lba.to_be_bytes(), count.to_be_bytes());
        Self::new(&[opcode::READ_10, 0, a, b, c, d, 0, e, f, 0])
    }

    /// The same with FUA: what the drive's cache holds does not count.
    pub fn read_10_fua(lba: u32, count: u16) -> Self {
        let mut cdb = Self::read_10(lba, count);
        cdb.bytes[1] |= FUA;
        cdb
    }

    /// READ TOC/PMA/ATIP (43h). Format 0: tracks, asked for in LBA; 2: full TOC, which is always in MSF, and which QEMU's drive
    /// gives in LBA all the same when the MSF bit is not set.
    pub fn read_toc(format: u8, length: u16) -> Self {
        let [high, low] = length.to_be_bytes();
        let msf = if format == 2 { 0x02 } else { 0 };
        Self::new(&[opcode::READ_TOC, msf, format, 0, 0, 0, 0, high, low, 0])
    }

    /// GET CONFIGURATION (46h), all features.
    pub fn get_configuration(length: u16) -> Self {
        let [high, low] = length.to_be_bytes();
        Self::new(&[opcode::GET_CONFIGURATION, 0, 0, 0, 0, 0, 0, high, low, 0])
    }

    /// READ DISC INFORMATION (51h), type 0.
    pub fn read_disc_information(length: u16) -> Self {
        let [high, low] = length.to_be_bytes();
        Self::new(&[opcode::READ_DISC_INFORMATION, 0, 0, 0, 0, 0, 0, high, low, 0])
    }

    /// READ TRACK INFORMATION (52h) of a track number.
    pub fn read_track_information(track: u16, length: u16) -> Self {
        let ([t, u], [high, low]) = (track.to_be_bytes(), length.to_be_bytes());
        Self::new(&[opcode::READ_TRACK_INFORMATION, 1, 0, 0, t, u, 0, high, low, 0])
    }

    /// MODE SENSE(10) (5Ah) of one page, current values, no block descriptors.
    pub fn mode_sense(page: u8, length: u16) -> Self {
        let [high, low] = length.to_be_bytes();
        Self::new(&[opcode::MODE_SENSE_10, 0x08, page, 0, 0, 0, 0, high, low, 0])
    }

    /// READ DISC STRUCTURE (ADh). Media 0: DVD, 1: BD.
    pub fn read_disc_structure(media: u8, format: u8, length: u16) -> Self {
        let [high, low] = length.to_be_bytes();
        Self::new(&[opcode::READ_DISC_STRUCTURE, media, 0, 0, 0, 0, 0, format, high, low, 0, 0])
    }

    /// SET CD SPEED (BBh): read speed in kB/s (1000 bytes), FFFFh for the drive's own choice.
    pub fn set_speed(kilobytes: u16) -> Self {
        let [high, low] = kilobytes.to_be_bytes();
        Self::new(&[opcode::SET_CD_SPEED, 0, high, low, 0xff, 0xff, 0, 0, 0, 0, 0, 0])
    }

    /// The bytes to send.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Operation code.
    pub fn opcode(&self) -> u8 {
        self.bytes[0]
    }

    /// True for a READ(10) or READ(12) with FUA.
    pub fn is_fua(&self) -> bool {
        matches!(self.opcode(), opcode::READ_10 | opcode::READ_12) && self.bytes[1] & FUA != 0
    }

    /// First LBA and number of sectors, when this is a READ(10), READ(12) or READ CD.
    pub fn sectors_read(&self) -> Option<(u32, u32)> {
        let b = &self.bytes;
        let lba = u32::from_be_bytes([b[2], b[3], b[4], b[5]]);
        match self.opcode() {
            opcode::READ_10 => Some((lba, u32::from(u16::from_be_bytes([b[7], b[8]])))),
            opcode::READ_12 => Some((lba, u32::from_be_bytes([b[6], b[7], b[8], b[9]]))),
            opcode::READ_CD => Some((lba, u32::from_be_bytes([0, b[6], b[7], b[8]]))),
            _ => None,
        }
    }
}

/// State of the tray's lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// The disc can't be taken out.
    Closed,
    /// It can.
    Open,
}

impl fmt::Debug for Cdb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
