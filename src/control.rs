//! The FIFO `control`: requests to the owner of a run, one line each. See stopctl-flag(7).
//!
//! A request is absolute (this worker or all, at least this rung), so a repeated one changes
//! nothing. It can only ask to stop, or to wait a little longer; never to execute.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileTypeExt;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::mkfifoat;

use crate::failpoint;
use crate::files;

mod extension;
mod request;

pub use extension::Extension;
pub use request::Request;

/// The FIFO's name in the run's directory.
pub const FILE: &str = "control";

/// The longest line: `PIPE_BUF` (pipe(7)), so that lines of several writers never mix.
pub const LONGEST: usize = 4096;

/// How much is read at one wake-up: whoever floods the FIFO cannot hold up the ladder.
const AT_ONCE: usize = 65_536;

/// What came through the FIFO.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A request to stop.
    Request(Request),
    /// A request to wait longer.
    Extension(Extension),
    /// Something else, or a line longer than [`LONGEST`].
    Junk,
}

impl Line {
    fn parse(bytes: &[u8]) -> Self {
        let Ok(line) = std::str::from_utf8(bytes) else {
            return Self::Junk;
        };
        let extension = || Extension::parse(line).map(Self::Extension);
        let request = Request::parse(line).map(Self::Request);
        request.or_else(extension).unwrap_or(Self::Junk)
    }
}

/// The owner's end of the FIFO.
#[derive(Debug)]
pub struct Control {
    fifo: File,
    /// The beginning of a line whose end has not come yet.
    partial: Vec<u8>,
    /// Whether the rest of an over-long line is being thrown away.
    skipping: bool,
}

impl Control {
    /// Makes the FIFO in `dir`.
    ///
    /// Opened for reading and writing: a read end alone gets POLLHUP for ever once the first
    /// writer has closed.
    ///
    /// # Errors
    ///
    /// As mkfifo(3) and open(2).
    pub fn create(dir: impl AsFd) -> io::Result<Self> {
        Self::make(dir, FILE)
    }

    fn make(dir: impl AsFd, name: &str) -> io::Result<Self> {
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        mkfifoat(dir.as_fd(), name, mode)?;
        failpoint::pass("control made");
        let fifo = files::open(dir, name, OFlag::O_RDWR)?;
        fchmod(&fifo, mode)?;
        failpoint::pass("control opened");
        Ok(Self {
            fifo,
            partial: Vec::new(),
            skipping: false,
        })
    }

    /// Makes the FIFO again in `dir` if its name is gone, or leads to something else. What was
    /// asked through the old one is not lost. Answers whether that was so.
    ///
    /// # Errors
    ///
    /// As [`Control::create`] and rename(2).
    pub fn put_back(&mut self, dir: impl AsFd) -> io::Result<bool> {
        if files::is_at(dir.as_fd(), FILE, &self.fifo) {
            return Ok(false);
        }
        let mut new = Self::replace(dir)?;
        let mut unread = Vec::new();
        // It ends with EAGAIN; what was read until then is there.
        let _ = self.fifo.read_to_end(&mut unread);
        new.fifo.write_all(&unread)?;
        self.fifo = new.fifo;
        Ok(true)
    }

    fn replace(dir: impl AsFd) -> io::Result<Self> {
        files::clear_aside(dir.as_fd());
        let new = Self::make(dir.as_fd(), files::ASIDE)?;
        files::publish(dir, FILE)?;
        Ok(new)
    }

    /// Opens the FIFO in `dir`, which an owner made that is no more; makes it if it is missing, or
    /// something else is in its place.
    ///
    /// # Errors
    ///
    /// As [`Control::create`] and rename(2).
    pub fn adopt(dir: impl AsFd) -> io::Result<Self> {
        match files::open(dir.as_fd(), FILE, OFlag::O_RDWR) {
            Ok(fifo) if is_fifo(&fifo) => Ok(Self {
                fifo,
                partial: Vec::new(),
                skipping: false,
            }),
            Ok(_) | Err(_) => Self::replace(dir),
        }
    }

    /// What to poll for reading.
    #[must_use]
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.fifo.as_fd()
    }

    /// Takes what has come, without waiting.
    pub fn drain(&mut self) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut buffer = [0; LONGEST];
        for _ in 0..AT_ONCE / LONGEST {
            match self.fifo.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => self.take(&buffer[..n], &mut lines),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        lines
    }

    fn take(&mut self, bytes: &[u8], lines: &mut Vec<Line>) {
        for part in bytes.split_inclusive(|&b| b == b'\n') {
            if !self.skipping {
                self.partial.extend_from_slice(part);
            }
            let ended = part.ends_with(b"\n");
            if ended && std::mem::take(&mut self.skipping) {
                continue;
            }
            if self.partial.len() > LONGEST {
                self.skipping = !ended;
                self.partial.clear();
                lines.push(Line::Junk);
            } else if ended {
                lines.push(Line::parse(&self.partial));
                self.partial.clear();
            }
        }
    }
}

/// The asking side of the FIFO.
#[derive(Debug)]
pub struct Asker {
    fifo: File,
}

impl Asker {
    /// Opens the FIFO of the run in `dir`.
    ///
    /// # Errors
    ///
    /// As open(2); `ENXIO` if nobody reads it: the owner is gone.
    pub fn open(dir: impl AsFd) -> io::Result<Self> {
        let fifo = files::open(dir, FILE, OFlag::O_WRONLY)?;
        if is_fifo(&fifo) {
            Ok(Self { fifo })
        } else {
            Err(io::ErrorKind::InvalidInput.into())
        }
    }

    /// Sleeps until the FIFO has room, at most `timeout`.
    pub fn wait_until_writable(&self, timeout: Duration) {
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(self.fifo.as_fd(), PollFlags::POLLOUT)];
        // Whatever it answers, the caller tries again.
        let _ = poll(&mut fds, timeout);
    }

    /// Sends a request of either kind whole, or not at all; `false` if the FIFO is full.
    ///
    /// # Errors
    ///
    /// As write(2); `EPIPE` if nobody reads any more.
    pub fn send(&mut self, request: &impl Display) -> io::Result<bool> {
        match self.fifo.write_all(format!("{request}\n").as_bytes()) {
            Ok(()) => Ok(true),
            Err(error) if error.raw_os_error() == Some(Errno::EAGAIN as i32) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn is_fifo(file: &File) -> bool {
    file.metadata().is_ok_and(|data| data.file_type().is_fifo())
}

#[cfg(test)]
mod tests {
    use super::Line;

    #[test]
    fn lines_in_pieces_junk_and_floods_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let mut control = super::Control::create(std::fs::File::open(dir.path()).unwrap()).unwrap();
        let mut lines = Vec::new();
        control.take(b"1 st", &mut lines);
        control.take(b"op\nrubbish\n", &mut lines);
        assert!(matches!(lines[..], [Line::Request(_), Line::Junk]));
        lines.clear();
        for _ in 0..300 {
            control.take(&[b'x'; 4096], &mut lines);
        }
        control.take(b"1 stop\n1 stop\n", &mut lines);
        assert!(
            matches!(lines[..], [Line::Junk, Line::Request(_)]),
            "{} lines",
            lines.len()
        );
    }
}
