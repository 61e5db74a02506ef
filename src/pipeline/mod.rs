//! Buffers from a fixed pool through stages on their own threads: the reader hands sectors over and reads on, while one thread
//! writes and another computes digests. Saving the map goes through the same queue, so that a map never knows more than the disk.

mod hasher;
mod stages;

pub use hasher::Hashed;
pub use stages::{Ended, Failure, Pipeline};
