//! The line that a worker itself writes into its slot before its program runs: who it is.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt;

use super::BIRTH;

use crate::words::pid::Pid;

/// The identity of a worker's main process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Born {
    /// Its pid.
    pub pid: Pid,
    /// Clock ticks from boot to its start; 0 if that cannot be read.
    pub start: u64,
    /// The inode of its pidfd, if the kernel gives each pidfd its own.
    pub inode: Option<u64>,
}

impl Born {
    /// The line, padded with newlines. Allocates nothing, because it is made between fork and exec.
    ///
    /// # Errors
    ///
    /// None: three numbers fit.
    pub fn line(&self) -> io::Result<[u8; BIRTH]> {
        let mut line = [b'\n'; BIRTH];
        let (pid, start, inode) = (self.pid, self.start, self.inode.unwrap_or(0));
        writeln!(&mut line[..], "{pid} {start} {inode}")?;
        Ok(line)
    }

    /// Reads the line at `place` of a record.
    pub(super) fn read(record: &File, place: u64) -> Option<Self> {
        let mut line = [0; BIRTH];
        record.read_exact_at(&mut line, place).ok()?;
        Self::parse(&line)
    }

    /// Parses the line; `None` if it has not been written.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let line = line.split(|&b| b == b'\n').next()?;
        let mut words = std::str::from_utf8(line).ok()?.split(' ');
        let born = Self {
            pid: Pid::parse(words.next()?)?,
            start: words.next()?.parse().ok()?,
            inode: Some(words.next()?.parse().ok()?).filter(|&inode| inode != 0),
        };
        Some(born).filter(|born| born.pid != Pid::FIRST)
    }
}

#[cfg(test)]
mod tests {
    use super::{Born, Pid};

    #[test]
    fn a_line_is_read_back_and_nothing_else_is() {
        let (pid, start) = (Pid::NOBODYS, u64::MAX);
        for inode in [None, Some(1), Some(u64::MAX)] {
            let born = Born { pid, start, inode };
            assert_eq!(Born::parse(&born.line().unwrap()), Some(born));
        }
        for line in [
            "", "\0\0\0", "12", "12 3", "-1 3 4", "1 2 3", "0 0 0", "x 1 1",
        ] {
            assert_eq!(Born::parse(line.as_bytes()), None, "{line:?}");
        }
    }
}
