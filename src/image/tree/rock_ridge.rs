//! Rock Ridge (RRIP 1.12) in System Use fields (SUSP 1.12): what POSIX knows of a file and ISO 9660 does not.

use super::Source;
use crate::image::u32_le;
use crate::mmc::{Extent, SECTOR};

/// Continuation areas of one record. Names and links of the greatest length need three.
const CONTINUATIONS: usize = 32;

/// Bytes of a name or a link's target: the kernel's PATH_MAX.
const LONGEST: usize = 4096;

/// What the System Use field of a directory record says.
#[derive(Debug, Default)]
pub(super) struct RockRidge {
    /// The name (NM).
    pub(super) name: Option<String>,
    /// Where a symbolic link leads (SL).
    pub(super) link: Option<String>,
    /// A directory stands here that lies elsewhere, at this LBA (CL).
    pub(super) child: Option<u32>,
    /// A directory that stands elsewhere (RE).
    pub(super) is_relocated: bool,
    /// Sectors that this was continued in.
    pub(super) continued: Vec<Extent>,
}

/// Bytes that every System Use field begins with before it is ours, after the root's own record; `None` without SUSP (SUSP, 5.3).
pub(super) fn skipped(field: &[u8]) -> Option<usize> {
    // On CD-ROM XA 14 bytes come before.
    let entry =
        [0, 14].into_iter().find_map(|at| field.get(at..at + 7).filter(|entry| entry.starts_with(b"SP\x07\x01\xbe\xef")))?;
    Some(entry[6].into())
}

impl RockRidge {
    /// Reads a System Use field, and where it is continued. `base` is added to each LBA.
    pub(super) fn parse(field: &[u8], base: u32, source: &mut Source<'_>) -> Self {
        let mut found = Self::default();
        let (mut name, mut link) = (Vec::new(), Link::default());
        let mut area = field.to_vec();
        let mut is_whole = true;
        for _ in 0..CONTINUATIONS {
            let mut next = None;
            let mut rest = area.as_slice();
            while let Some(entry) = rest.get(2).and_then(|&length| rest.get(..length.into())).filter(|entry| entry.len() >= 4) {
                match (&entry[..2], entry.len()) {
                    (b"CE", 28..) => next = Some((u32_le(entry, 4).saturating_add(base), u32_le(entry, 12), u32_le(entry, 20))),
                    // "." and ".." have flags and no name.
                    (b"NM", 5..) if entry[4] & 0b110 == 0 && name.len() < LONGEST => name.extend_from_slice(&entry[5..]),
                    (b"SL", 5..) => link.take(&entry[5..]),
                    (b"CL", 12..) => found.child = Some(u32_le(entry, 4).saturating_add(base)),
                    (b"RE", _) => found.is_relocated = true,
                    (b"ST", _) => break,
                    _ => {}
                }
                rest = &rest[entry.len()..];
            }
            let Some((lba, offset, length)) = next else { break };
            found.continued.push(Extent { first: lba, count: 1 });
            let range = offset as usize..(offset.saturating_add(length) as usize).min(SECTOR);
            let continued = source.sector(lba).and_then(|sector| Some(sector.get(range)?.to_vec()));
            is_whole = continued.is_some();
            area = continued.unwrap_or_default();
        }
        // Half a name is another name: then ISO 9660's is the better one.
        found.name = (is_whole && !name.is_empty()).then(|| String::from_utf8_lossy(&name).into_owned());
        found.link = link.target;
        found
    }
}

/// A link's target as it grows from its components (RRIP, 4.1.3).
#[derive(Default)]
struct Link {
    target: Option<String>,
    /// The last component goes on in the next one.
    continues: bool,
}

impl Link {
    fn take(&mut self, mut components: &[u8]) {
        let target = self.target.get_or_insert_default();
        while let [flags, length, rest @ ..] = components {
            let Some((text, rest)) = rest.split_at_checked(usize::from(*length)).filter(|_| target.len() < LONGEST) else {
                return;
            };
            if !self.continues && !target.is_empty() && !target.ends_with('/') {
                target.push('/');
            }
            match flags & 0b1110 {
                0b0010 => target.push('.'),
                0b0100 => target.push_str(".."),
                0b1000 => target.push('/'),
                _ => target.push_str(&String::from_utf8_lossy(text)),
            }
            self.continues = flags & 1 != 0;
            components = rest;
        }
    }
}
