//! Processes of this program's own that must not outlive it.
#![allow(unsafe_code)]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::signals::ORPHANED;

/// Has the process that `command` starts asked to end (USR2, which [`super::Stop`] hears) once this one is gone, in whatever way that came; and
/// puts it out of reach of the terminal's Ctrl-C: signals are passed on to it, and it shall not hear them twice.
///
/// Start it from the main thread: a thread's end counts as the end (prctl(2), PR_SET_PDEATHSIG).
pub fn tether(command: &mut Command) -> &mut Command {
    let parent = std::process::id();
    let ask = move || {
        // SAFETY: PR_SET_PDEATHSIG takes a signal's number, and touches no memory.
        if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, ORPHANED as libc::c_ulong) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // It may have gone before it was asked for.
        // SAFETY: getppid takes nothing and can't fail.
        if u32::try_from(unsafe { libc::getppid() }) != Ok(parent) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    };
    command.process_group(0);
    // SAFETY: between fork and exec only prctl and getppid run, both of which are safe there (signal-safety(7): system calls, no memory).
    unsafe { command.pre_exec(ask) }
}
