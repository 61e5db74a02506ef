//! Sense data: why a device did not do as asked (SPC-4, 4.5).

use std::fmt;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One decoded sense report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sense {
    /// Sense key: 2 NOT READY, 3 MEDIUM ERROR, 4 HARDWARE ERROR, 5 ILLEGAL REQUEST, 6 UNIT ATTENTION, …
    pub key: u8,
    /// Additional sense code.
    pub asc: u8,
    /// Its qualifier.
    pub ascq: u8,
    /// The INFORMATION field when it is valid; for reads the LBA that failed.
    pub information: Option<u64>,
    /// Response code 71h or 73h: the report is about an earlier command.
    pub deferred: bool,
}

impl Sense {
    /// Parses fixed (70h, 71h) and descriptor (72h, 73h) format. `None` for anything else, and for data too short to hold a key.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
        let response = bytes.first()? & 0x7f;
        let (key, asc, ascq, information) = match response {
            0x70 | 0x71 if bytes.len() > 2 => {
                let valid = bytes[0] & 0x80 != 0 && bytes.len() > 6;
                let information = valid.then(|| u64::from(u32::from_be_bytes([at(3), at(4), at(5), at(6)])));
                (at(2) & 0x0f, at(12), at(13), information)
            }
            0x72 | 0x73 if bytes.len() > 3 => (at(1) & 0x0f, at(2), at(3), information_descriptor(bytes.get(8..).unwrap_or(&[]))),
            _ => return None,
        };
        Some(Self { key, asc, ascq, information, deferred: response & 1 == 1 })
    }

    /// Sense for a device to send, fixed format; the information field is left out when it does not fit in 32 bits.
    pub fn to_fixed(self) -> Vec<u8> {
        let information = self.information.and_then(|i| u32::try_from(i).ok());
        let mut bytes = vec![0; 18];
        bytes[0] = 0x70 | u8::from(self.deferred) | if information.is_some() { 0x80 } else { 0 };
        bytes[2] = self.key;
        bytes[3..7].copy_from_slice(&information.unwrap_or(0).to_be_bytes());
        bytes[7] = 10;
        bytes[12] = self.asc;
        bytes[13] = self.ascq;
        bytes
    }

    /// Sense for a device to send, descriptor format.
    pub fn to_descriptor(self) -> Vec<u8> {
        let mut bytes = vec![0x72 | u8::from(self.deferred), self.key, self.asc, self.ascq, 0, 0, 0, 0];
        if let Some(information) = self.information {
            bytes[7] = 12;
            bytes.extend([0, 10, 0x80, 0]);
            bytes.extend(information.to_be_bytes());
        }
        bytes
    }

    /// What the code says, in words. Texts after SPC-4 annex F and MMC-6 annex F, only those an optical drive sends.
    pub fn text(self) -> &'static str {
        match (self.key, self.asc, self.ascq) {
            (_, 0x02, _) => "no seek complete",
            (_, 0x04, 0x01) => "becoming ready",
            (_, 0x04, _) => "not ready",
            (_, 0x06, _) => "no reference position found",
            (_, 0x08, _) => "communication failure in the drive",
            (_, 0x09, _) => "tracking or focus servo failure",
            (_, 0x11, 0x05) => "L-EC uncorrectable error",
            (_, 0x11, 0x06) => "CIRC unrecovered error",
            (_, 0x11, _) => "unrecovered read error",
            (_, 0x15, _) => "positioning error",
            (_, 0x17 | 0x18, _) => "recovered data",
            (_, 0x20, _) => "command not supported",
            (_, 0x21, _) => "LBA out of range",
            (_, 0x24, _) => "invalid field in command",
            (_, 0x28, _) => "medium may have changed",
            (_, 0x29, _) => "drive was reset",
            (_, 0x2a, _) => "parameters changed",
            (_, 0x30, _) => "incompatible medium",
            (_, 0x3a, 0x02) => "no disc, tray open",
            (_, 0x3a, _) => "no disc",
            (_, 0x3e, _) => "drive timed out",
            (_, 0x44, _) => "internal failure of the drive",
            (_, 0x57, _) => "table of contents unreadable",
            (_, 0x63, _) => "end of user area on this track",
            (_, 0x64, _) => "illegal mode for this track",
            (_, 0x6f, _) => "copy protection",
            (3, ..) => "medium error",
            (4, ..) => "hardware error",
            (5, ..) => "illegal request",
            (6, ..) => "unit attention",
            (8, ..) => "blank area",
            (0xb, ..) => "command aborted",
            _ => "error",
        }
    }
}

