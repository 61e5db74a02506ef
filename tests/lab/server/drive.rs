//! The emulated drive as the kernel's target sees it: a command block and a length come in, a response goes out.

use std::time::Duration;

use discsmith::scsi::{Cdb, Completion, Data, Ending, OpenError, Port, Sense, Transport, TransportError};

use super::ring::{Command, Response};

/// Opcodes whose data goes to the drive, which takes none of it: WRITE (10), (12), (16), WRITE AND VERIFY, WRITE BUFFER, MODE SELECT
/// (6), (10), SEND CUE SHEET, SEND OPC, SEND DISC STRUCTURE, FORMAT UNIT, SET STREAMING.
const DATA_OUT: [u8; 12] = [0x2a, 0xaa, 0x8a, 0x2e, 0x3b, 0x15, 0x55, 0x5d, 0x54, 0xbf, 0x04, 0xb6];

const CHECK_CONDITION: u8 = 0x02;
/// The kernel keeps the command and sends it again, as long as the LUN exists; when that is gone, the command ends as one that
/// lost its device.
const BUSY: u8 = 0x08;
const ABORTED_COMMAND: Sense = sense(0x0b, 0x00, 0x00);
const INTERNAL_FAILURE: Sense = sense(0x04, 0x44, 0x00);

const fn sense(key: u8, asc: u8, ascq: u8) -> Sense {
    Sense { key, asc, ascq, information: None, deferred: false }
}

/// The drive, and whether it is there.
pub(super) struct Drive {
    port: Box<dyn Port>,
    /// None while the drive is off its bus.
    transport: Option<Box<dyn Transport>>,
    /// Never wiped: a drive that claims to have sent something hands out what an earlier command left.
    buffer: Vec<u8>,
}

impl Drive {
    pub(super) fn open(mut port: Box<dyn Port>) -> Result<Self, OpenError> {
        let transport = port.open()?.transport;
        Ok(Self { port, buffer: vec![0; transport.max_transfer()], transport: Some(transport) })
    }

    /// Longest transfer of one command, in bytes.
    pub(super) fn max_transfer(&self) -> usize {
        self.buffer.len()
    }

    pub(super) fn is_there(&self) -> bool {
        self.transport.is_some()
    }

    /// Looks for a drive that had vanished.
    pub(super) fn look_again(&mut self) {
        self.transport = self.port.open().ok().map(|opened| opened.transport);
    }

    /// Has a command done. There is no limit here: the kernel has its own, and waits for this end even when it has run out.
    pub(super) fn execute(&mut self, command: &Command) -> Response<'_> {
        let Some(transport) = &mut self.transport else { return failed(BUSY, None) };
        let cdb = Cdb::new(&command.cdb);
        let asked = if DATA_OUT.contains(&cdb.opcode()) { 0 } else { command.len };
        let end = match self.buffer.get_mut(..asked) {
            None => Err(TransportError::TooLong(asked)),
            Some([]) => transport.execute(&cdb, Data::None, Duration::MAX),
            Some(buffer) => transport.execute(&cdb, Data::In(buffer), Duration::MAX),
        };
        match end {
            Ok(completion) => respond(completion, &self.buffer[..asked]),
            Err(TransportError::Gone) => {
                self.transport = None;
                failed(BUSY, None)
            }
            Err(error) => {
                eprintln!("{cdb:?}: {error}");
                failed(CHECK_CONDITION, Some(INTERNAL_FAILURE))
            }
        }
    }
}

/// A target has no host_status and driver_status to give: what speaks in them is ABORTED COMMAND.
fn respond(completion: Completion, buffer: &[u8]) -> Response<'_> {
    match completion.ending() {
        Ending::Good | Ending::Check(_) => {
            let missing = usize::try_from(completion.residual).unwrap_or(0).min(buffer.len());
            Response { status: completion.status, data: &buffer[..buffer.len() - missing], sense: completion.sense }
        }
        Ending::Busy => failed(completion.status, None),
        Ending::TimedOut | Ending::Lost | Ending::Transport => failed(CHECK_CONDITION, Some(ABORTED_COMMAND)),
    }
}

fn failed(status: u8, sense: Option<Sense>) -> Response<'static> {
    Response { status, data: &[], sense: sense.map(Sense::to_fixed).unwrap_or_default() }
}
