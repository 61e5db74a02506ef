//! The thread that works, and the one that shows what happens.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use crate::event::{Event, JobResult, Observer};
use crate::sys::Stop;

use super::Failure;

/// How often signals are looked for.
const LOOK_UP: Duration = Duration::from_millis(100);

/// Why there is no answer from the worker.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The system has no thread left.
    #[error("starting a thread: {0}")]
    Start(#[from] io::Error),
    /// A bug.
    #[error("the thread that worked broke down; what was saved before is safe")]
    Broken,
}

/// Works on a thread of its own; this one shows what happens, and hears signals also while a command hangs. `stopping` is said when the
/// first signal comes.
pub fn work<T: Send>(
    stopping: &str,
    observer: &mut dyn Observer,
    stop: &Stop,
    job: impl FnOnce(&mut dyn Observer) -> T + Send,
) -> Result<T, WorkerError> {
    let (events, heard) = channel();
    thread::scope(|scope| {
        let worker = thread::Builder::new().name("worker".into()).spawn_scoped(scope, move || job(&mut Teller(events)))?;
        watch(&heard, stopping, observer, stop);
        worker.join().map_err(|_| WorkerError::Broken)
    })
}

/// The same for a job that has a result, which is told as the last event, whatever happened.
pub fn tell(
    stopping: &str,
    observer: &mut dyn Observer,
    stop: &Stop,
    job: impl FnOnce(&mut dyn Observer) -> Result<JobResult, Failure> + Send,
) -> JobResult {
    let ended = work(stopping, observer, stop, job).unwrap_or_else(|error| Err(Failure::failed(error.to_string())));
    let result = ended.unwrap_or_else(|error| JobResult::because(error.status, error.reason));
    observer.event(&Event::Result(Box::new(result.clone())));
    result
}

/// Sends what happens to the thread that shows it.
struct Teller(Sender<Told>);

/// What the thread that shows is told.
enum Told {
    Event(Box<Event>),
    /// All that came before is to be shown; then this end is dropped, and that is the answer.
    CatchUp(Sender<()>),
}

impl Observer for Teller {
    fn event(&mut self, event: &Event) {
        // Nobody listens only when the program is ending.
        let _ = self.0.send(Told::Event(Box::new(event.clone())));
    }

    fn catch_up(&mut self) {
        let (end, shown) = channel();
        if self.0.send(Told::CatchUp(end)).is_ok() {
            let _ = shown.recv();
        }
    }
}

/// Shows what happens until the job is done.
fn watch(heard: &Receiver<Told>, stopping: &str, observer: &mut dyn Observer, stop: &Stop) {
    let mut told = false;
    loop {
        match heard.recv_timeout(LOOK_UP) {
            Ok(Told::Event(event)) => observer.event(&event),
            Ok(Told::CatchUp(end)) => drop(end),
            Err(RecvTimeoutError::Timeout) => observer.idle(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if stop.status_asked() {
            observer.standing();
        }
        if stop.requested().is_some() && !std::mem::replace(&mut told, true) {
            observer.event(&Event::notice(stopping));
        }
    }
}
