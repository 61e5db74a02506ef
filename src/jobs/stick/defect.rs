//! What is wrong with a stick, in a sentence.

use crate::event::Defect;
use crate::medium::show_size;

/// What to do with one that may be good elsewhere.
pub(in crate::jobs) const ADVICE: &str = "take another stick, or another port and cable; what is on this one does not boot";

/// The defect of the medium `name`, which claims so many bytes.
pub(in crate::jobs) fn sentence(defect: Defect, name: &str, claimed: u64) -> String {
    let distrust = "do not trust it with anything; what is on it does not boot";
    let claims = show_size(claimed);
    match defect {
        Defect::Wraps { holds } => format!(
            "{name} is a fake: it claims {claims} and holds {} at most (byte {holds} is byte 0 again); {distrust}",
            show_size(holds)
        ),
        Defect::Loses { from: 0 } => {
            format!("{name} is a fake, or worn out: it claims {claims}, and nothing that was written to it came back; {distrust}")
        }
        Defect::Loses { from } => format!(
            "{name} is a fake, or worn out: it claims {claims}, and nothing that was written from byte {from} ({}) on came back; {distrust}",
            show_size(from)
        ),
        Defect::Flips { bits, sectors, first } => format!(
            "{name} flips bits: {} of {} came back wrong, the first in byte {first}; its cells, its connection or this computer's memory are failing; {ADVICE}",
            counted(bits, "bit"),
            counted(sectors, "sector")
        ),
    }
}

/// `1 bit`, `2 bits`.
pub(in crate::jobs) fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
