//! `lab --serve-drive OPERAND [--record FILE | --check]`: the emulated drive behind the kernel's own sr and sg, in a guest.
//!
//! The kernel's target (target_core_user, tcm_loop) hands each command that sr or sg sends to this process, which has the drive of
//! [`discsmith::emulated`] do it. So the programs meet its faults through SG_IO, the block layer and the kernel's error handling.
//! Never on a machine that anybody uses: it loads nothing, but it makes SCSI devices.
//!
//! Once the nodes are there, stdout has one line, `ready /dev/sr0 /dev/sg0`. When a rule says `gone`, the LUN leaves the bus; when the
//! drive is back, so is the LUN, perhaps under other names, and there is another such line. SIGTERM or SIGINT end it: the LUN leaves
//! the bus, what was made in configfs is removed, status 0. Errors are told on stderr, status 1. With `--check` nothing is made: it only
//! tells whether the operand and its fault rules can be read.
//!
//! What differs from the drive spoken to directly (seen with Linux 6.1):
//!
//! - `clock=real` is what one wants: the kernel's patience is real, and a `gone` drive comes back by the drive's clock.
//! - The kernel's own commands count for `times=` and `skip=`; it sends BUSY ones again, and by the block layer some more.
//! - `host=` and `driver=` can't be passed by a target: such a command ends in ABORTED COMMAND (0B/00/00). The record has what was asked for.
//! - `hang=`: past the kernel's limit, which is 7 s at least on sr's node, the command ends with host_status 3, but only when the drive
//!   has ended it, too: the abort waits.
//! - `gone`: the command ends with host_status 7, and the nodes vanish. A drive that is gone while it is being attached is an error.
//! - With a CHECK CONDITION the kernel wipes the buffer, unless data came with it (key 1), and the residual is 0.
//! - A transfer that ends GOOD without a single byte (`short=0`) is taken for a whole one.
//! - Longer transfers than the drive's are refused by sr; sg sends them, and they end in a hardware error (4/44/00).
//!
//! The emulated stick is served as well, but by the runner of the stories, to QEMU: `export`.

mod drive;
pub mod export;
pub mod nbd;
pub mod ring;
mod target;

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, sleep};
use std::time::Duration;

use discsmith::scsi::Port;
use discsmith::scsi::recording::RecordingPort;
use discsmith::sys::Stop;

use drive::Drive;
use ring::Ring;
use target::Target;

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// How often is looked whether something happened that nobody announces, in milliseconds.
const TICK: u8 = 20;

/// Serves the drive that these words describe: `OPERAND [--record FILE | --check]`.
pub(super) fn run(words: &[String]) -> ExitCode {
    let outcome = match words {
        [operand] => serve(operand, None),
        [operand, option] if option == "--check" => port(operand).map(drop),
        [operand, option, file] if option == "--record" => serve(operand, Some(file.as_ref())),
        _ => Err("usage: lab --serve-drive OPERAND [--record FILE | --check]".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab: {error}");
            ExitCode::FAILURE
        }
    }
}

fn port(operand: &str) -> Result<Box<dyn Port>, Box<dyn Error + Send + Sync>> {
    Ok(discsmith::emulated::port(operand.strip_prefix("emulated:").unwrap_or(operand))?)
}

fn serve(operand: &str, record: Option<&Path>) -> Outcome {
    let stop = Stop::listen()?;
    let mut port = port(operand)?;
    if let Some(file) = record {
        port = Box::new(RecordingPort::new(port, file)?);
    }
    let drive = Drive::open(port)?;
    let target = Arc::new(Target::make(drive.max_transfer())?);
    let served = serve_ring(&target, &Arc::new(Mutex::new(drive)), stop);
    let removed = target.remove();
    served?;
    Ok(removed?)
}

/// Answers commands until the LUN is off the bus for good.
fn serve_ring(target: &Arc<Target>, drive: &Arc<Mutex<Drive>>, stop: Stop) -> Outcome {
    let (node, sysfs) = target.uio()?;
    let mut ring = Ring::map(&node, &sysfs)?;
    let life = thread::spawn({
        let (target, drive) = (Arc::clone(target), Arc::clone(drive));
        move || live(&target, &drive, &stop)
    });
    while !life.is_finished() {
        ring.wait(TICK)?;
        while let Some(command) = ring.next()? {
            let mut drive = lock(drive);
            let response = drive.execute(&command);
            ring.end(command, &response)?;
        }
    }
    life.join().unwrap_or_else(|_| Err("the thread that attaches the drive failed".into()))
}

/// The LUN's life: on the bus while the drive is there, until somebody wants an end. Runs beside the ring, as the kernel sends commands
/// while it attaches and detaches.
fn live(target: &Target, drive: &Mutex<Drive>, stop: &Stop) -> Outcome {
    let is_wanted = || stop.requested().is_none();
    while is_wanted() {
        if lock(drive).is_there() {
            let shown = target.attach().and_then(|(sr, sg)| writeln!(io::stdout(), "ready {} {}", sr.display(), sg.display()));
            while shown.is_ok() && is_wanted() && lock(drive).is_there() {
                sleep(Duration::from_millis(TICK.into()));
            }
            target.detach()?;
            shown?;
        } else {
            sleep(Duration::from_millis(TICK.into()));
            lock(drive).look_again();
        }
    }
    Ok(())
}

/// A drive that panicked in the middle of a command is the next one's trouble.
fn lock(drive: &Mutex<Drive>) -> MutexGuard<'_, Drive> {
    drive.lock().unwrap_or_else(PoisonError::into_inner)
}
