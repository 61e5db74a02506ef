use super::*;
use crate::image::testing::tool;
use proptest::prelude::*;
use std::fs;
use std::io::{Seek, SeekFrom, Write};

/// Version 1.0, which has no checksums.
fn old(bytes: u64, block: u64, ranges: &[&str], mapped: u64) -> String {
    let ranges: String = ranges.iter().map(|range| format!("<Range>{range}</Range>")).collect();
    let blocks = bytes.div_ceil(block.max(1));
    format!(
        "<bmap version=\"1.0\"><ImageSize> {bytes} </ImageSize><BlockSize>{block}</BlockSize><BlocksCount>{blocks}</BlocksCount>\
         <MappedBlocksCount>{mapped}</MappedBlocksCount><BlockMap>{ranges}</BlockMap></bmap>"
    )
}

fn parsed(text: &str) -> Result<Vec<Range<u64>>, BmapError> {
    Bmap::parse(text.as_bytes()).map(|bmap| bmap.ranges.into_iter().map(|range| range.bytes).collect())
}

/// What bmaptool makes of a file with holes, and the file.
fn by_bmaptool() -> Option<(Vec<u8>, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let mut file = fs::File::create(folder.path().join("it")).unwrap();
    file.set_len((3 << 20) + 5).unwrap();
    for (at, length) in [(0, 5000), (1 << 20, 4096), ((3 << 20) + 1, 4)] {
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(&vec![at as u8 | 1; length]).unwrap();
    }
    file.sync_all().unwrap();
    tool(folder.path(), &["bmaptool", "-q", "create", "-o", "map", "it"], "")?;
    Some((fs::read(folder.path().join("map")).unwrap(), fs::read(folder.path().join("it")).unwrap()))
}

#[test]
fn what_bmaptool_writes_is_read_and_its_checksums_hold() {
    let Some((map, image)) = by_bmaptool() else { return };
    let bmap = Bmap::parse(&map).unwrap();
    assert_eq!((bmap.bytes, bmap.is_checked()), (image.len() as u64, true));
    let ranges: Vec<_> = bmap.ranges.iter().map(|range| range.bytes.clone()).collect();
    assert_eq!(ranges, [0..8192, 1 << 20..(1 << 20) + 4096, 3 << 20..(3 << 20) + 5]);
    // Whatever the parts that the bytes come in.
    for part in [1 << 20, 4097, image.len()] {
        let mut checks = bmap.checks();
        let mut right = 0;
        for (number, bytes) in image.chunks(part).enumerate() {
            checks.take((number * part) as u64, bytes, |range, computed| {
                assert_eq!(range.digest.as_deref(), computed);
                right += 1;
            });
        }
        assert_eq!(right, 3, "in parts of {part}");
    }
    // A byte of it is another.
    let hurt = String::from_utf8(map.clone()).unwrap().replacen("8192", "4096", 1).replacen("0-1 <", "0-2 <", 1);
    assert!(matches!(Bmap::parse(hurt.as_bytes()), Err(BmapError::Checksum { .. })));
    assert!(Bmap::parse(&map[..map.len() / 2]).is_err());
}

#[test]
fn old_versions_and_other_checksums_are_read_and_what_is_not_known_is_refused() {
    let bmap = Bmap::parse(old(9000, 4096, &["0", " 2 - 2 "], 2).as_bytes()).unwrap();
    assert_eq!((bmap.ranges[1].bytes.clone(), bmap.is_checked()), (8192..9000, false));
    let image = [7u8; 4096];
    let mut sums = Sums::new([Algorithm::Sha1]);
    sums.update(&image);
    let digest = sums.finish().remove(&Algorithm::Sha1).unwrap();
    let own = |version: &str, element: &str, attribute: &str, kind: &str| {
        let ranges = format!("<Range {attribute}=\"{digest}\">0</Range>");
        let zeros = "0".repeat(40);
        let text = old(4096, 4096, &[], 1)
            .replace("1.0", version)
            .replace("<BlockMap>", &format!("{kind}<{element}>{zeros}</{element}><BlockMap>{ranges}"));
        let mut sums = Sums::new([Algorithm::Sha1]);
        sums.update(text.as_bytes());
        text.replacen(&zeros, &sums.finish().remove(&Algorithm::Sha1).unwrap(), 1)
    };
    let kind = "<ChecksumType> sha1 </ChecksumType>";
    for text in [
        own("1.3", "BmapFileSHA1", "sha1", ""),
        own("1.4", "BmapFileChecksum", "chksum", kind),
        own("2.0", "BmapFileChecksum", "chksum", kind),
    ] {
        let bmap = Bmap::parse(text.as_bytes()).unwrap();
        assert_eq!(bmap.ranges[0].digest.as_ref(), Some(&digest));
        bmap.checks().take(0, &image, |_, computed| assert_eq!(computed, Some(digest.as_str())));
    }
    for unknown in [
        own("3.0", "BmapFileChecksum", "chksum", kind),
        own("2.0", "BmapFileChecksum", "chksum", "<ChecksumType>crc32</ChecksumType>"),
    ] {
        assert!(matches!(Bmap::parse(unknown.as_bytes()), Err(BmapError::Unknown(_))), "{unknown}");
    }
}

