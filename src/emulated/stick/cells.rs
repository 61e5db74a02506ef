//! What holds the stick's bytes: FILE, as much of it as is real, behind the cache.

use std::io;

use super::backing::Backing;
use super::cache::Cache;
use super::operand::{Beyond, Flush};

/// The cells and the cache before them. Addresses are made real first: the cache knows no others.
#[derive(Debug)]
pub(super) struct Cells {
    pub(super) file: Backing,
    pub(super) sector: u32,
    /// Bytes that are real.
    pub(super) real: u64,
    pub(super) beyond: Beyond,
    pub(super) cache: Option<Cache>,
    pub(super) flush: Flush,
}

impl Cells {
    /// Fills `buffer` from byte `offset` of what the stick claims to hold.
    pub(super) fn read(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            let (place, length) = self.place(offset, buffer.len());
            let (piece, rest) = buffer.split_at_mut(length);
            match place {
                Some(at) => self.read_real(piece, at)?,
                None => piece.fill(0),
            }
            offset += length as u64;
            buffer = rest;
        }
        Ok(())
    }

    /// Takes whole sectors for byte `offset` of what the stick claims to hold.
    pub(super) fn write(&mut self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let (place, length) = self.place(offset, bytes.len());
            let (piece, rest) = bytes.split_at(length);
            if let Some(at) = place {
                self.write_real(piece, at)?;
            }
            offset += length as u64;
            bytes = rest;
        }
        Ok(())
    }

    /// Makes bytes zero.
    pub(super) fn zero(&mut self, offset: u64, length: u64) -> io::Result<()> {
        static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
        for at in (offset..offset + length).step_by(ZEROS.len()) {
            let piece = (offset + length - at).min(ZEROS.len() as u64) as usize;
            self.write(&ZEROS[..piece], at)?;
        }
        Ok(())
    }

    /// Empties the cache into FILE and FILE onto its disk, if the stick is honest.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        if self.flush == Flush::Ignored {
            return Ok(());
        }
        while let Some((at, bytes)) = self.cache.as_mut().and_then(Cache::oldest) {
            self.file.write(&bytes, at)?;
        }
        self.file.settle()
    }

    /// Where the byte at `offset` really is, and how many of `length` bytes lie in one piece from there; `None` where nothing is.
    fn place(&self, offset: u64, length: usize) -> (Option<u64>, usize) {
        let at = match self.beyond {
            _ if offset < self.real => offset,
            Beyond::Wrap => offset % self.real,
            Beyond::Drop => return (None, length),
        };
        (Some(at), usize::try_from(self.real - at).unwrap_or(usize::MAX).min(length))
    }

    fn read_real(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        self.file.read(buffer, at)?;
        if let Some(cache) = &self.cache {
            cache.overlay(at, buffer);
        }
        Ok(())
    }

    fn write_real(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        let Some(cache) = &mut self.cache else {
            return self.file.write(bytes, at);
        };
        for (sector, at) in bytes.chunks(self.sector as usize).zip((at..).step_by(self.sector as usize)) {
            cache.put(at, sector);
            while let Some((at, oldest)) = cache.overflow() {
                self.file.write(&oldest, at)?;
            }
        }
        Ok(())
    }
}
