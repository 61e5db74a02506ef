//! A block map, as bmaptool writes it: which ranges of an image hold anything, and a checksum of each
//! (bmaptool, bmaptools/BmapCreate.py and BmapCopy.py, versions 1.0 to 2.0 of the format).

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::str::FromStr;

use roxmltree::{Document, Node, ParsingOptions};

use crate::trust::{Algorithm, Sums};

/// What an image's mapped ranges are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bmap {
    /// Bytes of the image.
    pub bytes: u64,
    /// The ranges, in order and apart from each other.
    pub ranges: Vec<Mapped>,
    /// How their checksums are computed; `None` before version 1.3, which had none.
    algorithm: Option<Algorithm>,
}

/// A range of the image that is to be copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// Its bytes; the last block of an image may be shorter than the others.
    pub bytes: Range<u64>,
    /// Its checksum, lower-case hex.
    pub digest: Option<String>,
}

/// Why a file is not used as a block map.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BmapError {
    /// Not XML, or without what a block map has.
    #[error("it is no block map ({0})")]
    NoBmap(String),
    /// Of a version, or with checksums, that this program does not know.
    #[error("{0} is not known here; known are the versions 1.0 to 2.0, with the checksums of bmaptool")]
    Unknown(String),
    /// What it says of itself is not so.
    #[error("it contradicts itself: {0}")]
    Contradiction(String),
    /// It is not what was written.
    #[error("its own checksum does not match: expected {expected}, and it has {computed}")]
    Checksum {
        /// As the file says.
        expected: String,
        /// As it is.
        computed: String,
    },
}

impl Bmap {
    /// Bytes of a block map's file, at most. A range takes about 100 of them.
    pub const LONGEST: u64 = 16 << 20;

    /// Elements, texts and comments in it, at most. A range is three; each takes less than 100 bytes of memory.
    const NODES: u32 = 1 << 20;

    /// Bytes of a block, at most. bmaptool takes those of the file system that the image lay on.
    const BLOCK: u64 = 1 << 30;

    /// Parses the file's content. Entities of its own are refused, so that nothing in it grows.
    ///
    /// # Errors
    /// Everything that would make a copy by it wrong: ranges out of order, that overlap, or that lie outside of the image.
    pub fn parse(text: &[u8]) -> Result<Self, BmapError> {
        let none = |error: &dyn std::fmt::Display| BmapError::NoBmap(error.to_string());
        let text = str::from_utf8(text).map_err(|error| none(&error))?;
        let options = ParsingOptions { nodes_limit: Self::NODES, ..ParsingOptions::default() };
        let document = Document::parse_with_options(text, options).map_err(|error| none(&error))?;
        let root = document.root_element();
        if root.tag_name().name() != "bmap" {
            return Err(BmapError::NoBmap("its root is not <bmap>".into()));
        }
        let scheme = Scheme::of(root)?;
        let algorithm = scheme.as_ref().map(|scheme| scheme.algorithm);
        if let Some(scheme) = &scheme {
            scheme.verify(root, text)?;
        }
        let (bytes, block) = (number(root, "ImageSize")?, number(root, "BlockSize")?);
        let (blocks, mapped) = (number(root, "BlocksCount")?, number(root, "MappedBlocksCount")?);
        if block == 0 || block > Self::BLOCK || bytes.div_ceil(block) != blocks {
            return Err(BmapError::Contradiction(format!("{bytes} bytes are not {blocks} blocks of {block}")));
        }
        let mut bmap = Self { bytes, ranges: Vec::new(), algorithm };
        let mut listed = 0;
        let (mut end, map) = (0, child(root, "BlockMap")?);
        for element in map.children().filter(|node| node.has_tag_name("Range")) {
            let (first, last) = range(element)?;
            if first < end || last < first || last >= blocks {
                return Err(BmapError::Contradiction(format!("blocks {first} to {last} are out of order, or beyond the image")));
            }
            let digest = scheme.as_ref().map_or(Ok(None), |scheme| scheme.digest(element))?;
            end = last + 1;
            listed += end - first;
            bmap.ranges.push(Mapped { bytes: first * block..end.saturating_mul(block).min(bytes), digest });
        }
        if listed != mapped {
            return Err(BmapError::Contradiction(format!("it maps {listed} blocks, and says {mapped}")));
        }
        Ok(bmap)
    }

    /// True when each of its ranges has a checksum.
    pub fn is_checked(&self) -> bool {
        self.ranges.iter().all(|range| range.digest.is_some())
    }

    /// Begins to compute the checksums of its ranges.
    pub fn checks(&self) -> Checks {
        Checks { sums: self.sums(), bmap: self.clone(), next: 0 }
    }

