//! Tools of the system that the bench needs: losetup, blockdev, chrt.

use std::io;
use std::path::Path;
use std::process::Command;

/// Runs a tool to its end; returns what it says on stdout.
pub fn run(tool: &str, arguments: &[&Path]) -> io::Result<String> {
    let done = Command::new(tool).args(arguments).output().map_err(|error| io::Error::other(format!("{tool}: {error}")))?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if done.status.success() {
        Ok(said(&done.stdout))
    } else {
        Err(io::Error::other(format!("{tool} {arguments:?}: {}", said(&done.stderr).trim())))
    }
}
