//! One optical drive.

use std::time::Duration;

use crate::scsi::cdb::Lock;
use crate::scsi::{Cdb, Completion, Data, Ending, Sense, Transport, TransportError};
use crate::sys::Stop;

use super::{
    Capacity, DiscInformation, Inquiry, PhysicalFormat, Profile, SECTOR, Toc, TrackInformation, inquiry, is_copy_protected,
    lead_outs, u16_at,
};

/// A drive, reached through any transport.
pub struct Drive {
    transport: Box<dyn Transport>,
    /// Changes at each read, so that no disc can hold the poison of a read to come.
    nonce: u64,
    /// A unit attention said that the medium may have changed, and nobody has looked at it yet.
    pub(super) medium_may_have_changed: bool,
    /// It has answered READ(10) with sectors, or by what is wrong with them.
    pub(super) knows_read: bool,
    stop: Stop,
}

/// How much of a reply came. A byte that came may be what the poison was, so up to seven more are believed if the residual does not
/// deny them; the residual alone proves nothing: drives report one as long as the whole buffer though data arrived (QEMU's scsi-cd).
fn arrived(reply: &[u8], poison: [u8; 8], residual: i32) -> usize {
    let is_poison = |at: usize| reply[at] == poison[at % poison.len()];
    let surely = (0..reply.len()).rev().find(|at| !is_poison(*at)).map_or(0, |last| last + 1);
    let perhaps = surely.next_multiple_of(poison.len()).min(reply.len());
    let reported = reply.len().saturating_sub(usize::try_from(residual).unwrap_or(0));
    reported.clamp(surely, perhaps)
}

/// Why a command brought no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The drive refused it.
    #[error("the drive answers {0} ({text})", text = .0.text())]
    Refused(Sense),
    /// It did not answer in time.
    #[error("the drive does not answer")]
    TimedOut,
    /// It is gone.
    #[error("the drive is gone from the bus")]
    Gone,
    /// It is busy with something else.
    #[error("the drive stays busy")]
    Busy,
    /// A signal asked to stop before it was sent.
    #[error("stopped by a signal")]
    Stopped,
    /// Lost on the way.
    #[error("the command was lost between drive and computer: {0}")]
    Transport(String),
}

/// What TEST UNIT READY says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// A disc can be read.
    Ready,
    /// Not yet: spinning up, or an event was pending.
    Wait,
    /// There is no disc in it.
    NoDisc(Sense),
    /// It can't be made ready.
    Broken(CommandError),
}

/// A read speed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// A multiple of the family's 1x.
    Times(f64),
    /// As fast as the drive can.
    Max,
}

/// Limit of commands that read no sectors.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);

/// Replies are cut at this length: the longest that is asked for is a DVD's physical format.
const REPLY: usize = 2052;

/// Times that a command is sent again: unit attentions that may be pending at once (reset, medium change, parameters changed, event).
const REPEATS: u32 = 4;

impl Drive {
    /// A drive behind `transport`. Once `stop` asks, questions are no longer sent.
    pub fn new(transport: Box<dyn Transport>, stop: Stop) -> Self {
        let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
        Self { transport, nonce: seed | 1, medium_may_have_changed: false, knows_read: false, stop }
    }

    /// Sectors of the longest read that the transport takes.
    pub fn longest_read(&self) -> u32 {
        u32::try_from(self.transport.max_transfer() / SECTOR).unwrap_or(u32::MAX).max(1)
    }

    /// Eight bytes that were never used before (a Weyl sequence: odd step, full period).
    pub(super) fn next_poison(&mut self) -> [u8; 8] {
        self.nonce = self.nonce.wrapping_add(0x9e37_79b9_7f4a_7c15);
        (self.nonce ^ self.nonce >> 29).to_le_bytes()
    }

    pub(super) fn execute(&mut self, cdb: &Cdb, data: Data<'_>, limit: Duration) -> Result<Completion, TransportError> {
        self.transport.execute(cdb, data, limit)
    }

    /// True once after a unit attention 06/28, whichever command it answered.
    pub fn take_medium_change(&mut self) -> bool {
        std::mem::take(&mut self.medium_may_have_changed)
    }

