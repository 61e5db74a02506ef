//! What it means when a pass ends early, and what the medium is good for then.

use std::io;

use crate::jobs::Failure;
use crate::medium::WriteError;
use crate::pipeline::Broken;
use crate::status::Status;

use super::Passes;

impl Passes<'_> {
    /// What a failed write means; the bytes up to `end` were not written.
    pub(super) fn writing_failed(&self, error: &WriteError, end: u64) -> Failure {
        let name = &self.outcome.medium;
        let place = format!("bytes {} to {}", error.at, end.saturating_sub(1));
        match error.cause.raw_os_error() {
            Some(libc::ENODEV) => self.gone(),
            Some(libc::EROFS | libc::EPERM | libc::EACCES) => {
                Failure::refused(format!("{name} is write-protected; look for its switch, or take another stick"))
            }
            Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG) if self.is_file() => {
                Failure::stopped(format!("writing {name}: {}; make room, and run the same command", error.cause))
            }
            Some(libc::ENOSPC) if error.at >= self.medium.geometry().bytes => Failure::refused(format!(
                "{name} is too small: it ends at byte {}, and the image goes on; what was on it is lost, and {}; take a larger one",
                error.at,
                self.state()
            )),
            _ => Failure::failed(format!(
                "writing {place} of {name}: {}; {}; take another stick, or another port",
                error.cause,
                self.state()
            )),
        }
    }

    pub(super) fn reading_failed(&self, error: &io::Error, at: u64) -> Failure {
        match error.raw_os_error() {
            Some(libc::ENODEV) => self.gone(),
            _ => Failure::failed(format!(
                "reading {} back at byte {at}: {error}; it was not verified; take another stick, or another port",
                self.outcome.medium
            )),
        }
    }

    pub(super) fn gone(&self) -> Failure {
        Failure::stopped(format!(
            "{} is gone: it was unplugged, or stopped answering; plug it in again ({}), and run the same command: {}",
            self.outcome.medium,
            self.state(),
            self.next_time()
        ))
    }

    /// Why writing ended early.
    pub(super) fn broken(&self, broken: Broken<Failure>) -> Failure {
        match broken {
            Broken::Source(at, error) if error.kind() == io::ErrorKind::UnexpectedEof => Failure::new(
                Status::Corrupt,
                format!("{} became shorter while it was read, at byte {at}; get the image anew", self.source.name()),
            ),
            Broken::Source(_, error) if error.kind() == io::ErrorKind::InvalidData => {
                Failure::new(Status::Corrupt, format!("{}: {error}; {}; get both anew", self.source.name(), self.state()))
            }
            Broken::Source(at, error) => Failure::failed(format!(
                "reading {} at byte {at}: {error}; look at the disk it lies on, or get the image anew",
                self.source.name()
            )),
            Broken::Sink(failure) => failure,
            Broken::Stopped => self.interrupted(),
            Broken::Thread(error) => thread_failed(error),
        }
    }

    /// Why reading back ended early.
    pub(super) fn broken_back(&self, broken: Broken<Failure>) -> Failure {
        match broken {
            Broken::Source(at, error) => self.reading_failed(&error, at),
            other => self.broken(other),
        }
    }

    /// What a medium is good for that was left where it is now.
    pub(in crate::jobs::flash) fn state(&self) -> &'static str {
        match (&self.head, self.is_head_written) {
            (None, _) => "it may still boot what was on it before",
            (Some(_), false) => "it does not boot now",
            (Some(_), true) => "it may boot now, and is not proved",
        }
    }

    pub(super) fn interrupted(&self) -> Failure {
        if self.head.is_none() {
            return Failure::stopped(format!("as asked; nothing of the image is on {} yet", self.outcome.medium));
        }
        Failure::stopped(format!(
            "as asked; {} holds a part of the image and does not boot; run the same command: {}",
            self.outcome.medium,
            self.next_time()
        ))
    }
}

pub(in crate::jobs::flash) fn thread_failed(error: io::Error) -> Failure {
    Failure::failed(format!("starting a thread: {error}"))
}
