//! What is a part of something larger: LVM, Linux RAID, ZFS. Some of them lie at the end, where an image leaves them.

use super::{Kind, Signature, label};
use crate::image::pages::Pages;
use crate::image::{u32_be, u32_le, u64_le};

/// Finds them.
pub fn find(pages: &mut Pages, found: &mut Vec<Signature>) {
    found.extend(lvm(pages));
    md(pages, found);
    zfs(pages, found);
}

/// A physical volume's label is in one of the first four sectors, of 512 bytes on every device, and says in which (LVM2,
/// lib/label/label.h, label_header).
fn lvm(pages: &mut Pages) -> Option<Signature> {
    (0..4).find_map(|number| {
        let offset = number * 512;
        let header = pages.bytes(offset, 32)?;
        let is = header.starts_with(b"LABELONE") && u64_le(&header, 8) == number && header.ends_with(b"LVM2 001");
        is.then_some(Signature { kind: Kind::Lvm, offset, label: None })
    })
}

/// The magic of every md superblock (include/uapi/linux/raid/md_p.h, MD_SB_MAGIC).
const MD: u32 = 0xA92B_4EFC;

/// Bytes of a superblock, of all versions (the same, MD_SB_BYTES; drivers/md/md.c, super_1_load).
pub const MD_SUPERBLOCK: u64 = 4096;

/// md's superblocks: version 1 near the end (1.0), at the beginning (1.1) or 4 KiB after it (1.2), version 0.90 at the end
/// (include/uapi/linux/raid/md_p.h; the places: drivers/md/md.c, super_1_load and super_90_load).
fn md(pages: &mut Pages, found: &mut Vec<Signature>) {
    let end = (pages.size() & !0xFFF).checked_sub(8192);
    for offset in [Some(0), Some(4096), end].into_iter().flatten() {
        let Some(block) = pages.bytes(offset, 256) else { continue };
        // It says in which sector it lies: of two places that fall together one is meant.
        if u32_le(&block, 0) == MD && u32_le(&block, 4) == 1 && u64_le(&block, 144) == offset / 512 {
            found.push(Signature { kind: Kind::Md, offset, label: block.get(32..64).and_then(label) });
        }
    }
    let Some(offset) = (pages.size() & !0xFFFF).checked_sub(0x1_0000) else { return };
    let Some(block) = pages.bytes(offset, 12) else { return };
    // In the byte order of the machine that made it. The version is 0.90, or 0.91 while it is reshaped.
    for number in [u32_le, u32_be] {
        if number(&block, 0) == MD && number(&block, 4) == 0 && matches!(number(&block, 8), 90 | 91) {
            found.push(Signature { kind: Kind::Md, offset, label: None });
        }
    }
}

/// Bytes of one of ZFS' four labels, and how their places are aligned.
pub const VDEV_LABEL: u64 = 256 * 1024;

/// Where in a label its list of names and values begins.
pub const ZFS_LIST: u64 = 16 * 1024;

/// ZFS' labels, two at the beginning and two at the end (OpenZFS, include/sys/vdev_impl.h, vdev_label_t): their list of names and
/// values begins after 16 KiB.
fn zfs(pages: &mut Pages, found: &mut Vec<Signature>) {
    let end = pages.size() - pages.size() % VDEV_LABEL;
    if end < 4 * VDEV_LABEL {
        return;
    }
    for start in [0, VDEV_LABEL, end - 2 * VDEV_LABEL, end - VDEV_LABEL] {
        let offset = start + ZFS_LIST;
        if let Some(list) = pages.bytes(offset, 4096).as_deref().and_then(Pairs::parse) {
            found.push(Signature { kind: Kind::Zfs, offset, label: list.text("name").and_then(label) });
        }
    }
}

/// An nvlist in XDR: big-endian numbers, everything padded to four bytes (OpenZFS, module/nvpair/nvpair.c, nvs_xdr_nvpair).
struct Pairs<'a>(Vec<(&'a [u8], &'a [u8])>);

impl<'a> Pairs<'a> {
    /// The pairs before the first that holds a list itself. `None` when it isn't the list of a label: that begins with a version.
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        // Encoding 1 is XDR; then the byte order of who wrote it, two zeros; version 0; flag 1: each name is there once.
        (matches!(bytes.get(..4)?, [1, 0 | 1, 0, 0]) && u32_be(bytes, 4) == 0 && u32_be(bytes, 8) == 1).then_some(())?;
        let mut pairs = Vec::new();
        let mut rest = bytes.get(12..)?;
        // A pair: its length, its length in memory, the name's length, name, type, count, value. Type 19 is a list.
        while let Some(length) = Some(u32_be(rest, 0)).filter(|&length| length >= 20) {
            let Some((pair, after)) = rest.split_at_checked(usize::try_from(length).ok()?) else { break };
            let name = usize::try_from(u32_be(pair, 8)).ok()?;
            let Some((name, value)) = pair.get(12..12 + name.min(256)).zip(pair.get(12 + name.min(256).next_multiple_of(4)..))
            else {
                break;
            };
            if u32_be(value, 0) == 19 {
                break;
            }
            pairs.push((name, value));
            rest = after;
        }
        (pairs.first()?.0 == b"version").then_some(Self(pairs))
    }

    /// The value of type 9, a string, that has this name.
    fn text(&self, name: &str) -> Option<&'a [u8]> {
        let (_, value) = self.0.iter().find(|(known, value)| *known == name.as_bytes() && u32_be(value, 0) == 9)?;
        value.get(12..12usize.checked_add(usize::try_from(u32_be(value, 8)).ok()?)?)
    }
}
