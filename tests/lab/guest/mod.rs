//! A virtual machine with Debian's kernel, optical drives, USB sticks and the host's programs, in which a story's script runs.
//!
//! No KVM: it is missing in most places where tests run, and the guests are fast enough without.

pub mod boot;
pub mod drive;
pub mod stick;

mod backing;
mod qmp;

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use self::drive::{Bus, Drive};
use self::qmp::Qmp;
use self::stick::Stick;
use crate::disc;

const LAB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/lab");
const QEMU: &str = "qemu-system-x86_64";
/// Every script ends well within this, on two slow cores.
const LIMIT: Duration = Duration::from_secs(240);

/// A machine with nothing in it, that dies with this process.
pub fn qemu() -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", QEMU, "-accel", "tcg,tb-size=256"]);
    command.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
    command
}

/// Why no guest can be started here, if so.
pub fn missing() -> Option<String> {
    let files = ["vmlinux", "initramfs", "images"].map(|file| Path::new(LAB).join(file));
    let no_file = files
        .iter()
        .find(|file| !file.exists())
        .and_then(|file| file.file_name())
        .map(|name| format!("target/lab/{}", name.to_string_lossy()));
    let works = |program: &&str| Command::new(program).arg("--version").output().is_ok();
    no_file.or_else(|| [QEMU, "xorriso"].into_iter().find(|program| !works(program)).map(str::to_owned))
}

/// A machine that is not yet running: its discs, drives and sticks.
pub struct Guest {
    /// The guest's /share: discs, sticks, script and output.
    folder: TempDir,
    drives: Vec<Drive>,
    sticks: Vec<Stick>,
    arguments: Vec<String>,
}

impl Guest {
    /// A machine without drives.
    pub fn new() -> Result<Self, Box<dyn Error>> {
        let folder = TempDir::with_prefix_in("lab-", env!("CARGO_TARGET_TMPDIR"))?;
        Ok(Self { folder, drives: Vec::new(), sticks: Vec::new(), arguments: Vec::new() })
    }

    /// One of the bootable images from Debian's packages.
    pub fn bootable(name: &str) -> PathBuf {
        Path::new(LAB).join("images").join(name)
    }

    /// The file that is `/share/NAME` in the guest.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes a disc, `/share/NAME` in the guest.
    pub fn disc(&self, name: &str, seed: u64, sectors: usize) -> Result<PathBuf, Box<dyn Error>> {
        let file = self.file(name);
        disc::make(&file, seed, sectors)?;
        Ok(file)
    }

    /// Builds drives in. They are cd0, cd1, … for the host, and /dev/sr0, /dev/sr1, … in the guest if they come in
    /// the order in which the guest finds them: SCSI, SATA, USB.
    pub fn with(mut self, drives: impl IntoIterator<Item = Drive>) -> Self {
        self.drives.extend(drives);
        self
    }

    /// Plugs sticks in. They are stick0, stick1, … for the host; `$(stick 0)` is the node in the guest.
    pub fn with_sticks(mut self, sticks: impl IntoIterator<Item = Stick>) -> Self {
        self.sticks.extend(sticks);
        self
    }

    /// Builds in what only QEMU's own words describe.
    pub fn with_arguments(mut self, arguments: impl IntoIterator<Item = String>) -> Self {
        self.arguments.extend(arguments);
        self
    }

    /// Runs the script, and returns what it printed; an error if it failed, took too long, or the machine stopped.
    pub fn run(&self, script: &str) -> Result<String, Box<dyn Error>> {
        let folder = self.folder.path();
        let drives = self.drives.len();
        let sticks: Vec<_> =
            (self.sticks.iter().enumerate().filter(|(_, stick)| stick.plugged).map(|(number, _)| number.to_string())).collect();
        let sticks = sticks.join(" ");
        let built = Path::new(env!("CARGO_BIN_EXE_discrip")).parent().map(Path::to_owned);
        let programs = std::env::var_os("PROGRAMS").map(PathBuf::from).or(built).unwrap_or_default();
        let library = include_str!("words.sh");
        let all = format!(
            "LAB={LAB} PROGRAMS={}\n{library}\nall_drives {drives}\nall_sticks {sticks}\n{script}\n[ $failures = 0 ]\n",
            programs.display()
        );
        fs::write(folder.join("script"), all)?;
        fs::write(folder.join("output"), "")?;
        let ending = self.start().and_then(|machine| machine.serve(folder));
        let output = String::from_utf8_lossy(&fs::read(folder.join("output"))?).into_owned();
        match ending {
            Ok(0) => Ok(output),
            Ok(status) => Err(format!("{output}the script ended with {status}").into()),
            Err(error) => {
                let read = |file| String::from_utf8_lossy(&fs::read(folder.join(file)).unwrap_or_default()).into_owned();
                Err(format!("{output}last said:\n{}the kernel's log:\n{}{error}", read("said"), read("kernel.log")).into())
            }
        }
    }

