//! The disc, as far as commands must fit it.

/// What the planner must know of the disc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Geometry {
    /// Sectors of an ECC block: CD 1, DVD 16, BD 32. Reads are aligned to it.
    pub block: u32,
    /// LBAs that no command crosses, in order: where tracks and regions begin, and the last two blocks of CD tracks.
    pub borders: Vec<u32>,
    /// Sectors of the longest command that the node takes.
    pub longest: u32,
}
