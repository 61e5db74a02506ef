//! Stories without a machine: the command ring, in a plain file, with whatever a kernel might leave in it, and what none would.
//! Offsets are those of `<linux/target_core_user.h>`.

use std::error::Error;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::{Ending, Story, expect};
use crate::guest::guardian::Guardian;
use crate::random::Random;
use crate::server::ring::{Response, Ring, Shared};

/// Every story by its name.
pub const ALL: &[(&str, Story)] = &[("ring_kept", kept), ("ring_broken", broken), ("ring_random", random)];

/// The mapping, and in it the ring, and where data begins.
const MAPPED: usize = 16384;
const BEGIN: u64 = 128;
const SIZE: u32 = 4096;
const DATA: u64 = 8192;

const HEAD: u64 = 12;
const TAIL: u64 = 64;
const PAD: u32 = 0;
const CMD: u32 = 1;
const TMR: u32 = 2;
const UNKNOWN: u32 = 5;
/// A command's entry, with room for four pieces of data.
const ENTRY: u32 = 112;

const READ_10: [u8; 10] = [0x28, 0, 0, 0, 0, 9, 0, 0, 2, 0];
const CDB: u64 = 6000;
const ROUNDS: u64 = 5000;

/// The memory that a kernel would share, as the kernel sees it.
struct Bench {
    memory: File,
    ring: Ring,
    _guardian: Guardian,
}

impl Bench {
    fn new() -> Result<Self, Box<dyn Error>> {
        let guardian = Guardian::new()?;
        let memory = File::options().read(true).write(true).create_new(true).open(guardian.folder().join("ring"))?;
        memory.set_len(MAPPED as u64)?;
        memory.write_all_at(&[2, 0, 2, 0], 0)?; // version, flags
        memory.write_all_at(&[(BEGIN as u32).to_ne_bytes(), SIZE.to_ne_bytes()].concat(), 4)?;
        let uio = File::options().read(true).write(true).open("/dev/null")?;
        let ring = Ring::over(uio, Shared::map(&memory, MAPPED)?)?;
        Ok(Self { memory, ring, _guardian: guardian })
    }

    fn put(&self, at: u64, word: u32) -> io::Result<()> {
        self.memory.write_all_at(&word.to_ne_bytes(), at)
    }

    fn put_long(&self, at: u64, long: u64) -> io::Result<()> {
        self.memory.write_all_at(&long.to_ne_bytes(), at)
    }

    fn get<const BYTES: usize>(&self, at: u64) -> io::Result<[u8; BYTES]> {
        let mut bytes = [0; BYTES];
        self.memory.read_exact_at(&mut bytes, at)?;
        Ok(bytes)
    }

    fn tail(&self) -> io::Result<u32> {
        self.get(TAIL).map(u32::from_ne_bytes)
    }

    /// An entry at this place of the ring, and the head behind it.
    fn entry(&self, at: u32, op: u32, len: u32) -> io::Result<()> {
        self.memory.write_all_at(&[0; 8], BEGIN + u64::from(at))?;
        self.put(BEGIN + u64::from(at), len | op)?;
        self.put(HEAD, (at + len) % SIZE)
    }

    /// READ (10) of two sectors, in two pieces.
    fn command(&self, at: u32) -> io::Result<()> {
        self.entry(at, CMD, ENTRY)?;
        self.memory.write_all_at(&READ_10, CDB)?;
        let entry = BEGIN + u64::from(at);
        self.put(entry + 8, 2)?;
        self.put_long(entry + 24, CDB)?;
        for (place, long) in (0..).zip([DATA + 4096, 1000, DATA, 3096]) {
            self.put_long(entry + 48 + 8 * place, long)?;
        }
        Ok(())
    }

