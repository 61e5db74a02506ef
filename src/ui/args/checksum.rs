//! Options that say which digest is expected.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;

use clap::Args;

use crate::trust::{Algorithm, Expectation, Expected};

use super::UsageError;

/// The digest that the image should have.
#[derive(Debug, Args)]
pub struct Checksum {
    /// The digest that the image should have, or a list that has it (SHA256SUMS)
    #[arg(long, value_name = "ALGO:HEX|FILE")]
    checksum: Option<String>,
    /// Short for --checksum sha256:HEX
    #[arg(long, value_name = "HEX", conflicts_with = "checksum")]
    sha256: Option<String>,
}

impl Checksum {
    /// What is expected, if anything is. A list is read.
    pub fn expectation(&self) -> Result<Option<Expectation>, UsageError> {
        let digest = |algorithm, hex: &str| {
            let expected = Expected::digest(algorithm, hex).map_err(|error| UsageError(error.to_string()))?;
            Ok(Some(Expectation::Digest(expected)))
        };
        match (&self.sha256, &self.checksum) {
            (Some(hex), _) => digest(Algorithm::Sha256, hex),
            (None, None) => Ok(None),
            (None, Some(given)) => {
                let named = given.split_once(':').and_then(|(name, hex)| Some((Algorithm::from_str(name).ok()?, hex)));
                if let Some((algorithm, hex)) = named.filter(|_| !Path::new(given).exists()) {
                    return digest(algorithm, hex);
                }
                let text = read_list(Path::new(given)).map_err(|error| {
                    UsageError(format!("--checksum {given}: not ALGO:HEX, and reading it as a list failed: {error}"))
                })?;
                let text = String::from_utf8_lossy(&text).into_owned();
                // The image may still be without a name; whether the list is one shows already.
                Expected::list(&text, "").map_err(|error| UsageError(format!("--checksum {given}: {error}")))?;
                Ok(Some(Expectation::List(text)))
            }
        }
    }
}

/// Bytes of a list: those of large archives have a few million.
const LONGEST: u64 = 64 << 20;

/// A list may come from a pipe, as a shell's `<(…)` makes them; what has no end is none.
fn read_list(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(LONGEST + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LONGEST { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(text) }
}
