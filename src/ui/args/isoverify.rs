//! The command line of isoverify, as typed; what kind of things the names are decides what is compared with what.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Parser;

use crate::jobs::verify::{Known, Reference, Request, has_record};
use crate::medium::{load, parse_size};
use crate::mmc::SECTOR;
use crate::trust::{Algorithm, Expectation, Ledger};

use super::{Arguments, Checksum, EMULATED, Show, UsageError};

/// Compares a stick, a disc or an image file with what it should be, and names what differs.
///
/// MEDIUM is /dev/sdb, /dev/sr0, /dev/sg1, a link in /dev/disk/by-id, a file, or emulated:FILE. Discs are read by SCSI command, sticks
/// past the page cache. IMAGE is a file, or - for stdin; what IMAGE.map (GNU ddrescue's mapfile) does not call finished is not
/// compared. A medium may be longer than the image. IMAGES are files with their records (IMAGE.json, by discrip) beside them: is each
/// still what it was?
///
/// Exit status: 0 the same, 1 failed, 2 usage, 3 the same wherever it could be read, 4 different, 5 refused, 6 the image is not what was
/// published, 7 stopped before the end.
#[derive(Debug, Parser)]
#[command(
    name = "isoverify",
    version,
    max_term_width = 98,
    override_usage = "isoverify [OPTIONS] IMAGE MEDIUM\n       isoverify [OPTIONS] MEDIUM --checksum ALGO:HEX|FILE [--size N]\n       isoverify [OPTIONS] MEDIUM --ledger FILE\n       isoverify [OPTIONS] MEDIUM --bmap=FILE\n       isoverify [OPTIONS] MEDIUM --again\n       isoverify [OPTIONS] IMAGE...\n       isoverify [OPTIONS] IMAGE... --checksum FILE"
)]
pub struct Args {
    /// IMAGE MEDIUM, or MEDIUM, or IMAGES
    #[arg(value_name = "OPERAND")]
    operands: Vec<OsString>,
    #[command(flatten)]
    checksum: Checksum,
    /// Look at the first N bytes only: 700M, 350000s (of 2048 bytes), 4GB; with --checksum or --again
    #[arg(long, value_name = "N", value_parser = size)]
    size: Option<u64>,
    /// Compare with the digests of chunks that isoflash --ledger wrote
    #[arg(long, value_name = "FILE", conflicts_with_all = ["checksum", "sha256", "size"])]
    ledger: Option<PathBuf>,
    /// Compare with the checksums of a block map by bmaptool: FILE, or IMAGE.bmap beside the image
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    #[arg(conflicts_with_all = ["checksum", "sha256", "size", "ledger", "again", "digest"])]
    bmap: Option<Option<PathBuf>>,
    /// Read the medium a second time, and name what came out different
    #[arg(long)]
    again: bool,
    /// Digests of the medium to compute, of crc32 md5 sha1 sha224 sha256 sha384 sha512
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "sha256", value_parser = Algorithm::from_str)]
    digest: Vec<Algorithm>,
    #[command(flatten)]
    show: Show,
}

/// What is asked for.
#[derive(Debug)]
pub enum Task {
    /// One medium, as it was named.
    Medium(Request, OsString),
    /// Many images; a sentence about that where it may be a surprise.
    Images(Vec<PathBuf>, Known, Option<&'static str>),
}

impl Args {
    /// The task.
    pub fn task(&self) -> Result<Task, UsageError> {
        if let Some(empty) = self.operands.iter().position(|operand| operand.is_empty()) {
            return usage(&format!("operand {} is empty", empty + 1));
        }
        let expectation = self.checksum.expectation()?;
        match (self.operands.as_slice(), expectation) {
            ([], _) => usage("the medium is missing"),
            (operands, expectation) if self.ledger.is_some() => match operands {
                [medium] => self.medium(self.ledger()?, expectation, medium),
                _ => usage("--ledger takes the place of the image: name the medium alone"),
            },
            (operands, _) if let Some(file) = &self.bmap => match operands {
                [medium] => self.medium(Reference::Bmap(file.clone().into()), None, medium),
                _ => usage("--bmap takes the place of the image: name the medium alone, and the block map as --bmap=FILE"),
            },
            ([medium], expectation) if expectation.is_some() || self.again => self.medium(Reference::None, expectation, medium),
            ([only], None) if is_file(only) && has_record(Path::new(only)) => self.images(Known::Records, None),
            // Checking it will say that it is not there.
            ([only], None) if is_absent(only) => self.images(Known::Records, None),
            ([only], None) => usage(&format!(
                "nothing tells what {} should be: name an image before it, or say --checksum, --ledger or --again; an image file with its record beside it needs neither",
                only.to_string_lossy()
            )),
            (operands, Some(list @ Expectation::List(_))) if operands.iter().all(is_file) => self.images(Known::List(list), None),
            ([image, medium], None)
                if [image, medium].into_iter().all(|name| is_file(name) && has_record(Path::new(name)))
                    && !is_same(image, medium) =>
            {
                let notice = "both are image files with records beside them: each is compared with its own record (cmp compares two files)";
                self.images(Known::Records, Some(notice))
            }
            ([image, medium], expectation) => self.medium(image_of(image)?, expectation, medium),
            (_, None) => self.images(Known::Records, None),
            (_, Some(_)) => usage("a digest is one of a single image; for many image files give --checksum a list"),
        }
    }

