//! Stories without a machine: the server of emulated sticks, and a client that is QEMU, or worse.
//! Names and numbers are those of the NBD protocol's document.

use std::error::Error;
use std::fs;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use discsmith::emulated;
use discsmith::medium::Medium;

use super::{Ending, Story, expect};
use crate::guest::guardian::Guardian;
use crate::random::Random;
use crate::server::export::{self, Export};
use crate::server::nbd::{self, Shape};

/// Every story by its name.
pub const ALL: &[(&str, Story)] = &[("wire_malformed", malformed), ("wire_random", random), ("wire_power", power)];

const IHAVEOPT: u64 = 0x4948_4156_454f_5054;
const OPT_ABORT: u32 = 2;
const OPT_LIST: u32 = 3;
const OPT_INFO: u32 = 6;
const OPT_GO: u32 = 7;
const REP_ACK: u32 = 1;
const REP_INFO: u32 = 3;
const REP_ERR_UNSUP: u32 = 0x8000_0001;

const REQUEST: u32 = 0x2560_9513;
const SIMPLE_REPLY: u32 = 0x6744_6698;
const READ: u16 = 0;
const WRITE: u16 = 1;
const DISC: u16 = 2;
const FLUSH: u16 = 3;
const TRIM: u16 = 4;
const FUA: u16 = 1;
const EINVAL: u32 = 22;
const ENOSPC: u32 = 28;

/// The stick, in bytes, and one of its sectors.
const SIZE: u64 = 1 << 20;
const SECTOR: u32 = 512;
const ROUNDS: u64 = 2000;

type Said<T = ()> = Result<T, Box<dyn Error>>;

/// QEMU's end of the line.
struct Client(UnixStream);

impl Client {
    fn new(line: UnixStream) -> io::Result<Self> {
        // A server that does not answer is to be a failure, and no wait.
        line.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self(line))
    }

    fn get<const BYTES: usize>(&mut self) -> io::Result<[u8; BYTES]> {
        let mut bytes = [0; BYTES];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// The greeting, and that this end knows it, too.
    fn greet(&mut self) -> Said {
        expect("the greeting", self.get()? == *b"NBDMAGICIHAVEOPT\0\x03")?;
        Ok(self.0.write_all(&[0, 0, 0, 3])?)
    }

    fn option(&mut self, option: u32, data: &[u8]) -> io::Result<()> {
        let head = [&IHAVEOPT.to_be_bytes()[..], &option.to_be_bytes(), &(data.len() as u32).to_be_bytes()].concat();
        self.0.write_all(&[&head, data].concat())
    }

    /// What kind of reply comes to an option.
    fn reply(&mut self, option: u32) -> Said<u32> {
        expect("a reply's magic", u64::from_be_bytes(self.get()?) == 0x0003_e889_0455_65a9)?;
        expect("the option that it is to", u32::from_be_bytes(self.get()?) == option)?;
        let (kind, length) = (u32::from_be_bytes(self.get()?), u32::from_be_bytes(self.get()?));
        self.0.read_exact(&mut vec![0; length.min(SECTOR) as usize])?;
        Ok(kind)
    }

    /// From the greeting to where requests begin.
    fn begin(&mut self) -> Said {
        self.greet()?;
        self.option(OPT_GO, &[0; 6])?;
        while self.reply(OPT_GO)? != REP_ACK {}
        Ok(())
    }

    fn request(&mut self, magic: u32, flags: u16, command: u16, offset: u64, length: u32) -> io::Result<()> {
        let head = [&magic.to_be_bytes()[..], &flags.to_be_bytes(), &command.to_be_bytes(), b"cookie42"];
        self.0.write_all(&[&head.concat()[..], &offset.to_be_bytes(), &length.to_be_bytes()].concat())
    }

    /// The error of the reply, or 0.
    fn answer(&mut self) -> Said<u32> {
        expect("the reply's magic", u32::from_be_bytes(self.get()?) == SIMPLE_REPLY)?;
        let error = u32::from_be_bytes(self.get()?);
        expect("the reply's cookie", self.get()? == *b"cookie42")?;
        Ok(error)
    }

    fn write(&mut self, flags: u16, offset: u64, data: &[u8]) -> Said<u32> {
        self.request(REQUEST, flags, WRITE, offset, data.len() as u32)?;
        self.0.write_all(data)?;
        self.answer()
    }

    /// The other end hung up.
    fn is_closed(&mut self) -> bool {
        match self.0.read(&mut [0]) {
            Ok(bytes) => bytes == 0,
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }
}

/// Serves the stick to a client; the server must come to an end of its own when the client did.
fn serve<T>(stick: &emulated::Stick, talk: impl FnOnce(&mut Client) -> Said<T>) -> Said<T> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut client = Client::new(ours)?;
    let shape = Shape { geometry: stick.geometry(), is_read_only: false };
    thread::scope(|scope| {
        // How it ends is the client's to see: by a closed line.
        let server =
            scope.spawn(move || drop(nbd::serve(&theirs, shape, |request, data| export::carry_out(stick, request, data))));
        let said = talk(&mut client);
        // An error means that the other end is closed.
        let _ = client.0.shutdown(Shutdown::Both);
        server.join().map_err(|_| "the server panicked")?;
        said
    })
}

