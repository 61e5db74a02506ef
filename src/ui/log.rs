//! `--log FILE`: what happened, a line each with its time, for those who come back later.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::event::{Event, Observer};

use super::escape::Escaped;
use super::lines::Lines;
use super::report;

/// How long a line's time is, the blank behind it included: `2026-11-22T06:27:13Z `.
const STAMP: usize = 21;

/// Writes down what goes to `screen`.
pub struct Log<'a> {
    file: File,
    path: PathBuf,
    /// The command line, until it is written.
    begin: Option<String>,
    lines: Lines,
    /// The last line may be a part of one.
    torn: bool,
    /// The screen was told that lines are lost.
    told: bool,
    screen: &'a mut dyn Observer,
}

impl<'a> Log<'a> {
    /// Opens the log behind what is there already. `program` is its name and version, `words` what it was called with.
    ///
    /// # Errors
    /// Those of opening; `InvalidInput` and `AlreadyExists` for what is there and is no log, which is left alone.
    pub fn open(path: &Path, program: &str, words: &[String], screen: &'a mut dyn Observer) -> io::Result<Self> {
        let mut torn = false;
        match std::fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(meta) if !meta.is_file() => return Err(io::Error::new(ErrorKind::InvalidInput, "it is no file")),
            Ok(meta) if meta.len() == 0 => {}
            Ok(_) => {
                let (mut stamp, mut last) = ([0; STAMP], [0]);
                let mut there = File::open(path)?;
                let is_log = there.read_exact(&mut stamp).is_ok() && is_stamp(&stamp);
                // A power cut leaves a part of a line, or zeros.
                there.seek(SeekFrom::End(-1))?;
                torn = there.read_exact(&mut last).is_ok() && last != *b"\n";
                is_log
                    .then_some(())
                    .ok_or_else(|| io::Error::new(ErrorKind::AlreadyExists, "it is there already, and is no log"))?;
            }
        }
        let file = File::options().append(true).create(true).open(path)?;
        let begin = Some(format!("begin   {program} {}", words.join(" ")));
        Ok(Self { file, path: path.into(), begin, lines: Lines::new(), torn, told: false, screen })
    }

    /// Writes lines, all of them by one call, so that a kill leaves whole ones. A disk that is full must not end the rescue of a disc.
    fn write(&mut self, lines: &[String]) {
        let stamp = humantime::format_rfc3339_seconds(SystemTime::now());
        let text: String = lines.iter().map(|line| format!("{stamp} {line}\n")).collect();
        // What was broken off stays a line of its own.
        let text = if self.torn { format!("\n{text}") } else { text };
        let written = self.file.write_all(text.as_bytes());
        self.torn = written.is_err();
        if let Err(error) = written
            && !std::mem::replace(&mut self.told, true)
        {
            let path = self.path.display();
            self.screen
                .event(&Event::notice(format!("writing to the log {path}: {error}; reading goes on, and lines of it are lost")));
        }
    }

    /// The lines of an event: all that `-v` shows, and progress once a minute.
    fn lines(&mut self, event: &Event) -> Vec<String> {
        match event {
            Event::Progress(progress) => self.lines.progress(progress).into_iter().collect(),
            Event::Result(result) => {
                let end = format!("end     status {}", u8::from(result.status));
                [report::summary(result), report::missing(result), report::reasons(result), report::digests(result), vec![end]]
                    .concat()
            }
            _ => report::line(event).into_iter().chain(report::detail(event)).collect(),
        }
    }
}

impl Observer for Log<'_> {
    fn event(&mut self, event: &Event) {
        let begin = self.begin.take().map(|begin| Escaped(&begin).to_string());
        let lines: Vec<String> = begin.into_iter().chain(self.lines(event)).collect();
        if !lines.is_empty() {
            self.write(&lines);
        }
        self.screen.event(event);
    }

    fn next(&mut self) -> Option<&mut dyn Observer> {
        Some(self.screen)
    }
}

/// A time as it stands before each line.
fn is_stamp(bytes: &[u8; STAMP]) -> bool {
    let time = bytes.strip_suffix(b" ").and_then(|time| str::from_utf8(time).ok());
    time.is_some_and(|time| humantime::parse_rfc3339(time).is_ok())
}
