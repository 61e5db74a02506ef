//! The command line of isoflash, as typed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Parser;

use crate::jobs::flash::{Course, ImageOperand, Proof, Request};
use crate::jobs::format::FileSystem;
use crate::jobs::stick::{self, Identity, Terms};
use crate::medium::parse_size;
use crate::trust::Algorithm;

use super::{Arguments, Checksum, Show, UsageError};

/// Writes an image to a stick, reads every byte back, and compares.
///
/// MEDIUM is /dev/sdb, a link in /dev/disk/by-id, a new file, or emulated:FILE,size=64M to practise. Without MEDIUM you choose from the
/// sticks that may be written. IMAGE - is stdin. Disks that are built in, in use, or part of the running system are refused. Until
/// everything else is proved, the first MiB stays zero: a stick that was left half-way does not boot.
///
/// Exit status: 0 written and verified, 1 failed, 2 usage, 4 the stick does not hold what was written, 5 refused, 6 the image does not match
/// its checksum, 7 stopped or unplugged.
#[derive(Debug, Parser)]
#[command(
    name = "isoflash",
    version,
    max_term_width = 98,
    override_usage = "isoflash [OPTIONS] IMAGE [MEDIUM]\n       isoflash --probe-capacity MEDIUM\n       isoflash --format[=FS] MEDIUM\n       isoflash --list"
)]
pub struct Args {
    /// IMAGE [MEDIUM]
    #[arg(value_name = "OPERAND", num_args = 0..=2)]
    operands: Vec<OsString>,
    /// Show the disks of this machine, which may be written, and why others may not
    #[arg(long, conflicts_with = "operands")]
    pub list: bool,
    /// Test whether MEDIUM holds what it claims: every byte is written and read back. What is on it is lost
    #[arg(long, conflicts_with_all = ["list", "format"], conflicts_with_all = OF_AN_IMAGE)]
    probe_capacity: bool,
    /// Give MEDIUM back as one empty partition: vfat, exfat or ext4 (vfat up to 32 GiB, else exfat if that is installed)
    #[arg(long, value_name = "FS", require_equals = true, value_parser = FileSystem::from_str, conflicts_with = "list")]
    #[arg(conflicts_with_all = OF_AN_IMAGE)]
    format: Option<Option<FileSystem>>,
    #[command(flatten)]
    checksum: Checksum,
    /// Digests of the medium to print, of crc32 md5 sha1 sha224 sha256 sha384 sha512
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "sha256", value_parser = Algorithm::from_str)]
    digest: Vec<Algorithm>,
    /// Keep a digest of each 4 MiB in FILE: isoverify then names what differs without the image
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Refuse any other medium than this: serial=TEXT, size=BYTES, or both
    #[arg(long, value_name = "KEY=VALUE,…", value_delimiter = ',')]
    expect: Vec<String>,
    /// Unmount the medium if it is mounted
    #[arg(long)]
    unmount: bool,
    /// Allow a disk that is built in (SATA, NVMe, eMMC, virtual)
    #[arg(long)]
    allow_fixed: bool,
    /// Replace the regular file MEDIUM
    #[arg(long)]
    overwrite_file: bool,
    /// Write an image though its map says that parts of it were never read
    #[arg(long)]
    allow_holes: bool,
    /// Read the medium first, and write only what differs (the first MiB is always written)
    #[arg(long)]
    delta: bool,
    /// Do not read the medium back; the result then says NOT verified
    #[arg(long)]
    no_verify: bool,
    /// Eject the medium after success, and switch it off if it is a USB stick
    #[arg(long)]
    eject: bool,
    /// Look, say what would be done, and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    show: Show,
}

/// Options that say something of an image: senseless where there is none.
const OF_AN_IMAGE: [&str; 8] = ["checksum", "sha256", "digest", "ledger", "overwrite_file", "allow_holes", "delta", "no_verify"];

/// What is done with a stick that gets no image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// It is tested.
    Probe,
    /// It is formatted, with this file system or the usual one.
    Format(Option<FileSystem>),
}

/// What the operands name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operands {
    /// The image.
    pub image: ImageOperand,
    /// The medium as it was named; `None` to choose one.
    pub medium: Option<OsString>,
}

impl Args {
    /// The operands, told apart.
    pub fn operands(&self) -> Result<Operands, UsageError> {
        let usage = |text: &str| Err(UsageError(format!("{text}; try: isoflash image.iso /dev/sdb, or isoflash --help")));
        let (image, medium) = match self.operands.as_slice() {
            [] => return usage("an image and a medium are missing"),
            [image] => (image, None),
            [image, medium, ..] => (image, Some(medium.clone())),
        };
        if image.is_empty() || medium.as_ref().is_some_and(|medium| medium.is_empty()) {
            return usage("an operand is empty");
        }
        if medium.as_ref().is_some_and(|medium| medium == "-") {
            return usage("a stream can't be read back; name a disk or a file");
        }
        if image.to_string_lossy().starts_with(super::EMULATED) {
            return usage("the image comes first, then the medium");
        }
        let image = if image == "-" { ImageOperand::Stdin } else { ImageOperand::Path(image.into()) };
        Ok(Operands { image, medium })
    }

