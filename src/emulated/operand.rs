//! The operand `emulated:FILE[,option=value…]`: its grammar (docs/formats.md), and the disc that it describes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::about_drive::{LONGEST_SERIAL, SERIAL};
use super::areas::Areas;
use super::disc::{Disc, SECTOR, Store, TroubleSpots};
use super::grammar::{GrammarError, Word, Words};
use super::layout::{self, Kind, Track};
use super::profile::Profile;
use super::timing::Model;
use super::{damage, demo};

/// Why there is no such emulated drive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // the fields' names say it
pub enum OperandError {
    /// The words of the operand.
    #[error(transparent)]
    Grammar(#[from] GrammarError),
    /// Options that contradict each other or the file.
    #[error("emulated: {why}")]
    Impossible { why: String },
    /// A file that can't be read.
    #[error("emulated: reading {} failed: {why}", path.display())]
    Unreadable { path: PathBuf, why: String },
    /// The file given as damage is something else.
    #[error("emulated: {} is not a ddrescue mapfile: {why}", path.display())]
    NotAMapfile { path: PathBuf, why: String },
    /// A fault rule that can't be understood.
    #[error("emulated: {}, line {line}: {why}", path.display())]
    BadRule { path: PathBuf, line: usize, why: String },
}

/// The options of a drive, and what each is to be given. `damaged`, which takes nothing, is the demo's alone.
pub(super) const OPTIONS: [(&str, &str); 10] = [
    ("profile", "cd-rom, cd-r, cd-rw, dvd-rom, dvd+r, dvd-r, bd-rom or bd-r"),
    ("damage", "MAPFILE"),
    ("ecc-loss", "F, from 0 to 1"),
    ("faults", "FILE"),
    ("layout", "KIND@FIRST+COUNT[:…]"),
    ("capacity", "N, in sectors"),
    ("model", "typical or ideal"),
    ("serial", "TEXT, of letters, digits and signs"),
    ("clock", "virtual or real"),
    ("seed", "N"),
];

/// The drive that a person asked for.
#[derive(Debug)]
pub(super) struct Operand {
    pub(super) source: Source,
    pub(super) profile: Option<Profile>,
    damage: Option<PathBuf>,
    ecc_loss: f64,
    pub(super) faults: Option<PathBuf>,
    layout: Option<Vec<Track>>,
    /// Sectors that READ CAPACITY claims.
    pub(super) capacity: Option<u32>,
    pub(super) model: Model,
    pub(super) serial: String,
    pub(super) time: Time,
    pub(super) seed: u64,
}

/// What the disc is made of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Source {
    File(PathBuf),
    Demo { damaged: bool },
}

/// Whose time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    Virtual,
    Real,
}

impl Operand {
    /// Parses all that follows `emulated:`. Touches no file.
    pub(super) fn parse(text: &str) -> Result<Self, OperandError> {
        let Words { file, options } = Words::parse(text, &[])?;
        let mut operand = Self {
            source: if file == "demo" { Source::Demo { damaged: false } } else { Source::File(file.into()) },
            profile: None,
            damage: None,
            ecc_loss: 0.0,
            faults: None,
            layout: None,
            capacity: None,
            model: Model::Typical,
            serial: SERIAL.into(),
            time: Time::Virtual,
            seed: 0,
        };
        for option in &options {
            operand.set(option)?;
        }
        Ok(operand)
    }

    fn set(&mut self, word: &Word) -> Result<(), OperandError> {
        if let (Source::Demo { damaged }, true) = (&mut self.source, word.is_flag("damaged")) {
            *damaged = true;
            return Ok(());
        }
        let option = word.option.as_str();
        let Some((_, expected)) = OPTIONS.into_iter().find(|(name, _)| *name == option) else {
            return Err(word.unknown().into());
        };
        let value = word.value(expected)?;
        let understood = match option {
            "profile" => store(&mut self.profile, Profile::ALL.into_iter().find(|profile| profile.name() == value)),
            "damage" => store(&mut self.damage, path(value)),
            "faults" => store(&mut self.faults, path(value)),
            "capacity" => store(&mut self.capacity, value.parse().ok()),
            "layout" => {
                let tracks = layout::parse(value).map_err(|why| OperandError::Impossible { why: format!("layout: {why}") })?;
                store(&mut self.layout, Some(tracks))
            }
            "ecc-loss" => value.parse().ok().filter(|loss| (0.0..=1.0).contains(loss)).map(|loss| self.ecc_loss = loss),
            "serial" => serial(value).map(|serial| self.serial = serial),
            "seed" => value.parse().ok().map(|seed| self.seed = seed),
            "model" => one_of(value, [("typical", Model::Typical), ("ideal", Model::Ideal)]).map(|model| self.model = model),
            _ => one_of(value, [("virtual", Time::Virtual), ("real", Time::Real)]).map(|time| self.time = time),
        };
        Ok(word.understood(expected, understood)?)
    }

