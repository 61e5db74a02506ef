//! The file systems that a stick can be given back with, and the system's programs that make and check them.

use std::fmt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;

use crate::jobs::Failure;
use crate::sys::Scratch;

/// Up to here Windows makes FAT32, and some devices read nothing else; beyond it its clusters grow (Microsoft, "Default cluster size").
const VFAT_UP_TO: u64 = 32 << 30;

/// From here on FAT32 has the clusters that it must have (65,525, one sector of 512 bytes or eight of them each: Microsoft, FAT specification, 3.5).
const FAT32_FROM: u64 = 512 << 20;

/// What is cut off a message of another program.
const SHOWN: usize = 300;

/// A file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystem {
    /// FAT: everything reads it; no file above 4 GiB.
    Vfat,
    /// exFAT: large files; Windows, macOS, Linux, most cameras.
    Exfat,
    /// ext4: Linux.
    Ext4,
}

impl FromStr for FileSystem {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::Vfat, Self::Exfat, Self::Ext4];
        known.into_iter().find(|known| known.name() == text).ok_or_else(|| "write vfat, exfat or ext4".into())
    }
}

impl fmt::Display for FileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FileSystem {
    /// What a stick of so many bytes gets unasked.
    pub(super) fn usual(bytes: u64) -> Self {
        if bytes > VFAT_UP_TO && Self::Exfat.maker().is_ok() { Self::Exfat } else { Self::Vfat }
    }

    /// Its name, as mkfs and mount know it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Vfat => "vfat",
            Self::Exfat => "exfat",
            Self::Ext4 => "ext4",
        }
    }

    /// The type that an MBR calls a partition of it.
    pub(super) fn mbr_type(self, bytes: u64) -> u8 {
        match self {
            Self::Vfat if bytes < FAT32_FROM => 0x0e,
            Self::Vfat => 0x0c,
            Self::Exfat => 0x07,
            Self::Ext4 => 0x83,
        }
    }

    /// The package that its programs come with, on Debian and most others.
    fn package(self) -> &'static str {
        match self {
            Self::Vfat => "dosfstools",
            Self::Exfat => "exfatprogs",
            Self::Ext4 => "e2fsprogs",
        }
    }

    /// The program that makes it.
    ///
    /// # Errors
    /// It is not installed.
    pub(super) fn maker(self) -> Result<PathBuf, Failure> {
        self.program("mkfs")
    }

    fn program(self, verb: &str) -> Result<PathBuf, Failure> {
        let name = format!("{verb}.{self}");
        let path = std::env::var_os("PATH").unwrap_or_default();
        // An ordinary user's PATH lacks the last two.
        let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
        let found = folders.map(|folder| folder.join(&name)).find(|program| program.is_file());
        found.ok_or_else(|| {
            Failure::refused(format!("{name} is not installed, and nothing was written; install it (package {})", self.package()))
        })
    }

    /// Makes one in `scratch`, which becomes a partition that begins at sector `first` of a stick with sectors of so many bytes; and lets the
    /// system's own program check it.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn make(self, scratch: &Scratch, bytes: u64, first: u64, sector: u32) -> Result<(), Failure> {
        let (sector, first) = (sector.to_string(), first.to_string());
        let options: &[&str] = match self {
            Self::Vfat if bytes < FAT32_FROM => &["-S", &sector, "-h", &first],
            Self::Vfat => &["-S", &sector, "-h", &first, "-F", "32"],
            Self::Exfat => &[],
            // A journal of this size is what mke2fs gives 2 GB; more would only be zeros to write. The inode tables are left to the kernel, as
            // mke2fs does on any disk; and what must be zero is written, for holes in the file are not zeros on the stick.
            Self::Ext4 if bytes > 2 << 30 => &["-q", "-F", "-b", "4096", "-E", "nodiscard,lazy_itable_init=1", "-J", "size=64"],
            Self::Ext4 => &["-q", "-F", "-b", "4096", "-E", "nodiscard,lazy_itable_init=1"],
        };
        run(&self.maker()?, options, &scratch.path())?;
        let check: &[&str] = if self == Self::Ext4 { &["-f", "-n"] } else { &["-n"] };
        run(&self.program("fsck")?, check, &scratch.path())
    }
}

fn run(program: &Path, options: &[&str], file: &Path) -> Result<(), Failure> {
    let name = program.display();
    let output = Command::new(program)
        .args(options)
        .arg(file)
        // Lets mke2fs write zeros instead of punching holes (e2fsprogs, lib/ext2fs/unix_io.c).
        .env("UNIX_IO_NOZEROOUT", "1")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        // Ctrl-C is for this program, which waits for the other.
        .process_group(0)
        .output()
        .map_err(|error| Failure::failed(format!("running {name}: {error}; the stick was not written to")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stderr, output.stdout].concat();
    let said: String = String::from_utf8_lossy(&said).trim().replace('\n', "; ").chars().take(SHOWN).collect();
    Err(Failure::failed(format!("{name} ended with {}: {said}; nothing was written; try another file system", output.status)))
}
