//! Writing lines to a stream that others share, without ever waiting for it.
//!
//! A terminal after Ctrl-S, or a pipe that nobody empties, must not hold up the ladder: a line
//! that cannot be written now is dropped, and counted.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, RawFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{getpgrp, tcgetpgrp};

use crate::proc::Proc;
use crate::sys;

/// The longest line that a pipe takes whole (`PIPE_BUF`, pipe(7)).
const WHOLE: usize = 4096;

/// How long a terminal that took the last line may need for the next one: while another process
/// writes to it, it takes nothing. Asked for once, so one that was stopped by Ctrl-S holds nobody up.
const MOMENT: u8 = 10;

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its height.
    pub rows: u16,
    /// Its width.
    pub columns: u16,
}

/// What is assumed of a terminal that does not know its size (a serial line).
const UNKNOWN: Window = Window {
    rows: 24,
    columns: 80,
};

/// A stream for lines.
#[derive(Debug)]
pub struct Stream {
    file: File,
    /// A file on a disk takes everything, and nobody has to empty it.
    is_regular: bool,
    /// Whether it took what was written last.
    is_taking: bool,
    dropped: u64,
}

impl Stream {
    fn new(file: File) -> Self {
        let is_regular = file.metadata().is_ok_and(|data| data.is_file());
        Self {
            file,
            is_regular,
            is_taking: true,
            dropped: 0,
        }
    }

    /// Our standard output.
    ///
    /// # Errors
    ///
    /// As dup(2).
    pub fn stdout() -> io::Result<Self> {
        Ok(Self::new(io::stdout().as_fd().try_clone_to_owned()?.into()))
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
        let written = self.write(line);
        self.dropped += u64::from(!written);
    }

    /// Writes `text`, or the beginning of it, or nothing; answers whether all of it was taken.
    pub fn write(&mut self, text: &str) -> bool {
        let mut parts = text.as_bytes().chunks(WHOLE);
        parts.all(|part| self.part(part).is_ok())
    }

    /// The window, if the stream is a terminal and we have its foreground: whoever is in the
    /// background shares it with the shell.
    #[must_use]
    pub fn window(&self) -> Option<Window> {
        let ours = tcgetpgrp(&self.file).is_ok_and(|group| group == getpgrp());
        let (rows, columns) = ours.then(|| sys::window_size(self.file.as_fd()).ok())??;
        let known = |size, otherwise| if size == 0 { otherwise } else { size };
        Some(Window {
            rows: known(rows, UNKNOWN.rows),
            columns: known(columns, UNKNOWN.columns),
        })
    }

    /// Whether the process `pid` has the same terminal as its standard output or error.
    #[must_use]
    pub fn is_terminal_of(&self, pid: i32) -> bool {
        let device = |data: Metadata| data.file_type().is_char_device().then(|| data.rdev());
        let ours = self.file.metadata().ok().and_then(device);
        ours.is_some()
            && [1, 2].into_iter().any(|number| {
                let theirs = Proc::of(pid, &format!("fd/{number}")).map(fs::metadata);
                theirs.and_then(Result::ok).and_then(device) == ours
            })
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
        let moment = if self.is_taking { MOMENT } else { 0 };
        poll(&mut fds, PollTimeout::from(moment))?;
        let ready = fds[0]
            .revents()
            .is_some_and(|seen| seen.contains(PollFlags::POLLOUT));
        self.is_taking = ready;
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
