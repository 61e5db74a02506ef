//! Digests of chunks: of all of them together on one thread, of each by itself on another.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use crate::medium::{Span, Spans};
use crate::trust::{Algorithm, Digests, Sums, sha256};

use super::chunks::Chunk;

/// Two threads that compute digests.
pub struct Digesting {
    to_whole: Sender<Arc<Chunk>>,
    to_each: Sender<Arc<Chunk>>,
    whole: JoinHandle<Digests>,
    each: JoinHandle<Vec<String>>,
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
        Self::start_leaving_out(algorithms, Spans::default())
    }

    /// The same, with zeros in place of these bytes in the digests of chunks.
    pub fn start_leaving_out(algorithms: BTreeSet<Algorithm>, left_out: Spans) -> io::Result<Self> {
        // The pool of buffers bounds what lies in these queues.
        let (to_whole, whole) = channel();
        let (to_each, each) = channel();
        Ok(Self {
            to_whole,
            to_each,
            whole: Builder::new().name("digest".into()).spawn(move || digest_all(algorithms, &whole))?,
            each: Builder::new().name("ledger".into()).spawn(move || digest_each(&each, &left_out))?,
        })
    }

    /// Takes the next chunk.
    pub fn take(&self, chunk: &Arc<Chunk>) {
        // Fails only when a thread broke down; `finish` tells.
        let _ = self.to_whole.send(Arc::clone(chunk));
        let _ = self.to_each.send(Arc::clone(chunk));
    }

    /// Waits for the last digest. `Err` when a thread broke down, which is a bug.
    pub fn finish(self) -> Result<Digested, &'static str> {
        drop((self.to_whole, self.to_each));
        let digests = self.whole.join().map_err(|_| "the digest thread broke down")?;
        let chunks = self.each.join().map_err(|_| "the ledger thread broke down")?;
        Ok(Digested { digests, chunks })
    }
}

fn digest_all(algorithms: BTreeSet<Algorithm>, chunks: &Receiver<Arc<Chunk>>) -> Digests {
    let mut sums = Sums::new(algorithms);
    chunks.iter().for_each(|chunk| sums.update(chunk.bytes()));
    sums.finish()
}

fn digest_each(chunks: &Receiver<Arc<Chunk>>, left_out: &Spans) -> Vec<String> {
    let digest = |chunk: Arc<Chunk>| {
        let bytes = chunk.bytes();
        if left_out.within(Span { offset: chunk.offset, length: bytes.len() as u64 }).next().is_none() {
            return sha256(bytes);
        }
        let mut bytes = bytes.to_vec();
        left_out.blank(&mut bytes, chunk.offset);
        sha256(&bytes)
    };
    chunks.iter().map(digest).collect()
}
