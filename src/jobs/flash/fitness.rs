//! Will the medium do what the image is for?

use crate::image::inspection::Inspection;

use super::source::Source;

/// What the image tells of itself that a person should know before it is written.
pub(super) struct Fitness {
    /// Bytes that are missing at its end.
    pub(super) missing: u64,
    /// Each a sentence, with what to do instead.
    pub(super) warnings: Vec<String>,
}

impl Fitness {
    /// Looks into it, for a medium with sectors of `sector` bytes. A stream can't be looked into: nothing is known of it.
    pub(super) fn of(source: &Source, sector: u32) -> Self {
        let Some(bytes) = source.bytes() else { return Self { missing: 0, warnings: Vec::new() } };
        let mut read = |offset: u64, length: usize| {
            let mut buffer = vec![0; length];
            source.read_again(&mut buffer, offset).map(|()| buffer)
        };
        let inspection = Inspection::of(bytes, 1, &[], &mut read);
        Self { missing: inspection.missing(), warnings: inspection.warnings(sector) }
    }
}
