//! Reading sectors, and the judgement on whether they came.

use std::time::Duration;

use crate::scsi::{Cdb, Data, Ending, Sense, TransportError};

use super::{Class, Drive, Extent, SECTOR};

/// How one read ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadEnd {
    /// Every sector is in the buffer.
    Good,
    /// Every sector is in the buffer, and the drive says that it took effort.
    Recovered(Sense),
    /// The drive can't read it.
    Failed(Class, Option<Sense>),
    /// The drive did not answer in time.
    TimedOut,
    /// Lost between drive and computer; what was seen.
    Transport(String),
    /// Not carried out, for a reason that has nothing to do with these sectors.
    Interrupted(Interruption),
    /// The drive is gone from the bus.
    Gone,
    /// The drive does not know the command: it says so, and never answered one.
    Unsupported(Sense),
}

/// Why a command was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interruption {
    /// 06/28: the disc may be another one.
    MediumMayHaveChanged,
    /// 06/29, 06/2A and other unit attentions: settings are lost.
    Reset(Sense),
    /// 02/04, 02/06, …: wait.
    NotReady(Sense),
    /// 02/3A, and 06/3A when it has just been taken out: no disc.
    NoDisc(Sense),
    /// BUSY, or a report about an earlier command: ask again.
    Busy,
}

impl Drive {
    /// Reads `extent` with one READ(10) into the front of `buffer`, which must hold it. At most 65,535 sectors.
    ///
    /// The buffer is poisoned first: a read counts as good only if every status field says so, no byte is missing, and no
    /// sector still ends in poison. Time-outs leave SCSI status GOOD, residual 0, and the buffer as it was.
    pub fn read(&mut self, extent: Extent, buffer: &mut [u8], limit: Duration) -> ReadEnd {
        let end = self.read_by(Cdb::read_10, extent, buffer, limit);
        self.knows_read |= matches!(end, ReadEnd::Good | ReadEnd::Recovered(_) | ReadEnd::Failed(..));
        match end {
            // It was about this read, then.
            ReadEnd::Unsupported(sense) if self.knows_read => ReadEnd::Failed(Class::of(&sense), Some(sense)),
            end => end,
        }
    }

    /// The same from the disc itself, whatever the drive's cache holds. Some drives do not know this, and end it as unsupported.
    pub fn read_fua(&mut self, extent: Extent, buffer: &mut [u8], limit: Duration) -> ReadEnd {
        self.read_by(Cdb::read_10_fua, extent, buffer, limit)
    }

    fn read_by(&mut self, command: fn(u32, u16) -> Cdb, extent: Extent, buffer: &mut [u8], limit: Duration) -> ReadEnd {
        let length = extent.count as usize * SECTOR;
        let (Ok(count), Some(buffer)) = (u16::try_from(extent.count), buffer.get_mut(..length)) else {
            return ReadEnd::Transport(format!("a read of {} sectors is more than its buffer holds", extent.count));
        };
        let poison = self.next_poison();
        buffer.chunks_exact_mut(poison.len()).for_each(|chunk| chunk.copy_from_slice(&poison));
        let completion = match self.execute(&command(extent.first, count), Data::In(buffer), limit) {
            Ok(completion) => completion,
            Err(TransportError::Gone) => return ReadEnd::Gone,
            Err(error) => return ReadEnd::Transport(error.to_string()),
        };
        let arrived = |sector: &[u8]| !sector.ends_with(&poison);
        match completion.ending() {
            Ending::Good if completion.is_short() => ReadEnd::Transport(format!("{} bytes are missing", completion.residual)),
            Ending::Good if !buffer.chunks_exact(SECTOR).all(arrived) => {
                ReadEnd::Transport("the drive reported success and sent no data".into())
            }
            Ending::Good => ReadEnd::Good,
            // Kernels and bridges wipe the whole buffer when a CHECK CONDITION comes with it: nothing but zeros proves nothing.
            Ending::Check(sense) if sense.key == 1 && !sense.deferred => {
                let came = buffer.chunks_exact(SECTOR).all(arrived) && buffer.iter().any(|byte| *byte != 0);
                match came && !completion.is_short() {
                    true => ReadEnd::Recovered(sense),
                    false => ReadEnd::Failed(Class::Medium, Some(sense)),
                }
            }
            Ending::Check(sense) => {
                let end = judge(sense);
                // Whoever reads for another reason than to have the sectors would take it for one more that can't be read.
                self.medium_may_have_changed |= end == ReadEnd::Interrupted(Interruption::MediumMayHaveChanged);
                end
            }
            Ending::TimedOut => ReadEnd::TimedOut,
            Ending::Busy => ReadEnd::Interrupted(Interruption::Busy),
            Ending::Lost => ReadEnd::Gone,
            Ending::Transport => ReadEnd::Transport(format!(
                "status {:02x}, host {:02x}, driver {:02x}",
                completion.status, completion.host_status, completion.driver_status
            )),
        }
    }
}

