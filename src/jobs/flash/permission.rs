//! Is it the medium that is meant, and may it be written? What the person says decides.

use crate::event::MediumCard;
use crate::jobs::{Answer, Ask, Failure, Wanted};
use crate::medium::Existing;
use crate::status::Status;

use super::fitness::Fitness;
use super::judged::Judged;
use super::source::Source;
use super::target::Target;
use super::{Identity, Request, card};

/// The question before the first byte is written.
pub(super) fn ask_for(
    request: &Request,
    source: &Source,
    target: &Target<'_>,
    card: &MediumCard,
    ask: &mut Ask<'_>,
) -> Result<(), Failure> {
    let has_holes = source.holes.bytes() > 0 && !request.allow_holes;
    if matches!(target, Target::File(_, Existing::Refuse)) && !has_holes {
        return Ok(());
    }
    let unusual = unusual(request, target);
    let fitness = Fitness::of(source, card.sector);
    let question = card::question(card, source, &fitness.warnings, &unusual);
    let holes = format!(
        "{} has holes: {} bytes of it were never read (its map says so); rescue them first, or say --allow-holes",
        source.name(),
        source.holes.bytes()
    );
    match ask(&question) {
        Answer::Assumed | Answer::Nobody | Answer::Unasked if has_holes => Err(Failure::refused(holes)),
        // Half an image boots nowhere, or breaks later; who wants it all the same can look at the card, or pipe it in.
        Answer::Assumed | Answer::Nobody | Answer::Unasked if fitness.missing > 0 => Err(Failure::new(
            Status::Corrupt,
            format!(
                "{} is truncated: {} bytes are missing at its end; get it anew (isoinspect shows why; isoflash - MEDIUM < IMAGE writes it as it is)",
                source.name(),
                fitness.missing
            ),
        )),
        Answer::Yes | Answer::Assumed => Ok(()),
        Answer::No | Answer::Choice(_) => Err(Failure::refused("not confirmed; nothing was written")),
        Answer::Nobody if matches!(question.wanted, Wanted::Word(_)) => Err(Failure::refused(format!(
            "{}. --yes alone is not enough here: name it by /dev/disk/by-id/…, or add --expect {}",
            unusual.join("; "),
            expectable(card)
        ))),
        Answer::Nobody => Err(Failure::refused(format!(
            "everything on {} would be lost, and nobody is there to be asked; say --yes if that is right",
            card.node
        ))),
        Answer::Unasked => Err(Failure::usage(format!(
            "everything on {} would be lost, and --json asks no questions: say --yes if that is right",
            card.node
        ))),
    }
}

/// Why a yes is not enough. Whoever said which medium it is has looked twice already.
pub(super) fn unusual(request: &Request, target: &Target<'_>) -> Vec<String> {
    let identity = &request.identity;
    let is_pinned = identity.serial.is_some() || identity.bytes.is_some() || target.is_named_by_id();
    if is_pinned { Vec::new() } else { target.judged().map_or_else(Vec::new, Judged::unusual) }
}

/// What `--expect` would have to say of it.
fn expectable(card: &MediumCard) -> String {
    let serial = card.serial.as_ref().map(|serial| format!("serial={serial}"));
    let size = card.bytes.map(|bytes| format!("size={bytes}"));
    [serial, size].into_iter().flatten().collect::<Vec<_>>().join(",")
}

/// Is it the medium that the person described?
pub(super) fn check_identity(identity: &Identity, card: &MediumCard) -> Result<(), Failure> {
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
