//! The stick's operand `emulated:FILE[,option=value…]`: its grammar (docs/formats.md), and what of it contradicts itself.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use super::error::StickError;
use super::faults::{Access, Failing, Faults, Weak};
use super::pace::{Pace, SlowZone};
use crate::emulated::grammar::{GrammarError, Word, Words};
use crate::medium::parse_size;

/// The options of a stick, and what each is to be given, if anything.
pub(in crate::emulated) const OPTIONS: [(&str, Option<&str>); 17] = [
    ("size", Some(SIZE)),
    ("real", Some(SIZE)),
    ("wrap", None),
    ("drop", None),
    ("flip", Some("OFFSET, like 5000 or 3M")),
    ("weak", Some("OFFSET@TIMES, like 3M@1")),
    ("eio", Some("OFFSET+LENGTH@r, or @w")),
    ("slow", Some("OFFSET+LENGTH@MILLISECONDS")),
    ("speed", Some("N@r, or N@w, like 10M@w, bytes a second")),
    ("short-writes", None),
    ("gone-after", Some(SIZE)),
    ("cache", Some(SIZE)),
    ("punch", Some(PUNCH)),
    ("nofua", None),
    ("readonly", None),
    ("sector", Some("512 or 4096")),
    ("seed", Some("N")),
];

const PUNCH: &str = "honest or ignored";
const SIZE: &str = "N, like 64M or 1000000s";

/// The longest file that Linux can make.
const LONGEST: u64 = i64::MAX as u64;

/// What the stick does with bytes past its real capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beyond {
    /// Addresses begin anew, so that later data overwrites earlier data.
    Wrap,
    /// Writes vanish, reads bring zeros.
    Drop,
}

/// What the stick does when it is told to empty its cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flush {
    Honest,
    /// It says yes, and does nothing.
    Ignored,
}

/// What a stick does when it is to make bytes zero by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Punch {
    Honest,
    /// It says yes, and does nothing.
    Ignored,
}

/// The stick that a person asked for.
#[derive(Debug)]
pub(super) struct Operand {
    pub(super) file: PathBuf,
    /// Bytes of a sector.
    pub(super) sector: u32,
    /// What the stick claims to hold, in bytes.
    pub(super) size: Option<u64>,
    /// The bytes that it does hold.
    pub(super) real: Option<u64>,
    beyond: Option<Beyond>,
    pub(super) cache: Option<u64>,
    pub(super) flush: Flush,
    /// `None`: it can't.
    pub(super) punch: Option<Punch>,
    pub(super) read_only: bool,
    pub(super) faults: Faults,
    pub(super) pace: Pace,
}

impl Operand {
    /// Parses all that follows `emulated:`. Touches no file.
    pub(super) fn parse(text: &str) -> Result<Self, StickError> {
        let words = Words::parse(text, &["flip", "weak", "eio", "slow", "speed"])?;
        if words.file == "demo" {
            return Err(StickError::Demo);
        }
        // Sizes may be in sectors, so that the sector comes first, wherever it stands.
        let sector = words.options.iter().find(|word| word.option == "sector").map_or(Ok(512), sector)?;
        let mut operand = Self {
            file: words.file.into(),
            sector,
            size: None,
            real: None,
            beyond: None,
            cache: None,
            flush: Flush::Honest,
            punch: None,
            read_only: false,
            faults: Faults::none(sector),
            pace: Pace::default(),
        };
        for word in &words.options {
            operand.set(word)?;
        }
        operand.check_capacity()?;
        Ok(operand)
    }

    fn set(&mut self, word: &Word) -> Result<(), StickError> {
        let Some((option, expected)) = OPTIONS.into_iter().find(|(name, _)| *name == word.option) else {
            return Err(word.unknown().into());
        };
        match expected {
            Some(expected) => self.set_value(option, word, expected)?,
            None => {
                word.alone()?;
                self.set_flag(option)?;
            }
        }
        Ok(())
    }

