//! Digests of the image.

use std::collections::BTreeMap;

use crate::event::{Event, Observer, PhaseChange, PhaseName, Progress, TransferPhase, Unit};
use crate::medium::{Output, OutputKind};
use crate::mmc::SECTOR;
use crate::pipeline::Hashed;
use crate::rescue::policy::LONGEST_COMMAND;
use crate::sys::Stop;

use super::RipError;

/// Digests of an image whose first sectors were hashed on the way: one pass over the rest. An output that can't be read again
/// has none, unless everything came in order.
pub(super) fn digest_rest(
    output: &Output,
    mut hashed: Hashed,
    sectors: u32,
    observer: &mut dyn Observer,
    stop: &Stop,
) -> Result<BTreeMap<String, String>, RipError> {
    if hashed.sectors < sectors && output.kind() != OutputKind::File {
        observer.event(&Event::notice("no digests: sectors did not come in order, and this output can't be read again"));
        return Ok(BTreeMap::new());
    }
    if hashed.sectors < sectors {
        observer.event(&Event::Phase(PhaseChange { name: PhaseName::Transfer(TransferPhase::Digest), pass: 1 }));
    }
    let mut buffer = vec![0; LONGEST_COMMAND as usize * SECTOR];
    while hashed.sectors < sectors {
        if stop.requested().is_some() {
            return Err(RipError::Interrupted);
        }
        let count = (sectors - hashed.sectors).min(LONGEST_COMMAND);
        let bytes = &mut buffer[..count as usize * SECTOR];
        output.read_at(bytes, hashed.sectors).map_err(|error| {
            RipError::Stopped(format!(
                "reading the image back at sector {}: {error}; look at its disk, then the same command goes on",
                hashed.sectors
            ))
        })?;
        hashed.sums.update(bytes);
        hashed.sectors += count;
        observer.event(&Event::Progress(Progress {
            phase: PhaseName::Transfer(TransferPhase::Digest),
            unit: Unit::Sectors,
            done: hashed.sectors.into(),
            total: Some(sectors.into()),
            rate: 0,
            eta: None,
            elapsed: 0,
            reading: None,
        }));
    }
    Ok(hashed.sums.finish().into_iter().map(|(algorithm, hex)| (algorithm.name().to_string(), hex)).collect())
}
