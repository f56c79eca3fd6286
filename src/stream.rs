//! Writing lines to a stream that others share, without ever waiting for it.
//!
//! A terminal after Ctrl-S, or a pipe that nobody empties, must not hold up the ladder: a line
//! that cannot be written now is dropped, and counted.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, RawFd};
use std::path::Path;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::sys;

/// The longest line that a pipe takes whole (`PIPE_BUF`, pipe(7)).
const WHOLE: usize = 4096;

/// A stream for lines.
#[derive(Debug)]
pub struct Stream {
    file: File,
    /// A file on a disk takes everything, and nobody has to empty it.
    is_regular: bool,
    dropped: u64,
}

impl Stream {
    fn new(file: File) -> Self {
        let is_regular = file.metadata().is_ok_and(|data| data.is_file());
        Self {
            file,
            is_regular,
            dropped: 0,
        }
    }

    /// Our standard error.
    ///
    /// # Errors
    ///
    /// As dup(2).
    pub fn stderr() -> io::Result<Self> {
        Ok(Self::new(io::stderr().as_fd().try_clone_to_owned()?.into()))
    }

    /// The open descriptor `number`, which workers do not inherit from now on.
    ///
    /// # Errors
    ///
    /// If it is not open.
    pub fn of_descriptor(number: RawFd) -> io::Result<Self> {
        Ok(Self::new(sys::take_descriptor(number)?.into()))
    }

    /// The file at `path`, made if it is missing; lines are appended.
    ///
    /// # Errors
    ///
    /// As open(2).
    pub fn append(path: &Path) -> io::Result<Self> {
        Ok(Self::new(
            OpenOptions::new().append(true).create(true).open(path)?,
        ))
    }

    /// Writes `line`, which ends with a newline, or drops it.
    pub fn line(&mut self, line: &str) {
        let parts = line.as_bytes().chunks(WHOLE);
        let failed = parts
            .map(|part| self.part(part))
            .any(|written| written.is_err());
        self.dropped += u64::from(failed);
    }

    /// How many lines were dropped since the last call.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    fn part(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if self.is_regular {
            return self.file.write_all(bytes);
        }
        while !bytes.is_empty() {
            let written = match sys::write_without_waiting(self.file.as_fd(), bytes) {
                Err(error) if is_unsupported(&error) => self.write_if_ready(bytes),
                result => result,
            };
            match written {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// For what cannot promise not to wait, a terminal: it says when it takes more.
    fn write_if_ready(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut fds = [PollFd::new(self.file.as_fd(), PollFlags::POLLOUT)];
        poll(&mut fds, PollTimeout::ZERO)?;
        let ready = fds[0]
            .revents()
            .is_some_and(|seen| seen.contains(PollFlags::POLLOUT));
        if ready {
            self.file.write(bytes)
        } else {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }
}

fn is_unsupported(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(
        errno,
        Some(Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EINVAL | Errno::ESPIPE)
    )
}
