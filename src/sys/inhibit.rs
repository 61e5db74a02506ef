//! Keeps the machine awake while a job runs.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long logind may take to grant the lock. Over D-Bus this is milliseconds; without an answer the job begins without it.
const PATIENCE: Duration = Duration::from_secs(1);

/// A lock against sleep, held until this is dropped, or until the process ends in whatever way: `systemd-inhibit` runs `cat`
/// on a pipe of ours, and both end with the pipe.
#[derive(Debug)]
pub struct Inhibit {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Inhibit {
    /// Takes the lock for `who` because of `why`; both are shown by `systemd-inhibit --list` and by desktops.
    ///
    /// # Errors
    /// Why the machine may fall asleep, as a text for a notice: no such program, no logind, or no permission. Nothing to stop a job for.
    pub fn sleep(who: &str, why: &str) -> Result<Self, String> {
        let arguments = ["--what=sleep:idle", "--mode=block", &format!("--who={who}"), &format!("--why={why}"), "cat"];
        Self::run(OsStr::new("systemd-inhibit"), &arguments)
    }

    fn run(program: &OsStr, arguments: &[&str]) -> Result<Self, String> {
        let name = program.to_string_lossy();
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C goes to the foreground group, and the lock must outlive it while the job saves its work.
            .process_group(0)
            .spawn()
            .map_err(|error| format!("running {name}: {error}"))?;
        let (pipe, answers) = (child.stdin.take(), child.stdout.take());
        let mut inhibit = Self { child, pipe };
        if inhibit.echoes(answers) { Ok(inhibit) } else { Err(format!("{name} did not get a lock")) }
    }

    /// True when a byte comes back from `cat`, which runs only once the lock is held.
    fn echoes(&mut self, answers: Option<ChildStdout>) -> bool {
        let (Some(pipe), Some(mut answers)) = (&mut self.pipe, answers) else { return false };
        if pipe.write_all(b"\n").is_err() {
            return false;
        }
        let (tell, told) = mpsc::channel();
        thread::spawn(move || tell.send(answers.read_exact(&mut [0])));
        matches!(told.recv_timeout(PATIENCE), Ok(Ok(())))
    }
}

impl Drop for Inhibit {
    fn drop(&mut self) {
        self.pipe = None;
        // Killed, it can't hang, and the wait is short. Errors mean that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn run(program: &str, arguments: &[&str]) -> Result<Inhibit, String> {
        Inhibit::run(OsStr::new(program), arguments)
    }

    #[test]
    fn a_lock_ends_with_its_guard() {
        let inhibit = run("cat", &[]).unwrap();
        let folder = format!("/proc/{}", inhibit.child.id());
        assert!(std::fs::exists(&folder).unwrap());
        drop(inhibit);
        assert!(!std::fs::exists(&folder).unwrap());
    }

    #[test]
    fn a_lock_is_out_of_reach_of_ctrl_c() {
        let inhibit = run("cat", &[]).unwrap();
        let pid = nix::unistd::Pid::from_raw(inhibit.child.id() as i32);
        let group = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let group = group.rsplit_once(')').unwrap().1.split_whitespace().nth(2).unwrap().to_owned();
        assert_eq!(group, pid.to_string());
    }

    #[test]
    fn failure_is_a_text_and_soon() {
        let start = Instant::now();
        assert!(run("no-such-program-anywhere", &[]).unwrap_err().contains("no-such-program-anywhere"));
        assert!(run("false", &[]).unwrap_err().contains("did not get a lock"));
        assert!(run("sleep", &["60"]).is_err());
        assert!(start.elapsed() < Duration::from_secs(20));
    }
}
