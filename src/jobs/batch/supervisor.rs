//! Several drives at once, each a process of its own: `discrip --batch DIR --json DRIVE`.
//!
//! Nothing here ever waits for one of them alone. A process whose drive hangs can't even be killed until the kernel gives the drive up.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::Value;

use crate::event::{BatchOutcome, JobResult, Outcome};
use crate::status::Status;
use crate::sys::{Signal, Stop, tether};

/// How often signals and ends of processes are looked for.
const LOOK_UP: Duration = Duration::from_millis(100);

/// A drive that is silent for so long while a disc is read is told of: longer than the limit of any command.
const SILENCE: Duration = Duration::from_secs(90);

/// How long after a signal the processes are waited for: a command that is under way may take 45 s (`READ_LIMIT`), and saving some more.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long the last lines of processes that have ended are waited for, on a machine under load.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What there is to show of a drive.
#[derive(Debug)]
pub enum Said<'a> {
    /// A line of JSON, and what it says.
    Event(&'a str, &'a Value),
    /// A sentence for a person.
    Message(&'a str),
    /// Nothing for a moment.
    Nothing,
}

/// Shows what is said of a drive, named as by the person.
pub type Show<'a> = dyn FnMut(&str, Said<'_>) + 'a;

/// Runs a program for each drive, shows what they say, and passes on signals. Call it from the main thread: [`tether`] says why.
pub fn supervise(programs: Vec<(String, Command)>, show: &mut Show<'_>, stop: &Stop) -> JobResult {
    let (tell, told) = channel();
    let processes = programs.into_iter().enumerate();
    let processes = processes.map(|(number, (drive, command))| Process::start(number, drive, command, &tell)).collect();
    drop(tell);
    let mut supervisor = Supervisor { processes, told, show, outcome: BatchOutcome::default() };
    supervisor.run(stop, PATIENCE);
    supervisor.result(stop)
}

struct Supervisor<'a, 'b> {
    processes: Vec<Process>,
    told: Receiver<(usize, Line)>,
    show: &'a mut Show<'b>,
    outcome: BatchOutcome,
}

/// A drive and its process.
struct Process {
    drive: String,
    state: State,
    /// When it said something last.
    heard: Instant,
    /// A disc is being read; and whether it was told that the drive is silent.
    reading: Option<Silence>,
    /// The last line of a process that ended in order.
    result: Option<Value>,
}

enum State {
    Running(Child),
    Ended(ExitStatus),
    Unstarted(String),
    /// Its process is in the kernel, and hears no signal.
    LeftBehind,
}

#[derive(PartialEq)]
enum Silence {
    Untold,
    Told,
}

/// What a process wrote.
enum Line {
    Event(String),
    Message(String),
}

impl Process {
    fn start(number: usize, drive: String, mut command: Command, tell: &Sender<(usize, Line)>) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = tether(&mut command).spawn().and_then(|mut child| {
            let heard = listen(child.stdout.take(), number, Line::Event, tell)
                .and_then(|()| listen(child.stderr.take(), number, Line::Message, tell));
            // What nobody listens to is not to go on.
            heard.inspect_err(|_| drop(child.kill())).map(|()| child)
        });
        let state = started.map_or_else(|error| State::Unstarted(format!("starting its process: {error}")), State::Running);
        Self { drive, state, heard: Instant::now(), reading: None, result: None }
    }

    fn signal(&self, signal: Signal) {
        let State::Running(child) = &self.state else { return };
        if let Ok(id) = i32::try_from(child.id()) {
            // It may have ended by itself meanwhile.
            let _ = kill(Pid::from_raw(id), signal);
        }
    }

    fn look(&mut self) {
        if let State::Running(child) = &mut self.state
            && let Ok(Some(ended)) = child.try_wait()
        {
            self.state = State::Ended(ended);
        }
    }

    fn is_running(&self) -> bool {
        matches!(self.state, State::Running(_))
    }
}

