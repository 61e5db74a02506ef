//! An optical disc as a medium: read by SCSI command, past the block layer, which shortens a disc with an error near its end.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::disc::{Facts, Layout};
use crate::mmc::{Drive, Extent, Interruption, ReadEnd, SECTOR};
use crate::rescue::policy::{
    FIRST_COMMAND, FIRST_LIMIT, INTERRUPTIONS_IN_A_ROW, LONGEST_COMMAND, READ_LIMIT, READY_LIMIT, TIME_OUTS_IN_A_ROW,
    TRANSPORT_FAILURES_IN_A_ROW, TRANSPORT_PAUSE, TRANSPORT_TRIES,
};
use crate::scsi::Clock;
use crate::sys::Stop;

use super::{Geometry, Medium};

/// A disc in a drive that is ready. Parts that are no data by its layout are zeros, as in an image.
pub struct OpticalDisc {
    sectors: u32,
    zeros: Vec<Extent>,
    layout: Layout,
    clock: Arc<dyn Clock>,
    stop: Stop,
    state: Mutex<State>,
}

/// The drive, and what it did so far.
struct State {
    drive: Drive,
    longest: u32,
    answered: bool,
    time_outs: u32,
    failures: u32,
    interruptions: u32,
    /// Sectors that were read, by which the disc is known again: the first one that is not zero, and the last one.
    known: [Option<(u32, [u8; 32])>; 2],
}

/// What to do after a read.
enum Next {
    /// The sectors are in the buffer.
    Came,
    /// They can't be read.
    Unreadable,
    /// Something else was the matter: once more.
    Again,
}

impl OpticalDisc {
    /// The disc with this layout. `zeros`: what is zero by definition beside the regions of the layout, as a record tells.
    pub fn new(drive: Drive, layout: Layout, zeros: &[Extent], clock: Arc<dyn Clock>, stop: Stop) -> Self {
        let mut zeros: Vec<Extent> = layout.regions.iter().map(|region| region.extent).chain(zeros.iter().copied()).collect();
        zeros.sort_by_key(|extent| extent.first);
        let longest = drive.longest_read().min(LONGEST_COMMAND);
        let state = State { drive, longest, answered: false, time_outs: 0, failures: 0, interruptions: 0, known: [None, None] };
        Self { sectors: layout.size.sectors, zeros, layout, clock, stop, state: Mutex::new(state) }
    }

    /// The sectors from `lba` on that are to be read, or are zero, in one piece; never more than `count`.
    fn piece(&self, lba: u32, count: u32) -> (Extent, Content) {
        let count = count.min(self.sectors.saturating_sub(lba));
        match self.zeros.iter().find(|zero| zero.end() > lba) {
            Some(zero) if zero.first <= lba => (Extent { first: lba, count: count.min(zero.end() - lba) }, Content::Zeros),
            Some(zero) => (Extent { first: lba, count: count.min(zero.first - lba) }, Content::Data),
            None => (Extent { first: lba, count }, Content::Data),
        }
    }

    /// Waits until the drive is ready again.
    fn await_ready(&self, state: &mut State) -> io::Result<()> {
        state.drive.await_ready(&*self.clock, READY_LIMIT).map_err(|_| {
            let why = if self.stop.requested().is_some() { "stopped by a signal" } else { "the drive is no longer ready" };
            io::Error::other(why)
        })
    }

    /// The drive says that the disc may be another one. Only sectors that are known prove that it is the same.
    fn recognise(&self, state: &mut State) -> io::Result<()> {
        self.await_ready(state)?;
        state.drive.take_medium_change();
        let other = || io::Error::other("another disc is in the drive now");
        let facts = Facts::gather(&mut state.drive).map_err(|error| io::Error::other(error.to_string()))?;
        let layout = Layout::decide(&facts).map_err(|_| other())?;
        if layout.size.candidates != self.layout.size.candidates || layout.sessions != self.layout.sessions {
            return Err(other());
        }
        let mut sector = [0; SECTOR];
        let mut proved = state.known == [None, None];
        for (lba, digest) in state.known.into_iter().flatten() {
            let read = state.drive.read(Extent { first: lba, count: 1 }, &mut sector, READ_LIMIT);
            if matches!(read, ReadEnd::Good | ReadEnd::Recovered(_)) {
                if Sha256::digest(sector).as_slice() != digest {
                    return Err(other());
                }
                proved = true;
            }
        }
        if state.drive.take_medium_change() {
            return Err(io::Error::other("the disc was exchanged while it was looked at"));
        }
        if proved { Ok(()) } else { Err(io::Error::other("nothing tells whether the disc in the drive is still the same")) }
    }

