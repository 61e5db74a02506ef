//! The network block device protocol, as a server speaks it to QEMU: the fixed newstyle handshake, and simple replies.
//!
//! Names and numbers are those of its document, doc/proto.md of <https://github.com/NetworkBlockDevice/nbd>. All numbers on the wire are
//! big-endian. Whatever the other side sends, the worst that comes of it is the end of the connection.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

use discsmith::medium::Geometry;
use discsmith::sys::Buffer;
use nix::errno::Errno;

const NBDMAGIC: u64 = 0x4e42_444d_4147_4943;
const IHAVEOPT: u64 = 0x4948_4156_454f_5054;
const NBD_FLAG_FIXED_NEWSTYLE: u16 = 1;
const NBD_FLAG_NO_ZEROES: u16 = 1 << 1;

const NBD_OPT_EXPORT_NAME: u32 = 1;
const NBD_OPT_ABORT: u32 = 2;
const NBD_OPT_INFO: u32 = 6;
const NBD_OPT_GO: u32 = 7;
const OPTION_REPLY: u64 = 0x0003_e889_0455_65a9;
const NBD_REP_ACK: u32 = 1;
const NBD_REP_INFO: u32 = 3;
const NBD_REP_ERR_UNSUP: u32 = (1 << 31) + 1;
const NBD_INFO_EXPORT: u16 = 0;
const NBD_INFO_BLOCK_SIZE: u16 = 3;

const NBD_FLAG_HAS_FLAGS: u16 = 1;
const NBD_FLAG_READ_ONLY: u16 = 1 << 1;
const NBD_FLAG_SEND_FLUSH: u16 = 1 << 2;
const NBD_FLAG_SEND_FUA: u16 = 1 << 3;
const NBD_REQUEST_MAGIC: u32 = 0x2560_9513;
const NBD_SIMPLE_REPLY_MAGIC: u32 = 0x6744_6698;
const NBD_CMD_READ: u16 = 0;
const NBD_CMD_WRITE: u16 = 1;
const NBD_CMD_DISC: u16 = 2;
const NBD_CMD_FLUSH: u16 = 3;
const NBD_CMD_FLAG_FUA: u16 = 1;

/// The longest request, in bytes: what the document asks every server to take, and what QEMU never exceeds.
const LONGEST: u32 = 32 << 20;
/// The longest option, in bytes: a name of 4096 and room to spare.
const LONGEST_OPTION: u32 = 8192;
/// The block size that serves best, in bytes.
const PREFERRED: u32 = 4096;

/// What is asked of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Bytes from it.
    Read,
    /// Bytes to it.
    Write {
        /// They must be on it before the answer (force unit access).
        fua: bool,
    },
    /// What was written must be on it before the answer.
    Flush,
}

/// A request; offset and length in bytes, on the disk, but perhaps no whole sectors.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    pub operation: Operation,
    pub offset: u64,
    pub length: u32,
}

/// What is told about the disk.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub geometry: Geometry,
    pub is_read_only: bool,
}

/// Serves one client until it says good-bye. `act` carries out a request, whose bytes are in the buffer, or belong into it.
///
/// # Errors
/// The connection ended otherwise, or the client does not follow the protocol.
pub fn serve(
    mut client: &UnixStream,
    shape: Shape,
    mut act: impl FnMut(Request, &mut [u8]) -> Result<(), Errno>,
) -> io::Result<()> {
    if !shake_hands(&mut client, shape)? {
        return Ok(());
    }
    loop {
        if number::<4>(&mut client).map(u32::from_be_bytes)? != NBD_REQUEST_MAGIC {
            return Err(broken("no request"));
        }
        let flags = u16::from_be_bytes(number(&mut client)?);
        let command = u16::from_be_bytes(number(&mut client)?);
        let cookie = number::<8>(&mut client)?;
        let offset = u64::from_be_bytes(number(&mut client)?);
        let length = u32::from_be_bytes(number(&mut client)?);
        let operation = match command {
            NBD_CMD_READ => Some(Operation::Read),
            NBD_CMD_WRITE => Some(Operation::Write { fua: flags & NBD_CMD_FLAG_FUA != 0 }),
            NBD_CMD_FLUSH => Some(Operation::Flush),
            NBD_CMD_DISC => return Ok(()),
            _ => None,
        };
        let carries_data = matches!(operation, Some(Operation::Read | Operation::Write { .. }));
        if carries_data && length > LONGEST {
            return Err(broken("a request that is too long"));
        }
        let mut data = Buffer::new(if carries_data { length as usize } else { 0 });
        if matches!(operation, Some(Operation::Write { .. })) {
            client.read_exact(&mut data)?;
        }
        let is_inside = offset.checked_add(length.into()).is_some_and(|end| end <= shape.geometry.bytes);
        let ending = match operation {
            Some(Operation::Read) if !is_inside => Err(Errno::EINVAL),
            Some(Operation::Write { .. }) if !is_inside => Err(Errno::ENOSPC),
            Some(operation) => act(Request { operation, offset, length }, &mut data),
            None => Err(Errno::EINVAL),
        };
        let mut reply = Vec::with_capacity(16);
        reply.extend(NBD_SIMPLE_REPLY_MAGIC.to_be_bytes());
        reply.extend(ending.err().map_or(0, error_value).to_be_bytes());
        reply.extend(cookie);
        client.write_all(&reply)?;
        if operation == Some(Operation::Read) && ending.is_ok() {
            client.write_all(&data)?;
        }
    }
}

