//! A stick is given back as one empty partition.
//!
//! [`run`] tells the story: the system's mkfs makes the file system in memory, and its fsck looks at it; then what mkfs wrote is written to
//! the stick, by the one descriptor that nobody else gets beside, and read back; the partition table comes last. So nobody sees a
//! partition, or mounts one, before all of it is proved.

mod filesystem;
mod table;

use crate::event::{FormatOutcome, JobResult, MediumCard, Observer, Outcome, TransferPhase};
use crate::medium::{Geometry, Poison, Span, Spans, show_size};
use crate::pipeline::CHUNK;
use crate::status::Status;
use crate::sys::{Buffer, Scratch, Stop};

use super::stick::{self, ADVICE, Claimed, Job, Request, TargetOperand, Telling};
use super::{Ask, Failure};
pub use filesystem::FileSystem;
use table::{partition, table};

/// What is zero until all else is proved, as with an image.
const HEAD: u64 = 1 << 20;

/// What is made zero at both ends, so that nothing is taken for what was there before: labels of RAID lie in the last 192 KiB, of ZFS in the first and last
/// 512 KiB of disk or partition, the latter cut to whole MiB; the superblock of btrfs ends at 68 KiB.
const EDGE: u64 = 2 << 20;

/// Formats the stick. The result tells how it ended, whatever happened.
pub fn run(
    request: &Request,
    wanted: Option<FileSystem>,
    operand: &TargetOperand,
    ask: &mut Ask<'_>,
    observer: &mut dyn Observer,
    stop: &Stop,
) -> JobResult {
    let gets = |card: &MediumCard| {
        let geometry = Geometry { bytes: card.bytes.unwrap_or(0), sector: card.sector };
        let plan = Plan::new(geometry, wanted, &card.node)?;
        Ok(vec![format!("one empty {} partition of {}", plan.filesystem, show_size(plan.partition.length))])
    };
    let work = |claimed: &Claimed<'_>, outcome: &mut FormatOutcome, observer: &mut dyn Observer, stop: &Stop| {
        let plan = Plan::new(claimed.medium.geometry(), wanted, &claimed.node)?;
        Format { claimed, outcome, telling: Telling::new(observer), stop }.run(&plan)
    };
    let job = Job { verb: "format", doing: "formatting a stick", gets: &gets, work };
    let named = |outcome, medium| Outcome::Format(FormatOutcome { medium, ..outcome });
    stick::run(job, (request, operand), ask, observer, stop, named)
}

/// What a stick is going to be.
struct Plan {
    geometry: Geometry,
    filesystem: FileSystem,
    partition: Span,
}

impl Plan {
    fn new(geometry: Geometry, wanted: Option<FileSystem>, name: &str) -> Result<Self, Failure> {
        let filesystem = wanted.unwrap_or_else(|| FileSystem::usual(geometry.bytes));
        filesystem.maker()?;
        let partition = partition(geometry)
            .ok_or_else(|| Failure::refused(format!("{name} is too small for a partition ({})", show_size(geometry.bytes))))?;
        if filesystem == FileSystem::Exfat && geometry.sector != 512 {
            return Err(Failure::refused(format!(
                "{name} has sectors of {} bytes, for which mkfs.exfat makes no file system in memory; say --format=vfat or ext4",
                geometry.sector
            )));
        }
        Ok(Self { geometry, filesystem, partition })
    }

    /// The file system in memory, and the table.
    fn made(&self) -> Result<Made, Failure> {
        let in_memory = |error: std::io::Error| {
            Failure::failed(format!("making the file system in memory: {error}; nothing was written; close other programs"))
        };
        let Self { geometry, filesystem, partition } = *self;
        let scratch = Scratch::new(partition.length).map_err(in_memory)?;
        let first = partition.offset / u64::from(geometry.sector);
        filesystem.make(&scratch, partition.length, first, geometry.sector)?;
        let mut content = Spans::default();
        for (offset, length) in scratch.written().map_err(in_memory)? {
            content.push(partition.offset + offset, length.min(partition.length - offset));
        }
        let (mut poison, mut noise) = (Poison::new(), [0; 32]);
        noise.chunks_mut(8).for_each(|part| poison.fill(part));
        let table = table(geometry, partition, filesystem.mbr_type(partition.length), noise);
        let end = geometry.bytes;
        let edge = EDGE.min(end - HEAD);
        let edges = [HEAD, end - edge].map(|offset| Span { offset, length: edge });
        let mut all = content.clone();
        for edge in edges {
            all = all.union(&all.gaps(edge));
        }
        Ok(Made { scratch, content, table, all, partition, end })
    }
}

/// What the stick is going to hold.
struct Made {
    scratch: Scratch,
    /// What mkfs wrote, in bytes of the stick.
    content: Spans,
    table: table::Table,
    /// Every byte that is written before the table: the content, the table's end, and zeros at the edges.
    all: Spans,
    partition: Span,
    end: u64,
}

impl Made {
    /// What a run of the stick holds.
    fn fill(&self, buffer: &mut [u8], span: Span) -> std::io::Result<()> {
        buffer.fill(0);
        for part in self.content.within(span) {
            let from = (part.offset - span.offset) as usize;
            self.scratch.read_at(&mut buffer[from..from + part.length as usize], part.offset - self.partition.offset)?;
        }
        let tail_at = self.end - self.table.tail.len() as u64;
        for (place, at) in buffer.iter_mut().zip(span.offset..).skip(tail_at.saturating_sub(span.offset) as usize) {
            *place = self.table.tail[(at - tail_at) as usize];
        }
        Ok(())
    }

