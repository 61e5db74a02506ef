//! The memory that the kernel shares with whoever plays a TCMU device: mailbox, command ring and data area.
//!
//! Layouts, sizes and flags are those of `<linux/target_core_user.h>`; offsets below are in bytes. Whatever the kernel wrote there is
//! checked before it is used as an offset, and each offset comes through [`Shared`], which checks it against the mapping.
//! Fields are accessed as atomic words, since the kernel writes beside us; data of a command is ours until its entry is given back.
#![allow(unsafe_code)]

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// struct tcmu_mailbox: version and flags, u16 each, share the first word.
const CMDR_OFF: usize = 4;
const CMDR_SIZE: usize = 8;
const CMD_HEAD: usize = 12;
const CMD_TAIL: usize = 64;
const MAILBOX_VERSION: u16 = 2;
/// TCMU_MAILBOX_FLAG_CAP_READ_LEN: a response may say how many bytes it moved.
const CAN_READ_LEN: u16 = 2;

/// struct tcmu_cmd_entry: len_op; cmd_id, kflags and uflags; then a request, which the response overwrites.
const FLAGS: usize = 4;
const IOV_COUNT: usize = 8;
const CDB_OFFSET: usize = 24;
const IOVS: usize = 48;
/// struct iovec: offset and length, u64 each.
const IOV: usize = 16;
/// By the opcode's upper three bits (SPC-4, 4.2.5.1), as the kernel has it.
const CDB_LENS: [usize; 8] = [6, 10, 10, 12, 16, 12, 10, 10];
const STATUS: usize = 8;
const READ_LEN: usize = 12;
const SENSE: usize = 16;
const SENSE_LEN: usize = 96;

const OP_MASK: u32 = 7;
const OP_PAD: u32 = 0;
const OP_CMD: u32 = 1;
/// Task management: only tells, and asks for no answer.
const OP_TMR: u32 = 2;
const UFLAG_UNKNOWN_OP: u8 = 1;
const UFLAG_READ_LEN: u8 = 2;

/// A command that waits for its response. Its entry stays in the ring until then.
pub struct Command {
    /// The command block, as long as its opcode says.
    pub cdb: Vec<u8>,
    /// Length of its data in bytes, to whichever side it goes.
    pub len: usize,
    entry: Range<usize>,
    /// Where its data lies in the mapping, in order.
    pieces: Vec<Range<usize>>,
}

/// How a command ended.
pub struct Response<'a> {
    /// SCSI status.
    pub status: u8,
    /// What the initiator gets; where it is less than was asked for, the rest is the residual.
    pub data: &'a [u8],
    /// Sense data, of which 96 bytes are passed on.
    pub sense: Vec<u8>,
}

/// The ring, and the UIO device whose reads wait for commands and whose writes announce responses.
pub struct Ring {
    uio: File,
    shared: Shared,
    /// Where the ring begins in the mapping.
    begin: usize,
    /// Its length; the head and the tail count from its beginning, modulo this.
    size: usize,
}

impl Ring {
    /// Maps the UIO device of this node; `sysfs` is its folder in /sys/class/uio.
    pub fn map(node: &Path, sysfs: &Path) -> io::Result<Self> {
        let size = fs::read_to_string(sysfs.join("maps/map0/size"))?;
        let size = usize::from_str_radix(size.trim().trim_start_matches("0x"), 16).map_err(io::Error::other)?;
        let uio = File::options().read(true).write(true).open(node)?;
        let shared = Shared::map(&uio, size)?;
        Self::over(uio, shared)
    }

    /// The ring in this mapping.
    pub fn over(uio: File, shared: Shared) -> io::Result<Self> {
        let [a, b, c, d] = shared.word(0)?.load(Ordering::Acquire).to_ne_bytes();
        let (version, flags) = (u16::from_ne_bytes([a, b]), u16::from_ne_bytes([c, d]));
        if version != MAILBOX_VERSION || flags & CAN_READ_LEN == 0 {
            return Err(io::Error::other(format!("mailbox of version {version} with flags {flags:x}, which this does not know")));
        }
        let [begin, size] = [CMDR_OFF, CMDR_SIZE].map(|at| shared.field(at));
        Ok(Self { uio, begin: begin?, size: size?, shared })
    }

