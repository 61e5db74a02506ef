//! What is told by a magic at a fixed place alone.

use super::{Kind, Signature, label, label_utf16};
use crate::image::pages::Pages;
use crate::image::{u32_be, u32_le, u64_le};

/// A magic and where it lies.
struct Magic {
    kind: Kind,
    at: u64,
    bytes: &'static [u8],
    label: Label,
}

/// Where a label lies: byte and length.
enum Label {
    None,
    Utf8(u64, usize),
    Utf16(u64, usize),
}

/// All of them. Sources: the headers in the kernel's tree where no other is named.
const MAGICS: &[Magic] = &[
    // LUKS1 On-Disk Format Specification 1.2.3; LUKS2 On-Disk Format Specification 1.1.
    Magic { kind: Kind::Luks, at: 0, bytes: b"LUKS\xBA\xBE\0\x01", label: Label::None },
    Magic { kind: Kind::Luks, at: 0, bytes: b"LUKS\xBA\xBE\0\x02", label: Label::Utf8(24, 48) },
    // fs/xfs/libxfs/xfs_format.h, xfs_dsb.
    Magic { kind: Kind::Xfs, at: 0, bytes: b"XFSB", label: Label::Utf8(108, 12) },
    // fs/btrfs/accessors.h and include/uapi/linux/btrfs_tree.h, btrfs_super_block.
    Magic { kind: Kind::Btrfs, at: 65_536 + 64, bytes: b"_BHRfS_M", label: Label::Utf8(65_536 + 299, 256) },
    // include/linux/f2fs_fs.h, f2fs_super_block.
    Magic { kind: Kind::F2fs, at: 1024, bytes: &[0x10, 0x20, 0xF5, 0xF2], label: Label::Utf16(1024 + 124, 256) },
    // fs/squashfs/squashfs_fs.h; big-endian ones, and the first with LZMA, in squashfs-tools.
    Magic { kind: Kind::Squashfs, at: 0, bytes: b"hsqs", label: Label::None },
    Magic { kind: Kind::Squashfs, at: 0, bytes: b"sqsh", label: Label::None },
    Magic { kind: Kind::Squashfs, at: 0, bytes: b"shsq", label: Label::None },
    Magic { kind: Kind::Squashfs, at: 0, bytes: b"qshs", label: Label::None },
    // Apple File System Reference, nx_superblock_t.
    Magic { kind: Kind::Apfs, at: 32, bytes: b"NXSB", label: Label::None },
    // fs/hfsplus/hfsplus_raw.h: magic and version.
    Magic { kind: Kind::HfsPlus, at: 1024, bytes: b"H+\0\x04", label: Label::None },
    Magic { kind: Kind::HfsPlus, at: 1024, bytes: b"HX\0\x05", label: Label::None },
    // fs/bcachefs/bcachefs_format.h, bch_sb: the first superblock, and the second.
    Magic { kind: Kind::Bcachefs, at: 4096 + 24, bytes: &BCACHEFS, label: Label::Utf8(4096 + 72, 32) },
    Magic { kind: Kind::Bcachefs, at: (2 << 20) + 24, bytes: &BCACHEFS, label: Label::Utf8((2 << 20) + 72, 32) },
    // include/linux/swap.h, swap_header, lies at the beginning; its magic ends the first page, whatever a page is on that
    // machine. A system that went to sleep into it writes another (kernel/power/swap.c, and other ways to sleep: util-linux,
    // libblkid, swap.c).
    Magic { kind: Kind::Swap, at: PAGES, bytes: b"SWAPSPACE2", label: Label::Utf8(1024 + 28, 16) },
    Magic { kind: Kind::Swap, at: PAGES, bytes: b"S1SUSPEND\0", label: Label::Utf8(1024 + 28, 16) },
    Magic { kind: Kind::Swap, at: PAGES, bytes: b"S2SUSPEND\0", label: Label::Utf8(1024 + 28, 16) },
    Magic { kind: Kind::Swap, at: PAGES, bytes: b"ULSUSPEND\0", label: Label::Utf8(1024 + 28, 16) },
    Magic { kind: Kind::Swap, at: PAGES, bytes: b"LINHIB0001", label: Label::Utf8(1024 + 28, 16) },
    Magic { kind: Kind::Swap, at: PAGES, bytes: b"SWAP-SPACE", label: Label::None },
];

