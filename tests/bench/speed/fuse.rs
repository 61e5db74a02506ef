//! A file system with one file and nothing else, the file its root: each read and write of it takes the time of a slow device.
//!
//! The kernel has the protocol in include/uapi/linux/fuse.h; numbers and layouts below are from there, version 7.31. No crate: of some forty
//! requests one file needs six.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, sleep};
use std::time::Instant;

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::pace::{Access, Pace, Speed};
use crate::tool;

const GETATTR: u32 = 3;
const OPEN: u32 = 14;
const READ: u32 = 15;
const WRITE: u32 = 16;
const RELEASE: u32 = 18;
const FSYNC: u32 = 20;
const FLUSH: u32 = 25;
const INIT: u32 = 26;
/// FORGET, INTERRUPT and BATCH_FORGET want no answer.
const UNANSWERED: [u32; 3] = [2, 36, 42];

const VERSION: [u32; 2] = [7, 31];
/// ASYNC_READ, BIG_WRITES, ASYNC_DIO, MAX_PAGES: requests of a loop device all at once, and large.
const FLAGS: u32 = 1 | 1 << 5 | 1 << 15 | 1 << 22;
/// DIRECT_IO, PARALLEL_DIRECT_WRITES: past the cache.
const OPEN_FLAGS: u32 = 1 | 1 << 6;
/// Bytes of a request at most, as of a stick on USB 3 (US_FL's 2048 sectors in drivers/usb/storage/scsiglue.c).
const REQUEST: usize = 1 << 20;
const PAGE: usize = 4096;
/// A regular file, 0600.
const MODE: u32 = 0o100_600;

const HEADER: usize = 40;
/// What WRITE has between its header and its data.
const WRITE_HEADER: usize = 40;

/// Requests that wait in the device while one is served: a loop device sends the parts of a write of 4 MiB at once.
const QUEUE: usize = 16;

/// Shows `store` at `point`, an existing file, as slow as `speed` says; until whoever opened it has closed it. `point` itself is free again as soon as
/// `open` has returned.
pub fn serve<T>(store: File, speed: Speed, point: &Path, open: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let size = store.metadata()?.len();
    let kernel = OpenOptions::new().read(true).write(true).open("/dev/fuse")?;
    let options = format!("fd={},rootmode={MODE:o},user_id=0,group_id=0", kernel.as_raw_fd());
    mount(Some("speed"), point, Some("fuse"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some(options.as_str()))?;
    let pace = Mutex::new(Pace::new(speed, Instant::now()));
    let stick = Arc::new(Stick { kernel, store, size, pace });
    for _ in 0..QUEUE {
        let stick = Arc::clone(&stick);
        thread::spawn(move || stick.serve());
    }
    // A stick does not wait for the computer's CPU. What the bench starts is as urgent as ever.
    let bench = process::id().to_string();
    tool::run("chrt", &["--rr", "--reset-on-fork", "--all-tasks", "--pid", "10", &bench].map(Path::new))?;
    let opened = open();
    // What is open stays, and goes with the last one who has it open: so nothing is left behind, however the bench ends.
    umount2(point, MntFlags::MNT_DETACH)?;
    opened
}

struct Stick {
    kernel: File,
    store: File,
    size: u64,
    pace: Mutex<Pace>,
}

impl Stick {
    /// Answers requests until the file system is gone.
    fn serve(&self) {
        let mut room = vec![0; HEADER + WRITE_HEADER + PAGE + REQUEST];
        let mut data = vec![0; REQUEST];
        while let Ok(length) = (&self.kernel).read(&mut room) {
            let request = Request(&room[..length]);
            if UNANSWERED.contains(&request.operation()) {
                continue;
            }
            let answer = self.answer(&request, &mut data);
            let (errno, body) = match &answer {
                Ok(Answer::Fields(fields)) => (0, fields.as_slice()),
                Ok(Answer::Data(length)) => (0, &data[..*length]),
                Err(error) => (error.raw_os_error().unwrap_or(libc::EIO), &[][..]),
            };
            let header = [(16 + body.len() as u32).to_ne_bytes(), (-errno).to_ne_bytes()].concat();
            let reply = [&header[..], request.unique(), body].map(IoSlice::new);
            // An answer that nobody waits for any more fails; the next read tells whether all is over.
            let _ = (&self.kernel).write_vectored(&reply);
        }
    }

    fn answer(&self, request: &Request<'_>, data: &mut [u8]) -> io::Result<Answer> {
        match request.operation() {
            INIT => Ok(Answer::init()),
            GETATTR => Ok(Answer::attributes(self.size)),
            OPEN => Ok(Answer::Fields([0, 0, OPEN_FLAGS, 0].map(u32::to_ne_bytes).concat())),
            READ => {
                let length = request.length().min(self.size.saturating_sub(request.offset()) as usize);
                let served = self.served(Access::Read(length as u64));
                self.store.read_exact_at(&mut data[..length], request.offset())?;
                wait_until(served);
                Ok(Answer::Data(length))
            }
            WRITE => {
                let served = self.served(Access::Write(request.length() as u64));
                self.store.write_all_at(request.data(), request.offset())?;
                wait_until(served);
                Ok(Answer::Fields([request.length() as u32, 0].map(u32::to_ne_bytes).concat()))
            }
            // A stick without a cache: what is written is there.
            FSYNC | FLUSH | RELEASE => Ok(Answer::Data(0)),
            _ => Err(io::Error::from_raw_os_error(libc::ENOSYS)),
        }
    }

    fn served(&self, access: Access) -> Instant {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner).serve(access, Instant::now())
    }
}

