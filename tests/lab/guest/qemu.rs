//! A machine by QEMU without KVM: Debian's kernel, optical drives on three buses, USB sticks, and whatever else QEMU emulates.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::LAB;
use super::drive::{Bus, Drive};
use super::guardian::Guardian;
use super::machine::{Machine, Process};
use super::qmp::Qmp;
use super::stick::Stick;

/// QEMU's program.
pub const QEMU: &str = "qemu-system-x86_64";

/// A machine with nothing in it, that dies with this process. The names of its sockets count from the folder for them.
pub fn qemu(sockets: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.current_dir(sockets);
    command.args(["--pdeathsig", "KILL", QEMU, "-accel", "tcg,tb-size=256"]);
    command.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
    command
}

/// What is built in and plugged in.
#[derive(Default)]
pub struct Hardware {
    /// cd0, cd1, …
    pub drives: Vec<Drive>,
    /// stick0, stick1, …
    pub sticks: Vec<Stick>,
    /// What only QEMU's own words describe.
    pub arguments: Vec<String>,
    /// A terminal of the host, as /dev/hvc0.
    pub terminal: Option<PathBuf>,
}

impl Hardware {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.drives.is_empty() && self.sticks.is_empty() && self.arguments.is_empty() && self.terminal.is_none()
    }

    /// Starts a machine whose /share is the guardian's folder.
    pub fn start(&self, guardian: &Guardian) -> Result<Machine, Box<dyn Error>> {
        let (folder, sockets) = (guardian.folder(), guardian.sockets());
        let mut command = qemu(sockets);
        command.args(["-M", "q35,usb=off,vmport=off", "-cpu", "max", "-m", "1024"]);
        command.args(["-kernel", &format!("{LAB}/vmlinux"), "-initrd", &format!("{LAB}/initramfs")]);
        command.args(["-append", "console=ttyS0 panic=-1 random.trust_cpu=on nokaslr mitigations=off tsc=reliable"]);
        command.arg("-serial").arg(format!("file:{}", folder.join("kernel.log").display()));
        command.args(["-serial", "stdio", "-qmp", "unix:qmp,server=on,wait=off"]);
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
            exports.push(stick.export(number, guardian)?);
            command.args(stick.arguments(number));
        }
        if let Some(terminal) = &self.terminal {
            command.arg("-chardev").arg(format!("serial,id=terminal,mux=on,path={}", terminal.display()));
            command.args(["-device", "virtio-serial-pci", "-device", "virtconsole,chardev=terminal"]);
        }
        command.args(&self.arguments);
        let process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|error| format!("{QEMU}: {error}"))?;
        let process = Process::single(process);
        let mut qmp = Qmp::connect(&sockets.join("qmp"))?;
        for (number, drive) in self.drives.iter().enumerate() {
            if drive.bus == Bus::Usb {
                qmp.plug(&format!("cd{number}"))?;
            }
        }
        for ((number, stick), export) in self.sticks.iter().enumerate().zip(exports) {
            let id = format!("stick{number}");
            export.as_ref().map_or(Ok(()), |export| Stick::watch(number, export, sockets))?;
            qmp.can_plug(&id, stick.devices(number), export);
            if stick.plugged {
                qmp.plug(&id)?;
            }
        }
        Machine::new(process, Some(qmp))
    }
}
