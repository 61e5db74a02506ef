//! The demo disc: a small ISO 9660 image made in memory, and what is wrong with it.
//!
//! One directory, ISO 9660 level 1 (ECMA-119): volume descriptor in sector 16, terminator, two path tables, the root
//! directory, then the files one after the other.

use crate::mmc::SECTOR;

use super::areas::Areas;
use super::dice::{self, Topic};

const LABEL: &[u8] = b"DISCSMITH_DEMO";
const DESCRIPTOR: u32 = 16;
const PATH_TABLE_LITTLE: u32 = 18;
const PATH_TABLE_BIG: u32 = 19;
const ROOT: u32 = 20;
/// The root's one entry: length 10, name of one byte.
const PATH_TABLE_BYTES: u32 = 10;
/// 2026-01-01 00:00:00 UTC, as directory records write it (ECMA-119, 9.1.5).
const RECORDED: [u8; 7] = [126, 1, 1, 0, 0, 0, 0];

const README: &[u8] = b"This is the demo disc of discsmith. It exists in memory only.\r\n\r\n\
Some of its sectors are weak: they come back, but take two seconds longer.\r\n\
Some are flaky: they fail in every command that reads more than one sector,\r\n\
and come back alone. On `demo,damaged` some are dead for good.\r\n";

/// Files of random content, with their length in sectors. Names ascend, as the directory must.
const FILES: [(&[u8], u32); 4] =
    [(b"ALPHA.BIN;1", 1024), (b"BRAVO.BIN;1", 1536), (b"CHARLIE.BIN;1", 2048), (b"DELTA.BIN;1", 1536)];

/// Sectors that take longer.
pub(super) fn weak() -> Areas {
    Areas::new(vec![300..302, 1500..1501, 5200..5203])
}

/// Sectors that fail in company.
pub(super) fn flaky() -> Areas {
    Areas::new(vec![800..801, 2048..2050, 4444..4448, 6100..6101])
}

/// Sectors of `demo,damaged` that never come back, all of them inside of files.
pub(super) fn dead() -> Areas {
    Areas::new(vec![1200..1201, 3000..3020, 5600..5607])
}

/// The image, about 12 MiB.
pub(super) fn image() -> Vec<u8> {
    let mut names: Vec<(&[u8], u32, u32)> = Vec::new();
    let mut next = ROOT + 1;
    let random = FILES.iter().map(|&(name, sectors)| (name, sectors * SECTOR as u32));
    for (name, bytes) in random.chain([(&b"README.TXT;1"[..], README.len() as u32)]) {
        names.push((name, next, bytes));
        next += bytes.div_ceil(SECTOR as u32);
    }
    let mut image = vec![0; next as usize * SECTOR];
    let at = |lba: u32| lba as usize * SECTOR;

    put(&mut image, at(DESCRIPTOR), &descriptor(next));
    put(&mut image, at(DESCRIPTOR + 1), b"\xffCD001\x01");
    put(&mut image, at(PATH_TABLE_LITTLE), &path_table(ROOT.to_le_bytes(), 1u16.to_le_bytes()));
    put(&mut image, at(PATH_TABLE_BIG), &path_table(ROOT.to_be_bytes(), 1u16.to_be_bytes()));
    let mut directory =
        [record(b"\0", ROOT, SECTOR as u32, Entry::Directory), record(b"\x01", ROOT, SECTOR as u32, Entry::Directory)].concat();
    for &(name, lba, bytes) in &names {
        directory.extend(record(name, lba, bytes, Entry::File));
        if bytes as usize == README.len() {
            put(&mut image, at(lba), README);
        } else {
            dice::fill(&mut image[at(lba)..at(lba) + bytes as usize], 0, Topic::Content, lba.into());
        }
    }
    put(&mut image, at(ROOT), &directory);
    image
}

