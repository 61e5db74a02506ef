//! What is measured, and what is to be reached. Pure.

/// Of one run.
#[derive(Clone, Copy)]
pub struct Figures {
    /// Seconds until the image was on the device; `None` for who only reads.
    pub durable: Option<f64>,
    /// Seconds until it was read back as well.
    pub verified: f64,
    /// Bytes that reached the device.
    pub written: u64,
    /// Bytes that it gave.
    pub read: u64,
    /// Seconds of CPU, user and kernel, of the programs.
    pub cpu: f64,
    /// Bytes in memory at most, of all programs at the time.
    pub peak: u64,
    /// Seconds for which the device moved nothing, at most.
    pub stall: f64,
}

/// A figure over all rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Spread {
    /// Of at least one figure; of none all are NaN.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        let last = sorted.len().saturating_sub(1);
        Self { median: f64::midpoint(at(last / 2), at(last.div_ceil(2))), least: at(0), most: at(last) }
    }
}

/// dd's seconds in one round, and what this build's SHA-256 takes for as many bytes.
#[derive(Clone, Copy)]
pub struct Rival {
    pub write: f64,
    pub read: f64,
    pub sha256: f64,
}

impl Rival {
    /// The time of a device that does nothing but serve: dd's write and dd's read.
    pub fn device(self) -> f64 {
        self.write + self.read
    }

    /// The same where SHA-256 may be slower than the device.
    pub fn device_or_digest(self) -> f64 {
        self.write.max(self.sha256) + self.read.max(self.sha256)
    }

    /// What a twentieth of an image should cost: all of it read twice, and the twentieth written.
    pub fn delta(self) -> f64 {
        2.0 * self.read + 0.05 * self.write
    }
}
