//! One run of a contestant, and what is measured of it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use crate::Result;
use crate::contestants::Contestant;
use crate::device::{Device, Traffic};
use crate::figures::Figures;

/// How often device and memory are looked at.
const SAMPLE: Duration = Duration::from_millis(50);
/// What isoflash says when all but the first MiB is on the device, and flushed.
const DURABLE: &str = r#""event":"phase","name":"verify""#;

/// Lets it write the image, and prove it.
pub fn run(contestant: &mut Contestant, device: &Device) -> Result<Figures> {
    let (before, cpu) = (device.traffic()?, cpu_of_children()?);
    let begin = Instant::now();
    let (mut watched, mut told) = (Watched::default(), None);
    for pipeline in &mut contestant.write {
        let (lines, seen) = pipe(pipeline, device)?;
        watched.join(seen);
        told = told.or_else(|| lines.into_iter().find(|(_, line)| line.contains(DURABLE)).map(|(at, _)| at));
    }
    let written = (!contestant.write.is_empty()).then(|| told.unwrap_or_else(Instant::now));
    for pipeline in &mut contestant.verify {
        watched.join(pipe(pipeline, device)?.1);
    }
    let verified = begin.elapsed();
    let after = device.traffic()?;
    Ok(Figures {
        durable: written.map(|at| at.duration_since(begin).as_secs_f64()),
        verified: verified.as_secs_f64(),
        read: after.read - before.read,
        written: after.written - before.written,
        cpu: (cpu_of_children()? - cpu).as_secs_f64(),
        peak: watched.peak,
        stall: watched.stall.as_secs_f64(),
    })
}

/// A line that a program printed, and when.
type Line = (Instant, String);

/// Runs programs side by side, each on what the one before it prints. Returns the lines of the last one.
fn pipe(pipeline: &mut [Command], device: &Device) -> Result<(Vec<Line>, Watched)> {
    let mut children: Vec<Child> = Vec::new();
    for command in pipeline.iter_mut() {
        let input = children.last_mut().and_then(|child| child.stdout.take()).map_or_else(Stdio::null, Stdio::from);
        let name = command.get_program().display().to_string();
        let child = command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        children.push(child.map_err(|error| format!("{name}: {error}"))?);
    }
    let output = children.last_mut().and_then(|child| child.stdout.take()).ok_or("a pipeline without programs")?;
    let processes: Vec<u32> = children.iter().map(Child::id).collect();
    let (end, ended) = channel::<()>();
    thread::scope(|scope| {
        let watch = scope.spawn(move || Watched::watch(device, &processes, &ended));
        let lines = BufReader::new(output).lines().map(|line| Ok((Instant::now(), line?))).collect::<Result<Vec<Line>>>();
        let failed = children.into_iter().zip(pipeline).find_map(|(child, command)| failure(child, command));
        drop(end);
        let watched = watch.join().map_err(|_| "the thread that watches broke down")??;
        failed.map_or(Ok((lines?, watched)), |failure| Err(failure.into()))
    })
}

/// Waits for a program; what it died of.
fn failure(child: Child, command: &Command) -> Option<String> {
    let name = command.get_program().display();
    match child.wait_with_output() {
        Ok(done) if done.status.success() => None,
        Ok(done) => Some(format!("{name} ended with {}: {}", done.status, String::from_utf8_lossy(&done.stderr).trim())),
        Err(error) => Some(format!("{name}: {error}")),
    }
}

/// What is seen of a run from outside.
#[derive(Default)]
struct Watched {
    /// The largest sum of the programs' peaks, in bytes.
    peak: u64,
    /// The longest time in which the device moved nothing.
    stall: Duration,
}

impl Watched {
    /// Looks every 50 ms, until the other end of `ended` is gone.
    fn watch(device: &Device, processes: &[u32], ended: &Receiver<()>) -> std::result::Result<Self, String> {
        let mut watched = Self::default();
        let mut moved: (Instant, Option<Traffic>) = (Instant::now(), None);
        loop {
            let traffic = device.traffic().map_err(|error| error.to_string())?;
            watched.peak = watched.peak.max(processes.iter().filter_map(|process| peak(*process)).sum());
            watched.stall = watched.stall.max(moved.0.elapsed());
            if moved.1 != Some(traffic) {
                moved = (Instant::now(), Some(traffic));
            }
            if ended.recv_timeout(SAMPLE) != Err(RecvTimeoutError::Timeout) {
                return Ok(watched);
            }
        }
    }

    fn join(&mut self, other: Self) {
        self.peak = self.peak.max(other.peak);
        self.stall = self.stall.max(other.stall);
    }
}

/// Bytes that a process had in memory at most; `None` once it has ended.
fn peak(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?;
    Some(kibibytes.parse::<u64>().ok()? << 10)
}

/// What all programs that have ended took, user and kernel.
fn cpu_of_children() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let time = |value: TimeVal| Duration::new(value.tv_sec().unsigned_abs(), value.tv_usec().unsigned_abs() as u32 * 1000);
    Ok(time(usage.user_time()) + time(usage.system_time()))
}
