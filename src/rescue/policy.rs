//! Every number that decides how a disc is read, with its reason.

use std::time::Duration;

/// Sectors of the first commands, 64 KiB: bridges exist that corrupt or hang above it, and all tools in wide use stay there.
pub const FIRST_COMMAND: u32 = 32;

/// Sectors of the longest command, 512 KiB: beyond it nothing is gained, and a failed command would cover more of the disc.
pub const LONGEST_COMMAND: u32 = 256;

/// Limit of the first read: 30 s are normal after insertion (spin-up, calibration).
pub const FIRST_LIMIT: Duration = Duration::from_secs(60);

/// Limit of every later read. A dead sector costs 1 to 30 s inside the drive; a shorter limit makes the kernel reset a drive that works.
pub const READ_LIMIT: Duration = Duration::from_secs(45);

/// How long a drive may be becoming ready (02/04/01), after insertion as well as after a reset in mid-run.
pub const READY_LIMIT: Duration = Duration::from_secs(60);

/// Reads that may time out in a row before the run stops: the drive needs a power cycle then.
pub const TIME_OUTS_IN_A_ROW: u32 = 3;

/// Tries of a command that failed between host and drive, or that the drive aborted (B/xx).
pub const TRANSPORT_TRIES: u32 = 3;

/// Commands that may fail in a row between host and drive before the run stops: it is the cable or the bridge, not the disc.
pub const TRANSPORT_FAILURES_IN_A_ROW: u32 = 10;

/// Pause after such a failure, multiplied by their number in a row (libburn waits 100 ms, and 100 ms more each time).
pub const TRANSPORT_PAUSE: Duration = Duration::from_millis(100);

/// Reads that may be interrupted in a row (unit attention, busy, not ready) before the run stops.
pub const INTERRUPTIONS_IN_A_ROW: u32 = 10;

/// The longest skip after failed commands, as a share of the disc: GNU ddrescue's 1 %.
pub const LONGEST_SKIP_SHARE: u32 = 100;

/// The two blocks that a drive adds to a CD track written track-at-once, and that can't be read (MMC-6, READ CAPACITY; libburn's mmc.c).
pub const RUN_OUT: u32 = 2;

/// How long after the start image and map are first flushed to disk; each time then takes twice as long, up to [`SAVE_EVERY`].
pub const FIRST_SAVE: Duration = Duration::from_secs(1);

/// How often image and map are flushed to disk: what a power cut may cost.
pub const SAVE_EVERY: Duration = Duration::from_secs(15);

/// Good sectors that a run-up reads: some drives read an area only when they come to it in sequence (redumper #21 speaks of 32 to 64).
pub const RUN_UP: u32 = 48;

/// Farther than this behind the last good sector a run-up is none: the drive would have to seek all the same.
pub const RUN_UP_REACH: u32 = 64;

/// Low speed of the retries, as multiples for CD, DVD and BD: the lowest that most drives have; they take the nearest one that they do.
pub const SLOW_SPEED: (f64, f64, f64) = (4.0, 2.0, 2.0);

/// Medium speed: drives were seen to read at 12x or 16x what they did not at 1x to 4x (DiscImageCreator #261).
pub const MEDIUM_SPEED: (f64, f64, f64) = (12.0, 6.0, 4.0);

/// A failure that took no longer is suspicious: an unreadable sector costs a drive 1 to 30 s, and a far jump alone 100 ms.
pub const FAST_FAILURE: Duration = Duration::from_millis(50);

/// Suspicious failures in a row before a sector that came before is read again, to prove that the drive still reads. Each proof
/// doubles it, as some drives do fail fast where a disc is bad.
pub const SUSPICIOUS_FAILURES: u32 = 3;

/// Sectors that failed by a fault of the drive's own, fewer in a row than that, and that are read once more at the end: a drive that lost
/// its servo (4/09, 4/44) often reads them then. On a disc with more of them it is the damage that shows so.
pub const STRAY_FAULTS: usize = 64;

/// Failures of any kind in a row before that proof: what is lost by a drive that stopped reading is at most the work on so many.
pub const UNPROVED_FAILURES: u32 = 64;

/// Sectors from the failure at which a sector can't come out of the drive's cache, which holds 2 to 8 MiB.
pub const BEYOND_CACHE: u32 = 4096;

/// The first pause of a drive that reads nothing any more, not even what it read before; each further one is twice as long.
pub const WEDGED_PAUSE: Duration = Duration::from_secs(5);

/// Such pauses in a row, two and a half minutes in all, before the run stops: the drive needs a power cycle then.
pub const WEDGED_PAUSES: u32 = 5;

/// Pause after a fault that the drive reports of its own (4/xx): it recalibrates its servo, or spins up again.
pub const HARDWARE_PAUSE: Duration = Duration::from_secs(1);

/// A good read that took so much longer than usual took effort: a drive that reads a sector again and again needs about 2 s, and most
/// drives say nothing of it.
pub const EFFORT: Duration = Duration::from_secs(1);
