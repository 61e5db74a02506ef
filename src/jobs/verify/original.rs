//! The image that a medium is compared with: read ahead on a thread of its own, beside the medium.

use std::fs::{File, Metadata};
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::Builder;
use std::time::Duration;

use crate::disc::Record;
use crate::event::SourceSummary;
use crate::jobs::beside;
use crate::jobs::holes::Holes;
use crate::medium::{Span, Spans, load};
use crate::mmc::Extent;
use crate::pipeline::CHUNK;
use crate::sys::Stop;

use super::specimen::look_at;
use super::{Failure, interrupted};

/// Chunks that are read ahead of the medium.
const AHEAD: usize = 2;

/// How often a wait is interrupted to look for a signal.
const LOOK_UP: Duration = Duration::from_millis(100);

/// An image, open.
pub(super) struct Original {
    /// As it was named; `-` for stdin.
    pub(super) name: String,
    /// Its file; `None` for stdin.
    pub(super) path: Option<PathBuf>,
    /// What the file is.
    pub(super) meta: Metadata,
    /// Bytes; `None` where that shows only at the end.
    pub(super) bytes: Option<u64>,
    /// What its map does not call finished.
    pub(super) holes: Spans,
    /// `None` for a pipe with a name: opening one waits for its writer, which is the reader's business.
    file: Option<File>,
}

/// An image on its way.
pub(super) struct Coming {
    /// How long each chunk is, before it is awaited: the medium is read to there. Fewer than [`CHUNK`] bytes only at the end.
    pub(super) lengths: Option<Receiver<usize>>,
    chunks: Receiver<io::Result<Vec<u8>>>,
    pool: Sender<Vec<u8>>,
    /// Bytes that came.
    pub(super) came: u64,
}

impl Original {
    /// Opens an image file. A map beside it is read.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let meta = look_at(path)?;
        if meta.file_type().is_block_device() || meta.file_type().is_char_device() {
            return Err(Failure::usage(format!("{name} is a device: the image comes first, then the medium")));
        }
        if meta.is_dir() {
            return Err(Failure::usage(format!("{name} is a folder; name the image in it")));
        }
        let opening = |error: io::Error| Failure::failed(format!("opening {name}: {error}"));
        let open = || File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(opening);
        let file = meta.is_file().then(open).transpose()?;
        let bytes = meta.is_file().then_some(meta.len());
        let mut original = Self { name: name.clone(), path: Some(path.to_owned()), meta, bytes, holes: Spans::default(), file };
        if let Some(bytes) = bytes {
            original.holes = Holes::beside(path, bytes)?.spans().clone();
        }
        Ok(original)
    }

    /// The image that comes from stdin.
    pub(super) fn stdin() -> Result<Self, Failure> {
        let reading = |error: io::Error| Failure::failed(format!("reading stdin: {error}"));
        let stdin = io::stdin();
        if stdin.is_terminal() {
            return Err(Failure::usage("the image is to come from stdin, and that is a terminal; pipe it in"));
        }
        let file = File::from(stdin.as_fd().try_clone_to_owned().map_err(reading)?);
        let meta = file.metadata().map_err(reading)?;
        Ok(Self { name: "-".into(), path: None, meta, bytes: None, holes: Spans::default(), file: Some(file) })
    }

    /// What a screen shows of it.
    pub(super) fn summary(&self) -> SourceSummary {
        SourceSummary { image: self.name.clone(), bytes: self.bytes, holes: self.holes.bytes() }
    }

    /// Sectors that the record beside it says are no data: zero in the image, whatever a drive sends.
    pub(super) fn zeros(&self) -> Vec<Extent> {
        let text = self.path.as_ref().and_then(|path| load(&beside(path, "json"), Record::LONGEST).ok());
        let record = text.and_then(|text| serde_json::from_slice::<Record>(&text).ok());
        record.map(|record| record.regions.iter().map(|region| region.extent).collect()).unwrap_or_default()
    }

    /// What it begins with, `most` bytes at most; `None` for a stream.
    pub(super) fn head(&self, most: usize) -> Option<Vec<u8>> {
        let mut head = vec![0; self.bytes?.min(most as u64) as usize];
        self.file.as_ref()?.read_exact_at(&mut head, 0).ok().map(|()| head)
    }

    /// Begins to read it.
    pub(super) fn start(&self) -> Result<Coming, Failure> {
        let (tell, lengths) = channel();
        let (send, chunks) = sync_channel(AHEAD);
        let (pool, free) = channel();
        for _ in 0..AHEAD + 2 {
            // The receiver lives in this very function.
            let _ = pool.send(Vec::new());
        }
        let starting = |error: io::Error| Failure::failed(format!("reading {}: {error}", self.name));
        let file = self.file.as_ref().map(File::try_clone).transpose().map_err(starting)?;
        let path = self.path.clone().unwrap_or_default();
        let read = move || match file.map_or_else(|| File::open(path), Ok) {
            Ok(file) => read_ahead(file, &tell, &send, &free),
            // Nobody listens any more when this fails.
            Err(error) => drop(send.send(Err(error))),
        };
        Builder::new().name("image".into()).spawn(read).map_err(starting)?;
        Ok(Coming { lengths: Some(lengths), chunks, pool, came: 0 })
    }
}

fn read_ahead(mut file: File, tell: &Sender<usize>, send: &SyncSender<io::Result<Vec<u8>>>, free: &Receiver<Vec<u8>>) {
    while let Ok(mut chunk) = free.recv() {
        chunk.clear();
        let read = (&mut file).take(CHUNK as u64).read_to_end(&mut chunk);
        let length = chunk.len();
        let is_last = length < CHUNK;
        let part = read.map(|_| chunk);
        if part.is_ok() && length == 0 {
            return;
        }
        // The medium may have ended before the image, which is then read on to know how long it is.
        if part.is_ok() {
            let _ = tell.send(length);
        }
        // Nobody listens any more when this fails.
        if send.send(part).is_err() || is_last {
            return;
        }
    }
}

impl Coming {
    /// The next chunk; `None` at the end.
    pub(super) fn next(&mut self, stop: &Stop) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            if stop.requested().is_some() {
                return Err(interrupted());
            }
            match self.chunks.recv_timeout(LOOK_UP) {
                Ok(Ok(chunk)) => {
                    self.came += chunk.len() as u64;
                    return Ok((!chunk.is_empty()).then_some(chunk));
                }
                Ok(Err(error)) => {
                    return Err(Failure::failed(format!("reading the image at byte {}: {error}", self.came)));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            }
        }
    }

    /// Takes a chunk back that is no longer needed.
    pub(super) fn give_back(&self, chunk: Vec<u8>) {
        // The reader may be done.
        let _ = self.pool.send(chunk);
    }

    /// Reads what the medium has no room for, to know how long the image is.
    pub(super) fn drain(&mut self, stop: &Stop) -> Result<(), Failure> {
        while let Some(chunk) = self.next(stop)? {
            self.give_back(chunk);
        }
        Ok(())
    }
}

/// The parts of this run that can be compared: neither holes nor unreadable.
pub(super) fn comparable(span: Span, holes: &Spans, unreadable: &Spans) -> Spans {
    let mut parts = Spans::default();
    for gap in holes.gaps(span).iter() {
        for part in unreadable.gaps(gap).iter() {
            parts.push(part.offset, part.length);
        }
    }
    parts
}
