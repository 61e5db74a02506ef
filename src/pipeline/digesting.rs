//! Digests of chunks: of all of them together on one thread, of each by itself on another.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use crate::trust::{Algorithm, Digests, Sums, sha256};

use super::chunks::Chunk;

/// Two threads that compute digests.
pub struct Digesting {
    to_whole: Sender<Arc<Chunk>>,
    to_each: Sender<Arc<Chunk>>,
    whole: JoinHandle<Digests>,
    each: JoinHandle<()>,
    /// What the thread of each chunk sends, and what came of it so far.
    digests: Receiver<String>,
    chunks: RefCell<Vec<String>>,
}

/// What they computed.
pub struct Digested {
    /// Digests of the whole.
    pub digests: Digests,
    /// SHA-256 of each chunk, in hex, in order.
    pub chunks: Vec<String>,
}

impl Digesting {
    /// Starts both threads. Errors: the system has none left.
    pub fn start(algorithms: BTreeSet<Algorithm>) -> io::Result<Self> {
        // The pool of buffers bounds what lies in these queues.
        let (to_whole, whole) = channel();
        let (to_each, each) = channel();
        let (send, digests) = channel();
        Ok(Self {
            to_whole,
            to_each,
            whole: Builder::new().name("digest".into()).spawn(move || digest_all(algorithms, &whole))?,
            each: Builder::new().name("ledger".into()).spawn(move || digest_each(&each, &send))?,
            digests,
            chunks: RefCell::default(),
        })
    }

    /// Takes the next chunk.
    pub fn take(&self, chunk: &Arc<Chunk>) {
        // Fails only when a thread broke down; `finish` tells.
        let _ = self.to_whole.send(Arc::clone(chunk));
        let _ = self.to_each.send(Arc::clone(chunk));
    }

    /// SHA-256 of the first `count` chunks taken, in hex; waits for them. Fewer come only when the thread broke down, which
    /// [`Self::finish`] tells.
    pub fn first_chunks(&self, count: usize) -> Vec<String> {
        let mut chunks = self.chunks.borrow_mut();
        let missing = count.saturating_sub(chunks.len());
        chunks.extend(self.digests.iter().take(missing));
        chunks.iter().take(count).cloned().collect()
    }

    /// Waits for the last digest. `Err` when a thread broke down, which is a bug.
    pub fn finish(self) -> Result<Digested, &'static str> {
        drop((self.to_whole, self.to_each));
        let digests = self.whole.join().map_err(|_| "the digest thread broke down")?;
        let mut chunks = self.chunks.into_inner();
        chunks.extend(self.digests);
        self.each.join().map_err(|_| "the ledger thread broke down")?;
        Ok(Digested { digests, chunks })
    }
}

fn digest_all(algorithms: BTreeSet<Algorithm>, chunks: &Receiver<Arc<Chunk>>) -> Digests {
    let mut sums = Sums::new(algorithms);
    chunks.iter().for_each(|chunk| sums.update(chunk.bytes()));
    sums.finish()
}

fn digest_each(chunks: &Receiver<Arc<Chunk>>, digests: &Sender<String>) {
    for chunk in chunks {
        // Nobody waits for it any more when this fails.
        let _ = digests.send(sha256(chunk.bytes()));
    }
}
