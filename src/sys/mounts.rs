//! What is mounted, after /proc/self/mountinfo (proc_pid_mountinfo(5)), and what is swapped to, after /proc/swaps.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::{fs, io};

use super::{DeviceNumber, Sysfs};

/// One mounted file system. All names are as the machine gives them: escape them before a terminal sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The device it lies on, matched by number: names lie (`/dev/sr1` is a prefix of `/dev/sr10`, links have many).
    /// Major 0 is none: a file system with no device of its own, or with several (btrfs).
    pub device: DeviceNumber,
    /// The folder of the file system that is mounted: `/`, or a subvolume, or what a bind mount shows.
    pub root: PathBuf,
    /// Where it is mounted.
    pub point: PathBuf,
    /// `ext4`, `btrfs`, `overlay`, `fuse.sshfs`…
    pub fs_type: String,
    /// What was given to be mounted: often a node; whatever the file system likes.
    pub source: OsString,
    /// Options of this mount: `rw`, `noatime`.
    pub options: Vec<OsString>,
    /// Options of the file system itself: `lowerdir=/a:/b`.
    pub super_options: Vec<OsString>,
}

impl Mount {
    /// The file system's own options that have a value, as name and value.
    pub fn settings(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.super_options.iter().filter_map(|option| {
            let bytes = option.as_bytes();
            let at = bytes.iter().position(|byte| *byte == b'=')?;
            Some((OsStr::from_bytes(&bytes[..at]), OsStr::from_bytes(&bytes[at + 1..])))
        })
    }
}

impl Sysfs {
    /// What this process sees mounted, in order of mounting. Mounts of other name spaces (containers) are not seen.
    ///
    /// # Errors
    /// Those of reading the table.
    pub fn mounts(&self) -> io::Result<Vec<Mount>> {
        Ok(parse(&fs::read(self.proc("self/mountinfo"))?))
    }

    /// The partitions and files that are swapped to, by their paths. None with a kernel that knows no swap.
    ///
    /// # Errors
    /// Those of reading the table.
    pub fn swaps(&self) -> io::Result<Vec<PathBuf>> {
        match fs::read(self.proc("swaps")) {
            Ok(table) => Ok(parse_swaps(&table)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

/// Where this process sees `device` mounted, in order of mounting.
///
/// # Errors
/// Those of reading /proc/self/mountinfo.
pub fn points_of(device: DeviceNumber) -> io::Result<Vec<PathBuf>> {
    let table = Sysfs::default().mounts()?;
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
    let [root, point] = [fields.next()?, fields.next()?].map(|field| PathBuf::from(plain(field)));
    let options = listed(fields.next()?);
    fields.find(|field| *field == b"-")?;
    let fs_type = String::from_utf8_lossy(&unescape(fields.next()?)).into_owned();
    let source = plain(fields.next()?);
    let super_options = listed(fields.next()?);
    Some(Mount { device, root, point, fs_type, source, options, super_options })
}

/// One path a line, its first field; above them a line of headings.
fn parse_swaps(table: &[u8]) -> Vec<PathBuf> {
    let lines = table.split(|byte| *byte == b'\n').skip(1);
    let paths = lines.filter_map(|line| line.split(|byte| matches!(byte, b' ' | b'\t')).next());
    paths.filter(|path| !path.is_empty()).map(|path| plain(path).into()).collect()
}

/// A comma in a value is escaped, so it is split first.
fn listed(field: &[u8]) -> Vec<OsString> {
    field.split(|byte| *byte == b',').map(plain).collect()
}

fn plain(field: &[u8]) -> OsString {
    OsString::from_vec(unescape(field))
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
    fn type_source_and_options_are_told() {
        let line =
            br"99 22 0:45 /@home /home rw,noatime shared:7 master:1 - btrfs /dev/mapper/my\040disk rw,subvol=/a\054b,x=\134";
        let [mount] = &parse(line)[..] else { panic!("one mount") };
        assert_eq!((&*mount.root, &*mount.fs_type), ("/@home".as_ref(), "btrfs"));
        assert_eq!((&*mount.source, &mount.options[..]), ("/dev/mapper/my disk".as_ref(), &["rw".into(), "noatime".into()][..]));
        let settings: Vec<_> = mount.settings().map(|(name, value)| (name.to_str().unwrap(), value.to_str().unwrap())).collect();
        assert_eq!(settings, [("subvol", "/a,b"), ("x", "\\")]);
        let [empty] = &parse(b"1 2 0:9 / /x rw - tmpfs  rw")[..] else { panic!("an empty source is one") };
        assert_eq!((&*empty.source, &*empty.fs_type), ("".as_ref(), "tmpfs"));
    }

    #[test]
    fn swaps_are_paths() {
        let table = b"Filename\t\t\tType\t\tSize\n/dev/sda2                               partition\t1\t0\t-2\n/my\\040swap file\t1\t0\t-3\n";
        assert_eq!(parse_swaps(table), ["/dev/sda2", "/my swap"].map(PathBuf::from));
        assert_eq!(parse_swaps(b""), Vec::<PathBuf>::new());
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
