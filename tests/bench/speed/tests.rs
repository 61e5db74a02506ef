//! The parts of the bench that need no device, under the test harness: the bench itself (main.rs) has none.

mod figures;
mod pace;
mod table;

use std::time::{Duration, Instant};

use figures::{Figures, Rival, Spread};
use pace::{Access, Pace, Speed};
use table::{Bound, Goal, Row};

#[test]
fn requests_are_served_one_after_the_other_and_idle_time_earns_nothing() {
    let begin = Instant::now();
    let mut pace = Pace::new(Speed { writing: 10_000_000, reading: 40_000_000 }, begin);
    let mut served = |access, arrives: u64| (pace.serve(access, begin + Duration::from_micros(arrives)) - begin).as_micros();
    // 100 us for each request besides its bytes.
    assert_eq!(served(Access::Write(1_000_000), 0), 100_100);
    assert_eq!(served(Access::Write(1_000_000), 5), 200_200, "one that came meanwhile waits");
    assert_eq!(served(Access::Read(1_000_000), 200_200), 225_300);
    assert_eq!(served(Access::Read(0), 900_000), 900_100, "after a pause no sooner than its own time");
}

#[test]
fn a_spread_is_the_middle_and_both_ends() {
    let spread = |median, least, most| Spread { median, least, most };
    assert_eq!(Spread::of([3.0, 1.0, 2.0]), spread(2.0, 1.0, 3.0));
    assert_eq!(Spread::of([4.0, 1.0, 2.0, 8.0]), spread(3.0, 1.0, 8.0));
    assert!(Spread::of([]).median.is_nan());
}

#[test]
fn a_rival_is_as_slow_as_what_it_waits_for() {
    let rival = |sha256| Rival { write: 4.0, read: 1.0, sha256 };
    assert_eq!([0.5, 3.0, 5.0].map(|sha256| rival(sha256).device_or_digest()), [5.0, 7.0, 10.0]);
    assert!((rival(9.0).device() - 5.0).abs() < 1e-9);
    assert!((rival(9.0).delta() - 2.2).abs() < 1e-9);
}

#[test]
fn the_table_says_what_was_reached() {
    let run =
        Figures { durable: Some(2.0), verified: 3.0, written: 3 << 20, read: 1 << 20, cpu: 0.5, peak: 9 << 20, stall: 0.25 };
    let rows = [Row { name: "one", runs: vec![run, run] }, Row { name: "reader", runs: vec![Figures { durable: None, ..run }] }];
    let goal = |bound| Goal { name: "goal", bound, ratios: vec![1.0, 1.03, 1.01] };
    let text = table::markdown("a device", 512 << 20, &rows, &[0.7], &[goal(Bound::AtMost(1.02)), goal(Bound::AtLeast(1.02))]);
    for line in [
        "An image of 512 MiB.",
        "| one | 2.00 (2.00–2.00) | 3.00 (3.00–3.00) | 3 | 1 | 1.00 (1.00–1.00) | 9 | 0.25 |",
        "| reader |  | 3.00 (3.00–3.00) |",
        "SHA-256 of this build, on one core: 0.70 (0.70–0.70) s.",
        "| goal | 1.02 or less | 1.010 (1.000–1.030) | yes |",
        "| goal | 1.02 or more | 1.010 (1.000–1.030) | no |",
    ] {
        assert!(text.contains(line), "{line}\nis not in\n{text}");
    }
}
