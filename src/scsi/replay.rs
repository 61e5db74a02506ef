//! A drive that answers as a record says: a captured session as a test.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::recording::Line;
use super::{Access, Cdb, Clock, Completion, Data, OpenError, Opened, Port, Transport, TransportError};

/// The record of a session and the image that its sectors come from.
pub struct ReplayPort(Arc<Mutex<Session>>);

struct Session {
    lines: std::vec::IntoIter<Line>,
    sectors: Option<File>,
    now: Duration,
    /// Commands answered so far.
    answered: usize,
}

/// Why a record can't be replayed.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of the record is no command: {why}")]
pub struct ReplayError {
    line: usize,
    why: serde_json::Error,
}

impl ReplayPort {
    /// A session from its record's text. Sectors come from `sectors`; without it they are zero.
    pub fn new(record: &str, sectors: Option<File>) -> Result<Self, ReplayError> {
        let parse = |(index, line)| serde_json::from_str(line).map_err(|why| ReplayError { line: index + 1, why });
        let lines = record.lines().enumerate().map(parse).collect::<Result<Vec<Line>, _>>()?.into_iter();
        Ok(Self(Arc::new(Mutex::new(Session { lines, sectors, now: Duration::ZERO, answered: 0 }))))
    }

    /// Commands of the record that were not asked for yet.
    pub fn left(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).lines.len()
    }
}

impl Port for ReplayPort {
    fn name(&self) -> String {
        "replay".into()
    }

    fn open(&mut self) -> Result<Opened, OpenError> {
        Ok(Opened { transport: Box::new(Replay(Arc::clone(&self.0))), access: Access::Full, node: "replay".into() })
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SessionClock(Arc::clone(&self.0)))
    }

    fn unmount(&mut self) -> Result<(), OpenError> {
        Ok(())
    }

    fn backing(&self) -> Option<PathBuf> {
        None
    }
}

struct SessionClock(Arc<Mutex<Session>>);

impl Clock for SessionClock {
    fn now(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).now
    }

    fn sleep(&self, time: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).now += time;
    }
}

struct Replay(Arc<Mutex<Session>>);

impl Transport for Replay {
    /// Answers with the next line. A command that is not the one of the record is a `System` error that names both.
    fn execute(&mut self, cdb: &Cdb, data: Data<'_>, _limit: Duration) -> Result<Completion, TransportError> {
        let mut session = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        session.answered += 1;
        let number = session.answered;
        let Some(line) = session.lines.next() else {
            return Err(TransportError::System(format!("the record ends before command {number}, {cdb:?}")));
        };
        if line.cdb != hex::encode(cdb.bytes()) {
            return Err(TransportError::System(format!("command {number} is {cdb:?}, in the record it is {}", line.cdb)));
        }
        session.now = session.now.max(Duration::from_millis(line.at + line.took));
        match line.error.as_deref() {
            Some(error) if error == TransportError::Gone.to_string() => return Err(TransportError::Gone),
            Some(error) => return Err(TransportError::System(error.into())),
            None => {}
        }
        if let (Data::In(buffer), 0, 0) = (data, line.status, line.host) {
            match (cdb.sectors_read(), &session.sectors, &line.data) {
                (Some((lba, count)), Some(file), _) => {
                    let sector = buffer.len() as u64 / u64::from(count.max(1));
                    let read = file.read_exact_at(buffer, u64::from(lba) * sector);
                    read.map_err(|error| TransportError::System(format!("reading the sectors of the record: {error}")))?;
                }
                (Some(_), None, _) => buffer.fill(0),
                (None, _, Some(data)) => buffer.iter_mut().zip(unhex(data)?).for_each(|(to, from)| *to = from),
                (None, _, None) => {}
            }
        }
        Ok(Completion {
            status: line.status,
            host_status: line.host,
            driver_status: line.driver,
            residual: line.residual,
            sense: unhex(&line.sense)?,
            took: Duration::from_millis(line.took),
        })
    }

    fn max_transfer(&self) -> usize {
        512 << 10
    }
}

fn unhex(text: &str) -> Result<Vec<u8>, TransportError> {
    hex::decode(text).map_err(|error| TransportError::System(format!("the record has bytes that are no hex: {error}")))
}
