//! What is read in which order.

/// In which order sectors are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// What reads easily first.
    EasyFirst,
    /// From the first to the last, each settled before the next: for pipes.
    InSequence,
}

/// Which way a pass goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From low LBAs to high ones.
    Forwards,
    /// From high LBAs to low ones.
    Backwards,
}

/// Where the reading stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Long commands over what was not tried.
    Copy,
    /// ECC blocks where a command failed.
    Trim,
    /// Single sectors where a block failed.
    Scrape,
    /// Sectors that failed alone.
    Retry,
}

impl Phase {
    /// The character of the mapfile's status line.
    pub fn symbol(self) -> char {
        match self {
            Self::Copy => '?',
            Self::Trim => '*',
            Self::Scrape => '/',
            Self::Retry => '-',
        }
    }

    /// The phase of such a character.
    pub fn from_symbol(symbol: char) -> Option<Self> {
        [Self::Copy, Self::Trim, Self::Scrape, Self::Retry].into_iter().find(|phase| phase.symbol() == symbol)
    }
}
