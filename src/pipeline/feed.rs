//! One image for all who take it, each at its own pace: read once, and digested once.
//!
//! The reader follows the fastest. What came last stays in memory for the others; who is further behind reads for himself. Where nothing
//! can be read again, the slowest sets the pace.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;

use crate::medium::Spans;
use crate::sys::{Buffer, Stop};
use crate::trust::Algorithm;

use super::chunks::{BUFFERS, LOOK_UP};
use super::{Again, Broken, CHUNK, Chunk, ChunkDigests, Digested, Digesting};

/// Chunks that stay in memory once the fastest has them, while there are others: with those that are read ahead 64 MiB, which bridge a
/// second or two of a stick that makes room in its cells.
const KEPT: usize = 10;

/// One of those who take the image. Dropped, it no longer counts.
pub struct Taker {
    shared: Arc<Shared>,
    number: usize,
    digests: ChunkDigests,
    /// What is read once more goes through a buffer of its own.
    own: Option<(Sender<Buffer>, Receiver<Buffer>)>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    again: Arc<Again>,
}

struct State {
    /// What came last, in order.
    window: VecDeque<Arc<Chunk>>,
    /// Bytes read so far.
    read: u64,
    /// The byte that each taker wants next; `None` for one that left.
    wanted: Vec<Option<u64>>,
    end: End,
}

enum End {
    /// There may be more.
    Open,
    /// That was all.
    Reached,
    /// That was all, and these are the digests of it.
    Digested(Result<Arc<Digested>, &'static str>),
    /// It can't be read on.
    Broken(io::Error),
}

/// Begins to read an image for so many. What is left out counts as zeros in the digests of chunks. `source` is asked as by [`super::stream`], and left behind in the same way if it hangs.
///
/// # Errors
/// The system has no threads left.
pub fn feed(
    mut source: impl FnMut(&mut [u8], u64) -> io::Result<usize> + Send + 'static,
    again: Arc<Again>,
    takers: usize,
    (algorithms, left_out): (BTreeSet<Algorithm>, Spans),
) -> io::Result<Vec<Taker>> {
    let state = State { window: VecDeque::new(), read: 0, wanted: vec![Some(0); takers], end: End::Open };
    let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), again });
    let (pool, free) = channel();
    // Alone, nobody is behind. Otherwise each may still hold one that is no longer kept.
    let buffers = if takers > 1 { KEPT + BUFFERS + takers } else { BUFFERS };
    for _ in 0..buffers {
        // The receiver lives in this very function.
        let _ = pool.send(Buffer::new(CHUNK));
    }
    let digesting = Digesting::start_leaving_out(algorithms, left_out)?;
    let digests = digesting.chunks();
    let reader = Reader(Arc::clone(&shared));
    let read = move || {
        let mut offset = 0;
        while let Ok(buffer) = free.recv() {
            let chunk = match Chunk::read(&mut source, offset, buffer, &pool) {
                Ok(chunk) => Arc::new(chunk),
                Err(error) => return reader.ends(End::Broken(error)),
            };
            let is_last = chunk.bytes().len() < CHUNK;
            offset = chunk.end();
            if !chunk.bytes().is_empty() {
                digesting.take(&chunk);
                reader.0.again.keep(chunk.bytes(), chunk.offset);
                let mut state = reader.0.state();
                if state.wanted.iter().all(Option::is_none) {
                    return;
                }
                state.read = offset;
                state.window.push_back(chunk);
                reader.0.changed.notify_all();
            }
            if is_last {
                reader.ends(End::Reached);
                return reader.ends(End::Digested(digesting.finish().map(Arc::new)));
            }
        }
    };
    Builder::new().name("reader".into()).spawn(read)?;
    let taker = |number| Taker { shared: Arc::clone(&shared), number, digests: digests.clone(), own: None };
    Ok((0..takers).map(taker).collect())
}

impl Taker {
    /// Hands the chunks to `sink`, in order.
    ///
    /// # Errors
    /// Those of [`super::stream`].
    pub fn each<E>(&mut self, stop: &Stop, mut sink: impl FnMut(&Chunk) -> Result<(), E>) -> Result<(), Broken<E>> {
        let mut at = 0;
        while let Some(chunk) = self.next(at, stop)? {
            at = chunk.end();
            sink(&chunk).map_err(Broken::Sink)?;
        }
        Ok(())
    }

    /// Digests of the image's chunks, as they come.
    pub fn chunk_digests(&self) -> ChunkDigests {
        self.digests.clone()
    }

