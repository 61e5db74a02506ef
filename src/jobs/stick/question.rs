//! The card: what is erased, what is written, and the question.

use crate::event::MediumCard;
use crate::jobs::{Question, Wanted};
use crate::medium::show_size;

/// Characters of a serial number that are to be typed.
const TYPED: usize = 4;

/// The question before the first byte. Whatever is unusual asks for more than a yes.
pub(super) fn question(card: &MediumCard, gets: &[String], warnings: &[String], unusual: &[String]) -> Question {
    let mut lines = vec![String::new(), "  Everything on this medium will be lost:".into()];
    // A name that holds the end of a line must not write a line of its own.
    let mut row = |name: &str, text: String| lines.push(format!("    {name:8}{}", text.replace('\n', "\\n")));
    row("where", format!("{} ({})", card.node, card.bus));
    row("model", card.model.clone().unwrap_or_else(|| "not told".into()));
    row("serial", card.serial.clone().unwrap_or_else(|| "not told".into()));
    row("size", card.bytes.map_or_else(|| "not known".into(), exact));
    for (number, line) in card.contents.iter().enumerate() {
        row(if number == 0 { "holds" } else { "" }, line.clone());
    }
    // Nobody looked into a regular file.
    if card.contents.is_empty() && card.sector > 1 {
        row("holds", "nothing that is known".into());
    }
    for (number, line) in gets.iter().enumerate() {
        row(if number == 0 { "gets" } else { "" }, line.clone());
    }
    for warning in warnings {
        row("warning", warning.clone());
    }
    for reason in unusual {
        row("unusual", reason.clone());
    }
    let wanted = if unusual.is_empty() { Wanted::Yes } else { Wanted::Word(word(card)) };
    lines.push(match &wanted {
        Wanted::Word(word) if card.serial.as_ref().is_some_and(|serial| serial.ends_with(word)) => {
            format!("  Erase? Type the last {} characters of its serial number", word.chars().count())
        }
        Wanted::Word(_) => "  Erase? Type its name".into(),
        Wanted::Yes | Wanted::Choice(_) => "  Erase?".into(),
    });
    Question { text: lines.join("\n"), wanted }
}

/// `15.5 GB (15518924800 bytes)`
pub(in crate::jobs) fn exact(bytes: u64) -> String {
    format!("{} ({bytes} bytes)", show_size(bytes))
}

/// The end of the serial number; of a device that has none, its name.
fn word(card: &MediumCard) -> String {
    let serial = card.serial.as_deref().unwrap_or("");
    let skip = serial.chars().count().saturating_sub(TYPED);
    let end: String = serial.chars().skip(skip).collect();
    // Spaces around an answer don't count, nor can they be asked for.
    let end = end.trim();
    if end.is_empty() { card.node.rsplit('/').next().unwrap_or_default().into() } else { end.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_the_end_of_the_serial_or_the_name() {
        let card = |serial: Option<&str>| MediumCard {
            node: "/dev/sdb".into(),
            serial: serial.map(Into::into),
            ..MediumCard::default()
        };
        assert_eq!(word(&card(Some("4C5300017F3A"))), "7F3A");
        assert_eq!(word(&card(Some("7A"))), "7A");
        assert_eq!(word(&card(Some("WD 123"))), "123");
        assert_eq!(word(&card(None)), "sdb");
    }
}