    /// Has the next command done, which is that one, at this place.
    fn done(&mut self, at: u32) -> Result<(), Box<dyn Error>> {
        let data: Vec<u8> = (0..4096_u32).map(|i| (i % 251) as u8 + 1).collect();
        let command = self.ring.next()?.ok_or("no command")?;
        expect("the command block is as it was sent", command.cdb == READ_10)?;
        expect("its length is that of its pieces", command.len == 4096)?;
        self.ring.end(command, &Response { status: 2, data: &data[..3000], sense: vec![0x70, 0, 3] })?;
        let entry = BEGIN + u64::from(at);
        expect("the data begins in the first piece", self.get::<1000>(DATA + 4096)? == data[..1000])?;
        expect("and goes on in the second", self.get::<2000>(DATA)? == data[1000..3000])?;
        expect("but no further than it goes", self.get::<1096>(DATA + 2000)? == [0; 1096])?;
        expect("status", self.get::<1>(entry + 8)? == [2])?;
        expect("length moved", u32::from_ne_bytes(self.get(entry + 12)?) == 3000)?;
        expect("sense", self.get::<4>(entry + 16)? == [0x70, 0, 3, 0])?;
        expect("the length counts", self.get::<1>(entry + 7)? == [2])?;
        expect("the entry is given back", self.tail()? == (at + ENTRY) % SIZE)?;
        expect("there is no other", self.ring.next()?.is_none())?;
        Ok(())
    }
}

/// Commands, and what else a kernel leaves, once around.
fn kept() -> Ending {
    let mut bench = Bench::new()?;
    expect("there is nothing at first", bench.ring.next()?.is_none())?;
    bench.command(0)?;
    bench.done(0)?;
    let mut bench = Bench::new()?;
    for (at, op) in [(0, PAD), (64, TMR), (128, UNKNOWN)] {
        bench.entry(at, op, 64)?;
    }
    bench.command(192)?;
    bench.done(192)?;
    for (at, flag) in [(0, 0), (64, 0), (128, 1)] {
        expect("an unknown entry is told of, and no other", bench.get::<1>(BEGIN + at + 7)? == [flag])?;
    }
    let mut bench = Bench::new()?;
    bench.put(TAIL, SIZE - 64)?;
    bench.entry(SIZE - 64, PAD, 64)?;
    bench.command(0)?;
    bench.done(0)?;
    let mut bench = Bench::new()?;
    bench.put(TAIL, SIZE - ENTRY)?;
    bench.command(SIZE - ENTRY)?;
    bench.done(SIZE - ENTRY)?;
    Ok(String::new())
}

/// One thing is wrong in a command: it is an error, and nothing is given back.
fn broken() -> Ending {
    type Wrong = (&'static str, fn(&Bench) -> io::Result<()>);
    let end = MAPPED as u64;
    let wrong: &[Wrong] = &[
        ("a piece that begins past the end", |bench| bench.put_long(BEGIN + 48, MAPPED as u64 + 1)),
        ("a piece that ends past the end", |bench| bench.put_long(BEGIN + 56, MAPPED as u64)),
        ("a piece whose end is no number", |bench| bench.put_long(BEGIN + 56, u64::MAX)),
        ("the second piece", |bench| bench.put_long(BEGIN + 64, u64::MAX - 10)),
        ("more pieces than there is room for", |bench| bench.put(BEGIN + 8, 5)),
        ("no number of pieces", |bench| bench.put(BEGIN + 8, u32::MAX)),
        ("a command block past the end", |bench| bench.put_long(BEGIN + 24, MAPPED as u64)),
        ("no place of a command block", |bench| bench.put_long(BEGIN + 24, u64::MAX)),
        ("an entry without a length", |bench| bench.put(BEGIN, CMD)),
        ("an entry too short for the sense", |bench| bench.entry(0, CMD, ENTRY - 8)),
        ("an entry past the head", |bench| bench.put(BEGIN, (ENTRY + 8) | CMD)),
        ("padding past the head", |bench| bench.put(BEGIN, (ENTRY + 8) | PAD)),
        ("an entry past the ring's end", |bench| bench.put(BEGIN, (SIZE + 8) | CMD)),
        ("a head past the ring's end", |bench| bench.put(HEAD, SIZE)),
        ("a tail past the ring's end", |bench| bench.put(TAIL, SIZE)),
        ("a tail past everything", |bench| bench.put(TAIL, u32::MAX)),
        ("a tail between two words", |bench| bench.put(TAIL, 3)),
    ];
    for (what, spoil) in wrong {
        let mut bench = Bench::new()?;
        bench.command(0)?;
        spoil(&bench)?;
        let tail = bench.tail()?;
        expect(what, bench.ring.next().is_err())?;
        expect(what, bench.tail()? == tail)?;
    }
    let mut bench = Bench::new()?; // the opcode is the last byte, and wants nine more
    bench.command(0)?;
    bench.memory.write_all_at(&READ_10[..1], end - 1)?;
    bench.put_long(BEGIN + 24, end - 1)?;
    expect("a command block that ends past the end", bench.ring.next().is_err())?;
    Ok(String::new())
}

/// Entries by chance: whatever it is, it comes to an end.
fn random() -> Ending {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        let played = Bench::new().and_then(|mut bench| play(&mut bench)).map_err(|error| error.to_string());
        // An error means that the story did not wait so long.
        let _ = done.send(played);
    });
    Ok(is_done.recv_timeout(Duration::from_secs(60)).map_err(|_| "a panic, or no end")??)
}

