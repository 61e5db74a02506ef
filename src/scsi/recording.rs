//! Each command and its ending as a JSON line: a bug report that is a test (docs/formats.md, `--record`).

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Cdb, Clock, Completion, Data, OpenError, Opened, Port, Transport, TransportError};

/// One line. Bytes in hex; times in milliseconds, of the drive's clock unless it says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The command block.
    pub cdb: String,
    /// When it was sent.
    pub at: u64,
    /// When it was sent, by the wall's clock, counted from the moment at which the session's record was begun. Old records lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub real: Option<u64>,
    /// How long it took.
    #[serde(default)]
    pub took: u64,
    /// SCSI status.
    #[serde(default)]
    pub status: u8,
    /// host_status.
    #[serde(default)]
    pub host: u16,
    /// driver_status.
    #[serde(default)]
    pub driver: u16,
    /// Bytes that did not arrive.
    #[serde(default)]
    pub residual: i32,
    /// Sense data.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sense: String,
    /// What arrived, of commands other than reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// SHA-256 of what arrived, of reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Why there was no ending at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How each line begins.
const BEGIN: &[u8; 8] = b"{\"cdb\":\"";

/// A port whose every command is written down.
pub struct RecordingPort {
    port: Box<dyn Port>,
    path: PathBuf,
    /// Opened with the drive.
    log: Option<Arc<Log>>,
}

/// The file, and when this session began to write to it.
struct Log {
    file: Mutex<File>,
    begun: Instant,
}

impl Log {
    /// Each line goes out by one call, so that a process that is killed leaves whole lines. One that can't be written must not end
    /// the rescue of a disc.
    fn write(&self, line: &Line) {
        let Ok(mut text) = serde_json::to_vec(line) else { return };
        text.push(b'\n');
        let _ = self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&text);
    }
}

impl RecordingPort {
    /// Records what goes through `port`, behind what an earlier session recorded in the file at `path`; it is made when the drive is
    /// opened. Errors: what is there is something else, and left alone.
    pub fn new(port: Box<dyn Port>, path: &Path) -> io::Result<Self> {
        match std::fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(meta) if !meta.is_file() => return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file")),
            Ok(meta) if meta.len() == 0 => {}
            Ok(_) => {
                let mut begin = [0; BEGIN.len()];
                let is_record = File::open(path)?.read_exact(&mut begin).is_ok() && begin == *BEGIN;
                is_record
                    .then_some(())
                    .ok_or_else(|| io::Error::new(io::ErrorKind::AlreadyExists, "the file is there already, and is no record"))?;
            }
        }
        Ok(Self { port, path: path.into(), log: None })
    }

    fn log(&mut self) -> io::Result<Arc<Log>> {
        if let Some(log) = &self.log {
            return Ok(Arc::clone(log));
        }
        let file = File::options().append(true).create(true).open(&self.path)?;
        let log = Arc::new(Log { file: Mutex::new(file), begun: Instant::now() });
        self.log = Some(Arc::clone(&log));
        Ok(log)
    }
}

impl Port for RecordingPort {
    fn name(&self) -> String {
        self.port.name()
    }

    fn open(&mut self) -> Result<Opened, OpenError> {
        let node = self.path.display().to_string();
        let log = self.log().map_err(|error| OpenError::Failed { node, why: error.to_string() })?;
        let opened = self.port.open()?;
        let transport = Recording { transport: opened.transport, clock: self.port.clock(), log };
        Ok(Opened { transport: Box::new(transport), ..opened })
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.port.clock()
    }

    fn unmount(&mut self) -> Result<(), OpenError> {
        self.port.unmount()
    }

    fn backing(&self) -> Option<PathBuf> {
        self.port.backing()
    }
}

struct Recording {
    transport: Box<dyn Transport>,
    clock: Arc<dyn Clock>,
    log: Arc<Log>,
}

impl Transport for Recording {
    fn execute(&mut self, cdb: &Cdb, mut data: Data<'_>, limit: Duration) -> Result<Completion, TransportError> {
        let (at, real) = (self.clock.now().as_millis() as u64, self.log.begun.elapsed().as_millis() as u64);
        let borrowed = match &mut data {
            Data::None => Data::None,
            Data::In(buffer) => Data::In(buffer),
        };
        let result = self.transport.execute(cdb, borrowed, limit);
        self.log.write(&Line::of(cdb, (at, real), &data, &result));
        result
    }

    fn max_transfer(&self) -> usize {
        self.transport.max_transfer()
    }
}

impl Line {
    /// `times` are the drive's and the wall's, in milliseconds.
    fn of(cdb: &Cdb, times: (u64, u64), data: &Data<'_>, result: &Result<Completion, TransportError>) -> Self {
        let mut line = Self {
            cdb: hex::encode(cdb.bytes()),
            at: times.0,
            real: Some(times.1),
            took: 0,
            status: 0,
            host: 0,
            driver: 0,
            residual: 0,
            sense: String::new(),
            data: None,
            sha256: None,
            error: None,
        };
        match result {
            Err(error) => line.error = Some(error.to_string()),
            Ok(completion) => {
                line.took = completion.took.as_millis() as u64;
                (line.status, line.host, line.driver) = (completion.status, completion.host_status, completion.driver_status);
                line.residual = completion.residual;
                line.sense = hex::encode(&completion.sense);
                if let (Data::In(buffer), 0, 0) = (data, completion.status, completion.host_status) {
                    match cdb.sectors_read() {
                        Some(_) => line.sha256 = Some(hex::encode(Sha256::digest(buffer))),
                        None => line.data = Some(hex::encode(buffer)),
                    }
                }
            }
        }
        line
    }
}