/// The primary volume descriptor (ECMA-119, 8.4) of a volume of `sectors` sectors.
fn descriptor(sectors: u32) -> Vec<u8> {
    let mut pvd = vec![0; SECTOR];
    put(&mut pvd, 0, b"\x01CD001\x01");
    // System and volume, then volume set, publisher, preparer, application and three files: names padded with spaces.
    pvd[8..72].fill(b' ');
    put(&mut pvd, 40, LABEL);
    pvd[190..813].fill(b' ');
    put(&mut pvd, 574, b"DISCSMITH");
    put(&mut pvd, 80, &both_32(sectors));
    put(&mut pvd, 120, &both_16(1));
    put(&mut pvd, 124, &both_16(1));
    put(&mut pvd, 128, &both_16(SECTOR as u16));
    put(&mut pvd, 132, &both_32(PATH_TABLE_BYTES));
    put(&mut pvd, 140, &PATH_TABLE_LITTLE.to_le_bytes());
    put(&mut pvd, 148, &PATH_TABLE_BIG.to_be_bytes());
    put(&mut pvd, 156, &record(b"\0", ROOT, SECTOR as u32, Entry::Directory));
    put(&mut pvd, 813, b"2026010100000000\0");
    put(&mut pvd, 830, b"2026010100000000\0");
    put(&mut pvd, 847, b"0000000000000000\0");
    put(&mut pvd, 864, b"0000000000000000\0");
    pvd[881] = 1;
    pvd
}

#[derive(Clone, Copy)]
enum Entry {
    File = 0,
    Directory = 2,
}

/// A directory record (ECMA-119, 9.1).
fn record(name: &[u8], lba: u32, bytes: u32, entry: Entry) -> Vec<u8> {
    let length = (33 + name.len()).next_multiple_of(2);
    let mut record = vec![0; length];
    record[0] = length as u8;
    put(&mut record, 2, &both_32(lba));
    put(&mut record, 10, &both_32(bytes));
    put(&mut record, 18, &RECORDED);
    record[25] = entry as u8;
    put(&mut record, 28, &both_16(1));
    record[32] = name.len() as u8;
    put(&mut record, 33, name);
    record
}

/// A path table of the root alone (ECMA-119, 9.4).
fn path_table(root: [u8; 4], parent: [u8; 2]) -> Vec<u8> {
    [&[1, 0][..], &root, &parent, &[0, 0]].concat()
}

fn put(into: &mut [u8], at: usize, bytes: &[u8]) {
    into[at..at + bytes.len()].copy_from_slice(bytes);
}

/// A number in both byte orders (ECMA-119, 7.2.3 and 7.3.3).
fn both_16(number: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (number.to_le_bytes(), number.to_be_bytes());
    [a, b, c, d]
}

fn both_32(number: u32) -> [u8; 8] {
    let ([a, b, c, d], [e, f, g, h]) = (number.to_le_bytes(), number.to_be_bytes());
    [a, b, c, d, e, f, g, h]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn is_the_same_each_time_and_all_trouble_lies_in_files() {
        let image = image();
        assert_eq!(image.len() % SECTOR, 0);
        let sectors = (image.len() / SECTOR) as u32;
        assert_eq!(image, super::image());
        // Other programs read one of the path tables, whichever they like.
        assert_eq!(image[PATH_TABLE_LITTLE as usize * SECTOR..][..8], [1, 0, ROOT as u8, 0, 0, 0, 1, 0]);
        assert_eq!(image[PATH_TABLE_BIG as usize * SECTOR..][..8], [1, 0, 0, 0, 0, ROOT as u8, 0, 1]);
        for areas in [weak(), flaky(), dead()] {
            assert!(areas.ranges().iter().all(|range| range.start > ROOT && range.end < sectors));
            for lba in areas.ranges().iter().flat_map(Clone::clone) {
                assert!(image[lba as usize * SECTOR..][..SECTOR].iter().any(|&byte| byte != 0), "{lba}");
            }
        }
    }

    #[test]
    fn other_programs_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("demo.iso");
        std::fs::write(&file, image()).unwrap();
        let isoinfo = |option: &[&str]| Command::new("isoinfo").args(option).arg("-i").arg(&file).output();
        let Ok(listed) = isoinfo(&["-l"]) else {
            // Past the test harness, which hides what a passing test prints.
            let _ = std::io::Write::write_all(&mut std::io::stderr(), b"skipped: isoinfo is not installed\n");
            return;
        };
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        for (name, sectors) in FILES {
            let line = listed.lines().find(|line| line.contains(std::str::from_utf8(name).unwrap())).unwrap();
            assert!(line.contains(&format!(" {} ", sectors * 2048)), "{line}");
        }
        let described = isoinfo(&["-d"]).unwrap();
        assert!(String::from_utf8_lossy(&described.stdout).contains("Volume id: DISCSMITH_DEMO"));
        let readme = isoinfo(&["-x", "/README.TXT;1"]).unwrap();
        assert_eq!(readme.stdout, README);
    }
}
