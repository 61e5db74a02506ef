//! How long the slow device takes for a request. Pure.

use std::time::{Duration, Instant};

/// What each request costs besides its bytes: command and status on the wire, and the firmware. An estimate for USB 3; at 1 MiB a request
/// it is 2 to 4 % of the fast device's time.
const REQUEST: Duration = Duration::from_micros(100);

/// Bytes a second of each direction.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Speed {
    pub writing: u64,
    pub reading: u64,
}

/// What a request asks for, and of how many bytes.
#[derive(Clone, Copy)]
pub enum Access {
    Write(u64),
    Read(u64),
}

/// When the device is done with what it was asked for: one request after the other, each for its own time. Nothing is saved up while it is idle.
pub struct Pace {
    speed: Speed,
    busy_until: Instant,
}

impl Pace {
    /// Of a device that is idle.
    pub fn new(speed: Speed, now: Instant) -> Self {
        Self { speed, busy_until: now }
    }

    /// Takes a request that arrives now; returns when it is served.
    pub fn serve(&mut self, access: Access, now: Instant) -> Instant {
        let (bytes, speed) = match access {
            Access::Write(bytes) => (bytes, self.speed.writing),
            Access::Read(bytes) => (bytes, self.speed.reading),
        };
        let time = REQUEST + Duration::from_nanos(bytes * 1_000_000_000 / speed);
        self.busy_until = self.busy_until.max(now) + time;
        self.busy_until
    }
}
