//! The stories: what the hardware does to a person who copies a disc or writes a stick. Each runs one machine; its chapters are
//! shell functions in the guest (guest/words.sh has the words they use), judged by other people's tools: cmp, ddrescuelog, dd, cp.
//! But for two, `ring` and `wire`: what the emulated drives and sticks are asked by, out of its right mind.

mod bad_sticks;
mod drives;
mod guests;
mod ring;
mod served;
mod sticks;
mod troubled;
mod wire;

use std::error::Error;

use crate::long;

/// An error if what was expected is not so.
fn expect(what: &str, is_so: bool) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(format!("not so: {what}")) }
}

/// What a machine's script printed, or why it failed.
pub type Ending = Result<String, Box<dyn Error>>;
/// Runs a machine.
pub type Story = fn() -> Ending;

/// Every story by its name.
pub fn all() -> impl Iterator<Item = (&'static str, Story)> {
    let without_guest = [ring::ALL, wire::ALL];
    let rooms = [drives::ALL, troubled::ALL, guests::ALL, served::ALL, sticks::ALL, bad_sticks::ALL, long::SAMPLES];
    without_guest.into_iter().chain(rooms).flatten().copied()
}
