//! The rules of direct access, as the kernel has them for a block device that was opened with O_DIRECT.

use std::fmt;

use super::faults::Access;

/// What the start of a buffer is a multiple of at least, in bytes: the DMA alignment that Linux asks of USB storage
/// (`queue_dma_alignment()`, 511 as a mask, unless a driver says otherwise).
const MEMORY: usize = 512;

/// An access as it was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) access: Access,
    /// Where in memory the buffer begins.
    pub(super) address: usize,
    pub(super) length: usize,
    pub(super) offset: u64,
}

impl Asked {
    /// The first rule that the access breaks, in words; the kernel answers EINVAL.
    pub(super) fn violation(&self, sector: u32) -> Option<String> {
        let broken = match () {
            () if !self.offset.is_multiple_of(u64::from(sector)) => format!("the offset is no multiple of {sector}"),
            () if !(self.length as u64).is_multiple_of(u64::from(sector)) => format!("the length is no multiple of {sector}"),
            () if !self.address.is_multiple_of(MEMORY) => format!("the buffer begins at no multiple of {MEMORY} in memory"),
            () => return None,
        };
        Some(format!("{self}: {broken}"))
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doing = match self.access {
            Access::Reading => "reading",
            Access::Writing => "writing",
        };
        write!(f, "{doing} {} bytes at {}", self.length, self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_broken_rule_is_named() {
        let asked = |address, length, offset| Asked { access: Access::Writing, address, length, offset };
        assert_eq!(asked(512, 4096, 8192).violation(4096), None);
        let told = |address, length, offset| asked(address, length, offset).violation(4096).unwrap();
        assert_eq!(told(512, 4096, 512), "writing 4096 bytes at 512: the offset is no multiple of 4096");
        assert!(told(512, 512, 4096).contains("length"));
        assert!(told(520, 4096, 4096).contains("memory"));
        assert_eq!(asked(512, 512, 512).violation(512), None);
    }
}