fn wait_until(served: Instant) {
    sleep(served.saturating_duration_since(Instant::now()));
}

/// What the kernel asks. It is trusted: a short request would be its bug.
struct Request<'a>(&'a [u8]);

impl Request<'_> {
    fn word(&self, at: usize) -> u32 {
        u32::from_ne_bytes(std::array::from_fn(|byte| self.0[at + byte]))
    }

    fn operation(&self) -> u32 {
        self.word(4)
    }

    /// What ties the answer to the request.
    fn unique(&self) -> &[u8] {
        &self.0[8..16]
    }

    /// Of READ and WRITE.
    fn offset(&self) -> u64 {
        u64::from_ne_bytes(std::array::from_fn(|byte| self.0[HEADER + 8 + byte]))
    }

    /// Of READ and WRITE.
    fn length(&self) -> usize {
        self.word(HEADER + 16) as usize
    }

    /// Of WRITE.
    fn data(&self) -> &[u8] {
        &self.0[HEADER + WRITE_HEADER..]
    }
}

enum Answer {
    Fields(Vec<u8>),
    /// So many bytes of what was read.
    Data(usize),
}

impl Answer {
    /// `struct fuse_init_out`.
    fn init() -> Self {
        let queue = QUEUE as u32;
        let mut words = [0; 16];
        // Version, read-ahead, flags, background requests (most, and when the kernel slows down), bytes of a write, granularity of times, pages.
        let known = [VERSION[0], VERSION[1], 0, FLAGS, queue | queue << 16, REQUEST as u32, 1, (REQUEST / PAGE) as u32];
        words[..known.len()].copy_from_slice(&known);
        Self::Fields(words.map(u32::to_ne_bytes).concat())
    }

    /// `struct fuse_attr_out`: ten numbers of 64 bits (how long it holds, inode, size, …) with two words between, and words from the mode on.
    fn attributes(size: u64) -> Self {
        let mut words = [0; 26];
        let longs = [(4, 1), (6, size), (8, size / 512)];
        for (at, number) in longs {
            let bytes = u64::to_ne_bytes(number);
            words[at] = u32::from_ne_bytes(std::array::from_fn(|byte| bytes[byte]));
            words[at + 1] = u32::from_ne_bytes(std::array::from_fn(|byte| bytes[byte + 4]));
        }
        // Mode, links; owner root; bytes of a block.
        (words[19], words[20], words[24]) = (MODE, 1, PAGE as u32);
        Self::Fields(words.map(u32::to_ne_bytes).concat())
    }
}
