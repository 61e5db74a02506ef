//! A virtual machine with Debian's kernel and the host's programs, in which a script runs: by QEMU with optical drives and USB
//! sticks, or by User Mode Linux at the CPU's own speed.
//!
//! No KVM: it is missing in most places where tests run, and the guests are fast enough without.

pub mod boot;
pub mod drive;
pub mod guardian;
pub mod stick;
pub mod terminal;

mod backing;
mod machine;
mod qemu;
mod qmp;
mod uml;

use std::error::Error;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use self::drive::Drive;
use self::guardian::Guardian;
pub use self::machine::Ending;
use self::qemu::{Hardware, QEMU};
use self::stick::Stick;
use self::uml::KERNEL;
use crate::disc;

const LAB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/lab");
/// Every story's script ends well within this, on two slow cores.
const LIMIT: Duration = Duration::from_secs(240);

/// Why no guest can be started here, if so.
pub fn missing() -> Option<String> {
    let files = ["vmlinux", "initramfs", "images"].map(|file| Path::new(LAB).join(file));
    let no_file = files
        .iter()
        .find(|file| !file.exists())
        .and_then(|file| file.file_name())
        .map(|name| format!("target/lab/{}", name.to_string_lossy()));
    let works = |program: &&str| Command::new(program).arg("--version").output().is_ok();
    no_file.or_else(|| [QEMU, KERNEL, "xorriso"].into_iter().find(|program| !works(program)).map(str::to_owned))
}

/// A machine that is not yet running.
pub struct Guest {
    /// The guest's /share, discs, sticks, script and output, is its folder.
    guardian: Guardian,
    kind: Kind,
    hardware: Hardware,
}

/// What makes the machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Hardware of all kinds, slow.
    Qemu,
    /// No hardware, fast.
    Uml,
}

impl Guest {
    /// A machine by QEMU, without drives.
    pub fn new() -> Result<Self, Box<dyn Error>> {
        Self::of(Kind::Qemu)
    }

    /// A machine by User Mode Linux.
    pub fn uml() -> Result<Self, Box<dyn Error>> {
        Self::of(Kind::Uml)
    }

    /// A machine of this kind, without drives.
    pub fn of(kind: Kind) -> Result<Self, Box<dyn Error>> {
        Ok(Self { guardian: Guardian::new()?, kind, hardware: Hardware::default() })
    }

    /// A machine by QEMU whose /dev/hvc0 is the terminal of the person who started this.
    pub fn at_terminal() -> Result<Self, Box<dyn Error>> {
        let hardware = Hardware { terminal: Some(terminal::NODE.into()), ..Hardware::default() };
        Ok(Self { guardian: Guardian::with_terminal()?, kind: Kind::Qemu, hardware })
    }

    /// One of the bootable images from Debian's packages.
    pub fn bootable(name: &str) -> PathBuf {
        Path::new(LAB).join("images").join(name)
    }

    /// The file that is `/share/NAME` in the guest.
    pub fn file(&self, name: &str) -> PathBuf {
        self.guardian.folder().join(name)
    }

    /// Makes a disc, `/share/NAME` in the guest.
    pub fn disc(&self, name: &str, seed: u64, sectors: usize) -> Result<PathBuf, Box<dyn Error>> {
        let file = self.file(name);
        disc::make(&file, seed, sectors)?;
        Ok(file)
    }

    /// Makes the mapfile `/share/NAME` of a disc of so many sectors, of which these are dead.
    pub fn damage(&self, name: &str, sectors: u64, dead: &[Range<u64>]) -> Result<(), Box<dyn Error>> {
        fs::write(self.file(name), disc::damage(sectors, dead))?;
        Ok(())
    }

    /// Builds drives in. They are cd0, cd1, … for the host, and /dev/sr0, /dev/sr1, … in the guest if they come in
    /// the order in which the guest finds them: SCSI, SATA, USB.
    pub fn with(mut self, drives: impl IntoIterator<Item = Drive>) -> Self {
        self.hardware.drives.extend(drives);
        self
    }