/// In place of an offset: ten bytes before the end of a page of 4 to 64 KiB.
const PAGES: u64 = u64::MAX;

/// fs/bcachefs/bcachefs_format.h, BCHFS_MAGIC.
const BCACHEFS: [u8; 16] = [0xC6, 0x85, 0x73, 0xF6, 0x66, 0xCE, 0x90, 0xA9, 0xD9, 0x6A, 0x60, 0xCF, 0x80, 0x3D, 0xF7, 0xEF];

/// drivers/md/bcache/super.c, bcache_magic; the first bcachefs kept it.
const BCACHE: [u8; 16] = [0xC6, 0x85, 0x73, 0xF6, 0x4E, 0x1A, 0x45, 0xCA, 0x82, 0x65, 0xF5, 0x7F, 0x48, 0xBA, 0x6D, 0x81];

/// Finds all that can be told by magics.
pub fn find(pages: &mut Pages, found: &mut Vec<Signature>) {
    for magic in MAGICS {
        let places = if magic.at == PAGES { (12..=16).map(|power| (1 << power) - 10).collect() } else { vec![magic.at] };
        for offset in places {
            if pages.has(offset, magic.bytes) {
                found.push(Signature { kind: magic.kind, offset, label: magic.label.read(pages) });
            }
        }
    }
    found.extend(bcache(pages));
    found.extend(hfs(pages));
    found.extend(ext(pages));
}

impl Label {
    fn read(&self, pages: &mut Pages) -> Option<String> {
        match *self {
            Self::None => None,
            Self::Utf8(at, length) => label(&pages.bytes(at, length)?),
            Self::Utf16(at, length) => label_utf16(&pages.bytes(at, length)?),
        }
    }
}

/// A superblock of bcache says that it lies in sector 8 (drivers/md/bcache/super.c, read_super_common); in the first bcachefs,
/// with the same magic, there is a checksum at that place.
fn bcache(pages: &mut Pages) -> Option<Signature> {
    let block = pages.bytes(4096, 512)?;
    (block.get(24..40) == Some(&BCACHE)).then_some(())?;
    let kind = if u64_le(&block, 8) == 8 { Kind::Bcache } else { Kind::Bcachefs };
    Some(Signature { kind, offset: 4096 + 24, label: label(block.get(72..104)?) })
}

/// HFS, unless it is only the wrapper of an HFS+ (fs/hfs/hfs.h, hfs_mdb; Apple, Technical Note 1150). Two letters alone say
/// little: blocks are whole sectors, too.
fn hfs(pages: &mut Pages) -> Option<Signature> {
    let block = pages.bytes(1024, 512)?;
    (block.starts_with(b"BD") && u32_be(&block, 20).is_multiple_of(512) && u32_be(&block, 20) > 0).then_some(())?;
    let wrapped = matches!(block.get(124..126), Some(b"H+" | b"HX"));
    let name = block.get(37..37 + usize::from(*block.get(36)?).min(27))?;
    Some(Signature { kind: if wrapped { Kind::HfsPlus } else { Kind::Hfs }, offset: 1024, label: label(name) })
}

/// ext2, 3, 4 (fs/ext4/ext4.h, ext4_super_block): the features say which.
fn ext(pages: &mut Pages) -> Option<Signature> {
    let block = pages.bytes(1024, 512)?;
    (block.get(56..58) == Some(&[0x53, 0xEF])).then_some(())?;
    let (compatible, incompatible, read_only) = (u32_le(&block, 92), u32_le(&block, 96), u32_le(&block, 100));
    // What ext2 and ext3 know: filetype, needs_recovery, meta_bg; sparse_super, large_file, btree_dir.
    let old = incompatible & !0x16 == 0 && read_only & !0x7 == 0;
    let kind = match (incompatible & 0x8, old, compatible & 0x4) {
        (1.., ..) => Kind::ExtJournal,
        (_, false, _) => Kind::Ext4,
        (_, true, 0) => Kind::Ext2,
        (_, true, _) => Kind::Ext3,
    };
    Some(Signature { kind, offset: 1024 + 56, label: label(block.get(120..136)?) })
}
