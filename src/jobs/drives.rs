//! The drives of this machine, and what is in them.

use crate::disc::{DriveName, Facts, Layout};
use crate::event::{Drives, Event, ListedDrive, Observer};
use crate::mmc::{Drive, Readiness};
use crate::scsi::linux::{SgPort, Sharing};
use crate::scsi::{OpenError, Port};
use crate::sys::{Found, Stop, Sysfs};

use super::Failure;
use super::rip::label_of;

/// Shows every drive with its disc. A drive that is in use is left alone.
pub fn run(sysfs: &Sysfs, observer: &mut dyn Observer) {
    let drives =
        sysfs.drives().iter().map(|found| ListedDrive { name: name(found), disc: disc_in(found, sysfs) }).collect::<Vec<_>>();
    if drives.is_empty() {
        observer.event(&Event::notice("this machine has no optical drive that Linux knows; emulated:demo works without one"));
    }
    observer.event(&Event::Drives(Drives { drives }));
}

/// The only drive that holds a disc, or may hold one because it is in use.
///
/// # Errors
/// There is none, or one of several has to be named.
pub fn only_with_disc(sysfs: &Sysfs) -> Result<String, Failure> {
    let holds = |found: &&Found| match open(found, sysfs) {
        Ok(mut drive) => matches!(ready(&mut drive), Readiness::Ready | Readiness::Wait),
        Err(error) => matches!(error, OpenError::Mounted { .. } | OpenError::Busy { .. }),
    };
    match nodes(sysfs.drives().iter().filter(holds)).as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(Failure::stopped("no drive holds a disc that can be read; put one in, or name the drive and say --wait")),
        several => Err(Failure::usage(format!("several drives hold a disc ({}); name one of them", several.join(", ")))),
    }
}

/// Every drive.
///
/// # Errors
/// There is none.
pub fn all(sysfs: &Sysfs) -> Result<Vec<String>, Failure> {
    let drives = nodes(sysfs.drives().iter());
    let none = "this machine has no optical drive that Linux knows; plug one in, or name an emulated one";
    if drives.is_empty() { Err(Failure::stopped(none)) } else { Ok(drives) }
}

fn nodes<'a>(drives: impl Iterator<Item = &'a Found>) -> Vec<String> {
    drives.map(|found| found.node.display().to_string()).collect()
}

fn name(found: &Found) -> DriveName {
    DriveName {
        node: found.node.display().to_string(),
        vendor: found.vendor.clone(),
        product: found.model.clone(),
        firmware: found.revision.clone(),
        serial: found.serial.clone(),
    }
}

fn open(found: &Found, sysfs: &Sysfs) -> Result<Drive, OpenError> {
    SgPort::new(&found.node, Sharing::Exclusive, sysfs.clone()).open().map(|opened| Drive::new(opened.transport, Stop::never()))
}

/// A unit attention may be pending; the second answer counts.
fn ready(drive: &mut Drive) -> Readiness {
    match drive.readiness() {
        Readiness::Wait => drive.readiness(),
        other => other,
    }
}

fn disc_in(found: &Found, sysfs: &Sysfs) -> String {
    let mut drive = match open(found, sysfs) {
        Ok(drive) => drive,
        Err(OpenError::Mounted { mount_points, .. }) => return format!("a disc, mounted on {}", mount_points.join(", ")),
        Err(OpenError::Busy { holder, .. }) => {
            return format!("in use by {}", holder.unwrap_or_else(|| "another program".into()));
        }
        Err(error) => return error.to_string(),
    };
    match ready(&mut drive) {
        Readiness::Ready => {}
        Readiness::NoDisc(sense) => return sense.text().into(),
        Readiness::Wait => return "becoming ready".into(),
        Readiness::Broken(error) => return error.to_string(),
    }
    match Facts::gather(&mut drive).map(|facts| Layout::decide(&facts)) {
        Ok(Ok(layout)) => {
            let label = label_of(&mut drive, &layout).map_or_else(|| "no label".into(), |label| format!("label {label}"));
            format!("{}, {} sectors, {label}", layout.kind(), layout.size.sectors)
        }
        Ok(Err(refusal)) => refusal.to_string(),
        Err(error) => error.to_string(),
    }
}