    fn set_flag(&mut self, option: &str) -> Result<(), StickError> {
        match option {
            "wrap" | "drop" if self.beyond.is_some() => return Err(impossible("either wrap or drop; leave one out")),
            "wrap" => self.beyond = Some(Beyond::Wrap),
            "drop" => self.beyond = Some(Beyond::Drop),
            "short-writes" => self.faults.short_writes = true,
            "nofua" => self.flush = Flush::Ignored,
            _ => self.read_only = true,
        }
        Ok(())
    }

    fn set_value(&mut self, option: &str, word: &Word, expected: &'static str) -> Result<(), GrammarError> {
        let value = word.value(expected)?;
        let bytes = || word.understood(expected, parse_size(value, self.sector).ok());
        match option {
            "size" => self.size = Some(bytes()?),
            "real" => self.real = Some(bytes()?),
            "cache" => self.cache = Some(bytes()?),
            "punch" => {
                let punch = match value {
                    "honest" => Some(Punch::Honest),
                    "ignored" => Some(Punch::Ignored),
                    _ => None,
                };
                self.punch = Some(word.understood(expected, punch)?);
            }
            "gone-after" => self.faults.gone_after = Some(bytes()?),
            "flip" => {
                let offset = bytes()?;
                self.faults.flips.insert(offset);
            }
            "weak" => self.faults.weak.push(word.understood(expected, weak(value, self.sector))?),
            "eio" => self.faults.failing.push(word.understood(expected, failing(value, self.sector))?),
            "slow" => self.pace.zones.push(word.understood(expected, slow_zone(value, self.sector))?),
            "speed" => self.set_speed(word.understood(expected, speed(value, self.sector))?)?,
            "seed" => self.faults.seed = word.understood(expected, value.parse().ok())?,
            // Was looked at before all others.
            _ => {}
        }
        Ok(())
    }

    fn set_speed(&mut self, (speed, access): (u64, Access)) -> Result<(), GrammarError> {
        let (place, option) = match access {
            Access::Reading => (&mut self.pace.reading, "speed=N@r"),
            Access::Writing => (&mut self.pace.writing, "speed=N@w"),
        };
        match place.replace(speed) {
            Some(_) => Err(GrammarError::Twice { option: option.into() }),
            None => Ok(()),
        }
    }

    fn check_capacity(&self) -> Result<(), StickError> {
        let sector = u64::from(self.sector);
        match (self.real, self.beyond) {
            (Some(_), None) => {
                return Err(impossible("real=N says how much is real; say wrap or drop as well, for what lies beyond"));
            }
            (None, Some(_)) => return Err(impossible("wrap and drop say what lies beyond real=N; say real=N as well")),
            (Some(real), _) if real == 0 || !real.is_multiple_of(sector) => {
                return Err(impossible(format!("real={real} is no whole number of sectors of {sector} bytes")));
            }
            _ => {}
        }
        match self.size {
            Some(size) if size == 0 || !size.is_multiple_of(sector) => {
                Err(impossible(format!("size={size} is no whole number of sectors of {sector} bytes")))
            }
            Some(size) if size > LONGEST => Err(impossible(format!("size={size} is longer than any file"))),
            _ => Ok(()),
        }
    }

    /// Refuses what a stick of `bytes` can't have. A fault past its end would never show, and a test with it would prove nothing.
    pub(super) fn check_against(&self, bytes: u64) -> Result<(), StickError> {
        if bytes == 0 {
            return Err(impossible(format!("{} holds no whole sector of {} bytes", self.file.display(), self.sector)));
        }
        if let Some(real) = self.real.filter(|real| *real > bytes) {
            return Err(impossible(format!("real={real} is more than the {bytes} bytes that the stick claims")));
        }
        if let Some(flip) = self.faults.flips.last().filter(|flip| **flip >= bytes) {
            return Err(impossible(format!("flip={flip} lies past the end of a stick of {bytes} bytes")));
        }
        if let Some(Weak { at, .. }) = self.faults.weak.iter().find(|weak| weak.at >= bytes) {
            return Err(impossible(format!("weak={at} lies past the end of a stick of {bytes} bytes")));
        }
        if let Some(failing) = self.faults.failing.iter().find(|failing| failing.bytes.end > bytes) {
            let (from, to) = (failing.bytes.start, failing.bytes.end);
            return Err(impossible(format!("eio: {from} to {to} goes past the end of a stick of {bytes} bytes")));
        }
        if let Some(zone) = self.pace.zones.iter().find(|zone| zone.bytes.end > bytes) {
            let (from, to) = (zone.bytes.start, zone.bytes.end);
            return Err(impossible(format!("slow: {from} to {to} goes past the end of a stick of {bytes} bytes")));
        }
        Ok(())
    }

