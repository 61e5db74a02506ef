//! Discs made by hand of what other people's programs seldom write, and bytes that make no sense.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::image::udf::crc;

/// A disc in memory: sectors that are not there are zeros.
#[derive(Clone, Default)]
struct Disc {
    sectors: BTreeMap<u32, Sector>,
    unread: BTreeSet<u32>,
}

/// What a walk found, as text: `PATH LBA+BYTES … =SIZE`, a directory with a slash behind its path.
fn walk(disc: &Disc) -> Vec<String> {
    let mut read = |lba| (!disc.unread.contains(&lba)).then(|| disc.sectors.get(&lba).copied().unwrap_or([0; SECTOR]));
    let trees = Trees::find(0, 1000, &mut read);
    let mut found = Vec::new();
    trees.walk(&mut read, &mut |_, it| match it {
        Found::Entry(entry) => {
            let place = |piece: &Piece| {
                piece.first.map_or_else(|| format!("0+{}", piece.bytes), |first| format!("{first}+{}", piece.bytes))
            };
            let pieces: Vec<String> = entry.pieces.iter().map(place).collect();
            let kind = match entry.kind {
                Kind::Directory => "/".into(),
                Kind::File => String::new(),
                Kind::Link(to) => format!(" -> {to}"),
            };
            found.push(format!("{}{kind} {} ={}", entry.path, pieces.join(" "), entry.size));
        }
        Found::Unknown(path, why) => found.push(format!("{path}: {why:?}")),
        Found::Structure(..) => {}
    });
    found
}

