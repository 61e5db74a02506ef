//! The command line of isoflash, as typed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Parser;

use crate::jobs::bmap::BmapOperand;
use crate::jobs::flash::{Course, ImageOperand, Proof, Request, Wipe, state_folder};
use crate::jobs::format::FileSystem;
use crate::jobs::stick::{self, Identity, Terms};
use crate::medium::parse_size;
use crate::trust::Algorithm;

use super::{Arguments, Checksum, Show, UsageError};

/// Writes an image to a stick, reads every byte back, and compares.
///
/// MEDIUM is /dev/sdb, a link in /dev/disk/by-id, a new file, or emulated:FILE,size=64M to practise. Without MEDIUM you choose from the
/// sticks that may be written; several are written at once, each at its own pace. IMAGE - is stdin. Disks that are built in, in use, or part
/// of the running system are refused. Until everything else is proved, the first MiB stays zero: a stick that was left half-way does not
/// boot, and the same command goes on with it.
///
/// Exit status: 0 written and verified, 1 failed, 2 usage, 4 the stick does not hold what was written, 5 refused, 6 the image does not match
/// its checksum, 7 stopped or unplugged.
#[derive(Debug, Parser)]
#[command(
    name = "isoflash",
    version,
    max_term_width = 98,
    override_usage = "isoflash [OPTIONS] IMAGE [MEDIUM]...\n       isoflash --probe-capacity MEDIUM\n       isoflash --format[=FS] MEDIUM\n       isoflash --list"
)]
pub struct Args {
    /// IMAGE [MEDIUM]...
    #[arg(value_name = "OPERAND", num_args = 0..)]
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
    /// Refuse any other medium than this one: serial=TEXT, size=BYTES, or both
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
    /// Write what comes back wrong again, and read all of it once more, three times at most
    #[arg(long, conflicts_with = "no_verify")]
    repair: bool,
    /// Write only what the image's block map says, by bmaptool: FILE, or IMAGE.bmap beside the image; what lies between stays as it is
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, conflicts_with_all = ["digest", "ledger"])]
    bmap: Option<Option<PathBuf>>,
    /// Put the backup of the image's GPT at the end of the medium, where it belongs
    #[arg(long, conflicts_with = "ledger")]
    fix_gpt: bool,
    /// Make zero what systems act on behind the image (an old backup GPT, signs of RAID and ZFS)
    #[arg(long)]
    wipe_signatures: bool,
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
const OF_AN_IMAGE: [&str; 12] = [
    "checksum",
    "sha256",
    "digest",
    "ledger",
    "overwrite_file",
    "allow_holes",
    "delta",
    "repair",
    "bmap",
    "fix_gpt",
    "wipe_signatures",
    "no_verify",
];

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
    /// The media as they were named; none to choose one.
    pub media: Vec<OsString>,
}

impl Args {
    /// The operands, told apart.
    pub fn operands(&self) -> Result<Operands, UsageError> {
        let usage = |text: &str| Err(UsageError(format!("{text}; try: isoflash image.iso /dev/sdb, or isoflash --help")));
        let [image, media @ ..] = self.operands.as_slice() else { return usage("an image and a medium are missing") };
        if self.operands.iter().any(|operand| operand.is_empty()) {
            return usage("an operand is empty");
        }
        if media.iter().any(|medium| medium == "-") {
            return usage("a stream can't be read back; name a disk or a file");
        }
        if media.len() > 1 && !self.expect.is_empty() {
            return usage("--expect describes one medium; name several by their links in /dev/disk/by-id instead");
        }
        if media.len() > 1 && self.overwrite_file {
            // A shell's pattern may name more files than the person thought of.
            return usage("--overwrite-file replaces one file; of several media, files must be new");
        }
        if image.to_string_lossy().starts_with(super::EMULATED) {
            return usage("the image comes first, then the medium");
        }
        let image = if image == "-" { ImageOperand::Stdin } else { ImageOperand::Path(image.into()) };
        Ok(Operands { image, media: media.to_vec() })
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
            // What lies between the ranges is no part of any digest.
            digests: if self.bmap.is_some() { Vec::new() } else { self.digest.clone() },
            expectation: self.checksum.expectation()?,
            state: state_folder(),
            ledger: self.ledger.clone(),
            bmap: self.bmap.clone().map(BmapOperand::from),
            course: if self.delta { Course::DIFFERENCES } else { Course::EVERYTHING },
            proof: match (self.no_verify, self.repair) {
                (true, _) => Proof::None,
                (_, true) => Proof::Repair,
                _ => Proof::ReadBack,
            },
            overwrite_file: self.overwrite_file,
            allow_holes: self.allow_holes,
            fix_gpt: self.fix_gpt,
            wipe: if self.wipe_signatures { Wipe::Signatures } else { Wipe::Nothing },
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
        assert_eq!((operands.image, operands.media), (ImageOperand::Path("a.iso".into()), vec!["/dev/sdb".into()]));
        assert_eq!(args(&["-", "/dev/sdb"]).operands().unwrap().image, ImageOperand::Stdin);
        for words in [
            &[][..],
            &["", "/dev/sdb"],
            &["a.iso", ""],
            &["a.iso", "-"],
            &["emulated:a", "b"],
            &["a", "b", ""],
            &["a", "b", "c", "--expect", "size=1G"],
        ] {
            assert!(args(words).operands().unwrap_err().to_string().contains("try: isoflash"), "{words:?}");
        }
        assert_eq!(args(&["a.iso", "/dev/sdb", "/dev/sdc"]).operands().unwrap().media, ["/dev/sdb", "/dev/sdc"]);
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
