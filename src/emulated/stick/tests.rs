//! The stick from outside: read and written as any medium, with FILE looked at as a witness.

use std::fs;
use std::io;
use std::path::PathBuf;

use proptest::prelude::*;

use super::Stick;
use crate::emulated::stick;
use crate::medium::{Geometry, Medium, Writable};
use crate::sys::Buffer;

const SECTOR: usize = 512;
/// What FILE is full of at first.
const OLD: u8 = 0xaa;

/// A stick in a folder of its own.
struct Bench {
    _folder: tempfile::TempDir,
    path: PathBuf,
    stick: Stick,
}

impl Bench {
    /// A stick over a file of this many sectors of 512 bytes. `options` begin with a comma.
    fn new(sectors: usize, options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stick.img");
        fs::write(&path, vec![OLD; sectors * SECTOR]).unwrap();
        let stick = stick(&format!("{}{options}", path.display())).unwrap();
        Self { _folder: folder, path, stick }
    }

    /// What lies in FILE by now.
    fn file(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap()
    }

    /// Sectors that one write took, or the error's number. Each sector is full of `byte`.
    fn write(&self, first: usize, count: usize, byte: u8) -> Result<usize, i32> {
        let took = self.stick.write_some(&full(count * SECTOR, byte), (first * SECTOR) as u64).map_err(number)?;
        assert_eq!(took % SECTOR, 0);
        Ok(took / SECTOR)
    }

    /// Sectors that one read brought, as the first byte of each, or the error's number.
    fn read(&self, first: usize, count: usize) -> Result<Vec<u8>, i32> {
        let mut buffer = full(count * SECTOR, 0xee);
        let came = self.stick.read_some(&mut buffer, (first * SECTOR) as u64).map_err(number)?;
        assert_eq!(came % SECTOR, 0);
        assert!(buffer[came..].iter().all(|byte| *byte == 0xee), "what did not come is untouched");
        Ok(buffer[..came].chunks(SECTOR).map(|sector| sector[0]).collect())
    }
}

fn number(error: io::Error) -> i32 {
    error.raw_os_error().expect("an error of the kernel's")
}

fn full(length: usize, byte: u8) -> Buffer {
    let mut buffer = Buffer::new(length);
    buffer.fill(byte);
    buffer
}

/// Bytes that differ everywhere, and from one `stamp` to the next.
fn pattern(length: usize, stamp: u64) -> Buffer {
    let mut buffer = Buffer::new(length);
    for (at, byte) in (0u64..).zip(buffer.iter_mut()) {
        *byte = (at * 31 + at / 512 * 7 + stamp * 101 + 1) as u8;
    }
    buffer
}

#[test]
fn it_tells_who_it_is() {
    let bench = Bench::new(16, "");
    let disk = bench.stick.as_disk("emulated:x");
    let told = [disk.vendor, disk.model, disk.serial].map(Option::unwrap);
    assert_eq!(told, ["DISCSMTH", "Emulated stick", "EMUSTICK1"]);
    assert_eq!((bench.stick.backing(), disk.is_read_only), (bench.path.as_path(), false));
    assert_eq!(bench.stick.geometry(), Geometry { bytes: 8192, sector: 512 });
    assert_eq!(Bench::new(17, ",sector=4096").stick.geometry(), Geometry { bytes: 8192, sector: 4096 });
}

#[test]
fn beyond_the_end_there_is_nothing_to_read_and_no_room() {
    let bench = Bench::new(8, "");
    assert_eq!(bench.write(6, 4, 1), Ok(2));
    assert_eq!((bench.write(8, 1, 1), bench.write(1 << 40, 1, 1)), (Err(libc::ENOSPC), Err(libc::ENOSPC)));
    assert_eq!(bench.read(5, 9), Ok(vec![OLD, 1, 1]));
    assert_eq!((bench.read(8, 1), bench.read(1 << 40, 1)), (Ok(vec![]), Ok(vec![])));
    assert_eq!(bench.file().len(), 8 * SECTOR);
    let error = bench.stick.write_at(&full(4 * SECTOR, 1), 6 * 512).unwrap_err();
    assert_eq!((error.at, error.cause.raw_os_error()), (8 * 512, Some(libc::ENOSPC)));
}

