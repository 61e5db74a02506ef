//! x

use super::*;

fn asks(disc: &mut Disc) -> Vec<(Resume, u32, Outcome)> {
    let mut planner = disc.planner(Extents::new(disc.sectors, State::NonTried));
    let mut asks = Vec::new();
    while let Some(Ask { extent: read, .. }) = planner.ask() {
        let at = planner.position();
        let outcome = disc.answer(read);
        println!(
            "{:?} {} {}+{} {}",
            at.phase,
            at.pass,
            read.first,
            read.count,
            if outcome == Outcome::Read { "" } else { "FAILED" }
        );
        planner.answer(outcome, disc.cost(read, outcome, Duration::from_secs(3)));
        asks.push((Resume { at: read.first, ..at }, read.count, outcome));
    }
    asks
}

#[test]
fn dump() {
    println!("== jump");
    asks(&mut Disc { sectors: 4000, block: 1, dead: (1000..1200).collect(), names_lba: true, ..Disc::default() });
    println!("== whole blocks");
    asks(&mut Disc { sectors: 4000, block: 16, dead: (1008..1008 + 64).collect(), names_lba: true, ..Disc::default() });
    println!("== scratch");
    asks(&mut Disc { sectors: 8000, block: 1, dead: (20..50).map(|n| n * 50).collect(), names_lba: true, ..Disc::default() });
}
