//! Media for the tests of this room: bytes in memory, and files that other people's programs made.

use super::pages::Read;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// Bytes in memory, read as a medium is. Every read is held to what readers are promised.
pub struct Medium {
    pub bytes: Vec<u8>,
    pub sector: u32,
    /// Bytes that can't be read: all reads that touch them fail.
    pub bad: Vec<std::ops::Range<u64>>,
    pub reads: u32,
}

impl Medium {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, sector: 512, bad: Vec::new(), reads: 0 }
    }

    /// Zeros, and these bytes at these places.
    pub fn with(size: usize, pieces: &[(usize, &[u8])]) -> Self {
        let mut bytes = vec![0; size];
        for (at, piece) in pieces {
            bytes[*at..*at + piece.len()].copy_from_slice(piece);
        }
        Self::new(bytes)
    }

    pub fn ask<T>(&mut self, question: impl FnOnce(u64, u32, Read) -> T) -> T {
        let Self { bytes, sector, bad, reads } = self;
        let (sector, size) = (*sector, bytes.len() as u64);
        let mut read = |offset: u64, len: usize| {
            *reads += 1;
            let wanted = offset..offset + len as u64;
            assert!(len > 0 && len <= 65_536 && wanted.end <= size, "{wanted:?}");
            assert!(offset.is_multiple_of(u64::from(sector)) && (len as u64).is_multiple_of(u64::from(sector)), "{wanted:?}");
            let good = bad.iter().all(|bad| wanted.end <= bad.start || wanted.start >= bad.end);
            good.then(|| bytes[offset as usize..][..len].to_vec())
        };
        question(size, sector, &mut read)
    }
}

/// Runs a program in a folder, with `input` to read. `None`, and a line that says so, when it isn't installed.
pub fn tool(folder: &Path, command: &[&str], input: &str) -> Option<String> {
    // Where those are that only root is expected to run.
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    fs::write(folder.join("input"), input).unwrap();
    let stdin = fs::File::open(folder.join("input")).unwrap();
    let Ok(output) = Command::new(command[0]).args(&command[1..]).current_dir(folder).env("PATH", path).stdin(stdin).output()
    else {
        // Past the test harness, which hides what a passing test prints.
        let _ = std::io::stderr().write_all(format!("skipped: {} is not installed\n", command[0]).as_bytes());
        return None;
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
    Some(said)
}
