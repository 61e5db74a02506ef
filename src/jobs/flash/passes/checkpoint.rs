//! What a run that does not end leaves behind: now and then all is flushed, and the journal says so.

use std::time::{Duration, Instant};

use crate::event::Event;
use crate::jobs::Failure;
use crate::jobs::flash::journal::{Journal, Place, Unfit};
use crate::medium::show_size;
use crate::pipeline::{CHUNK, ChunkDigests};

use super::Passes;

/// How much is written between two flushes at most, in time and in bytes. Past the page cache a flush empties no more than the stick's own
/// cache: a few milliseconds of each ten seconds, or, where a device is fast, of each second.
const EVERY: Duration = Duration::from_secs(10);
const EVERY_BYTES: u64 = 256 << 20;

/// The last flush.
#[derive(Debug)]
pub(super) struct Flushed {
    at: u64,
    when: Instant,
}

impl Flushed {
    pub(super) fn at(at: u64) -> Self {
        Self { at, when: Instant::now() }
    }
}

impl Passes<'_> {
    /// Keeps a journal. That of an earlier run of this image to this medium is gone on with: what the medium holds is compared first.
    pub(in crate::jobs::flash) fn keep_journal(&mut self, place: &Place) {
        let (journal, unfit) = match Journal::open(place) {
            Ok(opened) => opened,
            Err(error) => {
                let text = format!("no journal can be kept ({error}): if this run does not end, the next one begins anew");
                return self.observer.event(&Event::detail(text));
            }
        };
        match unfit {
            Ok(()) => {
                self.outcome.resumed = journal.bytes();
                self.course.compared = self.course.compared.max(journal.bytes()).max(CHUNK as u64);
                if self.outcome.resumed > 0 {
                    self.observer.event(&Event::notice(format!(
                        "a run that did not end had written {} of this image to {}: goes on from there, and compares what is there",
                        show_size(self.outcome.resumed),
                        self.outcome.medium
                    )));
                }
            }
            Err(Unfit::Blank) => {}
            Err(unfit) => self.observer.event(&Event::notice(format!("{unfit}: everything is written anew"))),
        }
        self.journal = Some(journal);
    }

    /// Flushes what was written so far when that is due, and says so in the journal.
    pub(super) fn checkpoint_if_due(&mut self, digests: &ChunkDigests) -> Result<(), Failure> {
        let done = self.outcome.bytes;
        if done - self.flushed.at < EVERY_BYTES && self.flushed.when.elapsed() < EVERY {
            return Ok(());
        }
        self.checkpoint(digests)
    }

    /// Flushes what was written so far, and says so in the journal.
    pub(super) fn checkpoint(&mut self, digests: &ChunkDigests) -> Result<(), Failure> {
        if self.journal.is_none() {
            return Ok(());
        }
        self.settle()?;
        self.flushed = Flushed::at(self.outcome.bytes);
        self.note(&digests.first(self.outcome.bytes.div_ceil(CHUNK as u64) as usize));
        Ok(())
    }

    /// Notes chunks that were flushed, by their digests.
    pub(super) fn note(&mut self, chunks: &[String]) {
        let Some(journal) = &mut self.journal else { return };
        let text = match journal.keep(chunks) {
            Ok(true) => return,
            Ok(false) => format!("{} changed since the run that did not end: what differs is written", self.source.name()),
            Err(error) => {
                self.journal = None;
                format!("saving the journal failed ({error}): if this run does not end, the next one begins anew")
            }
        };
        self.observer.event(&Event::notice(text));
    }

    /// The medium does not hold what the journal says.
    pub(super) fn disown_journal(&mut self) {
        let Some(journal) = &mut self.journal else { return };
        if journal.restart().is_err() {
            self.journal = None;
        }
        self.observer.event(&Event::notice(format!(
            "{} does not hold what an earlier run wrote to it: everything is written anew",
            self.outcome.medium
        )));
    }

    /// Forgets it: there is nothing to go on with.
    pub(in crate::jobs::flash) fn finish_journal(&mut self) {
        if let Some(journal) = self.journal.take() {
            journal.finish();
        }
    }

    /// What the same command does next time, if this run ends now.
    pub(super) fn next_time(&self) -> String {
        match self.journal.as_ref().map(Journal::bytes) {
            None => "it writes everything anew".into(),
            Some(0) => "it goes on with what reached the medium".into(),
            Some(bytes) => format!("it goes on from {}", show_size(bytes)),
        }
    }
}
