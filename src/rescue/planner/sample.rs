//! How often sectors of one kind are dead.

/// How many sectors were asked for, and how many of them were dead.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sample {
    asked: u32,
    dead: u32,
}

impl Sample {
    pub(super) fn add(&mut self, dead: u32) {
        self.asked += 1;
        self.dead += dead;
    }

    /// The share that was dead. Nothing is known at first: then it is low.
    pub(super) fn rate(self) -> f64 {
        f64::from(self.dead) / f64::from(self.asked + 3)
    }
}