    /// All of it in runs of at most a chunk.
    fn chunks(&self) -> impl Iterator<Item = Span> + '_ {
        let cut = |span: Span| {
            (span.offset..span.end())
                .step_by(CHUNK)
                .map(move |offset| Span { offset, length: (span.end() - offset).min(CHUNK as u64) })
        };
        self.all.iter().flat_map(cut)
    }
}

/// A stick while it is formatted.
struct Format<'a> {
    claimed: &'a Claimed<'a>,
    outcome: &'a mut FormatOutcome,
    telling: Telling<'a>,
    stop: &'a Stop,
}

impl Format<'_> {
    fn run(&mut self, plan: &Plan) -> Result<Vec<String>, Failure> {
        self.outcome.filesystem = plan.filesystem.to_string();
        self.outcome.partition = Some(plan.partition);
        let made = plan.made()?;
        let ended = self.write_all(&made).and_then(|()| self.prove(&made)).and_then(|()| self.claimed.check());
        // Once more: on a fake stick the table may hit what was proved before.
        let ended = ended.and_then(|()| self.write_table(&made.table.head)).and_then(|()| self.prove(&made));
        let ended = ended.and_then(|()| self.claimed.check());
        if let Err(failure) = ended {
            // What is half there is nothing to mount. A stick that is gone or takes nothing says no.
            let _ = self.write(&Buffer::new(HEAD as usize), 0).and_then(|()| self.settle());
            return Err(failure);
        }
        self.outcome.verified = true;
        Ok(Vec::new())
    }

    /// Everything but the table, whose place becomes zero first.
    fn write_all(&mut self, made: &Made) -> Result<(), Failure> {
        self.telling.phase(TransferPhase::Write);
        self.go_on()?;
        self.write(&Buffer::new(HEAD as usize), 0)?;
        self.settle()?;
        let (mut buffer, total) = (Buffer::new(CHUNK), made.all.bytes());
        for span in made.chunks() {
            self.go_on()?;
            let part = &mut buffer[..span.length as usize];
            made.fill(part, span).map_err(unremembered)?;
            self.write(part, span.offset)?;
            self.outcome.written += span.length;
            self.telling.progress(self.outcome.written, total);
        }
        self.telling.phase(TransferPhase::Flush);
        self.settle()
    }

    /// Reads everything back, and compares.
    fn prove(&mut self, made: &Made) -> Result<(), Failure> {
        self.telling.phase(TransferPhase::Verify);
        let (mut right, mut back, mut poison) = (Buffer::new(CHUNK), Buffer::new(CHUNK), Poison::new());
        let (mut done, total, mut differences) = (0, made.all.bytes(), Spans::default());
        for span in made.chunks() {
            self.go_on()?;
            let (right, back) = (&mut right[..span.length as usize], &mut back[..span.length as usize]);
            made.fill(right, span).map_err(unremembered)?;
            poison.fill(back);
            self.read(back, span.offset)?;
            differences.push_differences(right, back, span.offset, self.claimed.medium.geometry().sector);
            done += span.length;
            self.telling.progress(done, total);
        }
        self.outcome.differences = differences;
        self.compared()
    }

    /// The table, and the zeros behind it.
    fn write_table(&mut self, table: &[u8]) -> Result<(), Failure> {
        let (mut head, mut back) = (Buffer::new(HEAD as usize), Buffer::new(HEAD as usize));
        head[..table.len()].copy_from_slice(table);
        self.write(&head, 0)?;
        self.settle()?;
        self.outcome.written += HEAD;
        Poison::new().fill(&mut back);
        self.read(&mut back, 0)?;
        let mut differences = Spans::default();
        differences.push_differences(&head, &back, 0, self.claimed.medium.geometry().sector);
        self.outcome.differences = differences;
        self.compared()
    }

    fn compared(&self) -> Result<(), Failure> {
        match self.outcome.differences.bytes() {
            0 => Ok(()),
            bytes => Err(Failure::new(
                Status::Different,
                format!(
                    "{} does not hold what was written to it: {bytes} bytes came back different; {ADVICE}",
                    self.claimed.node
                ),
            )),
        }
    }

    fn write(&self, bytes: &[u8], offset: u64) -> Result<(), Failure> {
        self.claimed.medium.write_at(bytes, offset).map_err(|error| match error.cause.raw_os_error() {
            Some(libc::EROFS | libc::EPERM | libc::EACCES) => {
                Failure::refused(format!("{} is write-protected; look for its switch, or take another stick", self.claimed.node))
            }
            _ => self.failed("writing", error.at, &error.cause),
        })
    }

    fn read(&self, buffer: &mut [u8], offset: u64) -> Result<(), Failure> {
        let read = self.claimed.medium.read_at(buffer, offset);
        read.map_err(|error| self.failed("reading back from", offset, &error))
    }

    fn settle(&self) -> Result<(), Failure> {
        self.claimed.medium.settle().map_err(|error| self.failed("flushing", 0, &error))
    }

    fn failed(&self, gerund: &str, at: u64, error: &std::io::Error) -> Failure {
        match error.raw_os_error() {
            Some(libc::ENODEV) => self.claimed.gone(),
            _ => Failure::failed(format!("{gerund} {} at byte {at}: {error}; {ADVICE}", self.claimed.node)),
        }
    }

    fn go_on(&self) -> Result<(), Failure> {
        if self.stop.requested().is_none() {
            return Ok(());
        }
        Err(Failure::stopped(format!("as asked; there is no partition on {}; the same command begins anew", self.claimed.node)))
    }
}

fn unremembered(error: std::io::Error) -> Failure {
    Failure::failed(format!(
        "reading the file system from memory: {error}; there is no partition on the stick; run the command again"
    ))
}
