//! Signals as flags: a job looks at them between two commands.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::{io, process, ptr};

pub use nix::sys::signal::Signal;
use nix::sys::signal::{SigHandler, signal};
use signal_hook::flag;
use signal_hook::low_level::emulate_default_handler;

/// The signals that end a run in order.
const ENDING: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// Ends a run as TERM does, but is not deadly when it comes again: the kernel sends it for each thread of the process that started this
/// one ([`super::tether`]).
pub(super) const ORPHANED: Signal = Signal::SIGUSR2;

/// Whether the program was asked to stop, or to say where it stands. Clones share their state.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    stopped: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
    status: Arc<AtomicBool>,
}

impl Stop {
    /// Listens to INT, TERM and HUP, each unless it was ignored when the program started (as `nohup` does), and to USR1 and USR2. The first
    /// one that ends the run sets a flag, a second one ends the program at once by its default action. Calls that a signal interrupts
    /// are restarted (SA_RESTART), so ask questions before this.
    ///
    /// Also ignores XFSZ: a write past `ulimit -f` then fails with EFBIG, and the run can be saved.
    ///
    /// # Errors
    /// Those of sigaction(2).
    pub fn listen() -> io::Result<Self> {
        let stop = Self::default();
        for ending in ENDING {
            let number = ending as i32;
            if is_ignored(number)? {
                continue;
            }
            // In this order: the first signal finds the flag unset, and sets it.
            flag::register_conditional_default(number, Arc::clone(&stop.stopped))?;
            flag::register_usize(number, Arc::clone(&stop.signal), number as usize)?;
            flag::register(number, Arc::clone(&stop.stopped))?;
        }
        flag::register(Signal::SIGUSR1 as i32, Arc::clone(&stop.status))?;
        flag::register_usize(ORPHANED as i32, Arc::clone(&stop.signal), Signal::SIGTERM as usize)?;
        flag::register(ORPHANED as i32, Arc::clone(&stop.stopped))?;
        // SAFETY: SIG_IGN runs no code of ours.
        unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) }?;
        Ok(stop)
    }

    /// Hears no signals; only [`Self::request`] stops it. For tests, and programs that use the library.
    pub fn never() -> Self {
        Self::default()
    }

    /// Asks for a stop, as if the signal had come.
    pub fn request(&self, signal: Signal) {
        self.signal.store(signal as usize, Ordering::SeqCst);
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// The signal that asked for a stop.
    pub fn requested(&self) -> Option<Signal> {
        let number = i32::try_from(self.signal.load(Ordering::SeqCst)).ok()?;
        Signal::try_from(number).ok()
    }

    /// True once for each time that USR1 asked where the run stands.
    pub fn status_asked(&self) -> bool {
        self.status.swap(false, Ordering::SeqCst)
    }

    /// Dies by `signal`, so that the shell that waits sees what happened.
    pub fn die(self, signal: Signal) -> ! {
        let number = signal as i32;
        // Only an unknown signal or a failing raise(3) comes back; 128 + n is what a shell would make of that death.
        let _ = emulate_default_handler(number);
        process::exit(128 + number)
    }
}

fn is_ignored(signal: i32) -> io::Result<bool> {
    let mut current = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null action changes nothing; `current` is room for the answer, and all-zero is a valid value of it.
    let (result, current) = unsafe { (libc::sigaction(signal, ptr::null(), current.as_mut_ptr()), current.assume_init()) };
    if result == 0 { Ok(current.sa_sigaction == libc::SIG_IGN) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Child, ChildStdout, Command, Stdio};
    use std::thread::sleep;
    use std::time::Duration;

    use nix::sys::signal::kill;
    use nix::unistd::Pid;

    /// What the tests below start in a process of its own; says on stdout what it hears.
    #[test]
    fn listener() {
        let Ok(then) = std::env::var("THEN") else { return };
        let stop = Stop::listen().unwrap();
        println!("\nlistening");
        loop {
            sleep(Duration::from_millis(5));
            if stop.status_asked() {
                println!("asked");
            }
            if let Some(signal) = stop.requested() {
                println!("heard {signal}");
                match then.as_str() {
                    "die" => stop.die(signal),
                    _ => sleep(Duration::from_secs(60)),
                }
            }
        }
    }

    struct Listener {
        child: Child,
        lines: BufReader<ChildStdout>,
    }

    impl Listener {
        fn start(shell: &str, then: &str) -> Self {
            let mut child = Command::new("sh")
                .args(["-c", &format!("{shell}exec \"$0\" --exact sys::signals::tests::listener --nocapture")])
                .arg(std::env::current_exe().unwrap())
                .env("THEN", then)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let lines = BufReader::new(child.stdout.take().unwrap());
            let mut listener = Self { child, lines };
            listener.says("listening");
            listener
        }

        fn says(&mut self, wanted: &str) {
            let mut line = String::new();
            while line.trim_end() != wanted {
                line.clear();
                assert_ne!(self.lines.read_line(&mut line).unwrap(), 0, "ended without saying {wanted}");
            }
        }

        fn send(&self, signal: Signal) {
            kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
        }

        fn dies_by(&mut self, signal: Signal) {
            assert_eq!(self.child.wait().unwrap().signal(), Some(signal as i32));
        }
    }

    impl Drop for Listener {
        fn drop(&mut self) {
            // Only a failed test leaves it running.
            let _ = self.child.kill();
        }
    }

    #[test]
    fn the_first_signal_is_heard_and_the_second_ends_at_once() {
        let mut listener = Listener::start("", "wait");
        listener.send(Signal::SIGINT);
        listener.says("heard SIGINT");
        listener.send(Signal::SIGTERM);
        listener.dies_by(Signal::SIGTERM);
    }

    #[test]
    fn the_program_dies_by_the_signal_it_heard() {
        let mut listener = Listener::start("", "die");
        listener.send(Signal::SIGTERM);
        listener.dies_by(Signal::SIGTERM);
    }

    #[test]
    fn a_signal_ignored_from_the_start_stays_ignored_and_usr1_only_asks() {
        let mut listener = Listener::start("trap '' HUP; ", "die");
        listener.send(Signal::SIGHUP);
        listener.send(Signal::SIGUSR1);
        listener.says("asked");
        listener.send(Signal::SIGINT);
        listener.says("heard SIGINT");
        listener.dies_by(Signal::SIGINT);
    }

    #[test]
    fn without_handlers_it_can_still_be_asked_to_stop() {
        let stop = Stop::never();
        assert_eq!((stop.requested(), stop.status_asked()), (None, false));
        stop.clone().request(Signal::SIGHUP);
        assert_eq!(stop.requested(), Some(Signal::SIGHUP));
    }
}
