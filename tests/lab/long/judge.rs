//! What has to be true of an image and its map after any run, told by plain bytes and other people's tools.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::disc::SECTOR;

/// Every run ends within this, whatever the drive does: time is virtual, or the story's own.
const LIMIT: Duration = Duration::from_secs(100);

/// What must not be said by a run that did not read every sector.
const SUCCESS: [&str; 3] = ["all read", "is complete", "matches the expected"];

/// A run of discrip that ended.
pub struct Ran {
    /// None: by a signal.
    pub status: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it said.
    pub stderr: String,
}

/// discrip with these arguments, in this folder, where it leaves `stdout` and `stderr`.
pub fn start(folder: &Path, arguments: &[String]) -> Result<Child, String> {
    let file = |name| fs::File::create(folder.join(name)).map_err(|error| format!("{name}: {error}"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_discrip"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(file("stdout")?).stderr(file("stderr")?);
    command.spawn().map_err(|error| format!("discrip: {error}"))
}

/// Waits for the end of a run, which must come by itself.
pub fn wait(mut child: Child, folder: &Path) -> Result<Ran, String> {
    let begin = Instant::now();
    let ended = loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(ended) => break ended,
            None if begin.elapsed() > LIMIT => {
                let _ = child.kill(); // errors mean that it has just ended
                let _ = child.wait();
                return Err(format!("no end after {LIMIT:?}"));
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    Ran::read(folder, ended.code())
}

impl Ran {
    /// What a run in a guest left in its folder, and in `status` how it ended.
    pub fn of_guest(folder: &Path) -> Result<Self, String> {
        let status = fs::read_to_string(folder.join("status")).map_err(|error| format!("status: {error}"))?;
        let status = match status.trim() {
            "killed" => None,
            status => Some(status.parse().map_err(|error| format!("status {status:?}: {error}"))?),
        };
        Self::read(folder, status)
    }

    /// What a run left in its folder.
    fn read(folder: &Path, status: Option<i32>) -> Result<Self, String> {
        let text = |name| {
            let bytes = fs::read(folder.join(name)).map_err(|error| format!("{name}: {error}"))?;
            Ok::<_, String>(String::from_utf8_lossy(&bytes).into_owned())
        };
        Ok(Self { status, stdout: text("stdout")?, stderr: text("stderr")? })
    }

    /// The status is one that formats.md knows, and what was said fits it.
    pub fn fits(&self) -> Result<(), String> {
        let Some(status) = self.status else { return Ok(()) };
        if ![0, 1, 3, 5, 6, 7].contains(&status) || self.stderr.contains("panicked") {
            return Err(format!("status {status} is none of a run that was started well"));
        }
        // An image that does not match its checksum may have been read as a whole.
        if let Some(words) = SUCCESS.iter().find(|words| ![0, 6].contains(&status) && self.stderr.contains(**words)) {
            return Err(format!("{words:?} with status {status}"));
        }
        if status != 0 && self.stderr.trim().is_empty() && self.stdout.is_empty() {
            return Err(format!("not a word about status {status}"));
        }
        if !self.stdout.starts_with('{') {
            return Ok(());
        }
        let result: Value = (self.stdout.lines().last())
            .and_then(|line| serde_json::from_str(line).ok())
            .filter(|line: &Value| line["event"] == "result")
            .ok_or("the last line is no result")?;
        if result["status"] != status {
            return Err(format!("the result says {} and the program ends with {status}", result["status"]));
        }
        if result["whole"] == true && ![0, 6].contains(&status) {
            return Err(format!("a whole image and status {status}"));
        }
        Ok(())
    }
}

/// A mapfile: bytes and their states, in order.
struct Map(Vec<(Range<usize>, char)>);

impl Map {
    /// The map of an image, which ddrescuelog takes for one as well; None when there is none.
    fn read(file: &Path) -> Result<Option<Self>, String> {
        let Ok(text) = fs::read_to_string(file) else { return Ok(None) };
        let witness =
            Command::new("ddrescuelog").arg("-t").arg(file).output().map_err(|error| format!("ddrescuelog: {error}"))?;
        if !witness.status.success() {
            return Err(format!(
                "ddrescuelog does not take this for a map: {}\n{text}",
                String::from_utf8_lossy(&witness.stderr)
            ));
        }
        let number = |text: &str| usize::from_str_radix(text.trim_start_matches("0x"), 16).ok();
        let block = |line: &str| {
            let mut words = line.split_whitespace();
            let (first, count, state) = (number(words.next()?)?, number(words.next()?)?, words.next()?.chars().next()?);
            Some((first..first + count, state))
        };
        let lines = text.lines().filter(|line| !line.starts_with('#')).skip(1);
        let blocks = lines.map(|line| block(line).ok_or_else(|| format!("no block: {line}"))).collect::<Result<_, _>>()?;
        Ok(Some(Self(blocks)))
    }

    /// The bytes in this state.
    fn of(&self, state: char) -> impl Iterator<Item = &Range<usize>> {
        self.0.iter().filter(move |block| block.1 == state).map(|block| &block.0)
    }

    /// Bytes in this state.
    fn count(&self, state: char) -> usize {
        self.of(state).map(ExactSizeIterator::len).sum()
    }
}

/// The image and the map that a run left.
pub struct Left {
    image: Vec<u8>,
    map: Map,
}

impl Left {
    /// Those in this folder; None before there were any.
    pub fn read(folder: &Path) -> Result<Option<Self>, String> {
        let image = fs::read(folder.join("out.iso")).ok();
        match (image, Map::read(&folder.join("out.iso.map"))?) {
            (Some(image), Some(map)) => Ok(Some(Self { image, map })),
            (Some(image), None) if image.is_empty() => Ok(None), // the first of the files that are made
            (Some(_), None) => Err("an image without a map".into()),
            (None, Some(_)) => Err("a map without an image".into()),
            (None, None) => Ok(None),
        }
    }

    /// Bytes that the map calls finished.
    pub fn finished(&self) -> usize {
        self.map.count('+')
    }

    /// Whether nothing is left to be tried.
    pub fn is_settled(&self) -> bool {
        self.map.0.iter().all(|block| ['+', '-'].contains(&block.1))
    }

    /// Whatever the map calls finished is this disc's; else the first sector that is not.
    pub fn is_of(&self, disc: &[u8]) -> Result<(), String> {
        for bytes in self.map.of('+') {
            let (Some(got), Some(right)) = (self.image.get(bytes.clone()), disc.get(bytes.clone())) else {
                return Err(format!("finished, but past the end: bytes {bytes:?}"));
            };
            let wrong = got.chunks(SECTOR).zip(right.chunks(SECTOR)).position(|(got, right)| got != right);
            if let Some(sector) = wrong {
                return Err(format!("finished, but wrong: sector {}", bytes.start / SECTOR + sector));
            }
        }
        Ok(())
    }

    /// The image is the disc, and the map says so. Of a CD, run-out blocks that can't be read are no part of it.
    pub fn is_whole(&self, disc: &[u8], run_out: usize) -> Result<(), String> {
        self.is_of(disc)?;
        let finished = self.finished();
        (self.has_length_of(disc, run_out) && finished == self.image.len()).then_some(()).ok_or_else(|| {
            format!("done, with {finished} bytes finished of {} in the image and {} on the disc", self.image.len(), disc.len())
        })
    }

    fn has_length_of(&self, disc: &[u8], run_out: usize) -> bool {
        (disc.len().saturating_sub(run_out * SECTOR)..=disc.len()).contains(&self.image.len())
    }

    /// Some sectors are bad: zero in the image, each of them one that `may_fail`, and nothing is left to be tried.
    pub fn is_complete_but_for(&self, disc: &[u8], run_out: usize, may_fail: impl Fn(usize) -> bool) -> Result<(), String> {
        let bad: Vec<usize> = self.map.of('-').flat_map(|bytes| bytes.clone().step_by(SECTOR)).collect();
        if bad.is_empty() || !self.is_settled() || !self.has_length_of(disc, run_out) {
            return Err(format!(
                "{} bad sectors, {} bytes, and the map is settled: {}",
                bad.len(),
                self.image.len(),
                self.is_settled()
            ));
        }
        if let Some(byte) = bad.iter().find(|byte| self.image[**byte..**byte + SECTOR].iter().any(|byte| *byte != 0)) {
            return Err(format!("bad, but not zero: sector {}", byte / SECTOR));
        }
        match bad.iter().map(|byte| byte / SECTOR).find(|sector| !may_fail(*sector)) {
            Some(sector) => Err(format!("given up, and nothing is wrong with it: sector {sector}")),
            None => Ok(()),
        }
    }
}

/// The digest that the run printed is the image's, says sha256sum. One that came to its end has printed one.
pub fn digest_is_right(folder: &Path, ran: &Ran) -> Result<(), String> {
    let printed = |line: &str| match serde_json::from_str::<serde_json::Value>(line) {
        Ok(event) => event["digests"]["sha256"].as_str().map(|digest| format!("{digest}  out.iso")),
        Err(_) => line.starts_with("SHA256 ").then(|| line.to_owned()),
    };
    let Some(line) = ran.stdout.lines().rev().find_map(printed) else {
        return if matches!(ran.status, Some(0 | 3)) { Err("done, without a digest".into()) } else { Ok(()) };
    };
    fs::write(folder.join("SUMS"), format!("{line}\n")).map_err(|error| error.to_string())?;
    let witness = Command::new("sha256sum").args(["--status", "-c", "SUMS"]).current_dir(folder).status();
    let is_right = witness.map_err(|error| format!("sha256sum: {error}"))?.success();
    is_right.then_some(()).ok_or_else(|| format!("not the image's: {line}"))
}
