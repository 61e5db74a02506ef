//! The drive while a job uses it: opened, ready, locked, at the speed asked for; and put back on every way out.

use std::sync::Arc;
use std::time::Duration;

use crate::disc::DriveName;
use crate::event::{Event, Observer};
use crate::mmc::{CommandError, Drive, Family, READY_POLL, Speed, Unready};
use crate::rescue::policy::READY_LIMIT;
use crate::scsi::cdb::Lock;
use crate::scsi::{Access, Cdb, Clock, Completion, Data, OpenError, Opened, Port, Transport, TransportError};
use crate::sys::Stop;

use super::{Request, RipError};
use crate::jobs::{Answer, Ask, Question};

/// A drive in use.
pub(super) struct Station {
    port: Box<dyn Port>,
    pub(super) drive: Drive,
    pub(super) name: DriveName,
    pub(super) clock: Arc<dyn Clock>,
    access: Access,
    stop: Stop,
    /// In kB/s: what was asked for, what was set last, and what to put back.
    speed_asked: Option<u16>,
    speed_set: Option<u16>,
    speed_before: Option<u16>,
    eject: bool,
}

impl Station {
    /// Opens the drive, and waits until its disc can be read.
    pub(super) fn open(
        mut port: Box<dyn Port>,
        request: &Request,
        ask: &mut Ask<'_>,
        observer: &mut dyn Observer,
        stop: &Stop,
    ) -> Result<Self, RipError> {
        let opened = match port.open() {
            Err(OpenError::Mounted { node, mount_points }) => {
                let points = mount_points.join(", ");
                permit_unmount(request, ask, &node, &points)?;
                port.unmount()?;
                observer.event(&Event::notice(format!("unmounted {points}")));
                port.open()?
            }
            other => other?,
        };
        let clock = port.clock();
        let mut station = Self::new(port, opened, clock, stop.clone(), request.opens_tray());
        if station.access == Access::ReadOnly {
            observer.event(&Event::notice(format!(
                "{} can only be opened for reading: the tray stays unlocked and the speed as it is (see docs/permissions.md)",
                station.name.node
            )));
        }
        observer.event(&Event::Drive(station.name.clone()));
        match station.wait_for_disc(request, observer) {
            Err(RipError::Vanished) => station.await_return(request.wait_drive)?,
            other => other?,
        }
        station.lock(Lock::Closed);
        Ok(station)
    }

    fn new(port: Box<dyn Port>, opened: Opened, clock: Arc<dyn Clock>, stop: Stop, eject: bool) -> Self {
        let mut drive = Drive::new(opened.transport, stop.clone());
        let name = ask_name(&mut drive, opened.node);
        Self {
            port,
            drive,
            name,
            clock,
            access: opened.access,
            stop,
            speed_asked: None,
            speed_set: None,
            speed_before: None,
            eject,
        }
    }

    /// Who the drive is, before it is used.
    pub(super) fn name_of(port: &mut dyn Port, stop: &Stop) -> Result<DriveName, OpenError> {
        let Opened { transport, node, .. } = port.open()?;
        Ok(ask_name(&mut Drive::new(transport, stop.clone()), node))
    }

    fn wait_for_disc(&mut self, request: &Request, observer: &mut dyn Observer) -> Result<(), RipError> {
        let mut told = false;
        loop {
            match self.settle() {
                Err(Unready::NoDisc(_)) if request.wait => {
                    if !std::mem::replace(&mut told, true) {
                        observer.event(&Event::notice("waiting for a disc"));
                    }
                    self.sleep(Duration::from_secs(1))?;
                }
                other => return other.map_err(RipError::from),
            }
        }
    }

    /// Waits until the drive is ready, at most [`READY_LIMIT`].
    pub(super) fn settle(&mut self) -> Result<(), Unready> {
        self.drive.await_ready(&*self.clock, READY_LIMIT)
    }

    /// Lets time pass, but not past a signal.
    pub(super) fn sleep(&self, time: Duration) -> Result<(), RipError> {
        let end = self.clock.now() + time;
        while self.clock.now() < end {
            if self.stop.requested().is_some() {
                return Err(RipError::Interrupted);
            }
            self.clock.sleep(READY_POLL.min(end.saturating_sub(self.clock.now())));
        }
        Ok(())
    }

    /// Locks the tray or unlocks it, where the node lets us. A drive without a lock is none the worse.
    fn lock(&mut self, lock: Lock) {
        if self.access == Access::Full {
            let _ = self.drive.set_lock(lock);
        }
    }

    /// Sets the read speed that was asked for, and remembers the one before.
    pub(super) fn set_speed(&mut self, speed: Speed, family: Family) -> Result<(), RipError> {
        self.turn_to(Some(speed), family)
            .map_err(|error| RipError::Refused(format!("setting the speed: {error}; run again without --speed")))?;
        self.speed_asked = self.speed_set;
        Ok(())
    }

