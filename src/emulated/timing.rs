//! How long things take, and whose time it is.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::areas::Areas;
use super::dice::{self, Topic};
use super::profile::Family;
use crate::scsi::Clock;

/// A clock whose time passes only when somebody lets it.
#[derive(Debug, Default)]
pub(super) struct VirtualClock(AtomicU64);

impl Clock for VirtualClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::SeqCst))
    }

    fn sleep(&self, time: Duration) {
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        // The closure never gives None, so that this can't fail.
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| Some(now.saturating_add(time)));
    }
}

/// Which drive's timing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Model {
    Typical,
    Ideal,
}

/// A command that moves nothing: bus and firmware.
const COMMAND: Duration = Duration::from_micros(200);
/// From standstill to the first sector.
const SPIN_UP: Duration = Duration::from_secs(3);
/// A far jump of the pickup; drives state 100 to 160 ms.
const FAR_JUMP: Duration = Duration::from_millis(120);
/// A jump within reach of the lens, without moving the sled.
const NEAR_JUMP: Duration = Duration::from_millis(15);
/// Sectors that count as near: some turns of the disc.
const NEAR: u32 = 512;
/// What the drive itself spends on a sector that it then gives up, in ms: least, and how much more at most. Drives were seen
/// to take 1 to 30 s.
const GIVING_UP: (u64, u64) = (3000, 5000);
/// What it spends on a weak sector that comes back: about 2 s.
const RECOVERING: (u64, u64) = (1600, 1000);

/// The moving parts of the drive.
#[derive(Debug)]
pub(super) struct Mechanics {
    model: Model,
    seed: u64,
    spinning: bool,
    /// The LBA that passes the lens next.
    head: u32,
    /// Sectors before it that the last read brought.
    run_up: u32,
    /// Ceiling that SET CD SPEED put up, kB/s (1000 bytes).
    ceiling: u16,
}

impl Mechanics {
    pub(super) fn new(model: Model, seed: u64) -> Self {
        Self { model, seed, spinning: false, head: 0, run_up: 0, ceiling: u16::MAX }
    }

    /// The disc stands still.
    pub(super) fn stop(&mut self) {
        self.spinning = false;
        (self.head, self.run_up) = (0, 0);
    }

    /// SET CD SPEED (MMC-6): kB/s of 1000 bytes; FFFFh is the drive's own choice.
    pub(super) fn set_speed(&mut self, kilobytes: u16) {
        self.ceiling = kilobytes.max(1);
    }

    /// The speed that discs of this family are read at, kB/s.
    pub(super) fn speed(&self, family: Family) -> u16 {
        family.full_speed().min(self.ceiling)
    }

    /// The sectors right before `lba` that the last read brought.
    pub(super) fn run_up_to(&self, lba: u32) -> u32 {
        if self.head == lba { self.run_up } else { 0 }
    }

    /// A command that reads nothing from the disc.
    pub(super) fn command(&self) -> Duration {
        self.typical(COMMAND)
    }

    /// Reads these sectors, with some weak ones among them.
    pub(super) fn read(&mut self, family: Family, sectors: Range<u32>, weak: &Areas) -> Duration {
        let mut time = COMMAND;
        if !self.spinning {
            time += SPIN_UP;
        }
        time += match self.head.abs_diff(sectors.start) {
            0 => Duration::ZERO,
            1..NEAR => NEAR_JUMP,
            _ => FAR_JUMP,
        };
        let bytes = u64::from(sectors.end - sectors.start) * u64::from(family.bytes_a_sector());
        // Speeds are kB/s: bytes divided by them are milliseconds.
        time += Duration::from_micros(bytes * 1000 / u64::from(self.speed(family)));
        let mut rest = sectors.clone();
        while let Some(slow) = weak.first_in(&rest) {
            time += self.retrying(slow, RECOVERING);
            rest.start = slow.saturating_add(1);
        }
        self.spinning = true;
        self.run_up = sectors.end - sectors.start;
        self.head = sectors.end;
        self.typical(time)
    }

    /// Gives up on this sector.
    pub(super) fn give_up(&self, lba: u32) -> Duration {
        self.typical(self.retrying(lba, GIVING_UP))
    }

    fn retrying(&self, lba: u32, (least, more): (u64, u64)) -> Duration {
        Duration::from_millis(least + dice::throw(self.seed, Topic::RetryTime, lba.into()) % more)
    }

    fn typical(&self, time: Duration) -> Duration {
        match self.model {
            Model::Typical => time,
            Model::Ideal => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cd_at_24x_gives_1800_sectors_a_second_once_it_spins() {
        let mut drive = Mechanics::new(Model::Typical, 0);
        let none = Areas::default();
        assert!(drive.read(Family::Cd, 0..1, &none) > SPIN_UP);
        let second = drive.read(Family::Cd, 1..1801, &none).as_secs_f64();
        assert!((0.99..1.01).contains(&second), "{second}");
        drive.set_speed(706); // 4x
        let slower = drive.read(Family::Cd, 1801..2101, &none).as_secs_f64();
        assert!((0.99..1.01).contains(&slower), "{slower}");
        assert!(drive.read(Family::Cd, 300_000..300_001, &none) > FAR_JUMP);
    }

    #[test]
    fn bad_sectors_take_seconds_and_an_ideal_drive_no_time() {
        let weak = Areas::new(vec![10..11, 11..12]);
        for seed in 0..50 {
            let mut drive = Mechanics::new(Model::Typical, seed);
            drive.read(Family::Dvd, 0..10, &weak);
            let recovered = drive.read(Family::Dvd, 10..11, &weak).as_millis();
            assert!((1600..2610).contains(&recovered), "{recovered}");
            assert!((3000..8000).contains(&drive.give_up(5).as_millis()));
        }
        let mut ideal = Mechanics::new(Model::Ideal, 0);
        assert_eq!(ideal.read(Family::Bd, 1000..1100, &weak) + ideal.give_up(5) + ideal.command(), Duration::ZERO);
    }

    #[test]
    fn virtual_time_passes_when_it_is_let() {
        let clock = VirtualClock::default();
        clock.sleep(Duration::from_secs(3600));
        assert_eq!(clock.now(), Duration::from_secs(3600));
    }
}