    /// What happens past the real capacity; nothing lies past it unless `real=` says so.
    pub(super) fn beyond(&self) -> Beyond {
        self.beyond.unwrap_or(Beyond::Drop)
    }
}

fn sector(word: &Word) -> Result<u32, GrammarError> {
    let expected = "512 or 4096";
    let meaning = match word.value(expected)? {
        "512" => Some(512),
        "4096" => Some(4096),
        _ => None,
    };
    word.understood(expected, meaning)
}

/// `OFFSET+LENGTH@r`, or `@w`.
fn failing(value: &str, sector: u32) -> Option<Failing> {
    let (bytes, letter) = value.rsplit_once('@')?;
    Some(Failing { bytes: range(bytes, sector)?, access: access(letter)? })
}

/// `OFFSET@TIMES`.
fn weak(value: &str, sector: u32) -> Option<Weak> {
    let (at, times) = value.rsplit_once('@')?;
    Some(Weak { at: parse_size(at, sector).ok()?, times: times.parse().ok()? })
}

/// `OFFSET+LENGTH@MILLISECONDS`.
fn slow_zone(value: &str, sector: u32) -> Option<SlowZone> {
    let (bytes, longer) = value.rsplit_once('@')?;
    Some(SlowZone { bytes: range(bytes, sector)?, longer: Duration::from_millis(longer.parse::<u32>().ok()?.into()) })
}

/// `N@r`, or `@w`; no stick has the speed 0.
fn speed(value: &str, sector: u32) -> Option<(u64, Access)> {
    let (speed, letter) = value.rsplit_once('@')?;
    let speed = parse_size(speed, sector).ok().filter(|speed| *speed > 0)?;
    Some((speed, access(letter)?))
}

/// `OFFSET+LENGTH`, never empty.
fn range(value: &str, sector: u32) -> Option<Range<u64>> {
    let (offset, length) = value.split_once('+')?;
    let offset = parse_size(offset, sector).ok()?;
    let length = parse_size(length, sector).ok().filter(|length| *length > 0)?;
    Some(offset..offset.checked_add(length)?)
}

fn access(letter: &str) -> Option<Access> {
    match letter {
        "r" => Some(Access::Reading),
        "w" => Some(Access::Writing),
        _ => None,
    }
}