fn stick(folder: &Path, options: &str) -> Said<(PathBuf, String)> {
    let file = folder.join("stick");
    fs::write(&file, vec![0x5a; SIZE as usize])?;
    let operand = format!("{}{options}", file.display());
    Ok((file, operand))
}

/// Each field out of bounds: an error for the request, or the line is closed; and the stick is as it was.
fn malformed() -> Ending {
    let guardian = Guardian::new()?;
    let (file, operand) = stick(guardian.folder(), ",sector=512")?;
    let stick = emulated::stick(&operand)?;
    let closes = |what, talk: &dyn Fn(&mut Client) -> Said| {
        serve(&stick, |client| {
            talk(client)?;
            Ok(expect(what, client.is_closed())?)
        })
    };
    closes("closed for no option", &|client| {
        client.greet()?;
        Ok(client.0.write_all(&[0x49; 16])?)
    })?;
    closes("closed for a huge option", &|client| {
        client.greet()?;
        Ok(client.0.write_all(&[&IHAVEOPT.to_be_bytes()[..], &OPT_GO.to_be_bytes(), &[0xff; 4]].concat())?)
    })?;
    closes("closed when the client leaves in mid-option", &|client| {
        client.greet()?;
        client.0.write_all(&[&IHAVEOPT.to_be_bytes()[..], &OPT_GO.to_be_bytes(), &[0, 0, 0, 9, 1]].concat())?;
        Ok(client.0.shutdown(Shutdown::Write)?)
    })?;
    closes("closed after an abort", &|client| {
        client.greet()?;
        for (option, kinds) in
            [(OPT_LIST, &[REP_ERR_UNSUP][..]), (u32::MAX, &[REP_ERR_UNSUP]), (OPT_INFO, &[REP_INFO, REP_INFO, REP_ACK])]
        {
            client.option(option, &[0; 6])?;
            kinds.iter().try_for_each(|kind| Said::Ok(expect("the option's reply", client.reply(option)? == *kind)?))?;
        }
        client.option(OPT_ABORT, &[])?;
        Ok(expect("the abort's reply", client.reply(OPT_ABORT)? == REP_ACK)?)
    })?;
    for (what, magic, command, length) in [
        ("closed for no request", REQUEST + 1, READ, SECTOR),
        ("closed for a huge read", REQUEST, READ, u32::MAX),
        ("closed for a huge write", REQUEST, WRITE, (32 << 20) + SECTOR),
        ("closed when asked to", REQUEST, DISC, 0),
    ] {
        closes(what, &|client| {
            client.begin()?;
            Ok(client.request(magic, 0, command, 0, length)?)
        })?;
    }
    closes("closed when the client leaves in mid-request", &|client| {
        client.begin()?;
        client.request(REQUEST, 0, WRITE, 0, 8 * SECTOR)?;
        client.0.write_all(&[1; 7 * SECTOR as usize])?;
        Ok(client.0.shutdown(Shutdown::Write)?)
    })?;
    serve(&stick, |client| {
        client.begin()?;
        for (offset, length, error) in [
            (SIZE, SECTOR, ENOSPC),
            (SIZE - u64::from(SECTOR), 2 * SECTOR, ENOSPC),
            (u64::MAX, SECTOR, ENOSPC),
            (u64::MAX - 511, SECTOR, ENOSPC),
            (0, SECTOR - 1, EINVAL),
            (0, SECTOR + 1, EINVAL),
            (1, SECTOR, EINVAL),
        ] {
            expect("a write's error", client.write(0, offset, &vec![1; length as usize])? == error)?;
            client.request(REQUEST, 0, READ, offset, length)?;
            expect("a read's error", client.answer()? == EINVAL)?;
        }
        for command in [TRIM, u16::MAX] {
            client.request(REQUEST, u16::MAX, command, 0, SECTOR)?;
            expect("an unknown command's error", client.answer()? == EINVAL)?;
        }
        client.request(REQUEST, 0, READ, SIZE - u64::from(SECTOR), SECTOR)?;
        expect("the last sector is read", client.answer()? == 0 && client.get()? == [0x5a; SECTOR as usize])?;
        Ok(())
    })?;
    expect("the stick is as it was", fs::read(file)?.iter().all(|byte| *byte == 0x5a))?;
    Ok(String::new())
}

