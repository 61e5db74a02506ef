//! The command line of discrip, as typed; nothing is looked up here but what kind of thing a name is.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::{CommandFactory, Parser, ValueEnum};

use crate::jobs::batch::Batch;
use crate::jobs::rip::{ImageOperand, Limits, Request};
use crate::mmc::{Extent, Speed};
use crate::rescue::Direction;
use crate::trust::Algorithm;

use super::{Arguments, Checksum, EMULATED, Show, UsageError};
use crate::ui::{Results, Style};

/// What only a damaged disc, or a failing drive, needs.
const DAMAGED: &str = "A damaged disc";

/// Copies a disc into an image, whole or damaged.
///
/// DRIVE is /dev/sr0, /dev/sg1, /dev/cdrom, a link in /dev/disk/by-id, or emulated:FILE (emulated:demo needs no hardware).
/// IMAGE alone takes the only drive that holds a disc; a folder as IMAGE names the image after the disc's label; - is stdout.
/// Beside IMAGE stand IMAGE.map (GNU ddrescue's mapfile, unless MAP names another) and IMAGE.json. The same command goes on after
/// any end: a signal, a crash, a power cut. --batch takes disc after disc, from several drives at once.
///
/// Exit status: 0 done, 1 failed, 2 usage, 3 some sectors unreadable, 5 refused, 6 wrong checksum, 7 stopped, the same command goes on.
#[derive(Debug, Parser)]
#[command(
    name = "discrip",
    version,
    max_term_width = 98,
    override_usage = "discrip [OPTIONS] DRIVE IMAGE [MAP]\n       discrip [OPTIONS] IMAGE\n       discrip --list\n       discrip --status IMAGE [MAP]\n       discrip [OPTIONS] --batch DIR [DRIVE...]"
)]
pub struct Args {
    /// DRIVE IMAGE [MAP], or IMAGE; with --batch each DRIVE
    #[arg(value_name = "OPERAND", num_args = 0..)]
    operands: Vec<OsString>,
    /// Show the drives of this machine and their discs
    #[arg(long, conflicts_with = "operands")]
    pub list: bool,
    /// Say where IMAGE stands, after its map and record, also while another run is at work on it; nothing is written
    #[arg(long, value_names = ["IMAGE", "MAP"], num_args = 1..=2, conflicts_with_all = ["operands", "list"])]
    pub status: Vec<PathBuf>,
    /// Image disc after disc into the folder DIR, each DRIVE beside the others, all drives if none is named: wait for a disc, name it, read
    /// it, open the tray; a row for each goes to DIR/batch.csv and DIR/batch.jsonl. A disc that is in DIR already is not read again
    #[arg(long, value_name = "DIR", conflicts_with_all = ["list", "status", "range", "force", "same_disc", "dry_run", "record", "log", "picture", "checksum", "sha256"])]
    pub batch: Option<PathBuf>,
    /// With --batch: end after N discs in each drive, and not only when a signal comes
    #[arg(long, value_name = "N", requires = "batch", value_parser = clap::value_parser!(u64).range(1..))]
    discs: Option<u64>,
    /// Wait for a disc
    #[arg(long)]
    wait: bool,
    /// Open the tray at the end, also after a failure
    #[arg(long)]
    eject: bool,
    /// Unmount the disc if it is mounted
    #[arg(long)]
    unmount: bool,
    /// Read even if the disc is mounted or another program uses the drive
    #[arg(long, conflicts_with = "unmount")]
    pub shared: bool,
    /// Read speed: a multiple like 8, or max; put back at the end
    #[arg(long, value_name = "N|max", value_parser = speed, help_heading = DAMAGED)]
    speed: Option<Speed>,
    /// Passes over sectors that failed alone, each in another way: plain, with a run-up, past the drive's cache, at low, medium and full
    /// speed; 6 go through them all
    #[arg(short = 'r', long, value_name = "N", default_value_t = 0, help_heading = DAMAGED)]
    retries: u32,
    /// Leave ECC blocks that failed as they are: their sectors are not tried one by one. The same command without it goes on
    #[arg(long, conflicts_with = "retries", help_heading = DAMAGED)]
    no_scrape: bool,
    /// Begin at the end of the disc: every pass goes the other way
    #[arg(short = 'R', long, help_heading = DAMAGED)]
    reverse: bool,
    /// Read these sectors alone: the first and the last one, or the first one and their number; the rest of the map stays as it is
    #[arg(long, value_name = "A-B|A+N", value_parser = range, help_heading = DAMAGED)]
    range: Option<Extent>,
    /// Leave bad sectors alone that look made on purpose (copy protection); they keep their state in the map, for a later run
    #[arg(long, help_heading = DAMAGED)]
    skip_protection_patterns: bool,
    /// Stop after this time of reading, like 30s, 10m, 2h; the same command goes on
    #[arg(long, value_name = "TIME", value_parser = some_time, help_heading = DAMAGED)]
    max_time: Option<Duration>,
    /// Stop when so many reads have failed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = DAMAGED)]
    max_errors: Option<u64>,
    /// Stop when no new sector came for this time
    #[arg(long, value_name = "TIME", value_parser = some_time, help_heading = DAMAGED)]
    max_time_without_data: Option<Duration>,
    /// How long to wait for a drive that vanished, like 30s, 10m, 2h
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = humantime::parse_duration, help_heading = DAMAGED)]
    wait_drive: Duration,
    /// Start anew; the old image, map and record are kept as .bak-N
    #[arg(long)]
    force: bool,
    /// You know that the image was begun from this disc, where nothing readable tells; a contradiction is refused all the same
    #[arg(long)]
    same_disc: bool,
    /// Digests to compute, of crc32 md5 sha1 sha224 sha256 sha384 sha512
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "sha256,sha1,md5,crc32", value_parser = Algorithm::from_str)]
    digest: Vec<Algorithm>,
    #[command(flatten)]
    checksum: Checksum,
    /// Append each command and its ending to FILE, for a bug report
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Append what happens to FILE, a line each with its time
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Draw the disc, its damage and how fast it was read, at the end of the run
    #[arg(long, value_name = "FILE.svg")]
    picture: Option<PathBuf>,
    /// Look, say what would be done, and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    show: Show,
}

