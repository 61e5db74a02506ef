//! What the types of partitions are called.

use crate::image::u16_le;

/// Types in a GPT (UEFI specification 2.10, 5.3.3; Discoverable Partitions Specification; util-linux, include/pt-gpt-partnames.h).
const GPT: [(&str, &str); 23] = [
    ("C12A7328-F81F-11D2-BA4B-00A0C93EC93B", ESP),
    ("EBD0A0A2-B9E5-4433-87C0-68B6B72699C7", "basic data"),
    ("E3C9E316-0B5C-4DB8-817D-F92DF00215AE", "Microsoft reserved"),
    ("DE94BBA4-06D1-4D40-A16A-BFD50179D6AC", "Windows recovery"),
    ("21686148-6449-6E6F-744E-656564454649", "BIOS boot"),
    ("024DEE41-33E7-11D3-9D69-0008C781F39F", "MBR scheme"),
    ("0FC63DAF-8483-4772-8E79-3D69D8477DE4", "Linux"),
    ("4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709", "Linux root (x86-64)"),
    ("44479540-F297-41B2-9AF7-D131D5F0458A", "Linux root (x86)"),
    ("B921B045-1DF0-41C3-AF44-4C6F280D3FAE", "Linux root (ARM 64)"),
    ("933AC7E1-2EB4-4F13-B844-0E14E2AEF915", "Linux home"),
    ("BC13C2FF-59E6-4262-A352-B275FD6F7172", "Linux extended boot"),
    ("0657FD6D-A4AB-43C4-84E5-0933C84B4F4F", "Linux swap"),
    ("E6D6D379-F507-44C2-A23C-238F2A3DF928", "LVM"),
    ("A19D880F-05FC-4D3B-A006-743F0F84911E", "Linux RAID"),
    ("CA7D7CCB-63ED-4C53-861C-1742536059CC", "LUKS"),
    ("8DA63339-0007-60C0-C436-083AC8230908", "Linux reserved"),
    ("48465300-0000-11AA-AA11-00306543ECAC", "HFS+"),
    ("7C3457EF-0000-11AA-AA11-00306543ECAC", "APFS"),
    ("6A898CC3-1DD2-11B2-99A6-080020736631", "ZFS"),
    ("516E7CBA-6ECF-11D6-8FF8-00022D09712B", "ZFS (FreeBSD)"),
    ("FE3A2A5D-4F32-41A7-B725-ACCC3285A309", "ChromeOS kernel"),
    ("3CB8E202-3B7E-47DD-8A3C-7FF2A13CFCEC", "ChromeOS root"),
];

/// The entry that covers a whole medium on behalf of its GPT.
pub const PROTECTIVE: &str = "GPT protective";

/// The partition that UEFI starts programs from, in both schemes.
pub const ESP: &str = "EFI system";

/// Types in an MBR (util-linux, include/pt-mbr-partnames.h).
const MBR: [(u8, &str); 29] = [
    (0x00, "untyped"),
    (0x01, "FAT12"),
    (0x04, "FAT16"),
    (0x05, "extended"),
    (0x06, "FAT16"),
    (0x07, "NTFS or exFAT"),
    (0x0B, "FAT32"),
    (0x0C, "FAT32"),
    (0x0E, "FAT16"),
    (0x0F, "extended"),
    (0x11, "FAT12 (hidden)"),
    (0x14, "FAT16 (hidden)"),
    (0x16, "FAT16 (hidden)"),
    (0x17, "NTFS or exFAT (hidden)"),
    (0x1B, "FAT32 (hidden)"),
    (0x1C, "FAT32 (hidden)"),
    (0x1E, "FAT16 (hidden)"),
    (0x27, "Windows recovery"),
    (0x82, "Linux swap"),
    (0x83, "Linux"),
    (0x85, "extended"),
    (0x8E, "LVM"),
    (0x96, "ISO 9660"),
    (0xA5, "FreeBSD"),
    (0xA6, "OpenBSD"),
    (0xAF, "HFS or HFS+"),
    (0xEE, PROTECTIVE),
    (0xEF, ESP),
    (0xFD, "Linux RAID"),
];

/// The name of a type in a GPT: the GUID itself where there is none.
pub fn gpt_kind(guid: &str) -> String {
    GPT.iter().find(|(known, _)| *known == guid).map_or_else(|| format!("type {guid}"), |(_, name)| (*name).to_string())
}

/// The name of a type in an MBR: its number where there is none.
pub fn mbr_kind(kind: u8) -> String {
    MBR.iter().find(|(known, _)| *known == kind).map_or_else(|| format!("type {kind:02X}h"), |(_, name)| (*name).to_string())
}

/// Little-endian UTF-16, up to its end, and what is no text replaced. `None` when empty.
pub fn utf16(bytes: &[u8]) -> Option<String> {
    let units: Vec<_> = (0..bytes.len() / 2).map(|unit| u16_le(bytes, 2 * unit)).take_while(|&unit| unit != 0).collect();
    Some(String::from_utf16_lossy(&units).trim().to_string()).filter(|text| !text.is_empty())
}
