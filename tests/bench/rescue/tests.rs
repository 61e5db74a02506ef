//! The parts of the bench that read no drive, under the test harness: the bench itself (main.rs) has none.

#![allow(clippy::unwrap_used)] // a test that can't go on says where

mod curve;
mod log;
mod patterns;
mod picture;
mod table;

mod curves {
    use std::time::Duration;

    use discsmith::mmc::Extent;
    use discsmith::rescue::{Extents, State};

    use crate::curve::{Curve, Figures, Mark, Read, SHARES};

    fn read(first: u32, end: u32, good: bool, seconds: u64) -> Read {
        Read { sectors: Extent::between(first, end), good, ended: Duration::from_secs(seconds) }
    }

    /// A disc of 100 sectors, of which the last two are dead.
    fn damaged() -> Extents<State> {
        let mut map = Extents::new(100, State::Finished);
        map.set(Extent::between(98, 100), State::Bad);
        map
    }

    fn clean() -> Curve {
        let reads = vec![read(0, 49, true, 1), read(49, 98, true, 2)];
        Curve::new(reads, Duration::from_secs(2), &Extents::new(98, State::Finished)).unwrap()
    }

    #[test]
    fn a_rescue_is_judged_by_what_it_takes_longer_than_a_clean_read() {
        let reads = vec![
            read(0, 49, true, 4),
            read(40, 49, true, 5), // nothing new
            read(90, 100, false, 10),
            read(49, 97, true, 11),
            read(97, 98, true, 12),
            read(98, 99, false, 20),
            read(99, 100, false, 30),
        ];
        let curve = Curve::new(reads, Duration::from_secs(31), &damaged()).unwrap();
        let figures = curve.judge(&clean());
        assert_eq!(
            figures.marks.map(|mark| (mark.overhead, mark.bad_reads)),
            [(3.0, 0.0), (9.0, 1.0), (10.0, 1.0), (10.0, 1.0), (10.0, 1.0)]
        );
        assert_eq!((figures.end.overhead, figures.end.bad_reads, figures.missing, figures.reads), (29.0, 3.0, 0.0, 7.0));
        let steps = curve.overheads(&clean());
        assert_eq!(steps.iter().map(|step| step.0).collect::<Vec<_>>(), [3.0, 9.0, 10.0]);
        assert_eq!(steps.first().zip(steps.last()).map(|(first, last)| (first.1, last.1)), Some((0.5, 0.0)));
    }

    #[test]
    fn a_share_that_is_never_reached_is_infinite_and_its_sectors_are_missing() {
        let mut map = damaged();
        map.set(Extent::between(97, 98), State::Bad);
        let curve = Curve::new(vec![read(0, 97, true, 2)], Duration::from_secs(2), &map).unwrap();
        let figures = curve.judge(&clean());
        assert_eq!(figures.marks.map(|mark| mark.overhead.is_finite()), [true, true, false, false, false]);
        assert_eq!(figures.missing, 1.0);
    }

    #[test]
    fn a_map_that_does_not_fit_the_reads_is_no_measurement() {
        assert!(Curve::new(vec![read(0, 97, true, 2)], Duration::ZERO, &damaged()).is_err(), "one less than the map has");
        let unsettled = Extents::new(100, State::NonScraped);
        assert!(Curve::new(Vec::new(), Duration::ZERO, &unsettled).is_err());
    }

    #[test]
    fn the_best_and_the_median_are_taken_of_each_figure_by_itself() {
        let figures = |overhead: f64, reads: f64| {
            let mark = Mark { overhead, bad_reads: 0.0 };
            Figures { marks: [mark; SHARES.len()], end: mark, missing: 0.0, reads }
        };
        let all = [figures(1.0, 30.0), figures(3.0, 10.0), figures(2.0, 20.0)];
        let (best, median) = (Figures::best(&all), Figures::median(&all));
        assert_eq!((best.end.overhead, best.reads), (1.0, 10.0));
        assert_eq!((median.end.overhead, median.reads), (2.0, 20.0));
    }
}

mod logs {
    use discsmith::mmc::Extent;

    use crate::log::parse;

