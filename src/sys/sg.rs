//! SG_IO: one SCSI command to a device, and every status field back.
//!
//! Facts about the call, from the kernel's drivers/scsi/sg.c and scsi_ioctl.c:
//! - sr raises any limit below 7 s to 7 s (`BLK_MIN_SG_TIMEOUT`), and what runs into its limit comes back later still, after the
//!   error handler. The call then succeeds; only `host_status` tells.
//! - sr lets through a fixed list of opcodes, fewer on a read-only descriptor; the rest is EPERM without CAP_SYS_RAWIO.
//! - A transfer above the queue's limit is EIO on sr and EINVAL on sg.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::raw::{c_int, c_uchar, c_uint, c_ushort, c_void};
use std::ptr;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, SigmaskHow};

/// `sg_io_hdr_t` of `<scsi/sg.h>`.
#[repr(C)]
struct Header {
    interface_id: c_int,
    dxfer_direction: c_int,
    cmd_len: c_uchar,
    mx_sb_len: c_uchar,
    iovec_count: c_ushort,
    dxfer_len: c_uint,
    dxferp: *mut c_void,
    cmdp: *const c_uchar,
    sbp: *mut c_uchar,
    timeout: c_uint,
    flags: c_uint,
    pack_id: c_int,
    usr_ptr: *mut c_void,
    status: c_uchar,
    masked_status: c_uchar,
    msg_status: c_uchar,
    sb_len_wr: c_uchar,
    host_status: c_ushort,
    driver_status: c_ushort,
    resid: c_int,
    duration: c_uint,
    info: c_uint,
}

const _: () = assert!(size_of::<Header>() == if size_of::<usize>() == 8 { 88 } else { 64 });

const DXFER_NONE: c_int = -1;
const DXFER_FROM_DEV: c_int = -3;
/// SCSI_SENSE_BUFFERSIZE of the kernel: more never comes.
const SENSE_LENGTH: usize = 96;

mod ioctl {
    // The macro makes a public function; the module keeps it and the raw descriptor in.
    nix::ioctl_readwrite_bad!(
        /// SG_IO.
        sg_io,
        0x2285,
        super::Header
    );
}

/// Every status field of one command, as SG_IO gives them. What they mean is for [`crate::scsi`] to say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Completion {
    /// SCSI status (SAM-5): 0 GOOD, 2 CHECK CONDITION, 8 BUSY.
    pub status: u8,
    /// The host adapter's verdict: 0 DID_OK, 1 DID_NO_CONNECT, 3 DID_TIME_OUT, 7 DID_ERROR.
    pub host_status: u16,
    /// The kernel's verdict; bit 3 (DRIVER_SENSE) only says that sense is attached.
    pub driver_status: u16,
    /// Bytes that were asked for and did not arrive.
    pub residual: i32,
    /// Sense data, empty when none came.
    pub sense: Vec<u8>,
    /// How long the command took.
    pub took: Duration,
}

/// Sends `cdb` (up to 16 bytes), fills `data` from the device, and waits for the end, at most `limit` and what the kernel's
/// error handler takes after it.
///
/// What `data` holds after anything but a full success is unspecified: through sr it is untouched, through sg zeroed.
///
/// # Errors
/// Those of ioctl(2): the command then has no status. EINVAL for a command or data too long to be described at all.
pub fn execute(fd: BorrowedFd<'_>, cdb: &[u8], data: Option<&mut [u8]>, limit: Duration) -> io::Result<Completion> {
    let invalid = |_| io::Error::from_raw_os_error(libc::EINVAL);
    let mut sense = [0; SENSE_LENGTH];
    let (direction, pointer, length) = match data {
        Some(data) if !data.is_empty() => (DXFER_FROM_DEV, data.as_mut_ptr().cast(), data.len()),
        _ => (DXFER_NONE, ptr::null_mut(), 0),
    };
    let mut header = Header {
        interface_id: c_int::from(b'S'),
        dxfer_direction: direction,
        cmd_len: cdb.len().try_into().map_err(invalid)?,
        mx_sb_len: SENSE_LENGTH as c_uchar,
        iovec_count: 0,
        dxfer_len: length.try_into().map_err(invalid)?,
        dxferp: pointer,
        cmdp: cdb.as_ptr(),
        sbp: sense.as_mut_ptr(),
        // 0 would mean the kernel's own default.
        timeout: c_uint::try_from(limit.as_millis()).unwrap_or(c_uint::MAX).max(1),
        // Without SG_FLAG_DIRECT_IO the sg driver writes to our memory only inside of the call.
        flags: 0,
        pack_id: 0,
        usr_ptr: ptr::null_mut(),
        status: 0,
        masked_status: 0,
        msg_status: 0,
        sb_len_wr: 0,
        host_status: 0,
        driver_status: 0,
        resid: 0,
        duration: 0,
        info: 0,
    };
    let start = Instant::now();
    uninterrupted(|| {
        // SAFETY: the pointers in `header` come from `data`, `cdb` and `sense`, which outlive the call, and are as long as the
        // length fields beside them say; `header` has the kernel's layout.
        unsafe { ioctl::sg_io(fd.as_raw_fd(), &mut header) }
    })?;
    Ok(Completion {
        status: header.status,
        host_status: header.host_status,
        driver_status: header.driver_status,
        residual: header.resid,
        sense: sense[..usize::from(header.sb_len_wr).min(SENSE_LENGTH)].to_vec(),
        took: start.elapsed(),
    })
}

/// Runs `call` with all signals of this thread held back.
///
/// sr waits uninterruptibly. sg does not: a signal orphans the command, which goes on in the drive with its reply lost, and after
/// a handler with SA_RESTART the kernel sends it once more, behind the first. Held back, the signal goes to another
/// thread, or to this one when the command has ended. EINTR can't come then; should it, the command never ended, and is sent
/// again, which each command of this program bears.
fn uninterrupted(mut call: impl FnMut() -> nix::Result<c_int>) -> nix::Result<c_int> {
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    let result = loop {
        match call() {
            Err(nix::Error::EINTR) => {}
            other => break other,
        }
    };
    before.thread_set_mask()?;
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    const LIMIT: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_no_scsi_device_says_so() {
        let file = tempfile::tempfile().unwrap();
        let error = execute(file.as_fd(), &[0; 6], Some(&mut [0; 512]), LIMIT).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOTTY));
    }

    #[test]
    fn a_command_block_that_cannot_be_described_is_refused() {
        let file = tempfile::tempfile().unwrap();
        let error = execute(file.as_fd(), &[0; 256], None, LIMIT).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
    }

    #[test]
    fn signals_are_held_back_during_a_call_and_free_again_after_it() {
        let before = SigSet::thread_get_mask().unwrap();
        let mut inside = None;
        uninterrupted(|| {
            inside = Some(SigSet::thread_get_mask()?);
            Ok(0)
        })
        .unwrap();
        assert!(inside.unwrap().contains(nix::sys::signal::Signal::SIGINT));
        assert_eq!(SigSet::thread_get_mask().unwrap(), before);
    }

    #[test]
    fn an_interrupted_call_is_made_again() {
        let mut calls = 0;
        let result = uninterrupted(|| {
            calls += 1;
            if calls == 1 { Err(nix::Error::EINTR) } else { Ok(7) }
        });
        assert_eq!((result, calls), (Ok(7), 2));
    }
}