/// Reads lines on a thread of its own, which ends with the process, or with the program.
fn listen(
    from: Option<impl Read + Send + 'static>,
    number: usize,
    line: fn(String) -> Line,
    tell: &Sender<(usize, Line)>,
) -> std::io::Result<()> {
    let (Some(from), tell) = (from, tell.clone()) else { return Ok(()) };
    let read = move || {
        for text in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            if tell.send((number, line(String::from_utf8_lossy(&text).into_owned()))).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("process".into()).spawn(read).map(drop)
}

impl Supervisor<'_, '_> {
    /// Until every process has ended, or was waited for long enough after a signal.
    fn run(&mut self, stop: &Stop, patience: Duration) {
        let mut end: Option<Instant> = None;
        while self.processes.iter().any(Process::is_running) {
            if self.hear() == Err(RecvTimeoutError::Disconnected) {
                thread::sleep(LOOK_UP);
            }
            self.processes.iter_mut().for_each(Process::look);
            self.tell_silence();
            if stop.status_asked() {
                self.processes.iter().for_each(|process| process.signal(Signal::SIGUSR1));
            }
            match (stop.requested(), end) {
                (Some(signal), None) => {
                    self.processes.iter().for_each(|process| process.signal(signal));
                    end = Some(Instant::now() + patience);
                }
                (_, Some(end)) if Instant::now() >= end => self.leave_behind(),
                _ => {}
            }
        }
        // What they said at last is on its way. Who was left behind keeps the line open, and was heard for long enough.
        let end = Instant::now() + LAST_WORDS;
        let all_ended = self.processes.iter().all(|process| !matches!(process.state, State::LeftBehind));
        while all_ended && self.hear() != Err(RecvTimeoutError::Disconnected) && Instant::now() < end {}
    }

    /// Shows what is said next.
    fn hear(&mut self) -> Result<(), RecvTimeoutError> {
        let (number, line) = self.told.recv_timeout(LOOK_UP).inspect_err(|_| {
            self.processes.iter().for_each(|process| (self.show)(&process.drive, Said::Nothing));
        })?;
        let Some(process) = self.processes.get_mut(number) else { return Ok(()) };
        process.heard = Instant::now();
        match line {
            Line::Message(text) => (self.show)(&process.drive, Said::Message(&text)),
            Line::Event(text) => match serde_json::from_str::<Value>(&text) {
                Ok(event) if event["event"] == "result" => process.result = Some(event),
                Ok(event) => {
                    match event["event"].as_str() {
                        Some("disc") => process.reading = Some(Silence::Untold),
                        Some("row") => {
                            process.reading = None;
                            if let Ok(outcome) = serde_json::from_value(event["outcome"].clone()) {
                                *self.outcome.discs.entry(outcome).or_default() += 1;
                            }
                        }
                        _ => process.reading = process.reading.take().map(|_| Silence::Untold),
                    }
                    (self.show)(&process.drive, Said::Event(&text, &event));
                }
                // A line that was cut off when its process was killed.
                Err(_) => {}
            },
        }
        Ok(())
    }

    fn tell_silence(&mut self) {
        for process in &mut self.processes {
            if process.is_running() && process.reading == Some(Silence::Untold) && process.heard.elapsed() >= SILENCE {
                process.reading = Some(Silence::Told);
                let text = format!("the drive has been silent for {} s; the others go on", SILENCE.as_secs());
                (self.show)(&process.drive, Said::Message(&text));
            }
        }
    }

    fn leave_behind(&mut self) {
        for process in self.processes.iter_mut().filter(|process| process.is_running()) {
            process.state = State::LeftBehind;
        }
    }

    /// All results in one. What a process said of itself was shown as it said it.
    fn result(self, stop: &Stop) -> JobResult {
        let was_stopped = stop.requested().is_some();
        let mut result = JobResult::new(Status::Done);
        for process in &self.processes {
            let of_result = |result: &Value| serde_json::from_value::<Status>(result["status"].clone()).ok();
            let (status, reasons) = match (&process.state, &process.result) {
                (State::LeftBehind, _) => (
                    Status::Stopped,
                    vec!["the drive does not answer, and its process ends when the kernel gives it up; switch the drive off and on; what was \
                          saved before is safe, and the same command goes on"
                        .into()],
                ),
                (State::Unstarted(why), _) => (Status::Failed, vec![why.clone()]),
                // All of them were asked to stop, and say so.
                _ if was_stopped => (Status::Stopped, Vec::new()),
                (_, Some(result)) => (of_result(result).unwrap_or(Status::Failed), reasons(result)),
                (State::Ended(ended), None) => {
                    (Status::Stopped, vec![format!("its process broke off ({ended}); the same command goes on")])
                }
                (State::Running(_), None) => (Status::Stopped, Vec::new()),
            };
            result.status = result.status.and(status);
            result.reasons.extend(reasons.iter().map(|reason| format!("{}: {reason}", process.drive)));
        }
        if was_stopped {
            result.status = Status::Stopped;
            result.reasons.insert(0, "as asked; the same command goes on".into());
        }
        JobResult { outcome: Some(Outcome::Batch(self.outcome)), ..result }
    }
}

fn reasons(result: &Value) -> Vec<String> {
    result["reasons"].as_array().into_iter().flatten().filter_map(Value::as_str).map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a shell script for each drive. What was said, and the result.
    fn run(scripts: &[&str], stop: &Stop) -> (Vec<String>, JobResult) {
        let (tell, told) = channel();
        let shell = |(number, script): (usize, &&str)| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            Process::start(number, format!("drive {number}"), command, &tell)
        };
        let processes = scripts.iter().enumerate().map(shell).collect();
        drop(tell);
        let mut lines = Vec::new();
        let mut show = |drive: &str, said: Said<'_>| match said {
            Said::Event(_, event) => {
                if event["event"] == "stop" {
                    stop.request(Signal::SIGINT);
                }
                lines.push(format!("{drive}: {}", event["event"]));
            }
            Said::Message(text) => lines.push(format!("{drive}: {text}")),
            Said::Nothing => {}
        };
        let mut supervisor = Supervisor { processes, told, show: &mut show, outcome: BatchOutcome::default() };
        supervisor.run(stop, Duration::from_millis(300));
        let result = supervisor.result(stop);
        (lines, result)
    }

    #[test]
    fn rows_are_counted_and_the_worst_status_is_the_batch_s() {
        let row = r#"echo '{"v":1,"event":"row","outcome":"whole"}'"#;
        let end = |status: u8| {
            format!(r#"echo '{{"v":1,"event":"result","status":{status},"reasons":["why {status}"]}}'; exit {status}"#)
        };
        let first = format!("{row}; {row}; echo hello >&2; {}", end(0));
        let (lines, result) = run(&[&first, &end(5), "echo '{\"v\":1,'; kill -9 $$"], &Stop::never());
        assert_eq!(result.status, Status::Refused);
        assert!(lines.contains(&"drive 0: hello".to_string()), "{lines:?}");
        let Some(Outcome::Batch(outcome)) = result.outcome else { panic!("no batch") };
        assert_eq!(outcome.discs.values().sum::<u64>(), 2);
        assert_eq!(result.reasons[1], "drive 1: why 5");
        assert!(result.reasons[2].starts_with("drive 2: its process broke off"), "{:?}", result.reasons);
    }

    #[test]
    fn a_process_that_hears_no_signal_is_left_behind_and_named() {
        // It asks for the stop itself, once it is deaf.
        let deaf = r#"trap "" INT; echo '{"event":"stop"}'; exec sleep 60"#;
        let (_, result) = run(&["exec sleep 60", deaf], &Stop::never());
        assert_eq!(result.status, Status::Stopped);
        assert_eq!(result.reasons.len(), 2, "{:?}", result.reasons);
        assert!(result.reasons[1].starts_with("drive 1: the drive does not answer"), "{:?}", result.reasons);
    }
}