/// What the operands name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operands {
    /// The drive as it was named; `None` for the only one that holds a disc.
    pub drive: Option<String>,
    /// The image.
    pub image: ImageOperand,
    /// The map.
    pub map: Option<PathBuf>,
}

impl Args {
    /// The operands, told apart.
    pub fn operands(&self) -> Result<Operands, UsageError> {
        let usage = |text: &str| Err(UsageError(format!("{text}; try: discrip /dev/sr0 out.iso, or discrip --help")));
        let (drive, image, map) = match self.operands.as_slice() {
            [] => return usage("a drive and the name of an image are missing"),
            [only] if is_drive(only) => return usage("the name of the image is missing"),
            [image] => (None, image, None),
            [drive, image] => (Some(drive), image, None),
            [drive, image, map] => (Some(drive), image, Some(PathBuf::from(map))),
            _ => return usage("there are more than a drive, an image and a map"),
        };
        if image.to_string_lossy().starts_with(EMULATED) {
            return usage("the drive comes first, then the image");
        }
        let drive = match drive.map(|drive| drive.to_str()) {
            None => None,
            Some(Some("")) => return usage("the drive's name is empty"),
            Some(Some(drive)) => Some(drive.to_string()),
            Some(None) => return usage("the drive's name is no text (UTF-8)"),
        };
        let image = match image.to_string_lossy() {
            text if text == "-" => ImageOperand::Stdout,
            text if text.is_empty() => return usage("the image's name is empty"),
            text if text.ends_with('/') || Path::new(image).is_dir() => ImageOperand::Folder(image.into()),
            _ => ImageOperand::Path(image.into()),
        };
        match &image {
            ImageOperand::Folder(folder) if !folder.is_dir() => {
                return usage(&format!("the folder {} does not exist", folder.display()));
            }
            ImageOperand::Stdout if self.show.results() == Results::Json => {
                return usage("--json and the image both want stdout");
            }
            _ => {}
        }
        Ok(Operands { drive, image, map })
    }

