//! What was never read of an image, after the map beside it.

use std::io::ErrorKind;
use std::path::Path;

use crate::medium::{Span, Spans, load};
use crate::rescue::State;
use crate::rescue::mapfile::Mapfile;

use super::{Failure, beside};

/// Bytes of an image that its map does not call finished.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holes(Spans);

impl Holes {
    /// Reads `IMAGE.map`, where there is one.
    ///
    /// # Errors
    /// A map that can't be read, or is none: nobody can tell then what is missing.
    pub fn beside(image: &Path, bytes: u64) -> Result<Self, Failure> {
        let path = beside(image, "map");
        let refused = |why: String| {
            Failure::refused(format!(
                "{} lies beside the image and should tell what is missing, but {why}; mend it or move it away",
                path.display()
            ))
        };
        let text = match load(&path, Mapfile::LONGEST) {
            Ok(text) => String::from_utf8_lossy(&text).into_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(refused(format!("reading it failed: {error}"))),
        };
        let map = Mapfile::parse_loose(&text).map_err(|error| refused(error.to_string()))?;
        Ok(Self::of(&map, bytes))
    }

    /// What the map leaves open of an image of so many bytes.
    pub fn of(map: &Mapfile, bytes: u64) -> Self {
        let mut holes = Spans::default();
        let mut at = 0;
        for block in map.blocks.iter().filter(|block| block.state == State::Finished) {
            let (first, end) = (block.first.min(bytes), block.first.saturating_add(block.size).min(bytes));
            holes.push(at, first.saturating_sub(at));
            at = at.max(end);
        }
        holes.push(at, bytes - at);
        Self(holes)
    }

    /// Bytes in all.
    pub fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    /// Where they are.
    pub fn spans(&self) -> &Spans {
        &self.0
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = Span> + '_ {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holes(map: &str, bytes: u64) -> Vec<(u64, u64)> {
        let holes = Holes::of(&Mapfile::parse_loose(map).unwrap(), bytes);
        holes.iter().map(|span| (span.offset, span.length)).collect()
    }

    #[test]
    fn what_the_map_does_not_call_finished_is_a_hole() {
        let map = "0 +\n0 4096 +\n4096 2048 -\n6144 2048 *\n8192 4096 +\n";
        assert_eq!(holes(map, 12_288), [(4096, 4096)]);
        assert_eq!(holes(map, 5000), [(4096, 904)]);
        assert_eq!(holes(map, 20_000), [(4096, 4096), (12_288, 7712)]);
        assert_eq!(holes("0 +\n0 4096 +\n", 4096), []);
    }
}