    fn start(&self) -> Result<Machine, Box<dyn Error>> {
        let folder = self.folder.path();
        let sockets = TempDir::new()?; // a short path: a socket's name has room for 108 bytes
        let socket = sockets.path().join("qmp");
        let mut command = qemu();
        command.args(["-M", "q35,usb=off,vmport=off", "-cpu", "max", "-m", "1024"]);
        command.args(["-kernel", &format!("{LAB}/vmlinux"), "-initrd", &format!("{LAB}/initramfs")]);
        command.args(["-append", "console=ttyS0 panic=-1 random.trust_cpu=on nokaslr mitigations=off tsc=reliable"]);
        command.arg("-serial").arg(format!("file:{}", folder.join("kernel.log").display()));
        command.args(["-serial", "stdio", "-qmp", &format!("unix:{},server=on,wait=off", socket.display())]);
        for (tag, path, rights) in [("root", Path::new("/"), ",readonly=on"), ("share", folder, "")] {
            let path = path.display();
            command.args(["-fsdev", &format!("local,id={tag},path={path},security_model=none,multidevs=remap{rights}")]);
            command.args(["-device", &format!("virtio-9p-pci,fsdev={tag},mount_tag={tag}")]);
        }
        command.args(["-device", "virtio-scsi-pci,id=scsi", "-device", "qemu-xhci,id=xhci,p2=8,p3=8"]);
        for (number, drive) in self.drives.iter().enumerate() {
            command.args(drive.arguments(number));
        }
        let mut exports = Vec::new();
        for (number, stick) in self.sticks.iter().enumerate() {
            exports.push(stick.export(number, folder)?);
            command.args(stick.arguments(number));
        }
        command.args(&self.arguments);
        let process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|error| format!("{QEMU}: {error}"))?;
        let process = Process(process);
        let mut qmp = Qmp::connect(&socket)?;
        for (number, drive) in self.drives.iter().enumerate() {
            if drive.bus == Bus::Usb {
                qmp.plug(&format!("cd{number}"))?;
            }
        }
        for ((number, stick), export) in self.sticks.iter().enumerate().zip(exports) {
            let id = format!("stick{number}");
            export.as_ref().map_or(Ok(()), |export| stick.watch(number, export))?;
            qmp.can_plug(&id, stick.devices(number), export);
            if stick.plugged {
                qmp.plug(&id)?;
            }
        }
        Ok(Machine { process, qmp: Arc::new(Mutex::new(qmp)) })
    }
}

/// A running machine.
struct Machine {
    process: Process,
    qmp: Arc<Mutex<Qmp>>,
}

impl Machine {
    /// Does what the guest asks for, until its script ends; returns the script's exit status.
    fn serve(mut self, folder: &Path) -> Result<i32, Box<dyn Error>> {
        let end = Instant::now() + LIMIT;
        let mut answers = self.process.0.stdin.take().ok_or("no line to the guest")?;
        let lines = BufReader::new(self.process.0.stdout.take().ok_or("no line from the guest")?).lines();
        let (sender, requests) = mpsc::channel();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        loop {
            let request = match requests.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(request) => request,
                Err(RecvTimeoutError::Timeout) => return Err(format!("no end after {LIMIT:?}").into()),
                Err(RecvTimeoutError::Disconnected) => return Err("the machine stopped".into()),
            };
            if let Some(status) = request.strip_prefix("exit ") {
                return Ok(status.trim().parse()?);
            }
            let answer = self.act(request, folder).map_or_else(|error| error.to_string(), |()| "ok".to_owned());
            writeln!(answers, "{answer}")?;
        }
    }

    /// `VERB …` at once, or `after SECONDS VERB …` then, while the script goes on.
    fn act(&self, request: String, folder: &Path) -> Result<(), Box<dyn Error>> {
        let Some((seconds, later)) = request.strip_prefix("after ").and_then(|rest| rest.split_once(' ')) else {
            return lock(&self.qmp).act(&request, folder);
        };
        let (pause, later) = (Duration::try_from_secs_f64(seconds.parse()?)?, later.to_owned());
        let (qmp, folder) = (Arc::clone(&self.qmp), folder.to_owned());
        thread::spawn(move || {
            thread::sleep(pause);
            if let Err(error) = lock(&qmp).act(&later, &folder) {
                eprintln!("lab: {later}: {error}");
            }
        });
        Ok(())
    }
}

fn lock(qmp: &Mutex<Qmp>) -> std::sync::MutexGuard<'_, Qmp> {
    qmp.lock().unwrap_or_else(PoisonError::into_inner)
}

/// QEMU, killed when it is no longer needed.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        // An error here means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