    /// The disc that lies in the drive at first.
    pub(super) fn disc(&self) -> Result<Disc, OperandError> {
        let mut disc = match &self.source {
            Source::File(path) => self.plain_disc(path)?,
            Source::Demo { damaged } => {
                let image = demo::image();
                let tracks = whole(image.len() as u64)?;
                let dead = if *damaged { demo::dead() } else { Areas::default() };
                let trouble = TroubleSpots { dead, flaky: demo::flaky(), weak: demo::weak() };
                Disc { profile: self.profile.unwrap_or(Profile::CdRom), tracks, store: Store::Memory(image), trouble }
            }
        };
        if let Some(tracks) = &self.layout {
            layout::check(tracks, disc.profile).map_err(|why| OperandError::Impossible { why: format!("layout: {why}") })?;
            disc.tracks.clone_from(tracks);
        }
        if disc.tracks.is_empty() && !disc.profile.recordable() {
            let profile = disc.profile.name();
            return Err(OperandError::Impossible {
                why: format!("an empty file is a blank disc, and there is no blank {profile}"),
            });
        }
        if let Some(path) = &self.damage {
            let map = fs::read(path).map_err(|error| unreadable(path, &error))?;
            let map = String::from_utf8_lossy(&map);
            let dead = damage::dead_sectors(&map, disc.sectors())
                .map_err(|why| OperandError::NotAMapfile { path: path.clone(), why })?;
            let all = [disc.trouble.dead.ranges(), dead.ranges()].concat();
            disc.trouble.dead = Areas::new(all);
        }
        let dead = std::mem::take(&mut disc.trouble.dead);
        disc.trouble.dead = damage::spread(dead, disc.profile.family().ecc_block(), self.ecc_loss, self.seed, disc.sectors());
        Ok(disc)
    }

    /// A disc without flaw made of a file, of the operand's profile.
    pub(super) fn plain_disc(&self, path: &Path) -> Result<Disc, OperandError> {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let about = file.metadata().map_err(|error| unreadable(path, &error))?;
        if !about.is_file() {
            return Err(OperandError::Unreadable { path: path.into(), why: "it is not a regular file".into() });
        }
        let bytes = about.len();
        Ok(Disc {
            profile: self.profile.unwrap_or(Profile::by_size(bytes)),
            tracks: whole(bytes)?,
            store: Store::File(file, bytes),
            trouble: TroubleSpots::default(),
        })
    }
}

/// One track of data over all of `bytes`; none when there are none.
fn whole(bytes: u64) -> Result<Vec<Track>, OperandError> {
    let count = u32::try_from(bytes.div_ceil(u64::from(SECTOR)))
        .map_err(|_| OperandError::Impossible { why: "the file is larger than any disc (8 TiB)".into() })?;
    let track = Track { number: 1, session: 1, kind: Kind::Data, first: 0, count };
    Ok((count > 0).then_some(track).into_iter().collect())
}

fn path(value: &str) -> Option<PathBuf> {
    (!value.is_empty()).then(|| value.into())
}

/// INQUIRY knows ASCII alone (SPC-4, 4.3.1), and pads with spaces.
fn serial(value: &str) -> Option<String> {
    let fits = (1..=LONGEST_SERIAL).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| value.into())
}

fn one_of<T, const N: usize>(value: &str, choices: [(&str, T); N]) -> Option<T> {
    choices.into_iter().find(|(name, _)| *name == value).map(|(_, choice)| choice)
}

