//! The stages and the queues between them.

use std::io;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use crate::medium::{Output, OutputKind};
use crate::mmc::{Extent, SECTOR};
use crate::rescue::policy::LONGEST_COMMAND;
use crate::sys::Buffer;

use super::hasher::{self, Hashed, Written};

/// Buffers in the pool: 12 MiB, some seconds of a disc, so that a slow flush does not stop the drive.
const BUFFERS: usize = 24;

/// Writes what it is given, and computes digests of it.
pub struct Pipeline {
    parts: SyncSender<Part>,
    free: Receiver<Buffer>,
    failure: Shared,
    writer: JoinHandle<Vec<Extent>>,
    hasher: JoinHandle<Hashed>,
}

/// Why the output no longer takes data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Sectors could not be written; those before them were.
    #[error("writing the image: {0}")]
    Write(String),
    /// The other end of the pipe is closed.
    #[error("whoever read the pipe has gone")]
    Reader,
    /// The disk did not take what was written: only the last saved map is to be believed.
    #[error("flushing the image to disk: {0}")]
    Flush(String),
    /// The map could not be saved.
    #[error("saving the map: {0}")]
    Save(String),
}

type Shared = Arc<Mutex<Option<Failure>>>;

/// What is left when the last part went through.
pub struct Ended {
    /// What went wrong, if anything did.
    pub failure: Option<Failure>,
    /// Sectors that could not be written: the map must not claim them.
    pub unwritten: Vec<Extent>,
    /// Digests of the part of the image that came in order.
    pub hashed: Hashed,
}

type Save = Box<dyn FnOnce() -> io::Result<()> + Send>;

enum Part {
    Sectors(Extent, Buffer),
    Zeros(Extent),
    Save(Save),
}

impl Pipeline {
    /// Starts both threads. Errors: the system has none left.
    pub fn start(output: Arc<Output>, hashed: Hashed) -> io::Result<Self> {
        let (parts, incoming) = sync_channel(2 * BUFFERS);
        let (to_hasher, written) = channel();
        let (give_back, free) = channel();
        for _ in 0..BUFFERS {
            // The receiver lives in this very function.
            let _ = give_back.send(Buffer::new(LONGEST_COMMAND as usize * SECTOR));
        }
        let failure = Arc::new(Mutex::new(None));
        let writer =
            Writer { output, failure: Arc::clone(&failure), to_hasher, give_back: give_back.clone(), unwritten: Vec::new() };
        Ok(Self {
            parts,
            free,
            failure,
            writer: Builder::new().name("writer".into()).spawn(move || writer.run(&incoming))?,
            hasher: Builder::new().name("hasher".into()).spawn(move || hasher::run(hashed, &written, &give_back))?,
        })
    }

    /// A buffer of the longest command's size. Waits when all are in flight.
    pub fn buffer(&self) -> Buffer {
        self.free.recv().unwrap_or_else(|_| Buffer::new(LONGEST_COMMAND as usize * SECTOR))
    }

    /// Hands sectors over; they lie at the front of `buffer`.
    pub fn write(&self, extent: Extent, buffer: Buffer) {
        self.send(Part::Sectors(extent, buffer));
    }

    /// Hands over sectors that are zero by definition.
    pub fn zeros(&self, extent: Extent) {
        self.send(Part::Zeros(extent));
    }

    /// Runs `save` once everything handed over before is on the disk. Not run, and the failure told, when that fails.
    pub fn save(&self, save: impl FnOnce() -> io::Result<()> + Send + 'static) {
        self.send(Part::Save(Box::new(save)));
    }

    /// Why the output no longer takes data.
    pub fn failure(&self) -> Option<Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until everything went through. `Err` when a stage broke down, which is a bug.
    pub fn finish(self) -> Result<Ended, &'static str> {
        drop(self.parts);
        let unwritten = self.writer.join().map_err(|_| "the writer thread broke down")?;
        let hashed = self.hasher.join().map_err(|_| "the digest thread broke down")?;
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Ended { failure, unwritten, hashed })
    }

    fn send(&self, part: Part) {
        // Fails only when the writer broke down; `finish` tells.
        let _ = self.parts.send(part);
    }
}

struct Writer {
    output: Arc<Output>,
    failure: Shared,
    to_hasher: Sender<Written>,
    give_back: Sender<Buffer>,
    unwritten: Vec<Extent>,
}

impl Writer {
    fn run(mut self, parts: &Receiver<Part>) -> Vec<Extent> {
        for part in parts {
            match part {
                Part::Sectors(extent, buffer) => {
                    let bytes = &buffer[..extent.count as usize * SECTOR];
                    if self.attempt(Failure::Write, |output| output.write_at(bytes, extent.first)) {
                        let _ = self.to_hasher.send(Written::Sectors(extent, buffer));
                    } else {
                        self.unwritten.push(extent);
                        let _ = self.give_back.send(buffer);
                    }
                }
                Part::Zeros(extent) => {
                    if self.output.kind() == OutputKind::File
                        || self.attempt(Failure::Write, |output| write_zeros(output, extent))
                    {
                        let _ = self.to_hasher.send(Written::Zeros(extent));
                    }
                }
                Part::Save(save) => {
                    if self.attempt(Failure::Flush, Output::settle) {
                        self.attempt(Failure::Save, |_| save());
                    }
                }
            }
        }
        self.unwritten
    }

    /// Does `step` unless one failed before; true when it worked.
    fn attempt(&mut self, kind: fn(String) -> Failure, step: impl FnOnce(&Output) -> io::Result<()>) -> bool {
        if self.failure.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return false;
        }
        // Not under the lock: the reader looks at it before each command, and must not wait for a flush.
        let failure = step(&self.output).err().map(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::Reader,
            _ => kind(error.to_string()),
        });
        let worked = failure.is_none();
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
        worked
    }
}

fn write_zeros(output: &Output, extent: Extent) -> io::Result<()> {
    static ZEROS: [u8; 64 * SECTOR] = [0; 64 * SECTOR];
    let mut at = extent.first;
    while at < extent.end() {
        let count = (extent.end() - at).min(64);
        output.write_at(&ZEROS[..count as usize * SECTOR], at)?;
        at += count;
    }
    Ok(())
}
