//! Several bars at the bottom of a terminal, each below the one before.

use std::collections::BTreeMap;

use indicatif::{MultiProgress, ProgressDrawTarget};

use super::bar::Bar;
use super::escape::Escaped;

/// A bar for each drive, or medium.
pub(super) struct Bars {
    all: MultiProgress,
    /// With what stands before each.
    of: BTreeMap<String, (String, Bar)>,
}

impl Bars {
    pub(super) fn new() -> Self {
        Self { all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()), of: BTreeMap::new() }
    }

    /// One more, which is called `name` here, and on the screen by its label.
    pub(super) fn add(&mut self, name: &str, label: &str) {
        self.of.insert(name.into(), (Escaped(label).to_string(), Bar::of(&self.all)));
        let longest = self.of.values().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
        self.of.values().for_each(|(label, bar)| bar.label(format!("{label:longest$}")));
    }

    pub(super) fn of(&mut self, name: &str) -> Option<&mut Bar> {
        self.of.get_mut(name).map(|(_, bar)| bar)
    }

    pub(super) fn idle(&mut self) {
        self.of.values_mut().for_each(|(_, bar)| bar.idle());
    }

    /// Prints above all of them.
    pub(super) fn above(&self, print: impl FnOnce()) {
        self.all.suspend(print);
    }

    /// Takes them away. One that can't be cleared stays.
    pub(super) fn clear(&self) {
        let _ = self.all.clear();
    }
}