    /// The batch into `folder`, and the drives that are named.
    pub fn batch(&self, folder: &Path) -> Result<(Batch, Vec<String>), UsageError> {
        let usage = |text: String| Err(UsageError(format!("{text}; try: discrip --batch DIR /dev/sr0 /dev/sr1")));
        if !folder.is_dir() {
            return usage(format!("the folder {} does not exist", folder.display()));
        }
        let mut drives: Vec<String> = Vec::new();
        for operand in &self.operands {
            match operand.to_str() {
                Some(drive) if drives.iter().any(|other| other == drive) => return usage(format!("{drive} is named twice")),
                Some(drive) if is_drive(operand) => drives.push(drive.into()),
                _ => return usage(format!("{} is not a drive", operand.to_string_lossy())),
            }
        }
        let operands = Operands { drive: None, image: ImageOperand::Folder(folder.into()), map: None };
        Ok((Batch { folder: folder.into(), discs: self.discs, request: self.request(&operands)? }, drives))
    }

    /// The command line for one drive of a batch: the options as they were given, but for how it is shown.
    pub fn of_drive(drive: &str, style: Style) -> Vec<OsString> {
        let command = Self::command();
        let given = command.clone().get_matches();
        let mut line: Vec<OsString> = vec![drive.into(), "--json".into()];
        line.extend(style.to_possible_value().map(|style| format!("--progress={}", style.get_name()).into()));
        for option in
            command.get_arguments().filter(|option| !["operands", "json", "progress"].contains(&option.get_id().as_str()))
        {
            let Some(name) = option.get_long().map(|name| format!("--{name}")) else { continue };
            match given.value_source(option.get_id().as_str()) {
                Some(clap::parser::ValueSource::CommandLine) if option.get_action().takes_values() => {
                    for value in given.get_raw(option.get_id().as_str()).into_iter().flatten() {
                        line.extend([OsString::from(&name), value.into()]);
                    }
                }
                Some(clap::parser::ValueSource::CommandLine) => line.push(name.into()),
                _ => {}
            }
        }
        line
    }

    /// The job that the options ask for.
    pub fn request(&self, operands: &Operands) -> Result<Request, UsageError> {
        let beside = [("--record", &self.record), ("--log", &self.log), ("--picture", &self.picture)];
        let request = Request {
            image: operands.image.clone(),
            map: operands.map.clone(),
            retries: self.retries,
            no_scrape: self.no_scrape,
            direction: if self.reverse { Direction::Backwards } else { Direction::Forwards },
            range: self.range,
            skip_patterns: self.skip_protection_patterns,
            limits: Limits { time: self.max_time, errors: self.max_errors, time_without_data: self.max_time_without_data },
            speed: self.speed,
            wait: self.wait,
            wait_drive: self.wait_drive,
            unmount: self.unmount,
            eject: self.eject,
            force: self.force,
            same_disc: self.same_disc,
            dry_run: self.dry_run,
            beside: beside.into_iter().filter_map(|(option, path)| Some((option, path.clone()?))).collect(),
            digests: self.digest.clone(),
            expectation: self.checksum.expectation()?,
            options: std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect(),
        };
        request.check_names().map_err(|error| UsageError(error.to_string()))?;
        Ok(request)
    }

    /// Where the log goes. A look writes none.
    pub fn log(&self) -> Option<&Path> {
        self.log.as_deref().filter(|_| !self.dry_run)
    }

    /// Where the picture goes. A look draws none.
    pub fn picture(&self) -> Option<&Path> {
        self.picture.as_deref().filter(|_| !self.dry_run)
    }
}

impl Arguments for Args {
    fn show(&self) -> &Show {
        &self.show
    }