    /// What needs no image, and the stick that it is done with; `None` when an image is to be written.
    pub fn errand(&self) -> Result<Option<(Errand, OsString)>, UsageError> {
        let errand = match (self.probe_capacity, self.format) {
            (true, _) => Errand::Probe,
            (_, Some(filesystem)) => Errand::Format(filesystem),
            _ => return Ok(None),
        };
        match self.operands.as_slice() {
            [medium] if !medium.is_empty() && medium != "-" => Ok(Some((errand, medium.clone()))),
            _ => Err(UsageError("name the medium, and nothing else; try: isoflash --probe-capacity /dev/sdb".into())),
        }
    }

    /// How it is done.
    pub fn errand_request(&self) -> Result<stick::Request, UsageError> {
        Ok(stick::Request { terms: self.terms()?, eject: self.eject, dry_run: self.dry_run })
    }

    /// The job that the options ask for.
    pub fn request(&self, image: ImageOperand) -> Result<Request, UsageError> {
        Ok(Request {
            image,
            terms: self.terms()?,
            digests: self.digest.clone(),
            expectation: self.checksum.expectation()?,
            ledger: self.ledger.clone(),
            course: if self.delta { Course::DIFFERENCES } else { Course::EVERYTHING },
            proof: if self.no_verify { Proof::None } else { Proof::ReadBack },
            overwrite_file: self.overwrite_file,
            allow_holes: self.allow_holes,
            eject: self.eject,
            dry_run: self.dry_run,
        })
    }

    fn terms(&self) -> Result<Terms, UsageError> {
        Ok(Terms { identity: self.identity()?, unmount: self.unmount, allow_fixed: self.allow_fixed })
    }

    fn identity(&self) -> Result<Identity, UsageError> {
        let mut identity = Identity::default();
        for pair in &self.expect {
            match pair.split_once('=') {
                Some(("serial", serial)) if !serial.is_empty() => identity.serial = Some(serial.into()),
                Some(("size", size)) => {
                    let bytes = parse_size(size, 512).map_err(|error| UsageError(format!("--expect size={size}: {error}")))?;
                    identity.bytes = Some(bytes);
                }
                _ => return Err(UsageError(format!("--expect {pair}: write serial=TEXT, size=BYTES, or both with a comma"))),
            }
        }
        Ok(identity)
    }
}

impl Arguments for Args {
    fn show(&self) -> &Show {
        &self.show
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn args(words: &[&str]) -> Args {
        Args::try_parse_from([&["isoflash"], words].concat()).unwrap()
    }

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn operands_are_told_apart() {
        let operands = args(&["a.iso", "/dev/sdb"]).operands().unwrap();
        assert_eq!((operands.image, operands.medium), (ImageOperand::Path("a.iso".into()), Some("/dev/sdb".into())));
        assert_eq!(args(&["-", "/dev/sdb"]).operands().unwrap().image, ImageOperand::Stdin);
        for words in [&[][..], &["", "/dev/sdb"], &["a.iso", ""], &["a.iso", "-"], &["emulated:a", "b"]] {
            assert!(args(words).operands().unwrap_err().to_string().contains("try: isoflash"), "{words:?}");
        }
        assert!(Args::try_parse_from(["isoflash", "a.iso", "b.iso", "/dev/sdb"]).is_err());
    }

    #[test]
    fn what_needs_no_image_has_a_medium_and_nothing_else() {
        let errand = |words: &[&str]| args(words).errand();
        assert_eq!(errand(&["a.iso", "/dev/sdb"]).unwrap(), None);
        assert_eq!(errand(&["--probe-capacity", "/dev/sdb"]).unwrap(), Some((Errand::Probe, "/dev/sdb".into())));
        let format = |filesystem| Some((Errand::Format(filesystem), "/dev/sdb".into()));
        assert_eq!(errand(&["--format", "/dev/sdb"]).unwrap(), format(None));
        assert_eq!(errand(&["--format=ext4", "/dev/sdb"]).unwrap(), format(Some(FileSystem::Ext4)));
        for words in
            [&["--format"][..], &["--format", "a.iso", "/dev/sdb"], &["--probe-capacity", ""], &["--probe-capacity", "-"]]
        {
            assert!(errand(words).is_err(), "{words:?}");
        }
        for words in
            [&["--format=ntfs"][..], &["--format", "--probe-capacity"], &["--format", "--delta"], &["--probe-capacity", "--list"]]
        {
            assert!(Args::try_parse_from([&["isoflash", "/dev/sdb"], words].concat()).is_err(), "{words:?}");
        }
    }

    #[test]
    fn the_identity_that_is_expected_is_understood_or_refused() {
        let identity = args(&["a", "b", "--expect", "serial=4C53,size=16G"]).identity().unwrap();
        assert_eq!((identity.serial.as_deref(), identity.bytes), (Some("4C53"), Some(16 << 30)));
        for wrong in ["serial=", "size=big", "colour=red", "4C53"] {
            assert!(args(&["a", "b", "--expect", wrong]).identity().is_err(), "{wrong}");
        }
    }
}
