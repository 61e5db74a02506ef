//! Digests of chunks: of all of them together on one thread, of each by itself on another.

use std::collections::BTreeSet;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use crate::medium::{Span, Spans};
use crate::trust::{Algorithm, Digests, Sums, sha256};

use super::chunks::Chunk;

/// Two threads that compute digests.
pub struct Digesting {
    to_whole: Sender<Arc<Chunk>>,
    to_each: Sender<Arc<Chunk>>,
    whole: JoinHandle<Digests>,
    each: JoinHandle<()>,
    chunks: ChunkDigests,
}

/// What they computed.
pub struct Digested {
    /// Digests of the whole.
    pub digests: Digests,
    /// SHA-256 of each chunk, in hex, in order.
    pub chunks: Vec<String>,
}

/// SHA-256 of each chunk, in hex, in order, as they come.
#[derive(Clone, Default)]
pub struct ChunkDigests(Arc<(Mutex<SoFar>, Condvar)>);

#[derive(Default)]
struct SoFar {
    chunks: Vec<String>,
    /// No more will come.
    is_all: bool,
}

impl ChunkDigests {
    /// The first `count`; waits for them. Fewer when there are no more, or the thread broke down, which [`Digesting::finish`] tells.
    pub fn first(&self, count: usize) -> Vec<String> {
        let mut so_far = self.so_far();
        while so_far.chunks.len() < count && !so_far.is_all {
            so_far = self.0.1.wait(so_far).unwrap_or_else(PoisonError::into_inner);
        }
        so_far.chunks.iter().take(count).cloned().collect()
    }

    /// The state has no half-done changes, so that a panic elsewhere does not spoil it.
    fn so_far(&self) -> MutexGuard<'_, SoFar> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut SoFar)) {
        change(&mut self.so_far());
        self.0.1.notify_all();
    }
}

impl Digesting {
    /// Starts both threads. Errors: the system has none left.
    pub fn start(algorithms: BTreeSet<Algorithm>) -> io::Result<Self> {
        Self::start_leaving_out(algorithms, Spans::default())
    }

    /// The same, with zeros in place of these bytes in the digests of chunks.
    pub fn start_leaving_out(algorithms: BTreeSet<Algorithm>, left_out: Spans) -> io::Result<Self> {
        // The pool of buffers bounds what lies in these queues.
        let (to_whole, whole) = channel();
        let (to_each, each) = channel();
        let chunks = ChunkDigests::default();
        let digests = Each(chunks.clone());
        Ok(Self {
            to_whole,
            to_each,
            whole: Builder::new().name("digest".into()).spawn(move || digest_all(algorithms, &whole))?,
            each: Builder::new().name("ledger".into()).spawn(move || digests.digest(&each, &left_out))?,
            chunks,
        })
    }

    /// Takes the next chunk.
    pub fn take(&self, chunk: &Arc<Chunk>) {
        // Fails only when a thread broke down; `finish` tells.
        let _ = self.to_whole.send(Arc::clone(chunk));
        let _ = self.to_each.send(Arc::clone(chunk));
    }

    /// Digests of the chunks taken, as they come.
    pub fn chunks(&self) -> ChunkDigests {
        self.chunks.clone()
    }

    /// Waits for the last digest. `Err` when a thread broke down, which is a bug.
    pub fn finish(self) -> Result<Digested, &'static str> {
        drop((self.to_whole, self.to_each));
        let digests = self.whole.join().map_err(|_| "the digest thread broke down")?;
        self.each.join().map_err(|_| "the ledger thread broke down")?;
        Ok(Digested { digests, chunks: self.chunks.first(usize::MAX) })
    }
}

fn digest_all(algorithms: BTreeSet<Algorithm>, chunks: &Receiver<Arc<Chunk>>) -> Digests {
    let mut sums = Sums::new(algorithms);
    chunks.iter().for_each(|chunk| sums.update(chunk.bytes()));
    sums.finish()
}

/// The thread of each chunk; however it ends, nobody waits for more.
struct Each(ChunkDigests);

impl Each {
    fn digest(self, chunks: &Receiver<Arc<Chunk>>, left_out: &Spans) {
        for chunk in chunks {
            let digest = digest_of(&chunk, left_out);
            self.0.change(|so_far| so_far.chunks.push(digest));
        }
    }
}

impl Drop for Each {
    fn drop(&mut self) {
        self.0.change(|so_far| so_far.is_all = true);
    }
}

fn digest_of(chunk: &Chunk, left_out: &Spans) -> String {
    let bytes = chunk.bytes();
    if left_out.within(Span { offset: chunk.offset, length: bytes.len() as u64 }).next().is_none() {
        return sha256(bytes);
    }
    let mut bytes = bytes.to_vec();
    left_out.blank(&mut bytes, chunk.offset);
    sha256(&bytes)
}
