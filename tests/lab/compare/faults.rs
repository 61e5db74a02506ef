//! The twelve faults: eight discs and four sticks, each as its owner would describe it.

use std::ops::Range;

/// Sectors (2048 bytes) of each disc.
pub const SECTORS: u32 = 3000;

/// What is wrong with a drive or its disc.
pub struct Disc {
    /// Its name in files.
    pub name: &'static str,
    /// In a person's words.
    pub what: &'static str,
    /// Sectors that never come.
    pub dead: &'static [Range<u64>],
    /// Rules of the emulated drive, one a line.
    pub rules: &'static str,
    /// The drive's time is the wall's.
    pub is_slow: bool,
}

/// What is wrong with a stick.
pub struct Stick {
    /// Its name in files.
    pub name: &'static str,
    /// In a person's words.
    pub what: &'static str,
    /// Options of the emulated stick.
    pub options: &'static str,
}

/// The discs.
pub const DISCS: [Disc; 8] = [
    Disc { name: "dead", what: "Three dead sectors in the middle", dead: &[1000..1002, 2000..2001], rules: "", is_slow: false },
    Disc {
        name: "end",
        what: "Two dead sectors, ten sectors before the end",
        dead: &[2990..2991, 2991..2992],
        rules: "",
        is_slow: false,
    },
    Disc {
        name: "flaky",
        what: "A sector that fails twice and then comes",
        dead: &[],
        rules: "read 1000+1 sense=3/11/05 times=2",
        is_slow: false,
    },
    Disc {
        name: "mute",
        what: "Two dead sectors, and a drive that does not say which",
        dead: &[1000..1001, 2000..2001],
        rules: "read 1000+1 sense=3/11/00 noinfo
read 2000+1 sense=3/11/00 noinfo",
        is_slow: false,
    },
    Disc {
        name: "hang",
        what: "A read that takes 65 seconds, once: the kernel gives up before",
        dead: &[],
        rules: "read 1000+1 hang=65000 times=1",
        is_slow: true,
    },
    Disc {
        name: "short",
        what: "A drive that once sends 1000 bytes of a command's data, and calls it good",
        dead: &[],
        rules: "read 1000+1 short=1000 times=1",
        is_slow: false,
    },
    Disc {
        name: "swapped",
        what: "Another disc in the drive, in the middle of the work",
        dead: &[],
        rules: "read 1000+1 times=1 disc=/share/other.iso sense=6/28/00",
        is_slow: false,
    },
    Disc {
        name: "vanished",
        what: "A drive that falls off the bus, and is back after three seconds",
        dead: &[],
        rules: "read 1000+1 gone=3000 times=1",
        is_slow: true,
    },
];

/// The sticks. The image is longer than what is real of the first two.
pub const STICKS: [Stick; 4] = [
    Stick {
        name: "wraps",
        what: "A fake stick: what is written past 4 MiB overwrites its beginning",
        options: "size=16M,real=4M,wrap",
    },
    Stick { name: "drops", what: "A fake stick: what is written past 4 MiB vanishes", options: "size=16M,real=4M,drop" },
    Stick { name: "flips", what: "One bit of the stick reads wrong", options: "size=16M,flip=3000000" },
    Stick { name: "unwritable", what: "Eight sectors that can't be written", options: "size=16M,eio=4096s+8s@w" },
];
