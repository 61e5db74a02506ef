//! What is asked before an image is written.

use crate::event::MediumCard;
use crate::jobs::stick::{Judged, exact, permission};
use crate::jobs::{Ask, Failure};
use crate::medium::Existing;
use crate::status::Status;

use super::Request;
use super::fitness::Fitness;
use super::source::Source;
use super::target::Target;

/// The question before the first byte is written; none for a file that does not exist yet.
pub(super) fn ask_for(
    request: &Request,
    source: &Source,
    target: &Target<'_>,
    card: &MediumCard,
    ask: &mut Ask<'_>,
) -> Result<(), Failure> {
    let holes = source.holes.bytes();
    let not_read = (holes > 0 && !request.allow_holes).then(|| {
        Failure::refused(format!(
            "{} has holes: {holes} bytes of it were never read (its map says so); rescue them first, or say --allow-holes",
            source.name()
        ))
    });
    if matches!(target, Target::File(_, Existing::Refuse)) && not_read.is_none() {
        return Ok(());
    }
    let mut gets = vec![format!("{}, {}", source.name(), source.bytes().map_or_else(|| "length unknown".into(), exact))];
    if holes > 0 {
        gets.push(format!("with holes: {} of it were never read", exact(holes)));
    }
    gets.extend(source.mapping.described());
    let Fitness { warnings, missing } = Fitness::of(source, card.sector);
    // Half an image boots nowhere, or breaks later; who wants it all the same can look at the card, or pipe it in.
    let truncated = (missing > 0).then(|| {
        Failure::new(
            Status::Corrupt,
            format!(
                "{} is truncated: {missing} bytes are missing at its end; get it anew (isoinspect shows why; isoflash - MEDIUM < IMAGE writes it as it is)",
                source.name()
            ),
        )
    });
    let unusual = unusual(request, target);
    permission::ask_for(card, (&gets, &warnings, &unusual), not_read.or(truncated), ask)
}

/// Why a yes is not enough. Whoever said which medium it is has looked twice already.
pub(super) fn unusual(request: &Request, target: &Target<'_>) -> Vec<String> {
    let is_pinned = request.terms.identity.is_told() || target.is_named_by_id();
    if is_pinned { Vec::new() } else { target.judged().map_or_else(Vec::new, Judged::unusual) }
}