#[test]
fn what_contradicts_itself_is_refused() {
    assert_eq!(parsed(&old(3 * 4096, 4096, &["0-1", "2"], 3)), Ok(vec![0..8192, 8192..12_288]));
    for (ranges, mapped) in [
        (&["2", "0"][..], 2),
        (&["0-1", "1"], 3),
        (&["0-3"], 4),
        (&["1-0"], 0),
        (&["0"], 2),
        (&["18446744073709551615"], 1),
        (&["0-18446744073709551615"], 0),
        (&["-1"], 1),
        (&["0x1"], 1),
        (&[""], 1),
    ] {
        assert!(parsed(&old(3 * 4096, 4096, ranges, mapped)).is_err(), "{ranges:?}");
    }
    let good = old(4096, 4096, &["0"], 1);
    for (from, to) in [
        ("<BlockSize>4096", "<BlockSize>0"),
        ("<BlocksCount>1", "<BlocksCount>2"),
        ("<ImageSize> 4096", "<ImageSize> 18446744073709551616"),
        ("<ImageSize> 4096", "<ImageSize> -1"),
        ("ImageSize", "Size"),
        ("bmap", "map"),
    ] {
        assert!(parsed(&good.replace(from, to)).is_err(), "{to}");
    }
}

#[test]
fn xml_that_would_grow_or_nest_without_end_is_refused() {
    let bomb = format!("<!DOCTYPE bmap [<!ENTITY a \"1\"><!ENTITY b \"&a;&a;\">]>{}", old(4096, 4096, &["&b;"], 1));
    assert!(matches!(parsed(&bomb), Err(BmapError::NoBmap(_))));
    let deep = "<a>".repeat(200_000);
    assert!(matches!(parsed(&deep), Err(BmapError::NoBmap(_))));
    let many = old(4096, 4096, &["0"], 1).replace("<BlockMap>", &format!("<BlockMap>{}", "<a/>".repeat(1 << 20)));
    assert!(matches!(parsed(&many), Err(BmapError::NoBmap(_))));
}

proptest! {
    #[test]
    fn ranges_come_back_and_those_of_another_order_never_do(
        runs in proptest::collection::vec((1u64..50, 1u64..50), 0..20),
        cut in 0u64..4096,
    ) {
        let (mut at, mut mapped, mut ranges, mut bytes) = (0, 0, Vec::new(), Vec::new());
        for (gap, length) in runs {
            ranges.push(format!("{}-{}", at + gap, at + gap + length - 1));
            bytes.push((at + gap) * 4096..(at + gap + length) * 4096);
            (at, mapped) = (at + gap + length, mapped + length);
        }
        let end = (at * 4096).saturating_sub(cut);
        if let Some(last) = bytes.last_mut() {
            last.end = end;
        }
        let text = |ranges: &[String]| old(end, 4096, &ranges.iter().map(String::as_str).collect::<Vec<_>>(), mapped);
        prop_assert_eq!(parsed(&text(&ranges)), Ok(bytes));
        if ranges.len() > 1 {
            ranges.swap(0, 1);
            prop_assert!(parsed(&text(&ranges)).is_err());
        }
    }

    #[test]
    fn whatever_is_read_lies_in_order_within_the_image(
        bytes in any::<u64>(),
        block in prop_oneof![any::<u64>(), 1u64..10_000],
        ranges in proptest::collection::vec("[0-9]{1,3}(-[0-9]{1,20})?", 0..6),
        mapped in 0u64..1000,
    ) {
        let text = old(bytes, block, &ranges.iter().map(String::as_str).collect::<Vec<_>>(), mapped);
        if let Ok(ranges) = parsed(&text) {
            let mut end = 0;
            for range in ranges {
                prop_assert!(range.start >= end && range.start < range.end && range.end <= bytes);
                end = range.end;
            }
        }
    }

    #[test]
    fn no_bytes_break_the_parser(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0usize..300) {
        let mut text = old(9000, 4096, &["0-1", "2"], 3).into_bytes();
        let at = at.min(text.len());
        text.splice(at..(at + bytes.len() / 4).min(text.len()), bytes);
        let _ = Bmap::parse(&text);
    }
}