#[test]
fn accesses_that_the_kernel_would_refuse_are_refused_and_told() {
    let bench = Bench::new(64, ",sector=4096,readonly");
    let mut buffer = Buffer::new(16_384);
    let mut refused = |from: usize, length: usize, offset: u64| {
        let read = bench.stick.read_some(&mut buffer[from..from + length], offset).map_err(number);
        let written = bench.stick.write_some(&buffer[from..from + length], offset).map_err(number);
        assert_eq!(read.is_ok(), written == Err(libc::EROFS), "both by the same rules");
        read == Err(libc::EINVAL) && written == Err(libc::EINVAL)
    };
    assert!(refused(0, 4096, 512), "offset");
    assert!(refused(0, 4097, 0) && refused(0, 512, 4096), "length");
    assert!(refused(8, 4096, 0), "memory");
    assert!(refused(0, 4096, (1 << 40) + 1), "past the end as well");
    assert!(!refused(0, 8192, 4096) && !refused(512, 4096, 0) && !refused(0, 4096, 1 << 40));
    let told = bench.stick.violations();
    assert_eq!(told.len(), 10);
    assert_eq!(told[0], "reading 4096 bytes at 512: the offset is no multiple of 4096");
    assert!(told[3].starts_with("writing 4097 bytes at 0: the length"));
    assert_eq!(
        (bench.stick.read_some(&mut [], 5).unwrap(), bench.stick.violations().len()),
        (0, 10),
        "nothing is always aligned"
    );
}

#[test]
fn a_flipped_bit_reads_wrong_however_it_is_written() {
    let bench = Bench::new(16, ",flip=1000,flip=1536,seed=5");
    let read = || {
        let mut buffer = Buffer::new(16 * SECTOR);
        bench.stick.read_at(&mut buffer, 0).unwrap();
        buffer
    };
    let first = read();
    let wrong: Vec<_> = (0..16 * SECTOR).filter(|at| first[*at] != OLD).collect();
    assert_eq!(wrong, [1000, 1536]);
    assert_eq!((first[1000] ^ OLD).count_ones(), 1);
    assert_eq!(*first, *read());
    bench.stick.write_at(&full(16 * SECTOR, 0x55), 0).unwrap();
    bench.stick.settle().unwrap();
    let second = read();
    assert_eq!([1000, 1536].map(|at| second[at] ^ 0x55), [1000, 1536].map(|at| first[at] ^ OLD), "the same bit");
    assert!(bench.file().iter().all(|byte| *byte == 0x55), "FILE has what was written");
    let mut alone = Buffer::new(SECTOR);
    bench.stick.read_at(&mut alone, 512).unwrap();
    assert_eq!(alone[1000 - 512], second[1000]);
}

#[test]
fn failing_bytes_fail_after_what_comes_before_them() {
    let bench = Bench::new(32, ",eio=5000+1000@r,eio=20s+1s@w");
    assert_eq!(bench.read(4, 10).unwrap().len(), 5);
    assert_eq!([9, 10, 11].map(|first| bench.read(first, 1)), [Err(libc::EIO), Err(libc::EIO), Err(libc::EIO)]);
    assert_eq!(bench.read(12, 20).unwrap().len(), 20, "what can't be written can be read");
    assert_eq!(bench.write(8, 4, 1), Ok(4), "and what can't be read can be written");
    assert_eq!([bench.write(18, 5, 2), bench.write(20, 1, 2), bench.write(21, 1, 2)], [Ok(2), Err(libc::EIO), Ok(1)]);
    let error = bench.stick.write_at(&full(8 * SECTOR, 3), 16 * 512).unwrap_err();
    assert_eq!((error.at, error.cause.raw_os_error()), (20 * 512, Some(libc::EIO)));
    let file = bench.file();
    assert_eq!([8, 11, 17, 20, 21].map(|sector| file[sector * SECTOR]), [1, 1, 3, OLD, 2]);
}