/// Haggles until the client wants the disk (true) or leaves.
fn shake_hands(client: &mut (impl Read + Write), shape: Shape) -> io::Result<bool> {
    let mut greeting = Vec::with_capacity(18);
    greeting.extend(NBDMAGIC.to_be_bytes());
    greeting.extend(IHAVEOPT.to_be_bytes());
    greeting.extend((NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES).to_be_bytes());
    client.write_all(&greeting)?;
    let answer = u32::from_be_bytes(number(client)?);
    let wants_zeroes = answer & u32::from(NBD_FLAG_NO_ZEROES) == 0;
    loop {
        if u64::from_be_bytes(number(client)?) != IHAVEOPT {
            return Err(broken("no option"));
        }
        let option = u32::from_be_bytes(number(client)?);
        let length = u32::from_be_bytes(number(client)?);
        if length > LONGEST_OPTION {
            return Err(broken("an option that is too long"));
        }
        // A name, and what the client would like to know: there is one disk, and all is told of it.
        client.read_exact(&mut vec![0; length as usize])?;
        match option {
            NBD_OPT_EXPORT_NAME => {
                let mut export = size_and_flags(shape);
                export.resize(export.len() + if wants_zeroes { 124 } else { 0 }, 0);
                client.write_all(&export)?;
                return Ok(true);
            }
            NBD_OPT_INFO | NBD_OPT_GO => {
                let mut export = NBD_INFO_EXPORT.to_be_bytes().to_vec();
                export.extend(size_and_flags(shape));
                reply(client, option, NBD_REP_INFO, &export)?;
                let sizes = [shape.geometry.sector, PREFERRED.max(shape.geometry.sector), LONGEST].map(u32::to_be_bytes);
                reply(client, option, NBD_REP_INFO, &[&NBD_INFO_BLOCK_SIZE.to_be_bytes(), sizes.as_flattened()].concat())?;
                reply(client, option, NBD_REP_ACK, &[])?;
                if option == NBD_OPT_GO {
                    return Ok(true);
                }
            }
            NBD_OPT_ABORT => {
                reply(client, option, NBD_REP_ACK, &[])?;
                return Ok(false);
            }
            _ => reply(client, option, NBD_REP_ERR_UNSUP, &[])?,
        }
    }
}

/// Neither TRIM nor WRITE_ZEROES: few sticks have them.
fn size_and_flags(shape: Shape) -> Vec<u8> {
    let read_only = if shape.is_read_only { NBD_FLAG_READ_ONLY } else { 0 };
    let flags = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA | read_only;
    let mut bytes = shape.geometry.bytes.to_be_bytes().to_vec();
    bytes.extend(flags.to_be_bytes());
    bytes
}

fn reply(client: &mut impl Write, option: u32, kind: u32, data: &[u8]) -> io::Result<()> {
    let length = u32::try_from(data.len()).map_err(io::Error::other)?;
    let mut bytes = OPTION_REPLY.to_be_bytes().to_vec();
    [option, kind, length].into_iter().for_each(|word| bytes.extend(word.to_be_bytes()));
    bytes.extend(data);
    client.write_all(&bytes)
}

/// The few errors that the protocol has words for, by their Linux numbers; to QEMU all others are EINVAL, so that EIO stands for them.
fn error_value(errno: Errno) -> u32 {
    match errno {
        Errno::EPERM | Errno::EROFS => Errno::EPERM as u32,
        Errno::EINVAL | Errno::ENOSPC => errno as u32,
        _ => Errno::EIO as u32,
    }
}

fn number<const BYTES: usize>(client: &mut impl Read) -> io::Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the NBD client sent {what}"))
}