    /// Sets the speed of the reads that follow; `None` is the one that was asked for, or else the drive's own before.
    pub(super) fn turn_to(&mut self, speed: Option<Speed>, family: Family) -> Result<(), CommandError> {
        let wanted = match speed {
            Some(speed) => Some(kilobytes(speed, family)),
            None => self.speed_asked.or(self.speed_before),
        };
        let Some(wanted) = wanted.filter(|wanted| self.speed_set != Some(*wanted)) else { return Ok(()) };
        let before = self.speed_before.or_else(|| self.drive.speed()).unwrap_or(u16::MAX);
        self.drive.set_speed(wanted)?;
        (self.speed_set, self.speed_before) = (Some(wanted), Some(before));
        Ok(())
    }

    /// The speed that was set last, in kB/s.
    pub(super) fn speed_set(&self) -> Option<u16> {
        self.speed_set
    }

    /// Puts back what a reset made the drive forget.
    pub(super) fn restore(&mut self) {
        self.lock(Lock::Closed);
        if let Some(speed) = self.speed_set {
            let _ = self.drive.set_speed(speed);
        }
    }

    /// Waits for a drive that vanished, at most `limit`, and makes it ready. The caller looks whether the disc is the same.
    pub(super) fn await_return(&mut self, limit: Duration) -> Result<(), RipError> {
        let begin = self.clock.now();
        // The dead node is let go first, or the kernel keeps its name for it.
        self.drive = Drive::new(Box::new(Nowhere), self.stop.clone());
        loop {
            match self.port.open() {
                Ok(opened) => {
                    (self.access, self.name.node) = (opened.access, opened.node);
                    self.drive = Drive::new(opened.transport, self.stop.clone());
                    self.settle()?;
                    self.restore();
                    return Ok(());
                }
                Err(error @ OpenError::NotADrive { .. }) => return Err(error.into()),
                Err(error) if self.clock.now() - begin >= limit => {
                    return Err(RipError::Stopped(format!(
                        "the drive vanished and did not come back within {} s ({error}); plug it in, and the same command goes on",
                        limit.as_secs()
                    )));
                }
                Err(_) => self.sleep(READY_POLL)?,
            }
        }
    }
}

/// A speed as SET CD SPEED has it.
fn kilobytes(speed: Speed, family: Family) -> u16 {
    match speed {
        Speed::Max => u16::MAX,
        Speed::Times(times) => (times * family.single_speed()).ceil().min(65_534.0) as u16,
    }
}

/// Asks a drive who it is. One that does not say is read all the same.
fn ask_name(drive: &mut Drive, node: String) -> DriveName {
    let mut name = DriveName { node, ..DriveName::default() };
    if let Ok(inquiry) = drive.inquiry() {
        (name.vendor, name.product, name.firmware) = (inquiry.vendor, inquiry.product, inquiry.firmware);
    }
    name.serial = drive.serial();
    name
}

/// Where a drive is while it is gone.
struct Nowhere;

impl Transport for Nowhere {
    fn execute(&mut self, _: &Cdb, _: Data<'_>, _: Duration) -> Result<Completion, TransportError> {
        Err(TransportError::Gone)
    }

    fn max_transfer(&self) -> usize {
        0
    }
}

/// On every way out: the speed as it was, the tray unlocked, and open if that was asked for.
impl Drop for Station {
    fn drop(&mut self) {
        if let Some(speed) = self.speed_before {
            let _ = self.drive.set_speed(speed);
        }
        self.lock(Lock::Open);
        if self.eject {
            let _ = self.drive.eject();
        }
    }
}

impl From<Unready> for RipError {
    fn from(unready: Unready) -> Self {
        match unready {
            Unready::NoDisc(sense) => Self::drive(&CommandError::Refused(sense)),
            Unready::Broken(CommandError::Refused(sense)) if sense.asc == 0x30 => {
                Self::Refused(format!("the drive can't read this kind of disc ({}); try another drive", sense.text()))
            }
            Unready::Broken(CommandError::Refused(sense)) if sense.asc == 0x57 => Self::Stopped(format!(
                "the drive can't make out this disc ({}); clean it, take it out and put it in again, or try another drive; the same command goes on",
                sense.text()
            )),
            Unready::Broken(error) => Self::drive(&error),
            Unready::Never => Self::Stopped(format!(
                "the drive did not become ready within {} s; take the disc out and put it in again, or switch the drive off and on; the same command goes on",
                READY_LIMIT.as_secs()
            )),
            Unready::Interrupted => Self::Interrupted,
        }
    }
}