    #[test]
    fn comments_are_passed_over_and_reads_keep_their_order() {
        let text = "# Reads Logfile. Created by GNU ddrescue version 1.27\n#  ipos   size  copied_size  error_size\n\n\
                    0x00010000  65536  65536  0\n0x00000800  2048  0  2048\n";
        assert_eq!(parse(text), Ok(vec![(Extent::between(32, 64), true), (Extent::between(1, 2), false)]));
        assert_eq!(parse("# nothing was read\n"), Ok(Vec::new()));
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        for line in [
            "10000 65536 65536 0",            // not hexadecimal
            "0x10000 65536 65536",            // cut off
            "0x10000 65536 4096 61440",       // a part came
            "0x10000 65536 65536 65536",      // both
            "0x10000 0 0 0",                  // nothing
            "0x10000 2049 2049 0",            // not whole sectors
            "0x10001 2048 2048 0",            // not on a sector
            "0xfffffffffffff800 2048 2048 0", // past the last address
            "0x100000000000 2048 2048 0",     // past the last sector
            "0x10000 -2048 0 0",
            "text",
        ] {
            let error = parse(&format!("0x0 2048 2048 0\n{line}\n")).unwrap_err();
            assert!(error.ends_with(line), "{error}");
        }
    }
}

mod damage {
    use discsmith::mmc::Extent;
    use discsmith::rescue::{Extents, State};

    use crate::patterns::{PATTERNS, Surface};

    const DISC: Surface = Surface { sectors: 200_000, turn: 29 };

    fn each(check: impl Fn(&str, &Extents<State>, u64)) {
        for (pattern, seed) in PATTERNS.iter().flat_map(|pattern| (1..=20).map(move |seed| (pattern, seed))) {
            check(pattern.name, &pattern.map(DISC, seed), seed);
        }
    }

    fn runs(map: &Extents<State>) -> Vec<Extent> {
        map.iter().filter(|run| run.value == State::Bad).map(|run| run.extent).collect()
    }

    #[test]
    fn a_seed_hurts_the_same_sectors_each_time_and_another_one_others() {
        for pattern in &PATTERNS {
            let hurt = |seed| runs(&pattern.map(DISC, seed));
            assert_eq!(hurt(1), hurt(1), "{}", pattern.name);
            assert_ne!(hurt(1), hurt(2), "{}", pattern.name);
        }
    }

    #[test]
    fn damage_is_inside_of_the_disc_and_some_of_it() {
        // How many of a thousand sectors are hurt, at least and at most.
        let density = |name: &str| match name {
            "single sectors" => 0.05..0.35,
            "radial scratch" | "protection" => 0.4..5.0,
            "fingerprint" => 0.5..8.0,
            "ring" => 0.5..10.0,
            _ => 0.9..12.0,
        };
        each(|name, map, seed| {
            assert_eq!(map.len(), DISC.sectors);
            let hurt = f64::from(map.count(State::Bad)) * 1000.0 / f64::from(DISC.sectors);
            assert!(density(name).contains(&hurt), "{name}, seed {seed}: {hurt}");
        });
    }

    #[test]
    fn each_pattern_has_its_shape() {
        each(|name, map, seed| {
            let runs = runs(map);
            let (Some(first), Some(last)) = (runs.first(), runs.last()) else { panic!("{name}, seed {seed}: no damage") };
            let longest = runs.iter().map(|run| run.count).max().unwrap();
            let distances: Vec<u32> = runs.windows(2).map(|pair| pair[1].first - pair[0].first).collect();
            let as_it_should_be = match name {
                // Once a turn, and the turns grow.
                "radial scratch" => longest <= 2 && distances.iter().all(|&far| (29..80).contains(&far)) && distances.is_sorted(),
                "ring" | "layer break" => longest >= 145 && last.end() - first.first <= longest * 11 / 10 + 1,
                "rot from the rim" => {
                    let middle = first.first + (DISC.sectors - first.first) / 2;
                    let outer = Extent::between(middle, DISC.sectors);
                    first.first >= 190_000 && map.count_in(outer, State::Bad) > map.count(State::Bad) / 2
                }
                // Strewn: most runs are short.
                "fingerprint" => distances.iter().all(|&far| far < 400) && map.count(State::Bad) < 2 * runs.len() as u32,
                "single sectors" => longest <= 2 && last.first - first.first > 100_000,
                "unreadable start" => first.first == 0 && longest >= 200,
                "protection" => longest == 1 && distances.iter().all(|far| (5..40).contains(far)),
                _ => false,
            };
            assert!(as_it_should_be, "{name}, seed {seed}: {runs:?}");
        });
    }
}

mod pictures {
    use crate::picture::{Line, draw};

