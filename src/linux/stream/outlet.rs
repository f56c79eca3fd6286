//! How to write to a stream without waiting. Each kind of file has its own way; for a file that has
//! none, a separate process writes.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, send};
use nix::sys::stat::{major, minor};

use super::scribe::Scribe;
use super::{Lost, Pace, lines};

use crate::words::pid::Pid;

/// The devices that never block, as (major, minor): null, zero, full.
const BOTTOMLESS: [(u64, u64); 3] = [(1, 3), (1, 5), (1, 7)];

/// The way to write to a file.
#[derive(Debug)]
pub(super) enum Outlet {
    /// Nothing has been written yet, so a run that writes nothing does not pay for finding out.
    Unknown,
    /// A write never blocks: it is a device such as /dev/null, or a descriptor of our own that was
    /// opened with `O_NONBLOCK`. Or it may block, because a command writes.
    Plain,
    /// A FIFO that we have also opened for reading, because nobody else had.
    Fifo,
    /// A socket.
    Socket,
    /// A pipe or a terminal that we are not allowed to reopen, for a command.
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
            // Whether a write blocks is a property of the open file, which others share: so we
            // reopen it. We cannot reopen that of another user.
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

    /// Starts the process that writes, if one is needed and none runs.
    pub(super) fn start(&mut self, file: &File) {
        if let Self::Scribe(scribe) = self {
            scribe.start(file);
        }
    }

    /// The pid of the process that writes for us.
    pub(super) fn helper(&self) -> Option<Pid> {
        match self {
            Self::Scribe(scribe) => scribe.pid(),
            Self::Unknown | Self::Plain | Self::Fifo | Self::Socket | Self::Polled => None,
        }
    }

    /// Whether what was written can still be lost, because nobody has read it from the FIFO.
    pub(super) fn is_unread(&self, file: &File) -> bool {
        let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
        matches!(self, Self::Fifo) && poll(&mut fds, PollTimeout::ZERO) == Ok(1)
    }

    /// Ends the writing, and adds to `lost` what nobody will read.
    pub(super) fn end(&mut self, file: &mut File, lost: &mut Lost) {
        match self {
            Self::Fifo => lost.lines += unread_by_anybody(file),
            Self::Scribe(scribe) => scribe.end(file, lost),
            Self::Unknown | Self::Plain | Self::Socket | Self::Polled => {}
        }
    }
}

/// The same file, opened by us alone, so that no write blocks.
fn reopen(file: &File) -> io::Result<File> {
    let mut how = OpenOptions::new();
    how.write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    how.open(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// How many lines in a FIFO are lost when we end: all that are left if nobody else has it open for
/// reading, otherwise none.
fn unread_by_anybody(fifo: &mut File) -> u64 {
    let Ok(own) = reopen(fifo) else {
        return 0;
    };
    // ORDER: this closes our own reading end, so that the next check sees only those of others.
    *fifo = own;
    let mut fds = [PollFd::new(fifo.as_fd(), PollFlags::empty())];
    let is_read = poll(&mut fds, PollTimeout::ZERO) == Ok(0);
    let mut left = Vec::new();
    if !is_read {
        let mut how = OpenOptions::new();
        how.read(true).custom_flags(libc::O_NONBLOCK);
        let again = how.open(format!("/proc/self/fd/{}", fifo.as_raw_fd()));
        // This ends with EAGAIN; what was read until then is in `left`.
        let _ = again.and_then(|mut end| end.read_to_end(&mut left));
    }
    lines(&left)
}

/// Writes only when poll(2) says that the file takes more: for a command, and a file on which a write
/// may block.
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
