//! The ledger: a digest of each chunk of an image, so that what differs on a medium can be named without the image (docs/formats.md).

use serde::{Deserialize, Serialize};

/// Digests of the chunks of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Version of this layout.
    pub format: u32,
    /// Bytes of the image.
    pub size: u64,
    /// Bytes of a chunk; the last one may be shorter.
    pub chunk: u32,
    /// SHA-256 of the whole image, in hex.
    pub sha256: String,
    /// SHA-256 of each chunk, in hex, in order.
    pub chunks: Vec<String>,
}

/// Why a file is no ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Not JSON, or without what a ledger has.
    #[error("it is no ledger ({0})")]
    NoLedger(String),
    /// Of another version.
    #[error("it is a ledger of format {0}, and this program knows format {known}", known = Ledger::FORMAT)]
    Other(u32),
    /// Its numbers contradict each other.
    #[error("it contradicts itself: {0} chunks of {1} bytes are not {2} bytes, or a digest is none")]
    Contradiction(usize, u32, u64),
}

impl Ledger {
    /// Bytes of a ledger's file: that of an image of 16 TB has fewer.
    pub const LONGEST: u64 = 256 << 20;
    /// Version that this program writes.
    pub const FORMAT: u32 = 1;

    /// A ledger of the present format.
    pub fn new(size: u64, chunk: u32, sha256: String, chunks: Vec<String>) -> Self {
        Self { format: Self::FORMAT, size, chunk, sha256, chunks }
    }

    /// Parses the file's content.
    ///
    /// # Errors
    /// Everything that would make a comparison with it wrong.
    pub fn parse(text: &[u8]) -> Result<Self, LedgerError> {
        let ledger: Self = serde_json::from_slice(text).map_err(|error| LedgerError::NoLedger(error.to_string()))?;
        if ledger.format != Self::FORMAT {
            return Err(LedgerError::Other(ledger.format));
        }
        let is_digest = |hex: &String| hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let fits = ledger.chunk > 0 && ledger.size.div_ceil(u64::from(ledger.chunk)) == ledger.chunks.len() as u64;
        if !fits || !is_digest(&ledger.sha256) || !ledger.chunks.iter().all(is_digest) {
            return Err(LedgerError::Contradiction(ledger.chunks.len(), ledger.chunk, ledger.size));
        }
        Ok(ledger)
    }

    /// The file's content.
    pub fn to_json(&self) -> String {
        // Text and numbers alone: this can't fail.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_comes_back_as_it_was_and_a_hurt_one_is_refused() {
        let digest = "0".repeat(64);
        let ledger = Ledger::new(9, 4, digest.clone(), vec![digest.clone(); 3]);
        let text = ledger.to_json();
        assert_eq!(Ledger::parse(text.as_bytes()), Ok(ledger.clone()));
        for hurt in [
            text.replacen("\"size\":9", "\"size\":13", 1),
            text.replacen("\"chunk\":4", "\"chunk\":0", 1),
            text.replacen("00\"", "0g\"", 1),
            text.replacen("00\"", "0\"", 1),
            text.replacen("\"format\":1", "\"format\":2", 1),
            text.replacen("\"format\":1", "\"format\":0", 1),
            text[..text.len() / 2].into(),
        ] {
            assert!(Ledger::parse(hurt.as_bytes()).is_err(), "{hurt}");
        }
    }
}
