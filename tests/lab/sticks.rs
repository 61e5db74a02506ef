//! Stories of sticks.

use crate::stories::Story;

/// Every story by its name.
pub const ALL: &[(&str, Story)] = &[];