/// What a client says by chance: the server comes to an end, and no panic is among them.
fn random() -> Ending {
    let guardian = Guardian::new()?;
    let (_, operand) = stick(guardian.folder(), ",sector=512")?;
    let stick = emulated::stick(&operand)?;
    let mut answers = 0;
    for round in 0..ROUNDS {
        let mut random = Random::of_round(11, round);
        answers += serve(&stick, |client| {
            if random.percent(80) {
                client.begin()?;
            }
            let mut said = Vec::new();
            for _ in 0..random.below(20) {
                let (flags, command, length) = (random.below(3) as u16, random.below(6) as u16, random.below(9) * 256);
                let at = if random.percent(90) { random.next() % (SIZE + 4096) / 512 * 512 } else { random.next() };
                said.extend([&REQUEST.to_be_bytes()[..], &flags.to_be_bytes(), &command.to_be_bytes(), b"cookie42"].concat());
                said.extend(
                    [&at.to_be_bytes()[..], &length.to_be_bytes(), &vec![7; usize::from(command == WRITE) * length as usize]]
                        .concat(),
                );
            }
            for _ in 0..random.below(64) {
                said.extend(random.next().to_be_bytes());
            }
            if random.percent(30) && !said.is_empty() {
                let place = random.below(said.len() as u32) as usize;
                said[place] ^= 1 << random.below(8);
            }
            // The server may have hung up before; both then.
            let _ = client.0.write_all(&said).and_then(|()| client.0.shutdown(Shutdown::Write));
            let mut heard = Vec::new();
            match client.0.read_to_end(&mut heard) {
                Err(error) if error.kind() != io::ErrorKind::ConnectionReset => Err(format!("round {round}: {error}"))?,
                _ => Ok(heard.windows(4).filter(|bytes| *bytes == SIMPLE_REPLY.to_be_bytes()).count() as u64),
            }
        })?;
    }
    expect("some requests are answered", answers > ROUNDS)?;
    Ok(format!("{answers} answers\n"))
}

/// What was written with FUA, or before a flush, outlives a power cut; other data does not.
fn power() -> Ending {
    let guardian = Guardian::new()?;
    let (file, operand) = stick(guardian.folder(), ",cache=64K")?;
    let socket = guardian.sockets().join("nbd");
    let export = Export::start(&operand, &socket, &guardian.folder().join("record"))?;
    let mut client = Client::new(UnixStream::connect(&socket)?)?;
    client.begin()?;
    let is_kept = |sector: usize| Ok::<_, io::Error>(fs::read(&file)?[sector * SECTOR as usize] == sector as u8);
    let sector = |number: u8| (u64::from(number) * u64::from(SECTOR), [number; SECTOR as usize]);
    for (number, flags) in [(1, 0), (2, FUA)] {
        let (at, data) = sector(number);
        expect("the write succeeds", client.write(flags, at, &data)? == 0)?;
        export.lose_power();
        expect("what was written with FUA is kept, and nothing else", is_kept(number.into())? == (flags == FUA))?;
    }
    let (at, data) = sector(3);
    expect("the write succeeds", client.write(0, at, &data)? == 0)?;
    client.request(REQUEST, 0, FLUSH, 0, 0)?;
    expect("the flush succeeds", client.answer()? == 0)?;
    export.lose_power();
    expect("what was written before a flush is kept", is_kept(3)?)?;
    client.request(REQUEST, 0, DISC, 0, 0)?;
    expect("the line is closed at the end", client.is_closed())?;
    Ok(String::new())
}