    /// Sends a command that moves no sectors, unless a signal asked to stop. The reply ends where the drive stopped sending.
    fn ask(&mut self, cdb: &Cdb, length: usize) -> Result<Vec<u8>, CommandError> {
        if self.stop.requested().is_some() {
            return Err(CommandError::Stopped);
        }
        self.tell(cdb, length)
    }

    /// The same, also after a signal: what a drive is to be left in. Unit attentions are taken note of, and the command is sent again.
    fn tell(&mut self, cdb: &Cdb, length: usize) -> Result<Vec<u8>, CommandError> {
        let mut tries = 0..REPEATS;
        loop {
            match self.send(cdb, length) {
                Err(CommandError::Refused(sense)) if sense.key == 6 && sense.asc != 0x3a && tries.next().is_some() => {
                    self.medium_may_have_changed |= sense.asc == 0x28;
                }
                Err(CommandError::Busy) if tries.next().is_some() => {}
                answer => return answer,
            }
        }
    }

    fn send(&mut self, cdb: &Cdb, length: usize) -> Result<Vec<u8>, CommandError> {
        let poison = self.next_poison();
        let mut reply: Vec<u8> = poison.into_iter().cycle().take(length.min(REPLY)).collect();
        let data = if reply.is_empty() { Data::None } else { Data::In(&mut reply) };
        let completion = match self.execute(cdb, data, COMMAND_LIMIT) {
            Ok(completion) => completion,
            Err(TransportError::Gone) => return Err(CommandError::Gone),
            Err(error) => return Err(CommandError::Transport(error.to_string())),
        };
        match completion.ending() {
            Ending::Good => {
                reply.truncate(arrived(&reply, poison, completion.residual));
                Ok(reply)
            }
            Ending::Check(sense) => Err(CommandError::Refused(sense)),
            Ending::TimedOut => Err(CommandError::TimedOut),
            Ending::Lost => Err(CommandError::Gone),
            Ending::Busy => Err(CommandError::Busy),
            Ending::Transport => Err(CommandError::Transport(format!("host status {:02x}", completion.host_status))),
        }
    }

    /// TEST UNIT READY, judged.
    pub fn readiness(&mut self) -> Readiness {
        match self.ask(&Cdb::test_unit_ready(), 0) {
            Ok(_) => Readiness::Ready,
            Err(CommandError::Refused(sense)) => match (sense.key, sense.asc, sense.ascq) {
                (2 | 6, 0x3a, _) => Readiness::NoDisc(sense),
                // 02/04/03: manual intervention required. Everything else of 02/04 passes with time.
                (2, 0x04, 0x03) | (2 | 5, 0x30, _) | (3 | 4, ..) => Readiness::Broken(CommandError::Refused(sense)),
                // A drive that does not know the command is a drive that answers.
                (5, ..) => Readiness::Ready,
                _ => Readiness::Wait,
            },
            Err(CommandError::Transport(_) | CommandError::Busy) => Readiness::Wait,
            Err(error) => Readiness::Broken(error),
        }
    }

    /// INQUIRY: who the drive is.
    pub fn inquiry(&mut self) -> Result<Inquiry, CommandError> {
        let reply = self.ask(&Cdb::inquiry(None, 36), 36)?;
        Inquiry::parse(&reply).ok_or_else(|| CommandError::Transport("the reply to INQUIRY is too short".into()))
    }

    /// INQUIRY, unit serial number page; `None` when the drive has none.
    pub fn serial(&mut self) -> Option<String> {
        inquiry::serial(&self.ask(&Cdb::inquiry(Some(0x80), 252), 252).ok()?)
    }

    /// GET CONFIGURATION: the profile of the disc.
    pub fn profile(&mut self) -> Option<Profile> {
        Profile::parse(&self.ask(&Cdb::get_configuration(8), 8).ok()?)
    }

    /// READ CAPACITY.
    pub fn capacity(&mut self) -> Result<Capacity, CommandError> {
        let reply = self.ask(&Cdb::read_capacity(), 8)?;
        Capacity::parse(&reply).ok_or_else(|| CommandError::Transport("the reply to READ CAPACITY is too short".into()))
    }

