//! One fault rule: `OP RANGE ACTION…` (docs/formats.md, "Fault rules").

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use crate::scsi::{Cdb, Sense};

/// A rule, and how often it matched.
#[derive(Debug, PartialEq)]
pub(super) struct Rule {
    /// The line, without its comment: a rule is the same one as long as its line is.
    text: String,
    on: On,
    /// None: any place, or none.
    place: Option<Range<u32>>,
    skip: u32,
    times: Option<u32>,
    unless: Option<Unless>,
    matches: u32,
    action: Action,
}

/// How a read is made that the rule lets pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unless {
    /// Past the cache.
    Fua,
    /// Not past the cache.
    Plain,
    /// The rule's first sector is the command's, and the last read brought [`RUN_UP`] before it.
    RunUp,
    /// At less than so many kB/s, or at more.
    Below(u16),
    Above(u16),
}

/// Sectors of the shortest run-up.
const RUN_UP: u32 = 32;

/// How a command finds the drive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Circumstances {
    /// Sectors right before the command's first one that the last read brought.
    pub(super) run_up: u32,
    /// kB/s.
    pub(super) speed: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    Any,
    Read,
    Opcode(u8),
}

/// What a rule does to a command.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Action {
    /// Key, ASC, ASCQ.
    pub(super) sense: Option<(u8, u8, u8)>,
    pub(super) information: Information,
    pub(super) format: Format,
    pub(super) delay: Option<Duration>,
    pub(super) hang: Option<Duration>,
    /// Bytes that arrive.
    pub(super) short: Option<usize>,
    pub(super) spoil: Option<Spoil>,
    pub(super) host: Option<u16>,
    pub(super) driver: Option<u16>,
    pub(super) status: Option<u8>,
    pub(super) stale: bool,
    pub(super) gone: Option<Lapse>,
    pub(super) disc: Option<NextDisc>,
    pub(super) wedge: Option<Lapse>,
}

/// Whether the sense tells an LBA.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Information {
    #[default]
    Told,
    Withheld,
}

/// Format of the sense data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Format {
    #[default]
    Fixed,
    Descriptor,
}

/// How data is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoil {
    Flip,
    Random,
}

/// How long the drive is off the bus, or wedged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lapse {
    For(Duration),
    Forever,
}

/// What lies in the drive from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NextDisc {
    File(PathBuf),
    None,
}

/// A rule's action on one command.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Hit {
    pub(super) action: Action,
    /// The sectors that the rule is about and the command touches.
    pub(super) sectors: Option<Range<u32>>,
}

impl Rule {
    /// Counts this command if the rule is about it; and acts on it, unless the command is one to skip or the rule is spent.
    pub(super) fn act(&mut self, cdb: &Cdb, circumstances: Circumstances) -> Option<Hit> {
        let touched = cdb.sectors_read().map(|(lba, count)| lba..lba.saturating_add(count));
        let about_it = match self.on {
            On::Any => true,
            On::Read => touched.is_some(),
            On::Opcode(this) => this == cdb.opcode(),
        };
        let sectors = match &self.place {
            None => touched,
            Some(place) => Some(touched.map(|t| place.start.max(t.start)..place.end.min(t.end)).filter(|both| !both.is_empty())?),
        };
        let passes = match self.unless {
            None => false,
            Some(Unless::Fua) => cdb.is_fua(),
            Some(Unless::Plain) => !cdb.is_fua(),
            Some(Unless::RunUp) => {
                circumstances.run_up >= RUN_UP && sectors.as_ref().map(|s| s.start) == cdb.sectors_read().map(|(lba, _)| lba)
            }
            Some(Unless::Below(speed)) => circumstances.speed < speed,
            Some(Unless::Above(speed)) => circumstances.speed > speed,
        };
        let spent = self.times.is_some_and(|times| self.matches >= self.skip.saturating_add(times));
        if !about_it || passes || spent {
            return None;
        }
        self.matches = self.matches.saturating_add(1);
        (self.matches > self.skip).then(|| Hit { action: self.action.clone(), sectors })
    }

    /// Goes on counting where the same rule, read from the file before, was.
    pub(super) fn take_over(&mut self, before: &mut Vec<Self>) {
        if let Some(old) = before.iter().position(|old| old.text == self.text) {
            self.matches = before.remove(old).matches;
        }
    }
}

