//! What the image's digest should be: a digest on the command line, or a publisher's list.

use super::{Algorithm, Digests};

/// Digests that the image may have. From a list with several names, the line with the image's name if there is one, else any line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    algorithm: Algorithm,
    hex: String,
    name: Option<String>,
}

/// What a person expects, before the image has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expectation {
    /// A digest.
    Digest(Expected),
    /// A list's text: the image's name picks the line.
    List(String),
}

impl Expectation {
    /// What is expected of the image with this name, without folders.
    pub fn of(&self, image_name: &str) -> Result<Expected, ChecksumError> {
        match self {
            Self::Digest(expected) => Ok(expected.clone()),
            Self::List(text) => Expected::list(text, image_name),
        }
    }
}

/// Why an expectation makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChecksumError {
    /// Not the right number of hex digits.
    #[error("{0:?} is not a digest: {1} has {2} hex digits")]
    NotADigest(String, Algorithm, usize),
    /// No line of the list is one.
    #[error("no line of it is a checksum (known: lines of sha256sum and the like, tagged lines, or a bare digest)")]
    EmptyList,
}

impl Expected {
    /// One digest.
    pub fn digest(algorithm: Algorithm, hex: &str) -> Result<Self, ChecksumError> {
        let wrong = || ChecksumError::NotADigest(hex.into(), algorithm, algorithm.hex_digits());
        if hex.len() != algorithm.hex_digits() || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        Ok(Self(vec![Entry { algorithm, hex: hex.to_ascii_lowercase(), name: None }]))
    }

    /// A list's text: `HEX  NAME`, `HEX *NAME`, `ALGO (NAME) = HEX`, or a bare digest. Other lines (comments, a signature) are skipped.
    pub fn list(text: &str, image_name: &str) -> Result<Self, ChecksumError> {
        let mut entries: Vec<Entry> = text.trim_start_matches('\u{feff}').lines().filter_map(Entry::parse).collect();
        if entries.is_empty() {
            return Err(ChecksumError::EmptyList);
        }
        let named = |entry: &Entry| entry.name.as_deref().is_some_and(|name| name.rsplit('/').next() == Some(image_name));
        if entries.iter().any(named) {
            entries.retain(named);
        }
        Ok(Self(entries))
    }

    /// The algorithms that are needed to compare.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> + '_ {
        self.0.iter().map(|entry| entry.algorithm)
    }

    /// What was computed with the algorithm that decides, for a person: `sha256 ba78…`.
    pub fn computed(&self, digests: &Digests) -> Option<String> {
        let (algorithm, hex) = digests.get_key_value(&self.algorithms().max()?)?;
        Some(format!("{algorithm} {hex}"))
    }

    /// The digest of the algorithm that decides, for a person: `sha256 ba78…`; `None` where it may be one of several.
    pub fn only(&self) -> Option<String> {
        let strongest = self.algorithms().max();
        let mut entries = self.0.iter().filter(|entry| Some(entry.algorithm) == strongest);
        let (Some(entry), None) = (entries.next(), entries.next()) else { return None };
        Some(format!("{} {}", entry.algorithm, entry.hex))
    }

    /// Compares. `Ok` holds what matched, for a person; `Err` what was expected. The strongest algorithm decides: where the
    /// list has lines of several, a match of a weaker one is none.
    pub fn compare(&self, digests: &Digests) -> Result<String, String> {
        let strongest = self.algorithms().max();
        let entries = || self.0.iter().filter(|entry| Some(entry.algorithm) == strongest);
        match entries().find(|entry| digests.get(&entry.algorithm) == Some(&entry.hex)) {
            Some(Entry { algorithm, name: Some(name), .. }) => Ok(format!("{algorithm} of {name}")),
            Some(Entry { algorithm, .. }) => Ok(algorithm.to_string()),
            None => Err(self.only().unwrap_or_else(|| format!("one of {} listed digests", entries().count()))),
        }
    }
}

impl Entry {
    fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        let (algorithm, hex, name) = match line.split_once(" = ") {
            Some((tagged, hex)) => {
                let (algorithm, name) = tagged.split_once(" (")?;
                (Some(algorithm.parse().ok()?), hex, Some(name.strip_suffix(')')?))
            }
            None => {
                let (hex, name) = line.strip_prefix('\\').unwrap_or(line).split_once([' ', '\t']).unwrap_or((line, ""));
                let name = name.trim_start().trim_start_matches('*');
                (None, hex, (!name.is_empty()).then_some(name))
            }
        };
        let algorithm = algorithm.or_else(|| Algorithm::of_length(hex.len()))?;
        let hex_is_right = hex.len() == algorithm.hex_digits() && hex.bytes().all(|b| b.is_ascii_hexdigit());
        hex_is_right.then(|| Self { algorithm, hex: hex.to_ascii_lowercase(), name: name.map(Into::into) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn abc() -> Digests {
        let mut sums = super::super::Sums::new(Algorithm::USUAL);
        sums.update(b"abc");
        sums.finish()
    }

    #[test]
    fn reads_the_lists_that_publishers_make() {
        let other = "0".repeat(64);
        let upper = ABC.to_uppercase();
        for text in [
            format!("{other}  other.iso\n{ABC}  out.iso\n"),
            format!("{other} *other.iso\r\n{ABC} *./dir/out.iso\r\n"),
            format!("# out.iso: 3 bytes\nSHA256 (out.iso) = {ABC}\nSHA256 (other.iso) = {other}\n"),
            format!("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{upper}\tout.iso\n"),
            ABC.to_string(),
            // Renamed: the digest is found under another name.
            format!("{other}  b.iso\n{ABC}  a.iso\n"),
        ] {
            let expected = Expected::list(&text, "out.iso").unwrap();
            assert!(expected.compare(&abc()).is_ok(), "{text}");
        }
    }

    #[test]
    fn the_line_with_the_images_name_is_the_one_that_counts() {
        let other = "0".repeat(64);
        let expected = Expected::list(&format!("{other}  out.iso\n{ABC}  other.iso\n"), "out.iso").unwrap();
        assert_eq!(expected.compare(&abc()), Err(format!("sha256 {other}")));
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        assert!(Expected::digest(Algorithm::Sha256, "abc").is_err());
        assert!(Expected::digest(Algorithm::Md5, &"g".repeat(32)).is_err());
        assert_eq!(Expected::list("hello\nworld\n", "out.iso"), Err(ChecksumError::EmptyList));
    }

    proptest! {
        #[test]
        fn any_text_is_a_list_or_an_error(text in "\\PC{0,200}") {
            let _ = Expected::list(&text, "out.iso");
        }
    }
}
