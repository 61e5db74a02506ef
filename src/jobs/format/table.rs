//! A partition table with one partition, in bytes.

use crate::medium::{Geometry, Span};

/// Where the partition begins, and what its length is a multiple of: the erase blocks of sticks are powers of two up to this, and every
/// partitioning program of today does the same.
const ALIGNMENT: u64 = 1 << 20;

/// What the backup table of a GPT takes at the end of a disk, at most: 32 sectors of entries, and one.
const BACKUP: u64 = 33 * 4096;

/// Where the partition lies; `None` where there is no room for one.
pub(super) fn partition(geometry: Geometry) -> Option<Span> {
    let end = match scheme(geometry) {
        Scheme::Mbr => geometry.bytes,
        Scheme::Gpt => geometry.bytes - BACKUP,
    };
    let end = end / ALIGNMENT * ALIGNMENT;
    (end > ALIGNMENT).then(|| Span { offset: ALIGNMENT, length: end - ALIGNMENT })
}

/// The bytes of a table.
pub(super) struct Table {
    /// From the first byte of the disk.
    pub(super) head: Vec<u8>,
    /// Up to the last one.
    pub(super) tail: Vec<u8>,
}

enum Scheme {
    Mbr,
    Gpt,
}

/// An MBR counts sectors in 32 bits.
fn scheme(geometry: Geometry) -> Scheme {
    if geometry.bytes / u64::from(geometry.sector) > u64::from(u32::MAX) { Scheme::Gpt } else { Scheme::Mbr }
}

/// The table with this partition, of this type in an MBR. `noise` makes its identifiers unlike those of any other disk.
pub(super) fn table(geometry: Geometry, partition: Span, mbr_type: u8, noise: [u8; 32]) -> Table {
    let sector = u64::from(geometry.sector);
    let (first, count) = (partition.offset / sector, partition.length / sector);
    match scheme(geometry) {
        Scheme::Mbr => Table { head: mbr(geometry.sector, mbr_type, first, count, noise), tail: Vec::new() },
        Scheme::Gpt => gpt(geometry, partition, mbr_type, noise),
    }
}

/// One entry, without addresses in cylinders: `FE FF FF` says so.
fn mbr(sector: u32, kind: u8, first: u64, count: u64, noise: [u8; 32]) -> Vec<u8> {
    let mut mbr = vec![0; sector as usize];
    let number = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    mbr[440..444].copy_from_slice(&noise[..4]);
    mbr[446..454].copy_from_slice(&[0, 0xfe, 0xff, 0xff, kind, 0xfe, 0xff, 0xff]);
    mbr[454..458].copy_from_slice(&number(first));
    mbr[458..462].copy_from_slice(&number(count));
    mbr[510..512].copy_from_slice(&[0x55, 0xaa]);
    mbr
}

/// UEFI specification 2.10, 5.3: 128 entries of 128 bytes.
fn gpt(geometry: Geometry, partition: Span, mbr_type: u8, noise: [u8; 32]) -> Table {
    const LINUX: [u8; 16] = *b"\xaf\x3d\xc6\x0f\x83\x84\x72\x47\x8e\x79\x3d\x69\xd8\x47\x7d\xe4";
    const BASIC_DATA: [u8; 16] = *b"\xa2\xa0\xd0\xeb\xe5\xb9\x33\x44\x87\xc0\x68\xb6\xb7\x26\x99\xc7";
    let sector = u64::from(geometry.sector);
    let (last, length) = (geometry.bytes / sector - 1, 128 * 128 / sector);
    let mut entries = vec![0; 128 * 128];
    entries[..16].copy_from_slice(if mbr_type == 0x83 { &LINUX } else { &BASIC_DATA });
    entries[16..32].copy_from_slice(&noise[..16]);
    entries[32..40].copy_from_slice(&(partition.offset / sector).to_le_bytes());
    entries[40..48].copy_from_slice(&(partition.end() / sector - 1).to_le_bytes());
    let header = |own: u64, other: u64, at: u64| {
        let mut header = vec![0; sector as usize];
        header[..16].copy_from_slice(b"EFI PART\0\0\x01\0\x5c\0\0\0");
        let places = [own, other, 2 + length, last - 1 - length];
        header[24..56].copy_from_slice(&places.map(u64::to_le_bytes).concat());
        header[56..72].copy_from_slice(&noise[16..]);
        header[72..80].copy_from_slice(&at.to_le_bytes());
        header[80..84].copy_from_slice(&128u32.to_le_bytes());
        header[84..88].copy_from_slice(&128u32.to_le_bytes());
        header[88..92].copy_from_slice(&crc32fast::hash(&entries).to_le_bytes());
        let sum = crc32fast::hash(&header[..92]);
        header[16..20].copy_from_slice(&sum.to_le_bytes());
        header
    };
    let protective = mbr(geometry.sector, 0xee, 1, last, noise);
    let head = [protective, header(1, last, 2), entries.clone()].concat();
    let tail = [entries.clone(), header(last, 1, last - length)].concat();
    Table { head, tail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::partitions::{self, Scheme as Read};

    const NOISE: [u8; 32] = *b"0123456789abcdef0123456789abcdef";

    #[test]
    fn a_table_is_read_as_it_was_meant() {
        for (bytes, sector, scheme) in [
            (64 << 20, 512, Read::Mbr),
            (64 << 20, 4096, Read::Mbr),
            ((2 << 40) - 512, 512, Read::Mbr),
            (3 << 40, 512, Read::Gpt),
            (20 << 40, 4096, Read::Gpt),
        ] {
            let geometry = Geometry { bytes, sector };
            let span = partition(geometry).unwrap();
            assert!(span.end() <= bytes && span.offset == ALIGNMENT && span.length.is_multiple_of(ALIGNMENT));
            let Table { head, tail } = table(geometry, span, 0x83, NOISE);
            let tail_at = bytes - tail.len() as u64;
            let mut read = |offset: u64, length: usize| {
                let mut bytes = vec![0; length];
                for (place, at) in bytes.iter_mut().zip(offset..) {
                    let byte = if at >= tail_at { tail.get((at - tail_at) as usize) } else { head.get(at as usize) };
                    *place = byte.copied().unwrap_or(0);
                }
                Some(bytes)
            };
            let found = partitions::read(bytes, sector, &mut read).unwrap();
            assert_eq!((found.scheme, found.partitions.len()), (scheme, 1), "{bytes}");
            assert_eq!((found.partitions[0].start, found.partitions[0].bytes), (span.offset, span.length));
        }
        assert_eq!(partition(Geometry { bytes: (2 << 20) - 512, sector: 512 }), None);
    }
}
