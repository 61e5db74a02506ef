//! The file behind a drive or a stick, as QEMU's block layer opens it: with faults and slowness of the host's making.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// Which accesses a fault or a speed limit is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The guest reads.
    Read,
    /// The guest writes.
    Write,
}

impl Access {
    fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// A raw file, or a server's disk, and what goes wrong with it.
pub struct Backing {
    /// None: what is served by NBD.
    file: Option<PathBuf>,
    read_only: bool,
    faults: Vec<Value>,
    limit: Option<(Access, u64)>,
}

impl Backing {
    /// A file without faults.
    pub fn new(file: &Path, read_only: bool) -> Self {
        Self { file: Some(file.to_owned()), ..Self::served(read_only) }
    }

    /// A disk that is served by NBD, at a socket with the name of its block node.
    pub fn served(read_only: bool) -> Self {
        Self { file: None, read_only, faults: Vec::new(), limit: None }
    }

    /// No longer to be written to.
    pub fn read_only(&mut self) {
        self.read_only = true;
    }

    /// The host's disk reports this error number whenever one of these sectors of 512 bytes is accessed.
    pub fn fault(&mut self, access: Access, sectors: impl IntoIterator<Item = u64>, errno: u8) {
        self.faults.extend(
            sectors
                .into_iter()
                .map(|sector| json!({"event": "none", "iotype": access.word(), "sector": sector, "errno": errno, "once": false})),
        );
    }

    /// Limits the speed.
    pub fn slow(&mut self, access: Access, bytes_per_second: u64) {
        self.limit = Some((access, bytes_per_second));
    }

    /// QEMU's arguments for the block node of this name.
    pub fn arguments(&self, name: &str) -> Vec<String> {
        let mut arguments = Vec::new();
        let mut node = match &self.file {
            Some(file) => json!({"driver": "file", "filename": file}),
            None => json!({"driver": "nbd", "server": {"type": "unix", "path": name}}),
        };
        if !self.faults.is_empty() {
            node = json!({"driver": "blkdebug", "image": node, "align": 512, "inject-error": self.faults});
        }
        if let Some((access, rate)) = self.limit {
            let group = format!("slow-{name}");
            arguments.extend(["-object".to_owned(), format!("throttle-group,id={group},x-bps-{}={rate}", access.word())]);
            node = json!({"driver": "throttle", "throttle-group": group, "file": node});
        }
        let raw = json!({"driver": "raw", "node-name": name, "read-only": self.read_only, "file": node});
        arguments.extend(["-blockdev".to_owned(), raw.to_string()]);
        arguments
    }
}
