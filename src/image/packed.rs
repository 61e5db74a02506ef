//! What packed files begin with (their formats' own documents), and how to unpack them.

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packed {
    magic: &'static [u8],
    /// The format's name.
    pub name: &'static str,
    /// A command that unpacks it.
    pub command: &'static str,
}

impl Packed {
    /// That of a file that begins so; `None` for one that is not packed.
    pub fn find(head: &[u8]) -> Option<&'static Self> {
        ALL.iter().find(|packed| head.starts_with(packed.magic))
    }
}

const ALL: [Packed; 8] = [
    Packed { magic: &[0x1F, 0x8B, 8], name: "gzip", command: "gunzip -k" },
    Packed { magic: &[0xFD, b'7', b'z', b'X', b'Z', 0], name: "xz", command: "xz -dk" },
    Packed { magic: &[0x28, 0xB5, 0x2F, 0xFD], name: "zstd", command: "zstd -d" },
    Packed { magic: &[4, 0x22, 0x4D, 0x18], name: "lz4", command: "lz4 -d" },
    Packed { magic: b"BZh", name: "bzip2", command: "bunzip2 -k" },
    Packed { magic: b"PK\x03\x04", name: "zip", command: "unzip" },
    Packed { magic: b"7z\xBC\xAF\x27\x1C", name: "7-Zip", command: "7z x" },
    Packed { magic: b"QFI\xFB", name: "QCOW2", command: "qemu-img convert -O raw" },
];
