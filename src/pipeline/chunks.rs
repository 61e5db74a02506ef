//! Chunks of an image on their way: read on a thread of their own, digested on two more, and handed on in order.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::thread::Builder;
use std::time::Duration;

use crate::sys::{Buffer, Stop};

use super::Digesting;

/// Bytes of a chunk: the unit of writing, of reading back, and of a ledger. Above 1 MiB a device gains nothing by more; 4 MiB keeps a ledger of
/// 16 GB below 300 kB.
pub const CHUNK: usize = 4 << 20;

/// Buffers in flight: one is read into, one written from, two digested, and two lie in between. 24 MiB.
pub(super) const BUFFERS: usize = 6;

/// How often a wait is interrupted to look for a signal.
pub(super) const LOOK_UP: Duration = Duration::from_millis(100);

/// A part of an image. Its buffer goes back to the pool when nobody needs it any more.
pub struct Chunk {
    /// The byte of the image that it begins with; a multiple of [`CHUNK`].
    pub offset: u64,
    length: usize,
    buffer: Buffer,
    pool: Sender<Buffer>,
}

impl Chunk {
    /// Reads it into a buffer of a pool.
    pub(super) fn read(
        source: &mut impl FnMut(&mut [u8], u64) -> io::Result<usize>,
        offset: u64,
        buffer: Buffer,
        pool: &Sender<Buffer>,
    ) -> io::Result<Self> {
        let mut chunk = Self { offset, length: 0, buffer, pool: pool.clone() };
        let length = source(&mut chunk.buffer, offset)?.min(CHUNK);
        chunk.length = length;
        // What the buffer held before is none of the last sector's business.
        chunk.buffer[length..].fill(0);
        Ok(chunk)
    }

    /// The byte of the image that comes after it.
    pub fn end(&self) -> u64 {
        self.offset + self.length as u64
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }

    /// Its bytes and zeros up to a whole sector.
    pub fn sectors(&self, sector: u32) -> &[u8] {
        &self.buffer[..self.length.next_multiple_of(sector as usize).min(CHUNK)]
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // Nobody reads any more when this fails.
        let _ = self.pool.send(std::mem::replace(&mut self.buffer, Buffer::new(0)));
    }
}

/// Why not all chunks went through.
#[derive(Debug)]
pub enum Broken<E> {
    /// The source can't be read at this byte.
    Source(u64, io::Error),
    /// Whoever took the chunks failed.
    Sink(E),
    /// A signal asked to stop.
    Stopped,
    /// A thread could not be started.
    Thread(io::Error),
}

/// Reads chunks ahead and hands them to `sink` in order, each to `digesting` before.
///
/// `source` fills a buffer of [`CHUNK`] bytes from the byte given, and returns how many came: fewer only at the end. It runs on a thread of
/// its own, which is left behind if it hangs when this function ends early.
pub fn stream<E>(
    source: impl FnMut(&mut [u8], u64) -> io::Result<usize> + Send + 'static,
    digesting: &Digesting,
    stop: &Stop,
    sink: impl FnMut(&Chunk) -> Result<(), E>,
) -> Result<(), Broken<E>> {
    stream_slow(source, digesting, stop, sink, || {})
}

/// The same, of a source that may take long for a chunk: `idle` is called while it is waited for.
pub fn stream_slow<E>(
    mut source: impl FnMut(&mut [u8], u64) -> io::Result<usize> + Send + 'static,
    digesting: &Digesting,
    stop: &Stop,
    mut sink: impl FnMut(&Chunk) -> Result<(), E>,
    mut idle: impl FnMut(),
) -> Result<(), Broken<E>> {
    let (pool, free) = channel();
    for _ in 0..BUFFERS {
        // The receiver lives in this very function.
        let _ = pool.send(Buffer::new(CHUNK));
    }
    let (send, chunks) = sync_channel(BUFFERS);
    let read = move || {
        let mut offset = 0;
        while let Ok(buffer) = free.recv() {
            let chunk = match Chunk::read(&mut source, offset, buffer, &pool) {
                Ok(chunk) => chunk,
                Err(error) => {
                    let _ = send.send(Err((offset, error)));
                    return;
                }
            };
            offset = chunk.end();
            let is_last = chunk.length < CHUNK;
            let is_lost = chunk.length > 0 && send.send(Ok(Some(Arc::new(chunk)))).is_err();
            if is_lost || is_last {
                let _ = send.send(Ok(None));
                return;
            }
        }
    };
    Builder::new().name("reader".into()).spawn(read).map_err(Broken::Thread)?;
    let mut end = 0;
    while let Some(chunk) = next(&chunks, stop, &mut idle, end)? {
        end = chunk.end();
        digesting.take(&chunk);
        sink(&chunk).map_err(Broken::Sink)?;
    }
    Ok(())
}