impl Action {
    /// The sense that the rule asks for.
    pub(super) fn sense(&self, sectors: Option<&Range<u32>>) -> Option<Sense> {
        let (key, asc, ascq) = self.sense?;
        let information = match self.information {
            Information::Told => sectors.map(|range| range.start.into()),
            Information::Withheld => None,
        };
        Some(Sense { key, asc, ascq, information, deferred: false })
    }
}

/// The rules of a text; else the line that is wrong, from 1, and why.
pub(super) fn parse(text: &str) -> Result<Vec<Rule>, (usize, String)> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    (1..)
        .zip(lines)
        .filter(|(_, line)| !line.is_empty())
        .map(|(number, line)| parse_rule(line).map_err(|why| (number, why)))
        .collect()
}

fn parse_rule(line: &str) -> Result<Rule, String> {
    let mut words = line.split_whitespace();
    let on = words.next().unwrap_or_default();
    let on = match on {
        "any" => On::Any,
        "read" => On::Read,
        _ => On::Opcode(hex(on).ok_or_else(|| format!("{on:?} is no command; write read, any or an opcode in hex"))?),
    };
    let place = words.next().ok_or("the rule ends before its range; write LBA, LBA+COUNT or *")?;
    let place = match place {
        "*" => None,
        _ => Some(parse_place(place).ok_or_else(|| format!("{place:?} is no range; write LBA, LBA+COUNT or *"))?),
    };
    let mut rule =
        Rule { text: line.into(), on, place, skip: 0, times: None, unless: None, matches: 0, action: Action::default() };
    for word in words {
        rule.add(word)
            .ok_or_else(|| format!("{word:?} is no action, or its value makes no sense; docs/formats.md lists the actions"))?;
    }
    if rule.action == Action::default() {
        return Err("the rule does nothing; name an action, e.g. sense=3/11/05".into());
    }
    if rule.action.sense.is_none() && (rule.action.information, rule.action.format) != Default::default() {
        return Err("noinfo and desc say how a sense is told; name the sense, e.g. sense=3/11/05".into());
    }
    Ok(rule)
}

fn parse_place(text: &str) -> Option<Range<u32>> {
    let (first, count) = text.split_once('+').unwrap_or((text, "1"));
    let first: u32 = first.parse().ok()?;
    let end = first.checked_add(count.parse().ok().filter(|&count| count > 0)?)?;
    Some(first..end)
}

impl Rule {
    /// Adds what one word says; None when it says nothing.
    fn add(&mut self, word: &str) -> Option<()> {
        let action = &mut self.action;
        match word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value))) {
            ("sense", Some(value)) => action.sense = Some(parse_sense(value)?),
            ("noinfo", None) => action.information = Information::Withheld,
            ("desc", None) => action.format = Format::Descriptor,
            ("times", Some(value)) => self.times = Some(value.parse().ok()?),
            ("skip", Some(value)) => self.skip = value.parse().ok()?,
            ("delay", Some(value)) => action.delay = Some(milliseconds(value)?),
            ("hang", Some(value)) => action.hang = Some(milliseconds(value)?),
            ("short", Some(value)) => action.short = Some(value.parse().ok()?),
            ("flip", None) => action.spoil = Some(Spoil::Flip),
            ("random", None) => action.spoil = Some(Spoil::Random),
            ("host", Some(value)) => action.host = Some(hex(value)?),
            ("driver", Some(value)) => action.driver = Some(hex(value)?),
            ("status", Some(value)) => action.status = Some(hex(value)?),
            ("stale", None) => action.stale = true,
            ("gone", Some(value)) => action.gone = Some(Lapse::For(milliseconds(value)?)),
            ("gone", None) => action.gone = Some(Lapse::Forever),
            ("wedge", Some(value)) => action.wedge = Some(Lapse::For(milliseconds(value)?)),
            ("wedge", None) => action.wedge = Some(Lapse::Forever),
            ("unless", Some(value)) => self.unless = Some(parse_unless(value)?),
            ("disc", Some("")) => action.disc = Some(NextDisc::None),
            ("disc", Some(value)) => action.disc = Some(NextDisc::File(value.into())),
            _ => return None,
        }
        Some(())
    }
}

fn parse_sense(text: &str) -> Option<(u8, u8, u8)> {
    let mut numbers = text.split('/').map(hex);
    let (key, asc, ascq) = (numbers.next()??, numbers.next()??, numbers.next()??);
    (key < 0x10 && numbers.next().is_none()).then_some((key, asc, ascq))
}

