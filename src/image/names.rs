//! What the volumes of an image call themselves: labels, who made it, when, and the UUID that Linux knows it by.

use serde::Serialize;

use super::pages::Pages;
use super::signature::volumes::sector;
use super::{Sector, iso9660, u16_be, u32_le, udf};

/// Bytes of a sector of a disc.
const SECTOR: u64 = 2048;

/// Names from outside: escape them before a terminal sees them. Those that are empty are null.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Names {
    /// Volume identifier of ISO 9660.
    pub volume: Option<String>,
    /// Volume identifier of Joliet.
    pub joliet: Option<String>,
    /// Logical volume identifier of UDF.
    pub udf: Option<String>,
    /// Revision of UDF, as `2.50`.
    pub udf_revision: Option<String>,
    /// For which system it was made.
    pub system: Option<String>,
    /// Volume set identifier of ISO 9660.
    pub set: Option<String>,
    /// Who published it.
    pub publisher: Option<String>,
    /// Who prepared its data.
    pub preparer: Option<String>,
    /// By which program, mostly.
    pub application: Option<String>,
    /// When it was made, as `2023-02-11 20:15:03 +01:00`.
    pub created: Option<String>,
    /// When it was changed last.
    pub modified: Option<String>,
    /// When it becomes obsolete.
    pub expires: Option<String>,
    /// From when on it may be used.
    pub effective: Option<String>,
    /// The UUID that blkid and /dev/disk/by-uuid have: of UDF, or else the time of ISO 9660.
    pub uuid: Option<String>,
}

/// What the descriptors of one session say.
#[derive(Debug, Default)]
pub(super) struct Descriptors {
    pub(super) names: Names,
    /// What they say twice, and differently.
    pub(super) contradictions: Vec<String>,
    /// Checksums that lie in them.
    pub(super) checksums: Vec<&'static str>,
}

impl Descriptors {
    /// Reads those of the session whose first sector is `start`.
    pub(super) fn read(pages: &mut Pages, start: u32) -> Self {
        let mut found = Self::default();
        for offset in 16..64 {
            let Some(descriptor) = sector(pages, (u64::from(start) + offset) * SECTOR) else { continue };
            if descriptor.starts_with(b"libisofs_sb_checksum_tag_v1") {
                found.checksums.push("libisofs checksum tags");
                break;
            }
            match (descriptor[0], &descriptor[1..6]) {
                (1, b"CD001") if found.names.application.is_none() && found.names.volume.is_none() => found.primary(&descriptor),
                (2, b"CD001") if iso9660::is_joliet(&descriptor) => {
                    let units: Vec<u16> = descriptor[40..72].chunks_exact(2).map(|unit| u16_be(unit, 0)).collect();
                    found.names.joliet = trimmed(&String::from_utf16_lossy(&units));
                }
                _ => {}
            }
        }
        found.udf(pages, start);
        found
    }

    /// The primary volume descriptor (ECMA-119, 8.4).
    fn primary(&mut self, descriptor: &Sector) {
        let text = |at: usize, length: usize| trimmed(&String::from_utf8_lossy(&descriptor[at..at + length]));
        let time = |at: usize| time(&descriptor[at..at + 17]);
        self.names = Names {
            volume: text(40, 32),
            system: text(8, 32),
            set: text(190, 128),
            publisher: text(318, 128),
            preparer: text(446, 128),
            application: text(574, 128),
            created: time(813),
            modified: time(830),
            expires: time(847),
            effective: time(864),
            // As libblkid makes it (util-linux, libblkid/src/superblocks/iso9660.c).
            uuid: [830, 813].into_iter().find_map(|at| uuid(&descriptor[at..at + 17])),
            ..std::mem::take(&mut self.names)
        };
        let both = iso9660::contradictions(descriptor).into_iter();
        self.contradictions.extend(both.map(|what| format!("ISO 9660 has the {what} twice, and the two are not the same")));
        if descriptor[883..1395].windows(11).any(|window| window == b"ISO MD5SUM ") {
            self.checksums.push("isomd5sum");
        }
    }

    fn udf(&mut self, pages: &mut Pages, start: u32) {
        for block in [2048u32, 512, 4096] {
            let first = u64::from(start) * SECTOR / u64::from(block);
            let Some(anchor) = u32::try_from(first).ok().and_then(|first| first.checked_add(256)) else { continue };
            let mut read = |lba: u32| sector(pages, u64::from(lba) * u64::from(block));
            if read(anchor).is_none_or(|sector| u32_le(&sector, 12) != anchor) {
                continue;
            }
            let Some(volume) = udf::Volume::at_anchor(block, anchor, &mut read) else { continue };
            self.names.udf = volume.label;
            self.names.udf_revision = volume.revision.map(|revision| format!("{:x}.{:02x}", revision >> 8, revision & 0xFF));
            self.names.uuid = volume.set.as_deref().and_then(uuid_of_set).or(self.names.uuid.take());
            return;
        }
    }
}

fn trimmed(text: &str) -> Option<String> {
    let text = text.trim_matches([' ', '\0']);
    (!text.is_empty()).then(|| text.to_string())
}

/// A time as volume descriptors have it: 16 digits, and the zone in quarters of an hour (ECMA-119, 8.4.26.1). All zeros is none.
fn time(field: &[u8]) -> Option<String> {
    let (digits, zone) = (std::str::from_utf8(&field[..16]).ok()?, field[16].cast_signed());
    (digits.bytes().all(|digit| digit.is_ascii_digit()) && digits.bytes().any(|digit| digit != b'0')).then_some(())?;
    let part = |from: usize, to: usize| &digits[from..to];
    let (sign, quarters) = (if zone < 0 { '-' } else { '+' }, u32::from(zone.unsigned_abs()));
    Some(format!(
        "{}-{}-{} {}:{}:{} {sign}{:02}:{:02}",
        part(0, 4),
        part(4, 6),
        part(6, 8),
        part(8, 10),
        part(10, 12),
        part(12, 14),
        quarters / 4,
        quarters % 4 * 15
    ))
}

fn uuid(field: &[u8]) -> Option<String> {
    let digits = std::str::from_utf8(&field[..16]).ok().filter(|digits| digits.is_ascii())?;
    let is_set = field[16] != 0 || digits.bytes().any(|digit| digit != b'0');
    let parts = [0..4, 4..6, 6..8, 8..10, 10..12, 12..14, 14..16];
    is_set.then(|| parts.map(|part| &digits[part]).join("-"))
}

/// The UUID in the first 16 characters of a volume set's identifier, as libblkid makes it (util-linux,
/// libblkid/src/superblocks/udf.c, `gen_uuid_from_volset`): hexadecimal digits stay, other bytes become some.
fn uuid_of_set(set: &str) -> Option<String> {
    let bytes = set.as_bytes().get(..16.min(set.len())).filter(|bytes| bytes.len() >= 8)?;
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_ascii_lowercase();
    Some(match digits {
        ..8 => hex::encode(&bytes[..8]),
        8..16 => text(&bytes[..8]) + &hex::encode(&bytes[8..bytes.len().min(12)]),
        _ => text(bytes),
    })
}