#[test]
fn short_writes_take_a_part_that_the_seed_chose() {
    let taken = |options: &str| {
        let bench = Bench::new(64, options);
        let taken: Vec<_> = (0..20).map(|_| bench.write(0, 64, 7).unwrap()).collect();
        assert!(taken.iter().all(|sectors| (1..64).contains(sectors)));
        let largest = *taken.iter().max().unwrap() * SECTOR;
        assert!(bench.file()[..largest].iter().all(|byte| *byte == 7) && bench.file()[largest..].iter().all(|byte| *byte == OLD));
        taken
    };
    let first = taken(",short-writes,seed=1");
    assert!(first.iter().any(|sectors| *sectors != first[0]));
    assert_eq!(first, taken(",short-writes,seed=1"));
    assert_ne!(first, taken(",short-writes,seed=2"));
    let bench = Bench::new(64, ",short-writes");
    assert_eq!((bench.write(0, 1, 1), bench.read(0, 64).unwrap().len()), (Ok(1), 64));
    let data = pattern(64 * SECTOR, 1);
    bench.stick.write_at(&data, 0).unwrap();
    assert_eq!(bench.file(), *data);
}

#[test]
fn a_stick_that_is_gone_is_gone_for_good() {
    let bench = Bench::new(32, ",gone-after=10s");
    assert_eq!([bench.write(0, 4, 1), bench.write(0, 4, 2)], [Ok(4), Ok(4)]);
    assert_eq!((bench.read(0, 1), bench.stick.settle().is_ok()), (Ok(vec![2]), true));
    assert_eq!(bench.write(20, 4, 3), Ok(2), "the part before");
    for _ in 0..2 {
        assert_eq!((bench.read(0, 1), bench.write(0, 1, 4)), (Err(libc::ENODEV), Err(libc::ENODEV)));
        assert_eq!((bench.read(99, 1), bench.write(99, 1, 4)), (Err(libc::ENODEV), Err(libc::ENODEV)), "past the end as well");
        assert_eq!(bench.stick.settle().map_err(number), Err(libc::ENODEV));
    }
    assert_eq!([20, 21, 22].map(|sector| bench.file()[sector * SECTOR]), [3, 3, OLD]);
    let exact = Bench::new(32, ",gone-after=4s");
    assert_eq!((exact.write(0, 4, 1), exact.read(0, 1)), (Ok(4), Err(libc::ENODEV)), "with the last byte, not after it");
    let odd = Bench::new(32, ",gone-after=100");
    assert_eq!(
        [odd.read(0, 1).map(|_| 0), odd.write(0, 1, 1), odd.read(0, 1).map(|_| 0)],
        [Ok(0), Err(libc::ENODEV), Err(libc::ENODEV)]
    );
    assert_eq!(Bench::new(32, ",gone-after=0").read(0, 1), Err(libc::ENODEV));
    let cached = Bench::new(32, ",gone-after=4s,cache=1M");
    assert_eq!((cached.write(0, 8, 1), cached.stick.settle().map_err(number)), (Ok(4), Err(libc::ENODEV)));
    assert_eq!(cached.file(), [OLD; 32 * SECTOR], "what was in the cache went with it");
}

#[test]
fn a_protected_stick_is_read_and_not_written() {
    let bench = Bench::new(16, ",readonly");
    assert!(bench.stick.as_disk("emulated:x").is_read_only);
    assert_eq!((bench.write(0, 1, 1), bench.write(99, 1, 1)), (Err(libc::EROFS), Err(libc::EROFS)));
    assert_eq!((bench.read(0, 2), bench.stick.settle().is_ok()), (Ok(vec![OLD, OLD]), true));
    assert_eq!(bench.file(), [OLD; 16 * SECTOR]);
}

#[test]
fn what_was_dropped_reads_as_zeros() {
    let bench = Bench::new(32, ",real=16s,drop");
    assert_eq!(bench.write(12, 8, 1), Ok(8), "it takes everything");
    assert_eq!(bench.read(11, 6), Ok(vec![OLD, 1, 1, 1, 1, 0]));
    assert_eq!(bench.read(20, 2), Ok(vec![0, 0]));
    bench.stick.settle().unwrap();
    assert_eq!([15, 16].map(|sector| bench.file()[sector * SECTOR]), [1, OLD]);
}

