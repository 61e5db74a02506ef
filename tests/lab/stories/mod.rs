//! The stories: what the hardware does to a person who copies a disc or writes a stick. Each runs one machine; its chapters are
//! shell functions in the guest (guest/words.sh has the words they use), judged by other people's tools: cmp, ddrescuelog, dd, cp.
//! Two need no machine: `ring` and `wire` ask the servers of emulated drives and sticks what no kernel and no QEMU would.

mod bad_sticks;
mod drives;
mod guests;
mod rescue;
mod ring;
mod served;
mod sticks;
mod troubled;
mod whole_sticks;
mod wire;

use std::error::Error;

use crate::long;

/// What a machine's script printed, or why it failed.
pub type Ending = Result<String, Box<dyn Error>>;
/// Tells one.
pub type Story = fn() -> Ending;

/// Those that need no machine, by their names.
pub fn without_guest() -> impl Iterator<Item = (&'static str, Story)> {
    [ring::ALL, wire::ALL].into_iter().flatten().copied()
}

/// All others.
pub fn of_guests() -> impl Iterator<Item = (&'static str, Story)> {
    let rooms = [
        drives::ALL,
        troubled::ALL,
        rescue::ALL,
        guests::ALL,
        served::ALL,
        sticks::ALL,
        bad_sticks::ALL,
        whole_sticks::ALL,
        long::SAMPLES,
    ];
    rooms.into_iter().flatten().copied()
}

/// An error if what was expected is not so.
fn expect(what: &str, is_so: bool) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(format!("not so: {what}")) }
}