    #[test]
    fn a_line_rises_where_its_sectors_come_and_the_slowest_one_fills_the_panel() {
        let line = |steps: &[(f64, f64)]| Line { reader: "reader".into(), colour: "#123456", steps: steps.into() };
        let slow = line(&[(0.0, 0.5), (30.0, 0.1), (30.0001, 0.1), (120.0, 0.0)]);
        let svg = draw("a ring", &[("CD".into(), vec![slow, line(&[(60.0, 0.0)])])]);
        assert!(svg.contains("M60,290H60V273H125V235H320V70\" "), "{svg}");
        assert!(svg.contains("M60,290H190V70\" "), "half as long: {svg}");
        assert!(svg.contains("up to 2.0 min"), "{svg}");
        assert_eq!(draw("nothing", &[]).matches("<svg").count(), 1);
    }
}

mod tables {
    use crate::curve::{Figures, Mark, SHARES};
    use crate::table::{Case, MEASURES, markdown};

    fn figures(overhead: f64, bad_reads: f64, missing: f64) -> Figures {
        let mark = Mark { overhead, bad_reads };
        Figures { marks: [mark; SHARES.len()], end: mark, missing, reads: 100.0 }
    }

    fn case(pattern: &'static str, loss: Option<f64>, ours: (f64, f64), theirs: (f64, f64)) -> Case {
        Case {
            disc: if loss.is_some() { "DVD" } else { "CD" },
            loss,
            pattern,
            seed: 1,
            discrip: figures(ours.0, ours.1, 0.0),
            ddrescue: figures(theirs.0, theirs.1, 1.0),
            floor: figures(10.0, 1.0, 0.0),
        }
    }

    #[test]
    fn who_differs_by_less_than_a_failing_read_is_even() {
        let ratio = |measure: usize, ours, theirs| MEASURES[measure].ratio(&case("ring", None, (ours, ours), (theirs, theirs)));
        assert_eq!(ratio(0, 5.4, 0.1), None);
        assert_eq!(ratio(0, 0.0, 0.0), None);
        assert_eq!(ratio(0, 5.0, 10.0), Some(0.5));
        assert_eq!(ratio(0, 10.0, 0.0), Some(f64::INFINITY));
        assert_eq!(ratio(0, f64::INFINITY, f64::INFINITY), Some(1.0), "both never got there");
        assert_eq!(ratio(2, 1.0, 0.0), None);
        assert_eq!(ratio(2, 2.0, 4.0), Some(0.5));
    }

    #[test]
    fn each_table_counts_what_is_above_and_what_is_even() {
        let cases = [
            case("ring", None, (20.0, 2.0), (40.0, 8.0)),
            case("ring", Some(0.3), (1.0, 0.0), (2.0, 1.0)),
            case("rot", Some(0.3), (90.0, 9.0), (60.0, 6.0)),
        ];
        let text = markdown(&cases);
        for line in [
            "Of 3 discs discrip read fewer sectors than ddrescue of 0, more of 3.",
            "| overhead to 99 % | 0.5; worst 1.0 | 1.50 | 1 of 2 | 1.50 | rot, DVD, loss 0.3, seed 1 | 1 of 3 | 1.00 | 0.25 |",
            "| bad reads before 99 % | 0.5 | 1.50 | 1 of 2 | 1.50 | rot, DVD, loss 0.3, seed 1 | 1 of 3 | 1.00 | 0.17 |",
            "| ring | 2 | 0.50 (0 of 1) | 0.50 (0 of 1) | 0.25 (0 of 1) | 2.00 | 4.00 |",
            "| CD | 1 | 0.50 (0 of 1) | 0.50 (0 of 1) | 0.25 (0 of 1) | 2.00 | 4.00 |",
            "| loss 0.3 | 2 | 1.50 (1 of 1) | 1.50 (1 of 1) | 1.50 (1 of 1) | 9.00 | 6.00 |",
        ] {
            assert!(text.lines().any(|found| found == line), "no {line}: {text}");
        }
        let row = "20.0 (2) | 20.0 (2) | 20.0 (2) | 20.0 (2) | 20.0 (2) | 20.0 (2) | 0 | 100 |";
        assert!(text.contains(&format!("| ring | CD | discrip | {row}")), "{text}");
    }

    #[test]
    fn what_was_never_reached_says_so() {
        let never = case("ring", None, (f64::INFINITY, f64::INFINITY), (40.0, 8.0));
        assert!(markdown(&[never]).contains("| ring | CD | discrip | never |"));
    }
}