/// What a sense report means for a read. Codes after MMC-6 annex F and what drives were seen to send.
fn judge(sense: Sense) -> ReadEnd {
    match (sense.key, sense.asc) {
        _ if sense.deferred => ReadEnd::Interrupted(Interruption::Busy),
        (2 | 6, 0x3a) => ReadEnd::Interrupted(Interruption::NoDisc(sense)),
        (2, 0x30) => ReadEnd::Failed(Class::of(&sense), Some(sense)),
        (2, _) => ReadEnd::Interrupted(Interruption::NotReady(sense)),
        (6, 0x28) => ReadEnd::Interrupted(Interruption::MediumMayHaveChanged),
        (6, _) => ReadEnd::Interrupted(Interruption::Reset(sense)),
        (5, 0x20 | 0x24) => ReadEnd::Unsupported(sense),
        _ => ReadEnd::Failed(Class::of(&sense), Some(sense)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is done about a read that ends with this sense: `class …`, or why it is asked for again.
    fn action(sense: &str) -> String {
        let code: crate::scsi::SenseCode = sense.parse().unwrap();
        let sense = Sense { key: code.key, asc: code.asc, ascq: code.ascq, information: None, deferred: false };
        match judge(sense) {
            ReadEnd::Failed(class, _) if class.is_region() => format!("region {class}"),
            ReadEnd::Failed(class, _) => format!("sector {class}"),
            ReadEnd::Interrupted(Interruption::NotReady(_)) => "poll".into(),
            ReadEnd::Interrupted(Interruption::NoDisc(_)) => "stop".into(),
            ReadEnd::Interrupted(Interruption::MediumMayHaveChanged) => "recognise".into(),
            ReadEnd::Interrupted(Interruption::Reset(_)) => "restore".into(),
            ReadEnd::Unsupported(_) => "feature".into(),
            end => panic!("{end:?}"),
        }
    }

    #[test]
    fn each_kind_of_sense_has_its_action() {
        let table: &[(&[&str], &str)] = &[
            // Never good: a CHECK CONDITION with key 0 is an error all the same (Pioneer drives, at the end of an area).
            (&["0/00/00", "0/11/00"], "sector other"),
            (&["0/63/00", "5/63/00", "5/64/00"], "region off-track"),
            (&["2/04/00", "2/04/01", "2/04/02", "2/04/07", "2/06/00", "2/08/00", "2/3e/00"], "poll"),
            (&["2/3a/00", "2/3a/01", "2/3a/02", "6/3a/00"], "stop"),
            (&["3/02/00", "3/10/00", "3/11/00", "3/11/01", "3/11/02", "3/11/05", "3/11/06", "3/15/00"], "sector medium"),
            (&["3/57/00", "5/30/00", "5/30/02", "2/30/00"], "sector other"),
            (&["4/08/00", "4/09/00", "4/09/01", "4/15/01", "4/3e/02", "4/44/00"], "sector hardware"),
            (&["5/20/00", "5/24/00"], "feature"),
            (&["5/21/00"], "sector out-of-range"),
            (&["5/6f/00", "5/6f/01", "5/6f/02", "5/6f/03", "5/6f/04", "5/6f/05"], "region protected"),
            (&["6/28/00"], "recognise"),
            (&["6/29/00", "6/29/04", "6/2a/00", "6/2a/01", "6/2e/00", "6/3f/01"], "restore"),
            (&["8/00/00", "8/64/00"], "region blank"),
            (&["b/00/06", "b/08/00", "b/47/03", "b/4b/03", "b/4b/04"], "sector aborted"),
        ];
        for (senses, right) in table {
            for sense in *senses {
                assert_eq!(action(sense), *right, "{sense}");
            }
        }
        let sense = Sense { key: 3, asc: 0x11, ascq: 5, information: None, deferred: true };
        assert_eq!(judge(sense), ReadEnd::Interrupted(Interruption::Busy), "about an earlier command");
    }
}
