//! An emulated stick, served to QEMU from a thread of this process: what it does wrong comes through the guest's own drivers.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use discsmith::emulated::{self, Stick};
use discsmith::medium::{Geometry, Medium, Writable};
use nix::errno::Errno;
use serde::Serialize;

use super::nbd::{self, Operation, Request, Shape};

/// How long a request of a stick that left the bus is held back at most, for the plug to be out before it is answered. QEMU may take
/// the plug out and yet wait with the answer until the request is over.
const PLUG: Duration = Duration::from_secs(1);

/// The thread that serves a stick. Dropped, it takes the power away: what the stick's cache held is lost.
pub struct Export {
    socket: Arc<Socket>,
    path: PathBuf,
    /// How the stick is divided.
    pub geometry: Geometry,
}

/// Where the stick is plugged in.
struct Socket {
    /// All that follows `emulated:`.
    operand: String,
    /// None without power.
    stick: Mutex<Option<Stick>>,
    client: Mutex<Option<UnixStream>>,
    /// Takes the plug out of QEMU; None while it does.
    unplug: Mutex<Option<Box<dyn FnMut() + Send>>>,
}

impl Export {
    /// Serves the stick of this operand (all that follows `emulated:`) to the first who connects to the socket `path`. Each request is a
    /// line in the file `record`: `{"at":MS,"took":MS,"op":"write","offset":BYTES,"length":BYTES,"fua":false,"error":null}`, with
    /// milliseconds since the start, and an error as `"EIO"`.
    pub fn start(operand: &str, path: &Path, record: &Path) -> io::Result<Self> {
        let stick = emulated::stick(operand).map_err(io::Error::other)?;
        let geometry = stick.geometry();
        let shape = Shape { geometry, is_read_only: stick.as_disk("").is_read_only };
        let mut record = Record { file: File::create(record)?, start: Instant::now() };
        let listener = UnixListener::bind(path)?;
        let socket = Arc::new(Socket {
            operand: operand.to_owned(),
            stick: Mutex::new(Some(stick)),
            client: Mutex::default(),
            unplug: Mutex::default(),
        });
        let served = Arc::clone(&socket);
        thread::spawn(move || {
            let ending = listener.accept().and_then(|(client, _)| {
                *lock(&served.client) = Some(client.try_clone()?);
                nbd::serve(&client, shape, |request, data| record.keep(request, || served.act(request, data)))
            });
            // The other end is to hear of it.
            lock(&served.client).take();
            // A killed QEMU does not say good-bye.
            if let Err(error) = ending
                && !matches!(
                    error.kind(),
                    io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
                )
            {
                eprintln!("lab: {}: {error}", served.operand);
            }
        });
        Ok(Self { socket, path: path.to_owned(), geometry })
    }

    /// Takes the stick's power away, and gives it back at once: what its cache held is lost, and its counters begin anew, as when it is
    /// pulled out and plugged in again.
    pub fn lose_power(&self) {
        self.socket.lose_power();
    }

    /// What is to be done once the stick leaves the bus by itself (`gone-after`): its plug is to be taken out of QEMU.
    pub fn when_gone(&self, unplug: impl FnMut() + Send + 'static) {
        *lock(&self.socket.unplug) = Some(Box::new(unplug));
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        lock(&self.socket.stick).take();
        lock(&self.socket.unplug).take();
        if let Some(client) = lock(&self.socket.client).take() {
            // An error here means that it hung up already.
            let _ = client.shutdown(Shutdown::Both);
        }
        // And here, that there is no such socket any more.
        let _ = fs::remove_file(&self.path);
    }
}

impl Socket {
    fn act(self: &Arc<Self>, request: Request, data: &mut [u8]) -> Result<(), Errno> {
        let ending = match &*lock(&self.stick) {
            Some(stick) => carry_out(stick, request, data),
            None => Err(Errno::ENODEV),
        };
        if ending == Err(Errno::ENODEV) {
            self.pull_out();
        }
        ending
    }

    /// The stick has left the bus: QEMU is to know before it gets an answer.
    fn pull_out(self: &Arc<Self>) {
        let Some(mut unplug) = lock(&self.unplug).take() else { return };
        let (socket, (done, is_done)) = (Arc::clone(self), mpsc::channel());
        thread::spawn(move || {
            unplug();
            socket.lose_power();
            *lock(&socket.unplug) = Some(unplug);
            // An error here means that the plug was slow to come out, and that nobody waits any more.
            let _ = done.send(());
        });
        // The same, seen from the other side.
        let _ = is_done.recv_timeout(PLUG);
    }

    /// Where there is no power any more, there will be none.
    fn lose_power(&self) {
        let mut stick = lock(&self.stick);
        if stick.take().is_some() {
            *stick = emulated::stick(&self.operand).inspect_err(|error| eprintln!("lab: {error}")).ok();
        }
    }
}

/// All of the request, in as many goes as the stick needs.
pub fn carry_out(stick: &Stick, request: Request, data: &mut [u8]) -> Result<(), Errno> {
    let ending = match request.operation {
        Operation::Read => stick.read_at(data, request.offset),
        Operation::Write { .. } => stick.write_at(data, request.offset).map_err(|error| error.cause),
        Operation::Flush => stick.settle(),
    };
    let ending = match request.operation {
        Operation::Write { fua: true } => ending.and_then(|()| stick.settle()),
        _ => ending,
    };
    ending.map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
}

/// A line of the record; times are milliseconds.
#[derive(Serialize)]
struct Line {
    at: u128,
    took: u128,
    op: &'static str,
    offset: u64,
    length: u32,
    fua: bool,
    error: Option<String>,
}

/// What was asked, and what came of it.
struct Record {
    file: File,
    start: Instant,
}

impl Record {
    fn keep(&mut self, request: Request, act: impl FnOnce() -> Result<(), Errno>) -> Result<(), Errno> {
        let at = self.start.elapsed();
        let ending = act();
        let (op, fua) = match request.operation {
            Operation::Read => ("read", false),
            Operation::Write { fua } => ("write", fua),
            Operation::Flush => ("flush", false),
        };
        let line = Line {
            at: at.as_millis(),
            took: (self.start.elapsed() - at).as_millis(),
            op,
            offset: request.offset,
            length: request.length,
            fua,
            error: ending.err().map(|error| format!("{error:?}")),
        };
        let text = serde_json::to_string(&line).map_err(io::Error::from);
        if let Err(error) = text.and_then(|text| writeln!(self.file, "{text}")) {
            eprintln!("lab: the record of an export: {error}");
        }
        ending
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
