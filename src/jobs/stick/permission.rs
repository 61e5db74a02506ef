//! Is it the medium that is meant, and may it be written? What the person says decides.

use crate::event::MediumCard;
use crate::jobs::{Answer, Ask, Failure, Wanted};

use super::Identity;
use super::question::question;

/// The question before the first byte is written. `reservation` is why a yes that was said in advance is not enough, whatever the medium.
pub(in crate::jobs) fn ask_for(
    card: &MediumCard,
    (gets, warnings, unusual): (&[String], &[String], &[String]),
    reservation: Option<Failure>,
    ask: &mut Ask<'_>,
) -> Result<(), Failure> {
    let question = question(card, gets, warnings, unusual);
    match (ask(&question), reservation) {
        (Answer::Assumed | Answer::Nobody | Answer::Unasked, Some(reservation)) => Err(reservation),
        (Answer::Yes | Answer::Assumed, _) => Ok(()),
        (Answer::No | Answer::Choice(_), _) => Err(Failure::refused("not confirmed; nothing was written")),
        (Answer::Nobody, None) if matches!(question.wanted, Wanted::Word(_)) => Err(Failure::refused(format!(
            "{}. --yes alone is not enough here: name it by /dev/disk/by-id/…, or add --expect {}",
            unusual.join("; "),
            expectable(card)
        ))),
        (Answer::Nobody, None) => Err(Failure::refused(format!(
            "everything on {} would be lost, and nobody is there to be asked; say --yes if that is right",
            card.node
        ))),
        (Answer::Unasked, None) => Err(Failure::usage(format!(
            "everything on {} would be lost, and --json asks no questions: say --yes if that is right",
            card.node
        ))),
    }
}

/// What `--expect` would have to say of it.
fn expectable(card: &MediumCard) -> String {
    let serial = card.serial.as_ref().map(|serial| format!("serial={serial}"));
    let size = card.bytes.map(|bytes| format!("size={bytes}"));
    [serial, size].into_iter().flatten().collect::<Vec<_>>().join(",")
}

/// Is it the medium that the person described?
pub(in crate::jobs) fn check_identity(identity: &Identity, card: &MediumCard) -> Result<(), Failure> {
    if identity.serial.is_some() && identity.serial != card.serial {
        let told = card.serial.as_ref().map_or_else(|| "none".into(), |serial| format!("{serial:?}"));
        return Err(Failure::refused(format!("{} has another serial number than expected: {told}", card.node)));
    }
    if identity.bytes.is_some() && identity.bytes != card.bytes {
        let told = card.bytes.map_or_else(|| "none".into(), |bytes| format!("{bytes} bytes"));
        return Err(Failure::refused(format!("{} has another size than expected: {told}", card.node)));
    }
    Ok(())
}