/// What the reader sends: a chunk, `None` after the last one, or where it failed.
type Read = Result<Option<Arc<Chunk>>, (u64, io::Error)>;

/// Waits for the chunk that begins at byte `at`, but not past a signal. A reader that is gone without a word broke down: that is no end.
fn next<E>(chunks: &Receiver<Read>, stop: &Stop, idle: &mut impl FnMut(), at: u64) -> Result<Option<Arc<Chunk>>, Broken<E>> {
    loop {
        if stop.requested().is_some() {
            return Err(Broken::Stopped);
        }
        match chunks.recv_timeout(LOOK_UP) {
            Ok(read) => return read.map_err(|(at, error)| Broken::Source(at, error)),
            Err(RecvTimeoutError::Timeout) => idle(),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Broken::Source(at, io::Error::other("the thread that reads broke down")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::{Algorithm, Sums};

    /// Bytes from memory, as a source.
    fn source(image: Arc<Vec<u8>>) -> impl FnMut(&mut [u8], u64) -> io::Result<usize> + Send + 'static {
        move |buffer, offset| {
            let rest = &image[(offset as usize).min(image.len())..];
            let length = rest.len().min(buffer.len());
            buffer[..length].copy_from_slice(&rest[..length]);
            Ok(length)
        }
    }

    fn sha256(bytes: &[u8]) -> String {
        let mut sums = Sums::new([Algorithm::Sha256]);
        sums.update(bytes);
        sums.finish().remove(&Algorithm::Sha256).unwrap()
    }

    #[test]
    fn every_byte_goes_through_once_and_in_order_and_is_digested() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 9 * CHUNK + 513] {
            let image: Arc<Vec<u8>> = Arc::new((0..length).map(|i| ((i * 31) >> 7) as u8).collect());
            let digesting = Digesting::start([Algorithm::Sha256].into()).unwrap();
            let mut came = Vec::new();
            let through = stream(source(Arc::clone(&image)), &digesting, &Stop::never(), |chunk| {
                assert_eq!(chunk.offset, came.len() as u64);
                came.extend_from_slice(chunk.bytes());
                let sectors = chunk.sectors(4096);
                assert_eq!((sectors.len() % 4096, sectors.len() / 4096), (0, chunk.bytes().len().div_ceil(4096)));
                assert!(sectors[chunk.bytes().len()..].iter().all(|byte| *byte == 0));
                Ok::<_, ()>(())
            });
            assert!(through.is_ok() && came == *image, "{length}");
            let digested = digesting.finish().unwrap();
            assert_eq!(digested.digests[&Algorithm::Sha256], sha256(&image));
            assert_eq!(digested.chunks, image.chunks(CHUNK).map(sha256).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_of_either_end_is_told_with_its_place() {
        let digesting = Digesting::start([].into()).unwrap();
        let broken = |buffer: &mut [u8], offset: u64| match offset {
            0 => Ok(buffer.len()),
            _ => Err(io::Error::from_raw_os_error(libc::EIO)),
        };
        let ended = stream(broken, &digesting, &Stop::never(), |_| Ok::<_, ()>(()));
        assert!(matches!(ended, Err(Broken::Source(at, _)) if at == CHUNK as u64));
        let endless = |buffer: &mut [u8], _| Ok(buffer.len());
        let mut left = 3;
        let ended = stream(endless, &digesting, &Stop::never(), |_| {
            left -= 1;
            if left == 0 { Err("full") } else { Ok(()) }
        });
        assert!(matches!(ended, Err(Broken::Sink("full"))));
    }

    #[test]
    fn a_source_that_breaks_down_is_no_end() {
        let breaks = |buffer: &mut [u8], offset: u64| match offset {
            0 => Ok(buffer.len()),
            _ => panic!("as wanted by the test"),
        };
        let digesting = Digesting::start([].into()).unwrap();
        let ended = stream(breaks, &digesting, &Stop::never(), |_| Ok::<_, ()>(()));
        assert!(matches!(ended, Err(Broken::Source(at, _)) if at == CHUNK as u64));
    }

    #[test]
    fn a_signal_ends_it_though_the_source_hangs() {
        let stop = Stop::never();
        stop.request(crate::sys::Signal::SIGINT);
        let hangs = |_: &mut [u8], _| loop {
            std::thread::park();
        };
        let digesting = Digesting::start([].into()).unwrap();
        let ended = stream(hangs, &digesting, &stop, |_| Ok::<_, ()>(()));
        assert!(matches!(ended, Err(Broken::Stopped)));
    }
}