/// A mounted disc is unmounted only if the person wants it.
fn permit_unmount(request: &Request, ask: &mut Ask<'_>, node: &str, points: &str) -> Result<(), RipError> {
    if request.dry_run {
        return Err(RipError::Refused(format!(
            "the disc in {node} is mounted on {points}, and a look changes nothing: leave out -n, and it is unmounted; or look at it as it is (--shared)"
        )));
    }
    if request.unmount {
        return Ok(());
    }
    let question = Question::permission(format!("The disc in {node} is mounted on {points}. Unmount it and go on?"));
    match ask(&question) {
        Answer::Yes | Answer::Assumed => Ok(()),
        Answer::No | Answer::Choice(_) | Answer::Nobody => Err(RipError::Refused(format!(
            "the disc in {node} is mounted on {points}; unmount it (umount {points}), or let discrip do it (--unmount), or read it as it is (--shared)"
        ))),
        Answer::Unasked => Err(RipError::Usage(format!(
            "the disc in {node} is mounted on {points}, and --json asks no questions: say --unmount, --shared or --yes"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use clap::Parser;

    use super::*;
    use crate::status::Status;
    use crate::ui::args::discrip::Args;

    /// What becomes of a mounted disc, and how often the person was asked.
    fn permitted(options: &[&str], answer: Answer) -> (Result<(), RipError>, u32) {
        let args = Args::try_parse_from([&["discrip", "/dev/sr0", "out.iso"], options].concat()).unwrap();
        let request = args.request(&args.operands().unwrap()).unwrap();
        let mut asked = 0;
        let mut ask = |_: &Question| {
            asked += 1;
            answer
        };
        (permit_unmount(&request, &mut ask, "/dev/sr0", "/mnt"), asked)
    }

    #[test]
    fn a_look_unmounts_nothing_and_does_not_ask_to() {
        for options in [&["-n"][..], &["-n", "--unmount"], &["-n", "--yes"]] {
            let (permitted, asked) = permitted(options, Answer::Yes);
            assert!(matches!(permitted, Err(RipError::Refused(why)) if why.contains("/mnt") && why.contains("--shared")));
            assert_eq!(asked, 0, "{options:?}");
        }
        assert!(matches!(permitted(&["--unmount"], Answer::No), (Ok(()), 0)));
        assert!(matches!(permitted(&[], Answer::Yes), (Ok(()), 1)));
        assert!(matches!(permitted(&[], Answer::No), (Err(RipError::Refused(_)), 1)));
    }

    /// A drive whose disc is mounted until it is unmounted.
    struct Mounted(Box<dyn Port>, bool);

    impl Port for Mounted {
        fn name(&self) -> String {
            self.0.name()
        }
        fn open(&mut self) -> Result<Opened, OpenError> {
            let mounted = || OpenError::Mounted { node: self.0.name(), mount_points: vec!["/mnt".into()] };
            if self.1 { Err(mounted()) } else { self.0.open() }
        }
        fn clock(&self) -> Arc<dyn Clock> {
            self.0.clock()
        }
        fn unmount(&mut self) -> Result<(), OpenError> {
            self.1 = false;
            Ok(())
        }
        fn backing(&self) -> Option<PathBuf> {
            self.0.backing()
        }
    }

    struct Nobody;

    impl Observer for Nobody {
        fn event(&mut self, _: &Event) {}
    }

    #[test]
    fn a_drive_whose_disc_is_mounted_is_not_one_that_has_tried_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(file("disc.iso"), vec![7; 2000 * 2048]).unwrap();
        std::fs::write(file("rules"), "read 900+3 sense=3/11/05\n").unwrap();
        let run = |drive: String, is_mounted: bool, options: &[&str]| {
            let args = Args::try_parse_from([&["discrip", "emulated:disc", &file("out.iso")], options].concat()).unwrap();
            let request = args.request(&args.operands().unwrap()).unwrap();
            let port = Box::new(Mounted(crate::emulated::port(&drive).unwrap(), is_mounted));
            crate::jobs::rip::run(&request, port, &mut |_| Answer::Nobody, &mut Nobody, &Stop::never())
        };
        let one = format!("{},faults={}", file("disc.iso"), file("rules"));
        let other = format!("{},serial=OTHER", file("disc.iso"));
        assert_eq!(run(one.clone(), false, &[]).status, Status::Unreadable);
        let refused = run(other.clone(), true, &[]);
        assert_eq!(refused.status, Status::Refused, "{:?}", refused.reasons);
        assert!(refused.reasons[0].contains("--unmount"), "{:?}", refused.reasons);
        assert_eq!(run(other, true, &["--unmount"]).status, Status::Done);
        // Nothing is missing any more: the drive is left alone.
        assert_eq!(run(one, true, &[]).status, Status::Done);
    }
}
