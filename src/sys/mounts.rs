//! Where a device is mounted, after /proc/self/mountinfo (proc_pid_mountinfo(5)).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::{fs, io};

use super::DeviceNumber;

/// One mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The device it lies on, matched by number: names lie (`/dev/sr1` is a prefix of `/dev/sr10`, links have many).
    pub device: DeviceNumber,
    /// Where it is mounted.
    pub point: PathBuf,
}

/// Where this process sees `device` mounted, in order of mounting. Mounts of other name spaces (containers) are not seen.
///
/// # Errors
/// Those of reading /proc/self/mountinfo.
pub fn points_of(device: DeviceNumber) -> io::Result<Vec<PathBuf>> {
    let table = parse(&fs::read("/proc/self/mountinfo")?);
    Ok(table.into_iter().filter(|mount| mount.device == device).map(|mount| mount.point).collect())
}

/// Parses the table; lines that make no sense are left out.
pub fn parse(table: &[u8]) -> Vec<Mount> {
    table.split(|byte| *byte == b'\n').filter_map(line).collect()
}

/// `36 35 98:0 /root /mount\040point options… - type source options`
fn line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let device = str::from_utf8(fields.nth(2)?).ok()?.parse().ok()?;
    let point = PathBuf::from(OsString::from_vec(unescape(fields.nth(1)?)));
    Some(Mount { device, point })
}

/// Undoes the kernel's `\ooo` for space, tab, newline, `#` and backslash.
fn unescape(mut field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    while let [first, rest @ ..] = field {
        field = rest;
        match (first, rest) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..]) => {
                plain.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                field = rest;
            }
            _ => plain.push(*first),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    const TABLE: &[u8] = br"22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw
23 22 0:21 / /proc rw,nosuid - proc proc rw
610 22 11:0 / /media/ann/My\040Disc\134n\011\043\012end ro,nosuid,nodev shared:320 - iso9660 /dev/sr0 ro
611 22 11:10 / /media/ten ro - udf /dev/sr10 ro
612 22 11:0 / /mnt ro master:2 propagate_from:3 - iso9660 /dev/sr0 ro
";

    #[test]
    fn mount_points_are_found_by_number_and_unescaped() {
        let of = |minor| {
            let device = DeviceNumber { major: 11, minor };
            let mounts = parse(TABLE).into_iter().filter(move |mount| mount.device == device);
            mounts.map(|mount| mount.point.as_os_str().as_bytes().to_vec()).collect::<Vec<_>>()
        };
        assert_eq!(of(0), [b"/media/ann/My Disc\\n\t#\nend".to_vec(), b"/mnt".to_vec()]);
        assert_eq!(of(10), [b"/media/ten".to_vec()]);
        assert!(of(1).is_empty());
    }

    #[test]
    fn broken_lines_and_escapes_are_survived() {
        assert_eq!(parse(b"\n1 2\n1 2 x:y / /a\n1 2 11:0 /\n"), []);
        assert_eq!(unescape(br"\04"), br"\04");
        assert_eq!(unescape(br"\477\\"), br"\477\\");
        assert_eq!(unescape(b"\\377\xff"), b"\xff\xff");
    }

    #[test]
    fn the_table_of_this_machine_is_read() {
        let table = parse(&fs::read("/proc/self/mountinfo").unwrap());
        assert!(table.iter().any(|mount| mount.point.as_os_str() == "/"));
        assert!(points_of(table[0].device).unwrap().contains(&table[0].point));
    }
}