impl Disc {
    fn put(&mut self, lba: u32, at: usize, bytes: &[u8]) {
        self.sectors.entry(lba).or_insert([0; SECTOR])[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// A descriptor of UDF: its tag is computed.
    fn describe(&mut self, lba: u32, id: u16, fields: &[(usize, &[u8])]) {
        fields.iter().for_each(|(at, bytes)| self.put(lba, *at, bytes));
        let sector = self.sectors.entry(lba).or_insert([0; SECTOR]);
        sector[12..16].copy_from_slice(&lba.to_le_bytes());
        seal(sector, id, SECTOR);
    }
}

/// Computes the tag of a descriptor of so many bytes.
fn seal(bytes: &mut [u8], id: u16, length: usize) {
    bytes[..2].copy_from_slice(&id.to_le_bytes());
    bytes[10..12].copy_from_slice(&(length as u16 - 16).to_le_bytes());
    let crc = crc(&bytes[16..length]);
    bytes[8..10].copy_from_slice(&crc.to_le_bytes());
    bytes[4] = (0..16).filter(|i| *i != 4).fold(0, |sum: u8, i| sum.wrapping_add(bytes[i]));
}

fn u32s(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// A directory record; `flags` as in ECMA-119, 9.1.6.
fn record(name: &[u8], lba: u32, size: u32, flags: u8, system_use: &[u8]) -> Vec<u8> {
    let mut record = vec![0; 33 + name.len() + (name.len() + 1) % 2];
    record[2..6].copy_from_slice(&lba.to_le_bytes());
    record[10..14].copy_from_slice(&size.to_le_bytes());
    record[25] = flags;
    record[32] = name.len() as u8;
    record[33..33 + name.len()].copy_from_slice(name);
    record.extend_from_slice(system_use);
    record[0] = record.len() as u8;
    record
}

/// ISO 9660 with these records in its root, at LBA 20.
fn iso(root_use: &[u8], records: &[Vec<u8>]) -> Disc {
    let mut disc = Disc::default();
    disc.put(16, 0, b"\x01CD001\x01");
    disc.put(16, 156, &record(&[0], 20, 2048, 2, &[]));
    disc.put(17, 0, b"\xffCD001\x01");
    let own = [record(&[0], 20, 2048, 2, root_use), record(&[1], 20, 2048, 2, &[])];
    disc.put(20, 0, &[&own[..], records].concat().concat());
    disc
}

const SUSP: &[u8] = b"SP\x07\x01\xbe\xef\x00";

#[test]
fn a_file_of_several_extents_is_one_and_an_interleaved_one_is_not_covered() {
    let mut mixed = record(b"MIX.;1", 200, 5000, 0, &[]);
    mixed[26] = 1;
    let parts = [record(b"BIG.;1", 100, 4096, 0x80, &[]), record(b"BIG.;1", 300, 100, 0, &[]), mixed];
    assert_eq!(walk(&iso(&[], &parts)), ["// 20+2048 =2048", "/BIG 100+4096 300+100 =4196", "/MIX: NotCovered"]);
}

#[test]
fn rock_ridge_names_links_and_moved_directories_are_followed() {
    // The name goes on in a continuation area at LBA 30.
    let name = [b"NM\x09\x01\x01long".as_slice(), b"CE\x1c\x01", &u32s(&[30, 0, 8, 0, 14, 0])].concat();
    let link = b"NM\x06\x01\x00lSL\x10\x01\x00\x08\x00\x00\x01a\x04\x00\x00\x02bc".to_vec();
    let child = [b"NM\x08\x01\x00sub".as_slice(), b"CL\x0c\x01", &u32s(&[40, 0])].concat();
    let moved = b"RE\x04\x01NM\x08\x01\x00sub".to_vec();
    let mut disc = iso(
        SUSP,
        &[
            record(b"A.;1", 100, 10, 0, &name),
            record(b"L.;1", 0, 0, 0, &link),
            record(b"S.;1", 0, 0, 0, &child),
            record(b"SUB", 40, 2048, 2, &moved),
        ],
    );
    disc.put(30, 8, b"NM\x0e\x01\x00 and long");
    disc.put(40, 0, &[record(&[0], 40, 2048, 2, &[]), record(b"IN.;1", 101, 7, 0, b"NM\x07\x01\x00in")].concat());
    let right =
        ["// 20+2048 =2048", "/long and long 100+10 =10", "/l -> /a/../bc 0+0 =0", "/sub/ 40+2048 =2048", "/sub/in 101+7 =7"];
    assert_eq!(walk(&disc), right);
    disc.unread.insert(30);
    assert_eq!(walk(&disc)[1], "/A 100+10 =10", "half a name is no name");
    disc.unread.insert(40);
    assert_eq!(walk(&disc)[3], "/sub: Unread");
}

#[test]
fn a_directory_within_itself_is_entered_once() {
    let found = walk(&iso(&[], &[record(b"LOOP", 20, 2048, 2, &[])]));
    assert_eq!(found, ["// 20+2048 =2048", "/LOOP/ 20+2048 =2048", "/LOOP: Excess"]);
}

#[test]
fn directories_in_each_other_are_followed_to_a_limit() {
    let deep = DEPTH as u32 + 10;
    let mut disc = iso(&[], &[record(b"D", 21, 2048, 2, &[])]);
    for lba in 21..20 + deep {
        disc.put(lba, 0, &[record(&[0], lba, 2048, 2, &[]), record(b"D", lba + 1, 2048, 2, &[])].concat());
    }
    let found = walk(&disc);
    assert_eq!((found.len(), found.last().unwrap().ends_with(": Excess")), (DEPTH + 2, true));
    let mut disc = udf();
    for block in 1..=deep {
        // Each file entry has its directory in it.
        let name = identifier("d", 0, 200 + block, 0);
        let size = (name.len() as u64).to_le_bytes();
        let fields: [(usize, &[u8]); 5] = [(27, &[4]), (34, &[3]), (56, &size), (172, &u32s(&[name.len() as u32])), (176, &name)];
        disc.describe(499 + block, 261, &fields);
    }
    let root = [u32s(&[2048, 200]), vec![0, 0]].concat();
    disc.describe(310, 256, &[(400, &root)]);
    let found = walk(&disc);
    assert_eq!((found.len(), found.last().unwrap().ends_with(": Excess")), (DEPTH + 2, true), "{found:?}");
}

/// A file identifier descriptor.
fn identifier(name: &str, characteristics: u8, block: u32, map: u16) -> Vec<u8> {
    let name: Vec<u8> = if name.is_empty() { Vec::new() } else { [b"\x08", name.as_bytes()].concat() };
    let length = (38 + name.len()).next_multiple_of(4);
    let mut bytes = vec![0; length];
    (bytes[16], bytes[18], bytes[19]) = (1, characteristics, name.len() as u8);
    bytes[20..28].copy_from_slice(&u32s(&[2048, block]));
    bytes[28..30].copy_from_slice(&map.to_le_bytes());
    bytes[38..38 + name.len()].copy_from_slice(&name);
    seal(&mut bytes, 257, length);
    bytes
}

/// UDF 2.50: partition at LBA 300, the metadata file at 310 and its mirror at 340.
fn udf() -> Disc {
    let mut disc = Disc::default();
    for (lba, id) in [(16, b"BEA01"), (17, b"NSR03"), (18, b"TEA01")] {
        disc.put(lba, 1, id);
    }
    disc.describe(256, 2, &[(16, &u32s(&[16 * 2048, 32, 16 * 2048, 48]))]);
    let metadata =
        [b"\x02\x40\x00\x00\x00*UDF Metadata Partition".as_slice(), &[0; 8], &[1, 0, 0, 0], &u32s(&[0, 1, u32::MAX])].concat();
    let maps = [b"\x01\x06\x01\x00\x00\x00".as_slice(), &metadata, &[0; 64]].concat();
    for sequence in [32, 48] {
        disc.describe(sequence, 5, &[(188, &u32s(&[300, 400]))]);
        let maps: (usize, &[u8]) = (440, &maps[..6 + 64]);
        let root = [u32s(&[2048, 0]), vec![1, 0]].concat();
        disc.describe(sequence + 1, 6, &[(212, &u32s(&[2048])), (248, &root), (264, &u32s(&[70, 2])), maps]);
        disc.describe(sequence + 2, 8, &[]);
    }
    // The file entries of metadata file and mirror: one short allocation descriptor each.
    for (lba, kind, block) in [(300, 250, 10), (301, 251, 40)] {
        let size = (8u64 * 2048).to_le_bytes();
        disc.describe(lba, 261, &[(27, &[kind]), (56, &size), (172, &u32s(&[8, 8 * 2048, block]))]);
    }
    for first in [310, 340] {
        disc.describe(first, 256, &[(400, &[u32s(&[2048, 1]), vec![1, 0]].concat())]);
        let names = [
            identifier("", 8, 1, 1),
            identifier("film.m2ts", 0, 3, 1),
            identifier("gone", 4, 3, 1),
            identifier(&"x".repeat(200), 0, 4, 1),
        ];
        let mut names = names.concat();
        // Beyond one sector.
        while names.len() < 2048 {
            names.extend(identifier(&"y".repeat(120), 4, 3, 1));
        }
        names.extend(identifier("last", 0, 4, 1));
        let size = (names.len() as u64).to_le_bytes();
        // An extended file entry with short descriptors: they count in its own partition.
        disc.describe(first + 1, 266, &[(27, &[4]), (56, &size), (212, &u32s(&[8, names.len() as u32, 5]))]);
        disc.put(first + 5, 0, &names[..2048]);
        disc.put(first + 6, 0, &names[2048..]);
        // Long descriptors: three sectors at block 100 of the other partition, a hole, and a part that is continued.
        let long = |bytes: u32, block: u32, map: u32| u32s(&[bytes, block, map, 0]);
        let extents = [long(6144, 100, 0), long(1 << 30 | 4096, 0, 0), long(3 << 30 | 2048, 7, 1)].concat();
        let size = (6144u64 + 4096 + 1000).to_le_bytes();
        disc.describe(first + 3, 266, &[(27, &[5]), (34, &[1]), (56, &size), (212, &u32s(&[48])), (216, &extents)]);
        disc.describe(first + 7, 258, &[(20, &u32s(&[16])), (24, &long(2048, 120, 0))]);
        disc.describe(first + 4, 261, &[(27, &[5]), (34, &[3]), (56, &[3]), (172, &u32s(&[3])), (176, b"abc")]);
    }
    disc
}

/// What is in it, the long name apart.
fn of_udf(root: u32) -> Vec<String> {
    let size = walk(&udf())[0].split('=').nth(1).unwrap().to_string();
    let long = format!("/{}  =3", "x".repeat(200));
    vec![format!("// {root}+{size} ={size}"), "/film.m2ts 400+6144 0+4096 420+1000 =11240".into(), long, "/last  =3".into()]
}

#[test]
fn a_metadata_partition_is_read_and_its_mirror_where_it_is_hurt() {
    let mut disc = udf();
    assert_eq!(walk(&disc), of_udf(315));
    // Anchor, main sequence, and the metadata file, all but its own entry.
    for first in [256, 32, 33, 34] {
        disc.unread.insert(first);
    }
    disc.put(999, 0, &disc.sectors[&256].clone());
    disc.describe(999, 2, &[]);
    disc.unread.extend(310..318);
    assert_eq!(walk(&disc), of_udf(315));
    disc.unread.insert(300);
    assert_eq!(walk(&disc), of_udf(345));
    disc.unread.insert(301);
    assert_eq!(walk(&disc), ["/: Unread"]);
}

#[test]
fn behind_a_lost_sector_of_a_directory_the_next_name_is_found() {
    let mut disc = udf();
    disc.unread.extend([315, 345]);
    let found = walk(&disc);
    assert_eq!(found[1..], ["/last  =3", "/: Unread"], "{found:?}");
}

#[test]
fn what_hides_behind_a_table_is_not_covered() {
    let mut disc = udf();
    for sequence in [33, 49] {
        disc.describe(sequence, 6, &[(446 + 5, b"*UDF Virtual Partition\0")]);
    }
    assert_eq!(walk(&disc), ["/: NotCovered"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_make_it_panic_or_walk_for_ever(
        is_udf in any::<bool>(),
        bytes in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 0..40),
        unread in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
        sealed in any::<bool>(),
    ) {
        thread_local!(static DISCS: [Disc; 2] = [
            iso(SUSP, &[record(b"A.;1", 100, 10, 0, b"NM\x07\x01\x00ab"), record(b"D", 20, 2048, 2, b"CL\x0c\x01\x14\0\0\0\0\0\0\0")]),
            udf(),
        ]);
        let mut disc = DISCS.with(|discs| discs[usize::from(is_udf)].clone());
        let places: Vec<u32> = disc.sectors.keys().copied().collect();
        for (sector, at, byte) in bytes {
            let sector = disc.sectors.get_mut(sector.get(&places)).unwrap();
            // Most of a sector is zeros that nobody looks at.
            sector[at.index(if sealed { 500 } else { 240 })] = byte;
            sector[4] = (0..16).filter(|i| *i != 4).fold(0, |sum: u8, i| sum.wrapping_add(sector[i]));
        }
        disc.unread.extend(unread.iter().map(|place| *place.get(&places)));
        prop_assert!(walk(&disc).len() < 10_000);
    }
}