fn play(bench: &mut Bench) -> Result<String, Box<dyn Error>> {
    let mut random = Random::of_round(7, 0);
    let (mut commands, mut errors) = (0, 0);
    for _ in 0..ROUNDS {
        let noise: Vec<u8> = (0..SIZE / 8).flat_map(|_| random.next().to_ne_bytes()).collect();
        bench.memory.write_all_at(&noise, BEGIN)?;
        let mut at = random.below(SIZE / 8) * 8;
        bench.put(TAIL, at)?;
        for _ in 0..random.below(12) {
            at = put_entry(bench, at, &mut random)?;
        }
        bench.put(HEAD, if random.percent(80) { at } else { random.below(SIZE * 2) })?;
        if random.percent(30) {
            bench.put(BEGIN + u64::from(random.below(SIZE - 4)), random.next() as u32)?;
        }
        loop {
            match bench.ring.next() {
                Ok(None) => break,
                Ok(Some(command)) => {
                    commands += 1;
                    // Data may lie in the ring itself, and spoil it for what comes next.
                    let data = vec![0xff; command.len.min(MAPPED)];
                    bench.ring.end(command, &Response { status: 0, data: &data, sense: Vec::new() })?;
                }
                Err(_) => {
                    errors += 1;
                    break;
                }
            }
        }
    }
    let sense = format!("{commands} commands and {errors} errors are some of both");
    expect(&sense, commands > ROUNDS && errors > ROUNDS / 10)?;
    Ok(format!("{commands} commands, {errors} errors\n"))
}

/// An entry that makes sense, or nearly so; returns where the next one begins.
fn put_entry(bench: &Bench, at: u32, random: &mut Random) -> io::Result<u32> {
    let entry = BEGIN + u64::from(at);
    let len = ENTRY + 8 * random.below(10);
    if at + len > SIZE {
        bench.put(entry, (SIZE - at) | PAD)?;
        return Ok(0);
    }
    bench.put(entry, len | *random.pick(&[PAD, CMD, CMD, CMD, TMR, UNKNOWN]))?;
    bench.put(entry + 8, random.below(6))?;
    bench.put_long(entry + 24, random.below(MAPPED as u32 + 64).into())?;
    for iov in 0..4 {
        let begin = if random.percent(95) { DATA } else { 0 };
        bench.put_long(entry + 48 + 16 * iov, begin + u64::from(random.below(MAPPED as u32 / 2)))?;
        bench.put_long(entry + 56 + 16 * iov, random.below(MAPPED as u32 / 16).into())?;
    }
    Ok((at + len) % SIZE)
}