    /// Returns when there may be commands, or after so many milliseconds.
    pub fn wait(&mut self, limit: u8) -> io::Result<()> {
        let mut waiting = [PollFd::new(self.uio.as_fd(), PollFlags::POLLIN)];
        match poll(&mut waiting, PollTimeout::from(limit)) {
            Ok(1..) => self.uio.read_exact(&mut [0; 4]),
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The oldest command that has no response yet. Entries that are none are dealt with on the way.
    pub fn next(&mut self) -> io::Result<Option<Command>> {
        loop {
            // Acquire: what the kernel wrote before it moved the head is there.
            let (head, tail) = (self.shared.word(CMD_HEAD)?.load(Ordering::Acquire) as usize, self.shared.field(CMD_TAIL)?);
            if head == tail {
                return Ok(None);
            }
            let at = self.begin + tail;
            let len_op = self.shared.word(at)?.load(Ordering::Relaxed);
            let (len, op) = ((len_op & !OP_MASK) as usize, len_op & OP_MASK);
            // The entries end where the head is, perhaps after they began anew: a tail that got past it would never meet it.
            let end = if head > tail { head } else { self.size };
            if head >= self.size || len == 0 || tail + len > end {
                return Err(broken(at));
            }
            let entry = at..at + len;
            match op {
                OP_CMD => return self.command(entry).map(Some),
                OP_PAD | OP_TMR => self.give_back(&entry, 0)?,
                _ => self.give_back(&entry, UFLAG_UNKNOWN_OP)?,
            }
        }
    }

    /// Ends a command. Bytes moved count also beside sense, as with a recovered error; none at all can't be told (the kernel takes 0
    /// for "not said", and then for all if the status is GOOD).
    pub fn end(&mut self, command: Command, response: &Response<'_>) -> io::Result<()> {
        let Command { entry, pieces, len, .. } = command;
        let mut data = response.data;
        for piece in pieces {
            let (now, later) = data.split_at(data.len().min(piece.len()));
            self.shared.write(piece.start, now)?;
            data = later;
        }
        let mut sense = [0; SENSE_LEN];
        sense.iter_mut().zip(&response.sense).for_each(|(to, from)| *to = *from);
        self.shared.write(entry.start + SENSE, &sense)?;
        self.shared.word(entry.start + STATUS)?.store(u32::from_ne_bytes([response.status, 0, 0, 0]), Ordering::Relaxed);
        self.shared.word(entry.start + READ_LEN)?.store(response.data.len().min(len) as u32, Ordering::Relaxed);
        self.give_back(&entry, UFLAG_READ_LEN)
    }

    fn command(&self, entry: Range<usize>) -> io::Result<Command> {
        let count = self.shared.field(entry.start + IOV_COUNT)?;
        if entry.len() < SENSE + SENSE_LEN || (entry.len() - IOVS) / IOV < count {
            return Err(broken(entry.start));
        }
        let piece = |iov| {
            let (at, len) = (self.shared.long(iov)?, self.shared.long(iov + IOV / 2)?);
            self.shared.at(at, len).map(|_| at..at + len)
        };
        let pieces = (0..count).map(|i| piece(entry.start + IOVS + i * IOV)).collect::<io::Result<Vec<_>>>()?;
        let at = self.shared.long(entry.start + CDB_OFFSET)?;
        let mut cdb = vec![0];
        self.shared.read(at, &mut cdb)?;
        cdb.resize(CDB_LENS[usize::from(cdb[0] >> 5)], 0);
        self.shared.read(at, &mut cdb)?;
        Ok(Command { cdb, len: pieces.iter().map(Range::len).sum(), entry, pieces })
    }

    /// Moves the tail behind an entry, and tells the kernel.
    fn give_back(&mut self, entry: &Range<usize>, flag: u8) -> io::Result<()> {
        let flags = self.shared.word(entry.start + FLAGS)?;
        let [a, b, c, uflags] = flags.load(Ordering::Relaxed).to_ne_bytes();
        flags.store(u32::from_ne_bytes([a, b, c, uflags | flag]), Ordering::Relaxed);
        // Release: what was written above is there when the kernel sees the tail.
        self.shared.word(CMD_TAIL)?.store(((entry.end - self.begin) % self.size) as u32, Ordering::Release);
        self.uio.write_all(&[0; 4])
    }
}

/// The mapping; unmapped when it is dropped.
pub struct Shared {
    start: NonNull<u8>,
    len: usize,
}

impl Shared {
    /// Maps so many bytes of a file, from its beginning.
    pub fn map(file: &File, len: usize) -> io::Result<Self> {
        let (rights, fd) = (libc::PROT_READ | libc::PROT_WRITE, file.as_raw_fd());
        // SAFETY: at an address of the kernel's choice, so that no memory of ours is touched; a failure is looked at.
        let start = unsafe { libc::mmap(ptr::null_mut(), len, rights, libc::MAP_SHARED, fd, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        NonNull::new(start.cast()).map(|start| Self { start, len }).ok_or_else(|| io::Error::other("mapped at address 0"))
    }

    /// Where these bytes lie, all of them in the mapping.
    fn at(&self, offset: usize, len: usize) -> io::Result<*mut u8> {
        match offset.checked_add(len) {
            Some(end) if end <= self.len => Ok(self.start.as_ptr().wrapping_add(offset)),
            _ => Err(broken(offset)),
        }
    }

    fn word(&self, offset: usize) -> io::Result<&AtomicU32> {
        let word = self.at(offset, 4)?.cast::<u32>();
        if !word.is_aligned() {
            return Err(broken(offset));
        }
        // SAFETY: aligned, and in the mapping, which lives as long as `self`. While the reference lives nobody here writes otherwise,
        // as `write` needs `&mut self`; the kernel writes whole words.
        Ok(unsafe { AtomicU32::from_ptr(word) })
    }

    fn field(&self, at: usize) -> io::Result<usize> {
        Ok(self.word(at)?.load(Ordering::Relaxed) as usize)
    }

    /// A u64, in two words.
    fn long(&self, at: usize) -> io::Result<usize> {
        let mut bytes = [0; 8];
        for (i, half) in bytes.chunks_exact_mut(4).enumerate() {
            half.copy_from_slice(&self.word(at + 4 * i)?.load(Ordering::Relaxed).to_ne_bytes());
        }
        usize::try_from(u64::from_ne_bytes(bytes)).map_err(|_| broken(at))
    }

    fn read(&self, offset: usize, to: &mut [u8]) -> io::Result<()> {
        let from = self.at(offset, to.len())?;
        // SAFETY: both are as long as `to`; no memory of Rust's lies in the mapping; the kernel does not write what is asked for here,
        // a command that has no response yet.
        unsafe { ptr::copy_nonoverlapping(from, to.as_mut_ptr(), to.len()) };
        Ok(())
    }

    fn write(&mut self, offset: usize, from: &[u8]) -> io::Result<()> {
        let to = self.at(offset, from.len())?;
        // SAFETY: both are as long as `from`; no memory of Rust's lies in the mapping, and `&mut self` says that no word of it is
        // borrowed; the kernel does not look at a command's entry and data before its response.
        unsafe { ptr::copy_nonoverlapping(from.as_ptr(), to, from.len()) };
        Ok(())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: this mapping was made by `map` with this length, and nothing borrowed from it outlives `self`.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

fn broken(offset: usize) -> io::Error {
    io::Error::other(format!("the command ring makes no sense at offset {offset}"))
}
