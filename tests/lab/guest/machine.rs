//! A machine that runs: its process, and the line to its script.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::qmp::Qmp;

/// How a script came to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With this exit status.
    Exit(u8),
    /// By the power cut that it asked for.
    PowerCut,
}

/// A running machine.
pub struct Machine {
    hardware: Arc<Hardware>,
    answers: std::process::ChildStdin,
    requests: Receiver<String>,
}

/// What a script can ask the host to act on.
struct Hardware {
    process: Process,
    /// Without it nothing but the power can be acted on.
    qmp: Option<Mutex<Qmp>>,
    is_cut: AtomicBool,
}

impl Machine {
    /// A machine whose line to its script is the process's stdin and stdout.
    pub fn new(process: Process, qmp: Option<Qmp>) -> Result<Self, Box<dyn Error>> {
        let (answers, lines) = process.line().ok_or("no line to the guest")?;
        let lines = BufReader::new(lines).lines();
        let (sender, requests) = mpsc::channel();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let hardware = Hardware { process, qmp: qmp.map(Mutex::new), is_cut: AtomicBool::new(false) };
        Ok(Self { hardware: Arc::new(hardware), answers, requests })
    }

    /// The process group that is the machine's, if it has one.
    pub fn group(&self) -> Option<u32> {
        self.hardware.process.has_group.then(|| self.hardware.process.id()).flatten()
    }

    /// Does what the guest asks for, until its script ends; every now and then `meanwhile` has its turn.
    pub fn serve(
        mut self,
        folder: &Path,
        limit: Option<Duration>,
        mut meanwhile: impl FnMut() -> std::io::Result<()>,
    ) -> Result<Ending, Box<dyn Error>> {
        let start = Instant::now();
        loop {
            meanwhile()?;
            let request = match self.requests.recv_timeout(Duration::from_millis(100)) {
                Ok(request) => request,
                Err(RecvTimeoutError::Timeout) if limit.is_none_or(|limit| start.elapsed() < limit) => continue,
                Err(RecvTimeoutError::Timeout) => return Err(format!("no end after {} s", start.elapsed().as_secs()).into()),
                Err(RecvTimeoutError::Disconnected) if self.is_cut() => return Ok(Ending::PowerCut),
                Err(RecvTimeoutError::Disconnected) => return Err("the machine stopped".into()),
            };
            if let Some(status) = request.strip_prefix("exit ") {
                return Ok(Ending::Exit(status.trim().parse()?));
            }
            let answer = self.act(request, folder).map_or_else(|error| error.to_string(), |()| "ok".to_owned());
            writeln!(self.answers, "{answer}").or_else(|error| if self.is_cut() { Ok(()) } else { Err(error) })?;
        }
    }

    fn is_cut(&self) -> bool {
        self.hardware.is_cut.load(Ordering::SeqCst)
    }

    /// `VERB …` at once, or `after SECONDS VERB …` then, while the script goes on.
    fn act(&self, request: String, folder: &Path) -> Result<(), Box<dyn Error>> {
        let Some((seconds, later)) = request.strip_prefix("after ").and_then(|rest| rest.split_once(' ')) else {
            return self.hardware.act(&request, folder);
        };
        let (pause, later) = (Duration::try_from_secs_f64(seconds.parse()?)?, later.to_owned());
        let (hardware, folder): (_, PathBuf) = (Arc::downgrade(&self.hardware), folder.to_owned());
        thread::spawn(move || {
            thread::sleep(pause);
            let Some(hardware) = hardware.upgrade() else { return }; // the script has ended before
            if let Err(error) = hardware.act(&later, &folder) {
                eprintln!("lab: {later}: {error}");
            }
        });
        Ok(())
    }
}

impl Hardware {
    fn act(&self, request: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
        if request == "kill" {
            self.is_cut.store(true, Ordering::SeqCst);
            self.process.kill();
            return Ok(());
        }
        match &self.qmp {
            Some(qmp) => lock(qmp).act(request, folder),
            None => Err(format!("a UML guest has no hardware to `{request}`").into()),
        }
    }
}

/// A machine's process, killed when it is no longer needed.
pub struct Process {
    child: Mutex<Option<Child>>,
    has_group: bool,
}

impl Process {
    /// A process without others.
    pub fn single(child: Child) -> Self {
        Self { child: Mutex::new(Some(child)), has_group: false }
    }

    /// The leader of a process group, which ends with it.
    pub fn group(child: Child) -> Self {
        Self { child: Mutex::new(Some(child)), has_group: true }
    }

    fn line(&self) -> Option<(std::process::ChildStdin, std::process::ChildStdout)> {
        let mut child = lock(&self.child);
        let child = child.as_mut()?;
        child.stdin.take().zip(child.stdout.take())
    }

    fn id(&self) -> Option<u32> {
        lock(&self.child).as_ref().map(Child::id)
    }

    /// At once, as when the power is cut.
    pub fn kill(&self) {
        let Some(mut child) = lock(&self.child).take() else { return };
        // Until it is waited for its number is its own. An error means that it has ended already.
        if let (true, Ok(group)) = (self.has_group, child.id().try_into()) {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