/// Key, ASC and ASCQ alone: what is kept of the sense of 100,000 places. Written as `3/11/05`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SenseCode {
    /// Sense key.
    pub key: u8,
    /// Additional sense code.
    pub asc: u8,
    /// Its qualifier.
    pub ascq: u8,
}

impl Sense {
    /// The part that classifies.
    pub fn code(&self) -> SenseCode {
        SenseCode { key: self.key, asc: self.asc, ascq: self.ascq }
    }
}

impl fmt::Display for SenseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}/{:02x}/{:02x}", self.key, self.asc, self.ascq)
    }
}

/// Not three numbers in hex with slashes between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sense code is KEY/ASC/ASCQ in hex, like 3/11/05")]
pub struct BadSenseCode;

impl FromStr for SenseCode {
    type Err = BadSenseCode;

    fn from_str(text: &str) -> Result<Self, BadSenseCode> {
        let mut numbers = text.split('/').map(|part| u8::from_str_radix(part, 16));
        match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(key)), Some(Ok(asc)), Some(Ok(ascq)), None) => Ok(Self { key, asc, ascq }),
            _ => Err(BadSenseCode),
        }
    }
}

impl Serialize for SenseCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SenseCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The information descriptor (type 0, 12 bytes) in a list of sense descriptors.
fn information_descriptor(mut list: &[u8]) -> Option<u64> {
    while let [kind, length, rest @ ..] = list {
        let body = rest.get(..usize::from(*length))?;
        if let (0, [flags, _, value @ ..]) = (*kind, body) {
            let value: [u8; 8] = value.get(..8)?.try_into().ok()?;
            return (flags & 0x80 != 0).then(|| u64::from_be_bytes(value));
        }
        list = &rest[usize::from(*length)..];
    }
    None
}

/// The code, as the fault rules and the record write it.
impl fmt::Display for Sense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_fixed_and_descriptor_sense_as_drives_send_it() {
        // Both seen behind sr: fixed with VALID and LBA 100, descriptor with LBA 200.
        let fixed = Sense::parse(&[0xf0, 0, 3, 0, 0, 0, 0x64, 10, 0, 0, 0, 0, 0x11, 5, 0, 0, 0, 0]);
        assert_eq!(fixed.map(|s| (s.to_string(), s.information)), Some(("3/11/05".into(), Some(100))));
        let descriptor = Sense::parse(&[0x72, 3, 2, 0, 0, 0, 0, 12, 0, 10, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 200]);
        assert_eq!(descriptor.map(|s| (s.to_string(), s.information)), Some(("3/02/00".into(), Some(200))));
        // CDEmu sends the LBA with VALID clear: it does not count.
        assert_eq!(Sense::parse(&[0x70, 0, 3, 0, 0, 0, 9, 10, 0, 0, 0, 0, 0x11, 0]).and_then(|s| s.information), None);
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_not_but_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Sense::parse(&bytes);
        }

        #[test]
        fn what_is_sent_is_what_is_read(key in 0u8..16, asc: u8, ascq: u8, lba: Option<u32>) {
            let sense = Sense { key, asc, ascq, information: lba.map(u64::from), deferred: false };
            prop_assert_eq!(Sense::parse(&sense.to_fixed()), Some(sense));
            prop_assert_eq!(Sense::parse(&sense.to_descriptor()), Some(sense));
            prop_assert_eq!(sense.to_string().parse(), Ok(sense.code()));
        }
    }
}