#[test]
fn what_wraps_overwrites_what_was_there() {
    let bench = Bench::new(32, ",real=8s,wrap");
    assert_eq!([bench.write(1, 1, 1), bench.write(6, 4, 2)], [Ok(1), Ok(4)]);
    assert_eq!(bench.read(0, 10), Ok(vec![2, 2, OLD, OLD, OLD, OLD, 2, 2, 2, 2]));
    bench.stick.write_at(&pattern(32 * SECTOR, 9), 0).unwrap();
    assert_eq!(bench.file()[..8 * SECTOR], pattern(32 * SECTOR, 9)[24 * SECTOR..], "the last that came");
    assert!(bench.file()[8 * SECTOR..].iter().all(|byte| *byte == OLD));
}

#[test]
fn the_cache_is_read_from_and_lost() {
    let bench = Bench::new(16, ",cache=4s");
    assert_eq!([bench.write(0, 3, 1), bench.write(3, 2, 2)], [Ok(3), Ok(2)]);
    assert_eq!(bench.read(0, 6), Ok(vec![1, 1, 1, 2, 2, OLD]));
    let on_medium = |bench: &Bench| [0, 1, 2, 3, 4].map(|sector| bench.file()[sector * SECTOR]);
    assert_eq!(on_medium(&bench), [1, OLD, OLD, OLD, OLD], "the oldest made room");
    bench.stick.settle().unwrap();
    assert_eq!(on_medium(&bench), [1, 1, 1, 2, 2]);
    assert_eq!((bench.write(0, 1, 3), bench.read(0, 2)), (Ok(1), Ok(vec![3, 1])));
    let Bench { _folder, path, stick: plugged } = bench;
    drop(plugged);
    let again = stick(&path.display().to_string()).unwrap();
    assert_eq!(Bench { _folder, path, stick: again }.read(0, 1), Ok(vec![1]));
}

#[test]
fn a_stick_that_ignores_flushes_says_yes() {
    let bench = Bench::new(16, ",cache=4s,nofua");
    assert_eq!((bench.write(0, 6, 1), bench.stick.settle().is_ok()), (Ok(6), true));
    assert_eq!(bench.read(0, 7), Ok(vec![1, 1, 1, 1, 1, 1, OLD]));
    assert_eq!([1, 2, 5].map(|sector| bench.file()[sector * SECTOR]), [1, OLD, OLD]);
}

#[test]
fn a_file_that_was_cut_off_is_an_unreadable_stick() {
    let bench = Bench::new(16, "");
    fs::OpenOptions::new().write(true).open(&bench.path).unwrap().set_len(8 * 512).unwrap();
    assert_eq!((bench.read(0, 8).map(|got| got.len()), bench.read(7, 2)), (Ok(8), Err(libc::EIO)));
}

#[test]
fn threads_may_use_it_at_once() {
    let bench = Bench::new(64, ",cache=8s,short-writes");
    std::thread::scope(|scope| {
        for part in 0..4u8 {
            let stick = &bench.stick;
            scope.spawn(move || {
                for round in 0..50u64 {
                    let (data, offset) = (pattern(16 * SECTOR, round + u64::from(part)), u64::from(part) * 16 * 512);
                    stick.write_at(&data, offset).unwrap();
                    let mut back = Buffer::new(16 * SECTOR);
                    stick.read_at(&mut back, offset).unwrap();
                    assert_eq!(*back, *data);
                }
            });
        }
    });
    bench.stick.settle().unwrap();
    for part in 0..4 {
        assert_eq!(bench.file()[part * 16 * SECTOR..][..16 * SECTOR], *pattern(16 * SECTOR, 49 + part as u64));
    }
}

/// Something that a program does with a stick; places and lengths in sectors.
#[derive(Debug, Clone)]
enum Step {
    Write { first: usize, count: usize, stamp: u64 },
    Read { first: usize, count: usize },
    Settle,
}