    fn results(&self) -> Results {
        let image_on_stdout = self.operands.get(usize::from(self.operands.len() > 1)).is_some_and(is_stdout);
        match self.show.results() {
            Results::Stdout if image_on_stdout => Results::Stderr,
            other => other,
        }
    }
}

/// True for `-`, and for any other name of the standard output.
fn is_stdout(image: &OsString) -> bool {
    use std::os::unix::fs::MetadataExt;
    let stdout = std::fs::metadata("/dev/stdout");
    let is_it = |meta: std::fs::Metadata| stdout.is_ok_and(|stdout| (meta.dev(), meta.ino()) == (stdout.dev(), stdout.ino()));
    image == "-" || std::fs::metadata(image).is_ok_and(is_it)
}

/// True for what can only be a drive.
fn is_drive(operand: &OsString) -> bool {
    let text = operand.to_string_lossy();
    let is_node = |path: &Path| {
        use std::os::unix::fs::FileTypeExt;
        std::fs::metadata(path).is_ok_and(|meta| meta.file_type().is_block_device())
    };
    text.starts_with(EMULATED)
        || is_node(Path::new(operand))
        || ["/dev/sr", "/dev/sg", "/dev/cdrom", "/dev/dvd"].iter().any(|d| text.starts_with(d))
}

/// A time that is not zero.
fn some_time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).ok().filter(|time| !time.is_zero());
    time.ok_or_else(|| "a time like 30s, 10m, 2h, and not zero".into())
}

/// `100-199` or `100+100`.
fn range(text: &str) -> Result<Extent, String> {
    let numbers = |separator| {
        let (first, second) = text.split_once(separator)?;
        Some((first.parse::<u32>().ok()?, second.parse::<u32>().ok()?))
    };
    let from_to = numbers('-').and_then(|(first, last)| Some(Extent::between(first, last.checked_add(1)?)));
    let counted = numbers('+').filter(|(first, count)| first.checked_add(*count).is_some());
    let range = from_to.or(counted.map(|(first, count)| Extent { first, count })).filter(|range| range.count > 0);
    range.ok_or_else(|| "sectors from the first to the last like 100-199, or their number like 100+100".into())
}

fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    let times = text.strip_suffix('x').unwrap_or(text).parse::<f64>().ok().filter(|times| *times > 0.0 && *times <= 100.0);
    times.map(Speed::Times).ok_or_else(|| "a multiple like 8, or max".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn operands(words: &[&str]) -> Result<Operands, String> {
        let args = Args::try_parse_from([&["discrip"], words].concat()).map_err(|error| error.to_string())?;
        args.operands().map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn operands_are_told_apart() {
        assert_eq!(operands(&["/dev/sr0", "out.iso"]).unwrap().drive.as_deref(), Some("/dev/sr0"));
        assert_eq!(
            operands(&["out.iso"]).unwrap(),
            Operands { drive: None, image: ImageOperand::Path("out.iso".into()), map: None }
        );
        assert_eq!(operands(&["emulated:demo", "-"]).unwrap().image, ImageOperand::Stdout);
        assert_eq!(operands(&["/dev/sr0", "/tmp/"]).unwrap().image, ImageOperand::Folder("/tmp/".into()));
        assert_eq!(operands(&["/dev/sr0", "a", "b"]).unwrap().map, Some("b".into()));
    }

    #[test]
    fn a_range_has_a_first_and_a_last_sector_or_a_number() {
        assert_eq!(range("100-199"), range("100+100"));
        assert_eq!(range("7-7"), Ok(Extent { first: 7, count: 1 }));
        for text in ["", "7", "9-8", "5+0", "-5", "+5", "5-", "1-2-3", "0-4294967295", "4294967295+1", "0x10-0x20"] {
            assert!(range(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_says_what_would() {
        for words in
            [&[][..], &["/dev/sr0"], &["emulated:demo"], &["out.iso", "emulated:demo"], &["/dev/sr0", "/no/such/folder/"]]
        {
            assert!(operands(words).unwrap_err().contains("try: discrip"), "{words:?}");
        }
        assert!(operands(&["--json", "emulated:demo", "-"]).is_err());
    }
}