    /// READ TOC, format 0.
    pub fn toc(&mut self) -> Option<Toc> {
        Toc::parse(&self.ask(&Cdb::read_toc(0, 804), 804).ok()?)
    }

    /// READ TOC, format 2: session numbers and where their lead-outs begin.
    pub fn lead_outs(&mut self) -> Vec<(u8, u32)> {
        self.ask(&Cdb::read_toc(2, REPLY as u16), REPLY).map(|reply| lead_outs(&reply)).unwrap_or_default()
    }

    /// READ DISC INFORMATION.
    pub fn disc_information(&mut self) -> Option<DiscInformation> {
        let reply = self.ask(&Cdb::read_disc_information(34), 34).ok()?;
        // A drive that sent nothing leaves zeros, and those would read as a blank disc.
        u16_at(&reply, 0).filter(|length| *length >= 10)?;
        DiscInformation::parse(&reply)
    }

    /// READ TRACK INFORMATION of one track.
    pub fn track_information(&mut self, track: u16) -> Option<TrackInformation> {
        let reply = self.ask(&Cdb::read_track_information(track, 48), 48).ok()?;
        u16_at(&reply, 0).filter(|length| *length >= 26)?;
        TrackInformation::parse(&reply)
    }

    /// READ DISC STRUCTURE, format 0 of a DVD.
    pub fn physical_format(&mut self) -> Option<PhysicalFormat> {
        PhysicalFormat::parse(&self.ask(&Cdb::read_disc_structure(0, 0, REPLY as u16), REPLY).ok()?)
    }

    /// READ DISC STRUCTURE, format 1 of a DVD: does it carry a protection system?
    pub fn is_copy_protected(&mut self) -> Option<bool> {
        is_copy_protected(&self.ask(&Cdb::read_disc_structure(0, 1, 8), 8).ok()?)
    }

    /// Locks the tray or unlocks it. Needs a node that is open for writing.
    pub fn set_lock(&mut self, lock: Lock) -> Result<(), CommandError> {
        self.tell(&Cdb::prevent_removal(lock), 0).map(drop)
    }

    /// Spins the disc up.
    pub fn start_unit(&mut self) -> Result<(), CommandError> {
        self.ask(&Cdb::start_unit(), 0).map(drop)
    }

    /// Opens the tray; unlock it first.
    pub fn eject(&mut self) -> Result<(), CommandError> {
        self.tell(&Cdb::eject(), 0).map(drop)
    }

    /// The present read speed in kB/s (mode page 2Ah, bytes 14 and 15); `None` when the drive does not say.
    pub fn speed(&mut self) -> Option<u16> {
        let reply = self.ask(&Cdb::mode_sense(0x2a, 64), 64).ok()?;
        let page = reply.get(8 + usize::from(u16_at(&reply, 6)?)..)?;
        (page.first()? & 0x3f == 0x2a).then_some(())?;
        u16_at(page, 14).filter(|speed| *speed != 0)
    }

    /// SET CD SPEED in kB/s; FFFFh leaves the choice to the drive.
    pub fn set_speed(&mut self, kilobytes: u16) -> Result<(), CommandError> {
        self.tell(&Cdb::set_speed(kilobytes), 0).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::arrived;

    #[test]
    fn a_reply_ends_where_the_drive_stopped_sending() {
        let poison = *b"poisoned";
        let came = |bytes: &[u8], residual| {
            let mut reply: Vec<u8> = poison.into_iter().cycle().take(32).collect();
            reply[..bytes.len()].copy_from_slice(bytes);
            arrived(&reply, poison, residual)
        };
        assert_eq!(came(&[1; 20], 12), 20);
        // The twentieth byte is what the poison was there ("poi|s").
        let unlucky = [&[1; 19][..], b"s"].concat();
        assert_eq!((came(&unlucky, 12), came(&unlucky, 0)), (20, 24));
        // A residual as long as the buffer, though data came.
        assert_eq!(came(&[1; 20], 32), 20);
        assert_eq!((came(&[], 32), came(&[], 0)), (0, 0));
        assert_eq!(came(&[1; 32], 0), 32);
    }
}
