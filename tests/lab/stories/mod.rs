//! The stories: what the hardware does to a person who copies a disc or writes a stick. Each runs one machine; its chapters are
//! shell functions in the guest (guest/words.sh has the words they use), judged by other people's tools: cmp, ddrescuelog, dd, cp.

mod bad_sticks;
mod drives;
mod guests;
mod served;
mod sticks;
mod troubled;

use std::error::Error;

use crate::long;

/// What a machine's script printed, or why it failed.
pub type Ending = Result<String, Box<dyn Error>>;
/// Runs a machine.
pub type Story = fn() -> Ending;

/// Every story by its name.
pub fn all() -> impl Iterator<Item = (&'static str, Story)> {
    let rooms = [drives::ALL, troubled::ALL, guests::ALL, served::ALL, sticks::ALL, bad_sticks::ALL, long::SAMPLES];
    rooms.into_iter().flatten().copied()
}