fn store<T>(into: &mut Option<T>, value: Option<T>) -> Option<()> {
    *into = Some(value?);
    Some(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> OperandError {
    OperandError::Unreadable { path: path.into(), why: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(operand: &str) -> Source {
        Operand::parse(operand).unwrap().source
    }

    #[test]
    fn commas_and_backslashes_are_escaped() {
        assert_eq!(file(r"a\,b.iso"), Source::File("a,b.iso".into()));
        assert_eq!(file(r"a\\,seed=3"), Source::File(r"a\".into()));
        assert_eq!(file(r"C:\disc.iso\"), Source::File(r"C:\disc.iso\".into()));
        assert_eq!(file("./demo"), Source::File("./demo".into()));
        let operand = Operand::parse(r"disc=1.iso,damage=dir\,1/out.map").unwrap();
        assert_eq!((operand.source, operand.damage), (Source::File("disc=1.iso".into()), Some("dir,1/out.map".into())));
    }

    #[test]
    fn every_option_is_understood() {
        let operand = Operand::parse(
            "demo,damaged,profile=dvd+r,damage=m,ecc-loss=0.5,faults=f,layout=data@0+9,capacity=7,model=ideal,clock=real,serial=K3,seed=42",
        )
        .unwrap();
        assert_eq!(operand.source, Source::Demo { damaged: true });
        assert_eq!((operand.profile, operand.capacity, operand.model), (Some(Profile::DvdPlusR), Some(7), Model::Ideal));
        assert_eq!(operand.serial, "K3");
        assert_eq!((operand.time, operand.seed, operand.ecc_loss), (Time::Real, 42, 0.5));
        assert_eq!((operand.damage, operand.faults), (Some("m".into()), Some("f".into())));
        assert_eq!(operand.layout.map(|tracks| tracks.len()), Some(1));
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        let told = |operand: &str| Operand::parse(operand).unwrap_err().to_string();
        assert!(told("").contains("emulated:demo"));
        assert!(told("a.iso,colour=red").contains("\"colour\""));
        assert!(told("a.iso,damaged").contains("but for demo"));
        assert!(told("a.iso,seed").contains("seed=N"));
        assert!(told("a.iso,seed=1,seed=1").contains("twice"));
        for bad in [
            "profile=vhs",
            "ecc-loss=2",
            "ecc-loss=NaN",
            "capacity=-1",
            "capacity=4294967296",
            "model=fast",
            "clock=",
            "serial=",
            "serial=two words",
            "seed=x",
            "damage=",
        ] {
            assert!(told(&format!("a.iso,{bad}")).contains("makes no sense"), "{bad}");
        }
        assert!(told("a.iso,layout=data").contains("layout"));
    }

    #[test]
    fn files_that_are_not_there_or_not_right_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        fs::write(at("disc"), [1; 5000]).unwrap();
        fs::write(at("blank"), "").unwrap();
        let told = |operand: &str| Operand::parse(operand).unwrap().disc().unwrap_err().to_string();
        assert!(told(&at("missing")).contains("reading"));
        assert!(told(&at("")).contains("not a regular file"));
        assert!(told(&format!("{},damage={}", at("disc"), at("disc"))).contains("not a ddrescue mapfile"));
        assert!(told(&format!("{},damage={}", at("disc"), at("missing"))).contains("missing"));
        assert!(told(&format!("{},profile=dvd-rom", at("blank"))).contains("no blank dvd-rom"));
        assert!(told(&format!("{},layout=css@0+2", at("disc"))).contains("css"));
        let blank = Operand::parse(&at("blank")).unwrap().disc().unwrap();
        assert_eq!((blank.profile, blank.sectors()), (Profile::CdR, 0));
        let disc = Operand::parse(&at("disc")).unwrap().disc().unwrap();
        assert_eq!((disc.profile, disc.sectors()), (Profile::CdRom, 3));
        File::create(at("large")).unwrap().set_len(737_280_001).unwrap();
        assert_eq!(Operand::parse(&at("large")).unwrap().disc().unwrap().profile, Profile::DvdRom);
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused_but_never_panics(
            text in "(demo|a|\\\\|,|=|:|@|\\+|::|0|1|4294967295|layout=|data|tao|seed=|ecc-loss=|-|é|damaged|capacity=){0,12}",
            wild in any::<String>(),
        ) {
            let _ = Operand::parse(&text);
            let _ = Operand::parse(&wild);
        }
    }
}
