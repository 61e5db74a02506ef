//! Digests of a stream, several in one pass.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use sha2::digest::DynDigest;

/// A digest algorithm, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // they are names of standards: IEEE 802.3, RFC 1321, FIPS 180-4
pub enum Algorithm {
    Crc32,
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// Finished digests: lower-case hex by algorithm.
pub type Digests = BTreeMap<Algorithm, String>;

/// A name that is no algorithm's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a digest that this program knows; known are crc32, md5, sha1, sha224, sha256, sha384, sha512")]
pub struct UnknownAlgorithm(String);

impl Algorithm {
    const ALL: [Self; 7] = [Self::Crc32, Self::Md5, Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    /// What is computed when nobody asks for anything else: what archives and publishers list.
    pub const USUAL: [Self; 4] = [Self::Sha256, Self::Sha1, Self::Md5, Self::Crc32];

    /// Lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "crc32",
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// Hex digits of a digest.
    pub fn hex_digits(self) -> usize {
        match self {
            Self::Crc32 => 8,
            Self::Md5 => 32,
            Self::Sha1 => 40,
            Self::Sha224 => 56,
            Self::Sha256 => 64,
            Self::Sha384 => 96,
            Self::Sha512 => 128,
        }
    }

    /// The algorithm whose digests have so many hex digits.
    pub fn of_length(digits: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.hex_digits() == digits)
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// Any case, with or without a hyphen: `SHA-256`, `sha256`.
    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        let plain = name.to_ascii_lowercase().replace('-', "");
        Self::ALL.into_iter().find(|a| a.name() == plain).ok_or_else(|| UnknownAlgorithm(name.into()))
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// SHA-256 of some bytes, in hex.
pub fn sha256(bytes: &[u8]) -> String {
    let mut sums = Sums::new([Algorithm::Sha256]);
    sums.update(bytes);
    sums.finish().into_values().collect()
}

/// Running digests of one stream.
pub struct Sums(Vec<(Algorithm, State)>);

enum State {
    Crc32(crc32fast::Hasher),
    Other(Box<dyn DynDigest + Send>),
}

impl Sums {
    /// Digests of nothing yet.
    pub fn new(algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        Self(algorithms.into_iter().map(|algorithm| (algorithm, State::new(algorithm))).collect())
    }

    /// Takes the next bytes of the stream.
    pub fn update(&mut self, bytes: &[u8]) {
        for (_, state) in &mut self.0 {
            match state {
                State::Crc32(hasher) => hasher.update(bytes),
                State::Other(hasher) => hasher.update(bytes),
            }
        }
    }

    /// Ends the stream.
    pub fn finish(self) -> Digests {
        let end = |state| match state {
            State::Crc32(hasher) => format!("{:08x}", hasher.finalize()),
            State::Other(hasher) => hex::encode(hasher.finalize()),
        };
        self.0.into_iter().map(|(algorithm, state)| (algorithm, end(state))).collect()
    }
}

impl State {
    fn new(algorithm: Algorithm) -> Self {
        Self::Other(match algorithm {
            Algorithm::Crc32 => return Self::Crc32(crc32fast::Hasher::new()),
            Algorithm::Md5 => Box::new(md5::Md5::default()),
            Algorithm::Sha1 => Box::new(sha1::Sha1::default()),
            Algorithm::Sha224 => Box::new(sha2::Sha224::default()),
            Algorithm::Sha256 => Box::new(sha2::Sha256::default()),
            Algorithm::Sha384 => Box::new(sha2::Sha384::default()),
            Algorithm::Sha512 => Box::new(sha2::Sha512::default()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_abc_are_those_of_the_standards() {
        let mut sums = Sums::new(Algorithm::USUAL);
        sums.update(b"a");
        sums.update(b"bc");
        let digests = sums.finish();
        assert_eq!(digests[&Algorithm::Crc32], "352441c2");
        assert_eq!(digests[&Algorithm::Md5], "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(digests[&Algorithm::Sha1], "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(digests[&Algorithm::Sha256], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
