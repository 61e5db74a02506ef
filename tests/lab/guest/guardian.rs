//! Who clears away when the runner is gone.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use super::terminal;

/// A shell that waits for the runner's end, whatever ends it, and leaves nothing behind: no process of a machine, no folder, and
/// the terminal as it was.
pub struct Guardian {
    process: Child,
    line: Mutex<Option<ChildStdin>>,
    folder: PathBuf,
    sockets: PathBuf,
}

impl Guardian {
    /// Guards new folders.
    pub fn new() -> Result<Self, Box<dyn Error>> {
        Self::of("")
    }

    /// Guards new folders, and the settings of the terminal.
    pub fn with_terminal() -> Result<Self, Box<dyn Error>> {
        Self::of(&terminal::settings()?)
    }

    fn of(settings: &str) -> Result<Self, Box<dyn Error>> {
        let mut process = Command::new("sh")
            .args(["-c", include_str!("guardian.sh"), "guardian"])
            .args([env!("CARGO_TARGET_TMPDIR"), settings])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0) // a key that ends the runner is not for the guardian
            .spawn()?;
        let line = Mutex::new(process.stdin.take());
        let mut said = BufReader::new(process.stdout.take().ok_or("no line from the guardian")?).lines();
        let mut folder = || said.next().unwrap_or_else(|| Err(io::Error::other("no folder could be made"))).map(PathBuf::from);
        let (folder, sockets) = (folder()?, folder()?);
        Ok(Self { process, line, folder, sockets })
    }

    /// The story's folder, which goes with the guardian.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder for sockets, which goes with the guardian. Its path is short: a socket's name has room for 108 bytes.
    pub fn sockets(&self) -> &Path {
        &self.sockets
    }

    /// The machine's process group, or that it is gone.
    pub fn watch(&self, group: Option<u32>) -> io::Result<()> {
        let group = group.map(|group| group.to_string()).unwrap_or_default();
        match &mut *self.line.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(line) => writeln!(line, "{group}"),
            None => Ok(()),
        }
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.line.lock().unwrap_or_else(PoisonError::into_inner).take());
        // An error would mean that somebody else has killed it: then there is nobody left to clear away.
        let _ = self.process.wait();
    }
}
