//! The three lines at the bottom of a terminal while a disc is read: its strip, how far it is, and what went wrong.

use std::time::Duration;

use crate::event::{Progress, ReadingProgress};

use super::report;
use super::strip::{Palette, strip};
use super::units::{bytes, percent, time};

/// A drive that is silent for so long is named as the one who is waited for.
pub(super) const SILENCE: Duration = Duration::from_secs(3);

/// The lines, none longer than the terminal has columns. For so long nothing was heard of the drive.
pub(super) fn panel(
    progress: &Progress,
    reading: &ReadingProgress,
    silence: Duration,
    columns: usize,
    palette: Palette,
) -> [String; 3] {
    let sectors = progress.total.unwrap_or_default();
    [
        strip(&reading.surface, reading.lba, sectors, columns, palette),
        fitting(how_far(progress, reading), columns),
        fitting(what_failed(reading, silence), columns),
    ]
}

fn how_far(progress: &Progress, reading: &ReadingProgress) -> Vec<String> {
    let done = progress.total.map(|total| percent(progress.done, total));
    let rate = (progress.rate > 0).then(|| format!("{}/s", bytes(progress.rate)));
    let eta = progress.eta.map(|eta| format!("about {} to go", time(eta)));
    let phase = Some(report::phase_name(progress.phase).to_string());
    let place = Some(format!("at sector {}", reading.lba));
    [done, eta, rate, phase, place].into_iter().flatten().collect()
}

fn what_failed(reading: &ReadingProgress, silence: Duration) -> Vec<String> {
    let waiting = (silence >= SILENCE).then(|| format!("waiting for the drive, {} s", silence.as_secs()));
    let since = reading.since_good.map(|since| since / 1000 + silence.as_secs());
    let since = since.filter(|since| *since > 0).map(|since| format!("last good read {} ago", ago(since)));
    let amounts = format!("{} bad, {} left", reading.bad, reading.left);
    let errors = report::errors(reading);
    [waiting, Some(amounts), since, errors].into_iter().flatten().collect()
}

/// Seconds as `12 s` or `1:23`.
fn ago(seconds: u64) -> String {
    if seconds < 60 { format!("{seconds} s") } else { time(seconds * 1000) }
}

/// As many of the parts as a line of so many columns holds, the first ones first.
fn fitting(parts: Vec<String>, columns: usize) -> String {
    parts.into_iter().fold(String::new(), |line, part| {
        let longer = if line.is_empty() { part } else { format!("{line}, {part}") };
        if longer.chars().count() <= columns { longer } else { line }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::event::{PhaseName, Unit};
    use crate::mmc::{Class, Extent};
    use crate::rescue::{Extents, Phase, State, Surface};

    fn lines(columns: usize, silence: u64) -> [String; 3] {
        let mut map = Extents::new(100_000, State::Finished);
        map.set(Extent { first: 50_000, count: 1 }, State::Bad);
        let reading = ReadingProgress {
            lba: 99_999,
            bad: 1,
            left: 240,
            errors: BTreeMap::from([(Class::Medium, 12), (Class::TimeOut, 1)]),
            since_good: Some(7_900),
            surface: Surface::of(&map),
        };
        let progress = Progress {
            phase: PhaseName::Reading(Phase::Scrape),
            unit: Unit::Sectors,
            done: 99_759,
            total: Some(100_000),
            rate: 1_200_000,
            eta: Some(754_000),
            elapsed: 0,
            reading: None,
        };
        panel(&progress, &reading, Duration::from_secs(silence), columns, Palette::Ascii)
    }

    #[test]
    fn three_lines_say_what_matters() {
        let [strip, far, failed] = lines(80, 5);
        assert_eq!(strip, format!("{}-{}|", "+".repeat(40), "+".repeat(38)));
        assert_eq!(far, "99.7 %, about 12:34 to go, 1.20 MB/s, reading failed blocks by sector");
        assert_eq!(lines(100, 5)[1], format!("{far}, at sector 99999"));
        assert_eq!(failed, "waiting for the drive, 5 s, 1 bad, 240 left, last good read 12 s ago");
        assert_eq!(lines(80, 0)[2], "1 bad, 240 left, last good read 7 s ago, failed reads: 12 medium, 1 time-out");
    }

    #[test]
    fn no_line_is_longer_than_the_terminal() {
        for columns in 1..120 {
            for line in lines(columns, 0) {
                assert!(line.chars().count() <= columns, "{columns}: {line:?}");
            }
        }
        assert_eq!(lines(40, 0)[1..], ["99.7 %, about 12:34 to go, 1.20 MB/s", "1 bad, 240 left, last good read 7 s ago"]);
    }
}
