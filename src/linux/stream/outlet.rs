//! How a stream is written to without waiting: each kind of file has its own way, and what has none
//! is written by a process of its own.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, send};
use nix::sys::stat::{major, minor};

use super::scribe::Scribe;
use super::{Lost, Pace, lines};

/// The devices that take everything at once, as (major, minor): null, zero, full.
const BOTTOMLESS: [(u64, u64); 3] = [(1, 3), (1, 5), (1, 7)];

/// The way.
#[derive(Debug)]
pub(super) enum Outlet {
    /// Nothing was written yet: a run that ends at once pays for no look.
    Unknown,
    /// The file never makes anybody wait: it is a device such as /dev/null, or a descriptor of our
    /// own that was opened with `O_NONBLOCK`. Or a command writes, which may wait.
    Plain,
    /// A FIFO that we have opened for reading, too, because nobody else had.
    Fifo,
    /// A socket.
    Socket,
    /// A pipe or a terminal that we may not open anew, for a command.
    Polled,
    /// Anything else.
    Scribe(Box<Scribe>),
}

impl Outlet {
    /// Writes `bytes`, or a part of them.
    pub(super) fn write(&mut self, file: &mut File, bytes: &[u8], pace: Pace) -> io::Result<usize> {
        if matches!(self, Self::Unknown) {
            *self = Self::choose(file, pace);
        }
        match self {
            Self::Unknown | Self::Plain | Self::Fifo => file.write(bytes),
            Self::Socket => {
                let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
                Ok(send(file.as_raw_fd(), bytes, flags)?)
            }
            Self::Polled => write_if_ready(file, bytes),
            Self::Scribe(scribe) => scribe.write(bytes),
        }
    }

    fn choose(file: &mut File, pace: Pace) -> Self {
        let Ok(data) = file.metadata() else {
            return Self::of_what_waits(pace);
        };
        let (kind, device) = (data.file_type(), data.rdev());
        if kind.is_char_device() && BOTTOMLESS.contains(&(major(device), minor(device))) {
            Self::Plain
        } else if kind.is_socket() {
            Self::Socket
        } else if kind.is_fifo() || (kind.is_char_device() && file.is_terminal()) {
            // Whether a write waits belongs to the open file, which others share: so it is opened
            // anew. That of another user cannot be.
            match reopen(file) {
                Ok(own) => {
                    *file = own;
                    Self::Plain
                }
                Err(_) => Self::of_what_waits(pace),
            }
        } else if pace == Pace::Command {
            Self::Plain
        } else {
            Self::of_what_waits(pace)
        }
    }

    fn of_what_waits(pace: Pace) -> Self {
        match pace {
            Pace::Command => Self::Polled,
            Pace::Loop => Self::Scribe(Box::default()),
        }
    }

    /// Sees to it that somebody writes, if that is another process.
    pub(super) fn start(&mut self, file: &File) {
        if let Self::Scribe(scribe) = self {
            scribe.start(file);
        }
    }

    /// The process that writes for us.
    pub(super) fn helper(&self) -> Option<i32> {
        match self {
            Self::Scribe(scribe) => scribe.pid(),
            Self::Unknown | Self::Plain | Self::Fifo | Self::Socket | Self::Polled => None,
        }
    }

    /// Whether what was written can still get lost, for nobody but us has it.
    pub(super) fn is_unread(&self, file: &File) -> bool {
        let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
        matches!(self, Self::Fifo) && poll(&mut fds, PollTimeout::ZERO) == Ok(1)
    }

    /// Ends it, and adds to `lost` what nobody will read.
    pub(super) fn end(&mut self, file: &mut File, lost: &mut Lost) {
        match self {
            Self::Fifo => lost.lines += unread_by_anybody(file),
            Self::Scribe(scribe) => scribe.end(file, lost),
            Self::Unknown | Self::Plain | Self::Socket | Self::Polled => {}
        }
    }
}

/// The same file, opened by us alone, so that no write waits.
fn reopen(file: &File) -> io::Result<File> {
    let mut how = OpenOptions::new();
    how.write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    how.open(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// How many lines in a FIFO get lost with us: all that are left if nobody else has it open for
/// reading, and none otherwise.
fn unread_by_anybody(fifo: &mut File) -> u64 {
    let Ok(own) = reopen(fifo) else {
        return 0;
    };
    // ORDER: our own reading end is closed by this, so the next look is for those of others.
    *fifo = own;
    let mut fds = [PollFd::new(fifo.as_fd(), PollFlags::empty())];
    let is_read = poll(&mut fds, PollTimeout::ZERO) == Ok(0);
    let mut left = Vec::new();
    if !is_read {
        let mut how = OpenOptions::new();
        how.read(true).custom_flags(libc::O_NONBLOCK);
        let again = how.open(format!("/proc/self/fd/{}", fifo.as_raw_fd()));
        // It ends with EAGAIN; what was read until then is there.
        let _ = again.and_then(|mut end| end.read_to_end(&mut left));
    }
    lines(&left)
}

/// For a command and what cannot promise not to wait: it says when it takes more.
fn write_if_ready(file: &mut File, bytes: &[u8]) -> io::Result<usize> {
    let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
    poll(&mut fds, PollTimeout::ZERO)?;
    let seen = fds[0].revents();
    if seen.is_some_and(|seen| seen.contains(PollFlags::POLLOUT)) {
        file.write(bytes)
    } else {
        Err(io::ErrorKind::WouldBlock.into())
    }
}
