//! How a command ended, and the one place that decides whether it was good.

pub use crate::sys::sg::Completion;

use super::Sense;

/// How a command ended, once all status fields were looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Every field says so.
    Good,
    /// CHECK CONDITION: the device tells why.
    Check(Sense),
    /// The command ran into its limit. The kernel reports this with SCSI status GOOD and residual 0.
    TimedOut,
    /// The device can't take a command now (BUSY, TASK SET FULL, RESERVATION CONFLICT).
    Busy,
    /// The host lost the device (DID_NO_CONNECT).
    Lost,
    /// The command failed between host and device, or its data did.
    Transport,
}

const CHECK_CONDITION: u8 = 0x02;
const DID_NO_CONNECT: u16 = 0x01;
const DID_TIME_OUT: u16 = 0x03;
const DRIVER_SENSE: u16 = 0x08;
const DRIVER_TIMEOUT: u16 = 0x06;

impl Completion {
    /// Judges by status, host_status and driver_status. Host and driver come first: a command that timed out has SCSI status 0.
    /// The residual is judged by whoever knows how much data was due ([`Self::is_short`]).
    pub fn ending(&self) -> Ending {
        match self.host_status {
            0 => {}
            DID_NO_CONNECT => return Ending::Lost,
            DID_TIME_OUT => return Ending::TimedOut,
            _ => return Ending::Transport,
        }
        match self.driver_status & !DRIVER_SENSE {
            0 => {}
            DRIVER_TIMEOUT => return Ending::TimedOut,
            _ => return Ending::Transport,
        }
        match self.status {
            0 => Ending::Good,
            CHECK_CONDITION => Sense::parse(&self.sense).map_or(Ending::Transport, Ending::Check),
            _ => Ending::Busy,
        }
    }

    /// True when bytes are missing. Replies shorter than their buffer are normal, sectors are not; a negative residual is
    /// an overrun, and as bad.
    pub fn is_short(&self) -> bool {
        self.residual != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sense: &[u8]) -> Completion {
        Completion { status: 2, driver_status: 8, sense: sense.to_vec(), ..Completion::default() }
    }

    #[test]
    fn a_time_out_that_looks_like_success_is_none() {
        let timed_out = Completion { host_status: 3, ..Completion::default() };
        assert_eq!(timed_out.ending(), Ending::TimedOut);
    }

    #[test]
    fn good_status_with_a_host_error_is_a_transport_failure() {
        for host_status in [2, 4, 5, 6, 7, 8, 9, 0xb] {
            assert_eq!(Completion { host_status, ..Completion::default() }.ending(), Ending::Transport);
        }
        assert_eq!(Completion { host_status: 1, ..Completion::default() }.ending(), Ending::Lost);
        assert_eq!(Completion { driver_status: 5, ..Completion::default() }.ending(), Ending::Transport);
    }

    #[test]
    fn the_sense_bit_of_the_driver_is_no_failure() {
        assert_eq!(Completion { driver_status: 8, ..Completion::default() }.ending(), Ending::Good);
        let Ending::Check(sense) = check(&[0x70, 0, 3, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x11, 5, 0, 0, 0, 0]).ending() else {
            panic!("not a check condition");
        };
        assert_eq!((sense.key, sense.asc, sense.ascq), (3, 0x11, 5));
    }

    #[test]
    fn a_check_condition_without_sense_is_never_good() {
        assert_eq!(check(&[]).ending(), Ending::Transport);
    }
}
