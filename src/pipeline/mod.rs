//! Buffers from a fixed pool through stages on their own threads.
//!
//! [`Pipeline`] is discrip's: the reader hands sectors over and reads on, while one thread writes and another computes digests. Saving the
//! map goes through the same queue, so that a map never knows more than the disk. [`stream`] is for images that are read in order: one thread
//! reads chunks ahead, two compute digests, and the caller's writes or compares. [`feed`] does the same for several callers, each at its own pace.

mod again;
mod chunks;
mod digesting;
mod feed;
mod hasher;
mod stages;

pub use again::{Again, Spool};
pub use chunks::{Broken, CHUNK, Chunk, stream, stream_slow};
pub use digesting::{ChunkDigests, Digested, Digesting};
pub use feed::{Taker, feed};
pub use hasher::Hashed;
pub use stages::{Ended, Failure, Pipeline};