fn steps(sectors: usize) -> impl Strategy<Value = Vec<Step>> {
    let place = move || (0..sectors + 2, 1..sectors);
    let step = prop_oneof![
        4 => (place(), any::<u64>()).prop_map(|((first, count), stamp)| Step::Write { first, count, stamp: stamp >> 32 }),
        4 => place().prop_map(|(first, count)| Step::Read { first, count }),
        1 => Just(Step::Settle),
    ];
    proptest::collection::vec(step, 0..24)
}

/// What a stick of this many sectors should do, told as simply as possible: one list of sectors, and one of what is held back.
struct Model {
    sector: usize,
    claimed: usize,
    /// Sectors that are real; those past them wrap.
    real: usize,
    /// Sectors that the cache holds.
    room: usize,
    cells: Vec<Vec<u8>>,
    held: Vec<(usize, Vec<u8>)>,
}

impl Model {
    fn new(sector: usize, claimed: usize, real: usize, room: usize) -> Self {
        Self { sector, claimed, real, room, cells: vec![vec![OLD; sector]; claimed], held: Vec::new() }
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        let at = at % self.real;
        self.held.retain(|(held, _)| *held != at);
        self.held.push((at, bytes.to_vec()));
        self.keep(self.room);
    }

    fn keep(&mut self, room: usize) {
        while self.held.len() > room {
            let (at, bytes) = self.held.remove(0);
            self.cells[at] = bytes;
        }
    }

    fn read(&self, at: usize) -> &[u8] {
        let at = at % self.real;
        self.held.iter().find(|(held, _)| *held == at).map_or(&self.cells[at], |(_, bytes)| bytes)
    }

    /// Does the same with both, and compares all that shows.
    fn walk(&mut self, stick: &Stick, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Settle => {
                    stick.settle().unwrap();
                    self.keep(0);
                }
                Step::Write { first, count, stamp } => {
                    let data = pattern(count * self.sector, stamp);
                    let took = stick.write_some(&data, (first * self.sector) as u64).map_err(number);
                    let fit = count.min(self.claimed.saturating_sub(first));
                    assert_eq!(took, if fit == 0 { Err(libc::ENOSPC) } else { Ok(fit * self.sector) });
                    for (sector, at) in data.chunks(self.sector).zip(first..first + fit) {
                        self.write(at, sector);
                    }
                }
                Step::Read { first, count } => {
                    let mut buffer = full(count * self.sector, 0xee);
                    let came = stick.read_some(&mut buffer, (first * self.sector) as u64).unwrap();
                    assert_eq!(came, count.min(self.claimed.saturating_sub(first)) * self.sector);
                    for (sector, at) in buffer[..came].chunks(self.sector).zip(first..) {
                        assert!(sector == self.read(at), "sector {at}");
                    }
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn a_stick_without_faults_is_a_list_of_bytes(steps in steps(24), large: bool) {
        let sector = if large { 4096 } else { 512 };
        let bench = Bench::new(24 * sector / SECTOR, &format!(",sector={sector}"));
        let mut model = Model::new(sector, 24, 24, 0);
        model.walk(&bench.stick, steps);
        prop_assert!(bench.file() == model.cells.concat());
        prop_assert_eq!(bench.stick.violations(), Vec::<String>::new());
    }

    #[test]
    fn with_a_cache_the_file_has_what_was_settled_or_evicted(steps in steps(24), room in 0usize..30) {
        let bench = Bench::new(24, &format!(",cache={room}s"));
        let mut model = Model::new(SECTOR, 24, 24, room);
        model.walk(&bench.stick, steps);
        let Bench { _folder, path, stick } = bench;
        drop(stick);
        prop_assert!(fs::read(path).unwrap() == model.cells.concat());
    }

    #[test]
    fn fake_sectors_are_real_ones_again(steps in steps(24), real in 1usize..24, room in 0usize..12) {
        let bench = Bench::new(24, &format!(",real={real}s,wrap,cache={room}s"));
        let mut model = Model::new(SECTOR, 24, real, room);
        model.walk(&bench.stick, steps);
        prop_assert!(bench.file() == model.cells.concat());
    }
}