    /// Plugs sticks in. They are stick0, stick1, … for the host; `$(stick 0)` is the node in the guest.
    pub fn with_sticks(mut self, sticks: impl IntoIterator<Item = Stick>) -> Self {
        self.hardware.sticks.extend(sticks);
        self
    }

    /// Builds in what only QEMU's own words describe.
    pub fn with_arguments(mut self, arguments: impl IntoIterator<Item = String>) -> Self {
        self.hardware.arguments.extend(arguments);
        self
    }

    /// Runs the script, and returns what it printed; an error if it failed, took too long, or the machine stopped, unless the
    /// script asked for that.
    pub fn run(&self, script: &str) -> Result<String, Box<dyn Error>> {
        let ending = self.play(script, Some(LIMIT), || Ok(()));
        let read = |file| Ok::<_, io::Error>(String::from_utf8_lossy(&fs::read(self.file(file))?).into_owned());
        let output = read("output")?;
        match ending {
            Ok(Ending::Exit(0)) => Ok(output),
            Ok(Ending::PowerCut) if !self.file("failed").exists() => Ok(output),
            Ok(Ending::PowerCut) => Err(format!("{output}a chapter before the power cut failed").into()),
            Ok(Ending::Exit(status)) => Err(format!("{output}the script ended with {status}").into()),
            Err(error) => {
                let read = |file| read(file).unwrap_or_default();
                Err(format!("{output}last said:\n{}the kernel's log:\n{}{error}", read("said"), read("kernel.log")).into())
            }
        }
    }

    /// Runs the script, whose output is `/share/output`; every now and then `meanwhile` has its turn.
    pub fn play(
        &self,
        script: &str,
        limit: Option<Duration>,
        meanwhile: impl FnMut() -> io::Result<()>,
    ) -> Result<Ending, Box<dyn Error>> {
        fs::write(self.file("script"), self.script(script)?)?;
        fs::write(self.file("output"), "")?;
        let machine = match self.kind {
            Kind::Qemu => self.hardware.start(&self.guardian)?,
            Kind::Uml if self.hardware.is_empty() => uml::start(&self.guardian)?,
            Kind::Uml => return Err("a UML guest has no hardware: no drives, sticks or arguments of QEMU".into()),
        };
        self.guardian.watch(machine.group())?;
        let ending = machine.serve(self.guardian.folder(), limit, meanwhile);
        self.guardian.watch(None)?;
        ending
    }

    /// The script, behind the words that it uses.
    fn script(&self, script: &str) -> Result<String, Box<dyn Error>> {
        let programs = programs()?;
        let lab = std::env::current_exe()?;
        let modules = match self.kind {
            Kind::Qemu => format!("{LAB}/kernel"),
            Kind::Uml => "/".to_owned(),
        };
        let drives = self.hardware.drives.len();
        let sticks: String = (self.hardware.sticks.iter().enumerate())
            .filter(|(_, stick)| stick.plugged)
            .map(|(number, _)| format!(" {number}"))
            .collect();
        Ok(format!(
            "MODULES={modules} PROGRAMS={} LAB_PROGRAM={}\n{}\nall_drives {drives}\nall_sticks{sticks}\n{script}\n[ $failures = 0 ]\n",
            programs.display(),
            lab.display(),
            include_str!("words.sh")
        ))
    }
}

/// The folder with the programs: what was built here, or `PROGRAMS`. One without them would have the stories told of the host's own.
fn programs() -> Result<PathBuf, Box<dyn Error>> {
    let folder = match std::env::var_os("PROGRAMS") {
        Some(folder) => fs::canonicalize(&folder).map_err(|error| format!("PROGRAMS={}: {error}", folder.display()))?,
        None => Path::new(env!("CARGO_BIN_EXE_discrip")).parent().ok_or("no programs")?.to_owned(),
    };
    if folder.join("discrip").exists() {
        Ok(folder)
    } else {
        Err(format!("PROGRAMS={}: no discrip there", folder.display()).into())
    }
}