fn parse_unless(text: &str) -> Option<Unless> {
    Some(match text.split_once(':') {
        None if text == "fua" => Unless::Fua,
        None if text == "plain" => Unless::Plain,
        None if text == "run-up" => Unless::RunUp,
        Some(("below", speed)) => Unless::Below(speed.parse().ok()?),
        Some(("above", speed)) => Unless::Above(speed.parse().ok()?),
        _ => return None,
    })
}

fn milliseconds(text: &str) -> Option<Duration> {
    // 49 days are enough, and can't overflow a clock.
    text.parse::<u32>().ok().map(|ms| Duration::from_millis(ms.into()))
}

fn hex<T: TryFrom<u32>>(text: &str) -> Option<T> {
    T::try_from(u32::from_str_radix(text, 16).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_action_is_understood() {
        let rule = parse("a8 * sense=b/4b/03 noinfo desc times=1 skip=2 delay=5 hang=6 short=7 flip host=1 driver=8 status=28 stale gone=9 disc=x wedge=10 unless=fua")
            .unwrap()
            .remove(0);
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!((rule.on, rule.place, rule.skip, rule.times), (On::Opcode(0xa8), None, 2, Some(1)));
        assert_eq!(rule.unless, Some(Unless::Fua));
        assert_eq!(
            rule.action,
            Action {
                sense: Some((0xb, 0x4b, 3)),
                information: Information::Withheld,
                format: Format::Descriptor,
                delay: ms(5),
                hang: ms(6),
                short: Some(7),
                spoil: Some(Spoil::Flip),
                host: Some(1),
                driver: Some(8),
                status: Some(0x28),
                stale: true,
                gone: Some(Lapse::For(Duration::from_millis(9))),
                disc: Some(NextDisc::File("x".into())),
                wedge: Some(Lapse::For(Duration::from_millis(10))),
            }
        );
        assert_eq!(parse("any * gone random disc=").unwrap()[0].action.disc, Some(NextDisc::None));
    }

    #[test]
    fn what_makes_no_sense_is_told_with_its_line() {
        for bad in [
            "write 1 flip",
            "read",
            "read x flip",
            "read 1+0 flip",
            "read 4294967295+1 flip",
            "read 1",
            "read 1 times=3",
            "read 1 noinfo",
            "read 1 sense=3/11",
            "read 1 sense=10/11/05",
            "read 1 sense=3/11/05/1",
            "read 1 host=10000",
            "read 1 status=100",
            "read 1 flip=1",
            "read 1 delay",
            "read 1 delay=-1",
            "read 1 flip unless",
            "read 1 flip unless=slow",
            "read 1 flip unless=below",
            "read 1 flip unless=above:fast",
            "100 * flip",
        ] {
            assert_eq!(parse(&format!("# first\n{bad}")).map_err(|(line, _)| line), Err(2), "{bad}");
        }
    }

    #[test]
    fn a_rule_lets_the_reads_pass_that_are_made_in_its_way() {
        let usual = Circumstances { run_up: 0, speed: 1000 };
        let acts = |unless: &str, cdb: Cdb, circumstances| {
            let mut rules = parse(&format!("read 100+2 sense=3/11/05 unless={unless}")).unwrap();
            rules[0].act(&cdb, circumstances).is_some()
        };
        let (plain, fua) = (Cdb::read_10(100, 1), Cdb::read_10_fua(100, 1));
        assert_eq!([acts("fua", plain, usual), acts("fua", fua, usual)], [true, false]);
        assert_eq!([acts("plain", plain, usual), acts("plain", fua, usual)], [false, true]);
        let after = |run_up| Circumstances { run_up, ..usual };
        assert_eq!([31, 32].map(|run_up| acts("run-up", plain, after(run_up))), [true, false]);
        assert!(acts("run-up", Cdb::read_10(98, 4), after(98)), "it is not the command's first sector");
        let at = |speed| Circumstances { speed, ..usual };
        assert_eq!([999, 1000].map(|speed| acts("below:1000", plain, at(speed))), [false, true]);
        assert_eq!([1000, 1001].map(|speed| acts("above:1000", plain, at(speed))), [true, false]);
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused_but_never_panics(
            text in "(read|any|25| |\\*|\\+|=|sense|3/11/05|#|\n|0|4294967295|delay|é|gone|disc|wedge|unless=|below:|fua){0,16}",
            wild in any::<String>(),
        ) {
            let _ = parse(&text);
            let _ = parse(&wild);
        }
    }
}