    /// What a read means, and what there is to do about it.
    fn judge(&self, state: &mut State, end: ReadEnd, extent: Extent) -> io::Result<Next> {
        if !matches!(end, ReadEnd::TimedOut | ReadEnd::Transport(_) | ReadEnd::Interrupted(_)) {
            (state.answered, state.time_outs, state.failures, state.interruptions) = (true, 0, 0, 0);
        }
        match end {
            ReadEnd::Good | ReadEnd::Recovered(_) => Ok(Next::Came),
            ReadEnd::Failed(..) => Ok(Next::Unreadable),
            ReadEnd::Gone => Err(io::Error::from_raw_os_error(libc::ENODEV)),
            ReadEnd::Unsupported(sense) => {
                Err(io::Error::other(format!("the drive does not know how to read ({})", sense.text())))
            }
            ReadEnd::TimedOut => {
                state.time_outs += 1;
                match state.time_outs < TIME_OUTS_IN_A_ROW {
                    true => Ok(Next::Unreadable),
                    false => Err(io::Error::other("the drive no longer answers; switch it off and on")),
                }
            }
            ReadEnd::Transport(why) => {
                state.failures += 1;
                if state.failures >= TRANSPORT_FAILURES_IN_A_ROW {
                    return Err(io::Error::other(format!(
                        "commands are lost between drive and computer ({why}); look at cable and power"
                    )));
                }
                self.clock.sleep(TRANSPORT_PAUSE * state.failures);
                match state.failures % TRANSPORT_TRIES {
                    0 if extent.count > FIRST_COMMAND => {
                        // Bridges exist that corrupt or hang above 64 KiB.
                        state.longest = FIRST_COMMAND;
                        Ok(Next::Unreadable)
                    }
                    0 => Ok(Next::Unreadable),
                    _ => Ok(Next::Again),
                }
            }
            ReadEnd::Interrupted(why) => {
                state.interruptions += 1;
                if state.interruptions >= INTERRUPTIONS_IN_A_ROW {
                    return Err(io::Error::other("the drive interrupts every read; switch it off and on"));
                }
                match why {
                    Interruption::NoDisc(_) => return Err(io::Error::other("the disc was taken out")),
                    Interruption::MediumMayHaveChanged => self.recognise(state)?,
                    Interruption::Reset(_) | Interruption::NotReady(_) | Interruption::Busy => {
                        self.await_ready(state)?;
                        // The unit attention of a change of disc may have come as the answer to the question.
                        if state.drive.take_medium_change() {
                            self.recognise(state)?;
                        }
                    }
                }
                Ok(Next::Again)
            }
        }
    }
}

/// What lies in a piece.
enum Content {
    Data,
    Zeros,
}

impl State {
    /// Takes samples of what came.
    fn remember(&mut self, extent: Extent, bytes: &[u8]) {
        let sectors = (extent.first..extent.end()).zip(bytes.chunks_exact(SECTOR));
        // Sectors of zeros are on many discs, and prove nothing.
        let mut telling = sectors.filter(|(_, sector)| sector.iter().any(|byte| *byte != 0));
        if let Some((lba, sector)) = telling.next() {
            let sample = Some((lba, Sha256::digest(sector).into()));
            self.known = [self.known[0].or(sample), sample];
        }
    }
}

impl Medium for OpticalDisc {
    fn geometry(&self) -> Geometry {
        Geometry { bytes: u64::from(self.sectors) * SECTOR as u64, sector: SECTOR as u32 }
    }

    /// As the trait says; an error without a number of the system's says why the disc can't be read any further.
    fn read_some(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if !offset.is_multiple_of(SECTOR as u64) || !buffer.len().is_multiple_of(SECTOR) {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let lba = u32::try_from(offset / SECTOR as u64).unwrap_or(u32::MAX);
        // Nothing in here is half done after a panic elsewhere.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if self.stop.requested().is_some() {
                return Err(io::Error::other("stopped by a signal"));
            }
            let wanted = u32::try_from(buffer.len() / SECTOR).unwrap_or(u32::MAX);
            let (extent, content) = self.piece(lba, wanted);
            let extent = Extent { count: extent.count.min(state.longest), ..extent };
            let bytes = &mut buffer[..extent.count as usize * SECTOR];
            if extent.count == 0 {
                return Ok(0);
            }
            if matches!(content, Content::Zeros) {
                bytes.fill(0);
                return Ok(bytes.len());
            }
            let limit = if state.answered { READ_LIMIT } else { FIRST_LIMIT };
            let end = state.drive.read(extent, bytes, limit);
            match self.judge(&mut state, end, extent)? {
                Next::Came => {
                    state.remember(extent, bytes);
                    return Ok(bytes.len());
                }
                Next::Unreadable => return Err(io::Error::from_raw_os_error(libc::EIO)),
                Next::Again => {}
            }
        }
    }
}