    /// Digests of the image, once all of it was taken. `Err` when a thread broke down, which is a bug.
    pub fn digested(self) -> Result<Arc<Digested>, &'static str> {
        let mut state = self.shared.state();
        loop {
            match &state.end {
                End::Digested(digested) => return digested.clone(),
                End::Broken(_) => return Err("the thread that reads broke down"),
                End::Open | End::Reached => state = self.shared.wait(state),
            }
        }
    }

    /// The chunk that begins at byte `at`; `None` where the image ends.
    fn next<E>(&mut self, at: u64, stop: &Stop) -> Result<Option<Arc<Chunk>>, Broken<E>> {
        let mut state = self.shared.state();
        state.wants(self.number, Some(at), self.shared.again.reach());
        loop {
            if stop.requested().is_some() {
                return Err(Broken::Stopped);
            }
            if let Some(chunk) = state.window.iter().find(|chunk| chunk.offset == at) {
                return Ok(Some(Arc::clone(chunk)));
            }
            if at < state.read {
                let length = (state.read - at).min(CHUNK as u64) as usize;
                drop(state);
                return self.read_again(at, length).map(|chunk| Some(Arc::new(chunk))).map_err(|error| Broken::Source(at, error));
            }
            match &state.end {
                End::Open => state = self.shared.wait(state),
                End::Reached | End::Digested(_) => return Ok(None),
                End::Broken(error) => return Err(Broken::Source(at, same(error))),
            }
        }
    }

    fn read_again(&mut self, at: u64, length: usize) -> io::Result<Chunk> {
        let (pool, free) = self.own.get_or_insert_with(|| {
            let (pool, free) = channel();
            let _ = pool.send(Buffer::new(CHUNK));
            (pool, free)
        });
        // The chunk before has been dropped.
        let buffer = free.try_recv().map_err(io::Error::other)?;
        let again = &self.shared.again;
        let mut read = |buffer: &mut [u8], at| again.read(&mut buffer[..length], at).map(|()| length);
        Chunk::read(&mut read, at, buffer, pool)
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        let reach = self.shared.again.reach();
        self.shared.state().wants(self.number, None, reach);
    }
}

impl Shared {
    /// The state has no half-done changes, so that a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, LOOK_UP).unwrap_or_else(PoisonError::into_inner).0
    }
}

impl State {
    /// Notes what a taker wants next, and lets go of what nobody will ask for, or can be read again.
    fn wants(&mut self, number: usize, at: Option<u64>, reach: u64) {
        self.wanted[number] = at;
        let slowest = self.wanted.iter().flatten().min().copied().unwrap_or(u64::MAX);
        let fastest = self.wanted.iter().flatten().max().copied().unwrap_or(u64::MAX);
        let is_taken = |chunk: &&Arc<Chunk>| chunk.end() <= fastest;
        while let Some(oldest) = self.window.front().map(|chunk| chunk.end()) {
            let is_too_much = self.window.iter().take_while(is_taken).count() > KEPT;
            if oldest > slowest && !(is_too_much && oldest <= reach) {
                break;
            }
            self.window.pop_front();
        }
    }
}

/// The thread that reads; if it ends without a word, it broke down.
struct Reader(Arc<Shared>);

impl Reader {
    fn ends(&self, end: End) {
        self.0.state().end = end;
        self.0.changed.notify_all();
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if matches!(self.0.state().end, End::Open | End::Reached) {
            self.ends(End::Broken(io::Error::other("the thread that reads broke down")));
        }
    }
}

