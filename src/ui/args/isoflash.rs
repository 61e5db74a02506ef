//! The command line of isoflash, as typed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Parser;

use crate::jobs::bmap::BmapOperand;
use crate::jobs::flash::{Course, Identity, ImageOperand, Proof, Request, Wipe, state_folder};
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
    override_usage = "isoflash [OPTIONS] IMAGE [MEDIUM]...\n       isoflash --list"
)]
pub struct Args {
    /// IMAGE [MEDIUM]...
    #[arg(value_name = "OPERAND", num_args = 0..)]
    operands: Vec<OsString>,
    /// Show the disks of this machine, which may be written, and why others may not
    #[arg(long, conflicts_with = "operands")]
    pub list: bool,
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
    /// Eject the medium after success
    #[arg(long)]
    eject: bool,
    /// Look, say what would be done, and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    show: Show,
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
        if image.to_string_lossy().starts_with(super::EMULATED) {
            return usage("the image comes first, then the medium");
        }
        let image = if image == "-" { ImageOperand::Stdin } else { ImageOperand::Path(image.into()) };
        Ok(Operands { image, media: media.to_vec() })
    }

    /// The job that the options ask for.
    pub fn request(&self, image: ImageOperand) -> Result<Request, UsageError> {
        Ok(Request {
            image,
            identity: self.identity()?,
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
            unmount: self.unmount,
            allow_fixed: self.allow_fixed,
            overwrite_file: self.overwrite_file,
            allow_holes: self.allow_holes,
            fix_gpt: self.fix_gpt,
            wipe: if self.wipe_signatures { Wipe::Signatures } else { Wipe::Nothing },
            eject: self.eject,
            dry_run: self.dry_run,
        })
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
    fn the_identity_that_is_expected_is_understood_or_refused() {
        let identity = args(&["a", "b", "--expect", "serial=4C53,size=16G"]).identity().unwrap();
        assert_eq!((identity.serial.as_deref(), identity.bytes), (Some("4C53"), Some(16 << 30)));
        for wrong in ["serial=", "size=big", "colour=red", "4C53"] {
            assert!(args(&["a", "b", "--expect", wrong]).identity().is_err(), "{wrong}");
        }
    }
}