fn impossible(why: impl Into<String>) -> StickError {
    StickError::Impossible { why: why.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(operand: &str) -> String {
        Operand::parse(operand).unwrap_err().to_string()
    }

    #[test]
    fn every_option_is_understood() {
        let operand = Operand::parse(
            r"a\,b,size=64M,real=1000s,wrap,flip=3,flip=4K,flip=3,eio=1s+2s@r,eio=0+1@w,slow=1s+2s@30,slow=0+1@0,speed=10M@w,speed=3s@r,short-writes,gone-after=5MB,cache=1Mi,nofua,readonly,sector=4096,seed=9",
        )
        .unwrap();
        assert_eq!(operand.file, PathBuf::from("a,b"));
        assert_eq!((operand.size, operand.real, operand.beyond), (Some(64 << 20), Some(4_096_000), Some(Beyond::Wrap)));
        assert_eq!(
            (operand.cache, operand.flush, operand.read_only, operand.sector),
            (Some(1 << 20), Flush::Ignored, true, 4096)
        );
        let Faults { flips, failing, short_writes, gone_after, seed, .. } = operand.faults;
        assert_eq!(
            (flips.into_iter().collect::<Vec<_>>(), short_writes, gone_after, seed),
            (vec![3, 4096], true, Some(5_000_000), 9)
        );
        let expected =
            [Failing { bytes: 4096..12_288, access: Access::Reading }, Failing { bytes: 0..1, access: Access::Writing }];
        assert_eq!(failing, expected);
        let Pace { zones, reading, writing } = operand.pace;
        let zone = |bytes, longer| SlowZone { bytes, longer: Duration::from_millis(longer) };
        assert_eq!((zones, reading, writing), (vec![zone(4096..12_288, 30), zone(0..1, 0)], Some(12_288), Some(10 << 20)));
        let plain = Operand::parse("a,real=512,drop").unwrap();
        assert_eq!((plain.sector, plain.beyond(), plain.flush, plain.read_only), (512, Beyond::Drop, Flush::Honest, false));
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        assert!(told("").contains("names no file"));
        assert!(told("demo").contains("./demo"));
        assert!(told("a,colour=red").contains("\"colour\""));
        assert!(told("a,write-rate=5").contains("\"write-rate\""));
        assert!(told("a,seed=1,seed=1").contains("twice"));
        for option in ["size", "real", "flip", "eio", "slow", "speed", "gone-after", "cache", "sector", "seed"] {
            assert!(told(&format!("a,{option}")).contains("needs a value"), "{option}");
            for value in ["", "x", "-1", "1+", "99999999999999999999"] {
                assert!(told(&format!("a,{option}={value}")).contains("makes no sense"), "{option}={value}");
            }
        }
        for option in ["wrap", "drop", "short-writes", "nofua", "readonly"] {
            assert!(told(&format!("a,{option}=yes")).contains("takes no value"), "{option}");
        }
        for value in ["5+0@r", "5+5", "5@r", "+5@r", "5+5@rw", "5+5@", "18446744073709551615+1@r"] {
            assert!(told(&format!("a,eio={value}")).contains("makes no sense"), "{value}");
        }
        for value in ["5+0@1", "5+5", "5@1", "5+5@r", "5+5@", "5+5@-1", "5+5@1s", "5+5@4294967296", "18446744073709551615+1@1"] {
            assert!(told(&format!("a,slow={value}")).contains("makes no sense"), "{value}");
        }
        for value in ["5", "0@r", "5@", "5@rw", "@w", "1.5M@w"] {
            assert!(told(&format!("a,speed={value}")).contains("makes no sense"), "{value}");
        }
        assert!(told("a,speed=1M@w,speed=2M@r,speed=1M@w").contains("speed=N@w is given twice"));
        assert!(told("a,sector=1024").contains("512 or 4096"));
    }

    #[test]
    fn what_contradicts_itself_is_told() {
        assert!(told("a,real=1M").contains("wrap or drop"));
        assert!(told("a,wrap").contains("real=N"));
        assert!(told("a,real=1M,wrap,drop").contains("leave one out"));
        for bad in ["real=1000,wrap", "real=0,drop", "real=512,drop,sector=4096", "size=0", "size=513", "size=512,sector=4096"] {
            assert!(told(&format!("a,{bad}")).contains("whole number of sectors"), "{bad}");
        }
        assert!(told("a,size=8E").contains("longer than any file"));
    }

    #[test]
    fn what_a_stick_of_this_size_cant_have_is_told() {
        let check = |options: &str, bytes| Operand::parse(&format!("a,{options}")).unwrap().check_against(bytes);
        let told = |options: &str| check(options, 1024).unwrap_err().to_string();
        assert!(told("real=1536,wrap").contains("claims"));
        assert!(told("flip=0,flip=1024").contains("flip=1024"));
        assert!(told("eio=1023+2@w").contains("past the end"));
        assert!(told("slow=1023+2@5").contains("slow: 1023 to 1025 goes past the end"));
        assert_eq!(check("real=1024,drop,flip=1023,eio=1023+1@r", 1024), Ok(()));
        assert!(check("seed=1", 0).unwrap_err().to_string().contains("no whole sector"));
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused_but_never_panics(
            text in "(demo|a|\\\\|,|=|@r|@w|\\+|0|1|512|18446744073709551615|K|s|,size=|,real=|,wrap|,drop|,flip=|,weak=|,eio=|,slow=|,speed=|,cache=|,sector=|é|-){0,12}",
            wild in any::<String>(),
        ) {
            for text in [text, wild] {
                if let Ok(operand) = Operand::parse(&text) {
                    let _ = operand.check_against(u64::MAX);
                }
            }
        }
    }
}