    fn sums(&self) -> Sums {
        Sums::new(self.algorithm)
    }
}

/// The checksums of ranges, while the image's bytes come in order.
pub struct Checks {
    bmap: Bmap,
    /// The first range that is not done.
    next: usize,
    sums: Sums,
}

impl Checks {
    /// Takes the bytes from `offset` on, where the last ones ended. `done` hears of each range that ends in them: what it is, and what its
    /// checksum came out as, where it has one.
    pub fn take(&mut self, offset: u64, bytes: &[u8], mut done: impl FnMut(&Mapped, Option<&str>)) {
        let end = offset + bytes.len() as u64;
        while let Some(range) = self.bmap.ranges.get(self.next).filter(|range| range.bytes.start < end) {
            let (from, to) = (range.bytes.start.max(offset) - offset, range.bytes.end.min(end) - offset);
            self.sums.update(bytes.get(from as usize..to as usize).unwrap_or_default());
            if range.bytes.end > end {
                return;
            }
            let computed = std::mem::replace(&mut self.sums, self.bmap.sums()).finish();
            done(range, computed.values().next().filter(|_| range.digest.is_some()).map(String::as_str));
            self.next += 1;
        }
    }
}

/// Where a version of the format keeps its checksums.
struct Scheme {
    algorithm: Algorithm,
    /// The element with that of the file.
    own: &'static str,
    /// The attribute with that of a range.
    attribute: &'static str,
}

impl Scheme {
    /// Version 1.3 brought SHA-1; 1.4, which should have been 2.0, and 2.0 name the algorithm.
    fn of(root: Node<'_, '_>) -> Result<Option<Self>, BmapError> {
        let version = root.attribute("version").unwrap_or_default();
        match version {
            "1.0" | "1.1" | "1.2" => Ok(None),
            "1.3" => Ok(Some(Self { algorithm: Algorithm::Sha1, own: "BmapFileSHA1", attribute: "sha1" })),
            "1.4" | "2.0" => {
                let name = text(root, "ChecksumType")?;
                let known = Algorithm::from_str(name).ok().filter(|algorithm| *algorithm != Algorithm::Crc32);
                let algorithm = known.ok_or_else(|| BmapError::Unknown(format!("the checksum {name:?}")))?;
                Ok(Some(Self { algorithm, own: "BmapFileChecksum", attribute: "chksum" }))
            }
            _ => Err(BmapError::Unknown(format!("version {version:?}"))),
        }
    }

    /// The file's own checksum is computed with zeros in its place.
    fn verify(&self, root: Node<'_, '_>, file: &str) -> Result<(), BmapError> {
        let expected = text(root, self.own)?;
        let zeros = "0".repeat(self.algorithm.hex_digits());
        let mut sums = Sums::new([self.algorithm]);
        if self.is_digest(expected) {
            sums.update(file.replacen(expected, &zeros, 1).as_bytes());
        }
        let computed = sums.finish().remove(&self.algorithm).unwrap_or_default();
        if computed == expected.to_ascii_lowercase() {
            return Ok(());
        }
        Err(BmapError::Checksum { expected: expected.into(), computed })
    }

    fn digest(&self, range: Node<'_, '_>) -> Result<Option<String>, BmapError> {
        match range.attribute(self.attribute).map(str::trim) {
            Some(digest) if !self.is_digest(digest) => Err(BmapError::NoBmap(format!("{digest:?} is no {}", self.algorithm))),
            digest => Ok(digest.map(str::to_ascii_lowercase)),
        }
    }

    fn is_digest(&self, text: &str) -> bool {
        text.len() == self.algorithm.hex_digits() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    }
}

/// `8-16`, last block included, or `8`.
fn range(element: Node<'_, '_>) -> Result<(u64, u64), BmapError> {
    let text = element.text().unwrap_or_default().trim();
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.trim().parse().ok();
    number(first).zip(number(last)).ok_or_else(|| BmapError::NoBmap(format!("{text:?} is no range")))
}

fn child<'a, 'input>(root: Node<'a, 'input>, name: &str) -> Result<Node<'a, 'input>, BmapError> {
    let found = root.children().find(|node| node.has_tag_name(name));
    found.ok_or_else(|| BmapError::NoBmap(format!("it has no <{name}>")))
}

/// An element's text. bmaptool writes spaces around it.
fn text<'a>(root: Node<'a, '_>, name: &str) -> Result<&'a str, BmapError> {
    Ok(child(root, name)?.text().unwrap_or_default().trim())
}

fn number(root: Node<'_, '_>, name: &str) -> Result<u64, BmapError> {
    let text = text(root, name)?;
    text.parse().map_err(|_| BmapError::NoBmap(format!("<{name}> is {text:?}, and no number")))
}