/// The same error for each of those who hear of it.
fn same(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| io::Error::new(error.kind(), error.to_string()), io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::Spool;
    use super::*;
    use crate::trust::sha256;

    /// An image of so many bytes in which every chunk is different.
    fn image(length: usize) -> Vec<u8> {
        (0..length).map(|at| ((at >> 22) * 37 + at % 251) as u8).collect()
    }

    /// It as a source, and how many chunks of it were asked for.
    fn source(image: &Arc<Vec<u8>>) -> (impl FnMut(&mut [u8], u64) -> io::Result<usize> + Send + 'static, Arc<AtomicUsize>) {
        let (image, asked) = (Arc::clone(image), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&asked);
        let source = move |buffer: &mut [u8], offset: u64| {
            count.fetch_add(1, Ordering::Relaxed);
            let rest = &image[(offset as usize).min(image.len())..];
            let length = rest.len().min(buffer.len());
            buffer[..length].copy_from_slice(&rest[..length]);
            Ok(length)
        };
        (source, asked)
    }

    fn spool() -> (tempfile::TempDir, Arc<Again>) {
        let folder = tempfile::tempdir().unwrap();
        let again = Again::Spool(Spool::new(folder.path()).unwrap());
        (folder, Arc::new(again))
    }

    /// What a taker gets.
    fn take(taker: &mut Taker) -> Vec<u8> {
        let mut came = Vec::new();
        let each = taker.each(&Stop::never(), |chunk| {
            assert_eq!(chunk.offset, came.len() as u64);
            came.extend_from_slice(chunk.bytes());
            Ok::<_, ()>(())
        });
        assert!(each.is_ok());
        came
    }

    #[test]
    fn who_is_far_behind_reads_again_and_the_source_is_read_once() {
        let bytes = Arc::new(image(30 * CHUNK + 513));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        std::fs::write(&path, &*bytes).unwrap();
        let file = Arc::new(Again::Image(Arc::new(File::open(path).unwrap())));
        let (_folder, spool) = spool();
        for again in [file, spool] {
            let (source, asked) = source(&bytes);
            let mut takers = feed(source, again, 3, ([Algorithm::Sha256].into(), Spans::default())).unwrap();
            // The second takes nothing until the first has everything, and the third leaves.
            takers.pop();
            for mut taker in takers {
                assert!(take(&mut taker) == *bytes);
                let digested = taker.digested().unwrap();
                assert_eq!(digested.digests[&Algorithm::Sha256], sha256(&bytes));
                assert_eq!(digested.chunks, bytes.chunks(CHUNK).map(sha256).collect::<Vec<_>>());
            }
            assert_eq!(asked.load(Ordering::Relaxed), 31);
        }
    }

    #[test]
    fn without_a_copy_the_slowest_sets_the_pace() {
        let bytes = Arc::new(image(40 * CHUNK));
        let (source, asked) = source(&bytes);
        let mut takers = feed(source, Arc::new(Again::Never), 2, ([].into(), Spans::default())).unwrap();
        let (mut slow, mut fast) = (takers.pop().unwrap(), takers.pop().unwrap());
        let fast = std::thread::spawn(move || take(&mut fast));
        let mut at = 0;
        let each = slow.each(&Stop::never(), |chunk| {
            at = chunk.end();
            assert!(asked.load(Ordering::Relaxed) <= chunk.offset as usize / CHUNK + KEPT + BUFFERS + 2);
            Ok::<_, ()>(())
        });
        assert!(each.is_ok());
        assert_eq!(at, bytes.len() as u64);
        assert!(fast.join().unwrap() == *bytes);
    }

    #[test]
    fn one_that_leaves_holds_nobody_up() {
        let bytes = Arc::new(image(40 * CHUNK));
        let (source, _) = source(&bytes);
        let mut takers = feed(source, Arc::new(Again::Never), 2, ([].into(), Spans::default())).unwrap();
        let (mut leaves, mut stays) = (takers.pop().unwrap(), takers.pop().unwrap());
        let mut left = 3;
        let ended = leaves.each(&Stop::never(), |_| {
            left -= 1;
            if left == 0 { Err("unplugged") } else { Ok(()) }
        });
        assert!(matches!(ended, Err(Broken::Sink("unplugged"))));
        drop(leaves);
        assert!(take(&mut stays) == *bytes);
    }

    #[test]
    fn what_breaks_is_told_to_everybody() {
        let breaks = |buffer: &mut [u8], offset: u64| match offset {
            0 => Ok(buffer.len()),
            4_194_304 => Err(io::Error::from_raw_os_error(libc::EIO)),
            _ => panic!("as wanted by the test"),
        };
        for mut taker in feed(breaks, Arc::new(Again::Never), 2, ([].into(), Spans::default())).unwrap() {
            let ended = taker.each(&Stop::never(), |_| Ok::<_, ()>(()));
            assert!(matches!(ended, Err(Broken::Source(at, _)) if at == CHUNK as u64));
        }
        let panics = |_: &mut [u8], _| panic!("as wanted by the test");
        for mut taker in feed(panics, Arc::new(Again::Never), 2, ([].into(), Spans::default())).unwrap() {
            assert!(matches!(taker.each(&Stop::never(), |_| Ok::<_, ()>(())), Err(Broken::Source(0, _))));
        }
    }

    #[test]
    fn a_signal_ends_it_though_the_source_hangs() {
        let stop = Stop::never();
        stop.request(crate::sys::Signal::SIGINT);
        let hangs = |_: &mut [u8], _| loop {
            std::thread::park();
        };
        for mut taker in feed(hangs, Arc::new(Again::Never), 2, ([].into(), Spans::default())).unwrap() {
            assert!(matches!(taker.each(&stop, |_| Ok::<_, ()>(())), Err(Broken::Stopped)));
        }
    }
}