    fn medium(&self, reference: Reference, expectation: Option<Expectation>, medium: &OsString) -> Result<Task, UsageError> {
        if medium == "-" {
            return usage("a medium can't come from stdin: its bytes are read by their place");
        }
        if self.size.is_some() && reference != Reference::None {
            return usage("--size goes with --checksum or --again, not with an image: that says how long it is");
        }
        // What lies between the ranges is no part of any digest.
        let digests = if self.bmap.is_some() { Vec::new() } else { self.digest.clone() };
        let request = Request { reference, expectation, size: self.size, again: self.again, digests };
        Ok(Task::Medium(request, medium.clone()))
    }

    fn images(&self, known: Known, notice: Option<&'static str>) -> Result<Task, UsageError> {
        if self.again || self.size.is_some() {
            return usage("--again and --size go with one medium, not with many images");
        }
        if let Some(other) = self.operands.iter().find(|operand| operand.to_string_lossy().starts_with(EMULATED)) {
            return usage(&format!("{} is no image file; one image and one medium at a time", other.to_string_lossy()));
        }
        Ok(Task::Images(self.operands.iter().map(PathBuf::from).collect(), known, notice))
    }

    fn ledger(&self) -> Result<Reference, UsageError> {
        let path = self.ledger.as_deref().unwrap_or(Path::new(""));
        let wrong = |why: String| UsageError(format!("--ledger {}: {why}", path.display()));
        let text = load(path, Ledger::LONGEST).map_err(|error| wrong(format!("reading it: {error}")))?;
        Ledger::parse(&text).map(Reference::Ledger).map_err(|error| wrong(error.to_string()))
    }
}

impl Arguments for Args {
    fn show(&self) -> &Show {
        &self.show
    }
}

fn usage<T>(text: &str) -> Result<T, UsageError> {
    Err(UsageError(format!("{text}; try: isoverify image.iso /dev/sdb, or isoverify --help")))
}

fn image_of(image: &OsString) -> Result<Reference, UsageError> {
    if image.to_string_lossy().starts_with(EMULATED) {
        return usage("the image comes first, then the medium");
    }
    Ok(if image == "-" { Reference::Stdin } else { Reference::Image(image.into()) })
}

fn is_file(operand: &OsString) -> bool {
    Path::new(operand).is_file()
}

fn is_absent(operand: &OsString) -> bool {
    let is_name = !operand.to_string_lossy().starts_with(EMULATED) && operand != "-";
    is_name && matches!(std::fs::exists(operand), Ok(false))
}

fn is_same(one: &OsString, other: &OsString) -> bool {
    let id = |name: &OsString| std::fs::metadata(name).map(|meta| (meta.dev(), meta.ino())).ok();
    id(one) == id(other)
}

fn size(text: &str) -> Result<u64, String> {
    parse_size(text, SECTOR as u32).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn task(words: &[&str]) -> Result<Task, String> {
        let args = Args::try_parse_from([&["isoverify"], words].concat()).map_err(|error| error.to_string())?;
        args.task().map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn names_and_options_tell_what_is_compared_with_what() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (with, also, without) = (path("a.iso"), path("b.iso"), path("c.iso"));
        for name in [&with, &also, &without] {
            std::fs::write(name, "image").unwrap();
        }
        for name in [&with, &also] {
            std::fs::write(format!("{name}.json"), "{}").unwrap();
        }
        let hex = format!("sha256:{}", "0".repeat(64));
        std::fs::write(path("SUMS"), "0".repeat(64)).unwrap();
        let list = path("SUMS");
        let is_images = |words: &[&str]| matches!(task(words).unwrap(), Task::Images(..));
        assert!(is_images(&[&with]) && is_images(&[&with, &also]) && is_images(&[&with, &also, &without]));
        assert!(is_images(&[&with, &without, "--checksum", &list]));
        assert!(!is_images(&[&with, &without]) && !is_images(&[&with, "emulated:x"]) && !is_images(&["-", &without]));
        assert!(!is_images(&[&with, "--checksum", &hex]) && !is_images(&[&without, "--again"]) && !is_images(&[&with, &with]));
        assert!(!is_images(&[&with, "emulated:x", "--checksum", &list]));
    }

    #[test]
    fn what_makes_no_sense_says_what_would() {
        let hex = format!("sha256:{}", "0".repeat(64));
        for words in [
            &[][..],
            &["emulated:x"],
            &["emulated:x", "no.iso"],
            &["no.iso", "-"],
            &["a", "b", "c", "--checksum", &hex],
            &["a", "b", "c", "--again"],
            &["a", "b", "--size", "5"],
            &["a", "emulated:b", "c"],
            &["a", ""],
        ] {
            assert!(task(words).unwrap_err().contains("try: isoverify"), "{words:?}");
        }
        assert!(task(&["a", "--ledger", "/no/such"]).unwrap_err().contains("reading it"));
        assert!(task(&["a", "--ledger", "/no/such", "--size", "5"]).is_err());
    }
}
