//! The FIFO `control`: requests to the owner of a run, one line each. See stopctl-flag(7).
//!
//! A request to stop or to wait is absolute (this worker or all, at least this rung), so repeating it
//! changes nothing. Requests can only stop workers, give them more time, or send them a signal that
//! is not a rung; they can never execute anything.

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
use crate::linux::files;
use crate::linux::sys;
use crate::words::moment::Moment;

mod extension;
mod lines;
mod request;
mod signalling;

pub use extension::Extension;
pub use request::StopRequest;
pub use signalling::Signalling;

use lines::Lines;

/// The FIFO's name in the run's directory.
pub const FILE: &str = "control";

/// The longest line: `PIPE_BUF` (pipe(7)), so that lines of several writers never mix.
pub const LONGEST: usize = 4096;

/// 0600: only those who may signal the workers may send requests.
const MODE: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR);

/// How many bytes are read at one wake-up, so that a flood cannot hold up the ladder.
const AT_ONCE: usize = LONGEST;

/// What came through the FIFO.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A request to stop.
    Stop(StopRequest),
    /// A request to wait longer.
    Extension(Extension),
    /// A request to signal workers.
    Signalling(Signalling),
    /// Something else, or a line longer than [`LONGEST`].
    Junk,
}

impl Line {
    fn parse(bytes: &[u8]) -> Self {
        // Its end may be missing, and the number of the worker may be cut.
        if bytes.len() > LONGEST {
            return Self::Junk;
        }
        let Ok(line) = std::str::from_utf8(bytes) else {
            return Self::Junk;
        };
        let extension = || Extension::parse(line).map(Self::Extension);
        let request = StopRequest::parse(line).map(Self::Stop);
        let signalling = || Signalling::parse(line).map(Self::Signalling);
        let known = request.or_else(extension).or_else(signalling);
        known.unwrap_or(Self::Junk)
    }
}

/// The owner's side of the FIFO.
#[derive(Debug)]
pub struct Control {
    fifo: File,
    lines: Lines,
}

impl Control {
    /// Makes the FIFO in `dir`.
    ///
    /// It is opened for reading and writing: a descriptor that can only be read reports POLLHUP
    /// forever once the first writer has closed.
    ///
    /// # Errors
    ///
    /// As mkfifo(3) and open(2).
    pub fn create(dir: impl AsFd) -> io::Result<Self> {
        Self::make(dir, FILE)
    }

    fn make(dir: impl AsFd, name: &str) -> io::Result<Self> {
        files::under_usual_umask(|| mkfifoat(dir.as_fd(), name, MODE))?;
        failpoint::pass("control made");
        let fifo = files::open(dir, name, OFlag::O_RDWR)?;
        fchmod(&fifo, MODE)?;
        failpoint::pass("control opened");
        Ok(Self {
            fifo,
            lines: Lines::default(),
        })
    }

    /// Makes the FIFO again in `dir` if its name is gone or leads to something else. Requests in the
    /// old one are not lost. Returns whether that was so.
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
        // This ends with EAGAIN; what was read until then is in `unread`.
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

    /// Opens the FIFO in `dir` that a previous owner made; makes it if it is missing or something else
    /// has its name.
    ///
    /// # Errors
    ///
    /// As [`Control::create`] and rename(2).
    pub fn adopt(dir: impl AsFd) -> io::Result<Self> {
        match files::open(dir.as_fd(), FILE, OFlag::O_RDWR) {
            Ok(fifo) if is_fifo(&fifo) => Ok(Self {
                fifo,
                lines: Lines::default(),
            }),
            Ok(_) | Err(_) => Self::replace(dir),
        }
    }

    /// What to poll for reading.
    #[must_use]
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.fifo.as_fd()
    }

    /// Reads what has arrived, without waiting, and not all of a flood. Repetitions in a row count
    /// once.
    pub fn drain(&mut self) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut buffer = [0; AT_ONCE];
        // This may end with EAGAIN, but not with EINTR: a call that does not wait is not interrupted.
        let length = self.fifo.read(&mut buffer).unwrap_or(0);
        self.lines.take(&buffer[..length], &mut lines);
        if length < AT_ONCE {
            self.lines.pause();
        }
        lines.dedup();
        lines
    }
}

/// The side of the FIFO of those who send requests.
#[derive(Debug)]
pub struct Sender {
    fifo: File,
}

impl Sender {
    /// Opens the FIFO of the run in `dir`.
    ///
    /// # Errors
    ///
    /// As open(2); `ENXIO` if nobody reads it, because the owner is gone.
    pub fn open(dir: impl AsFd) -> io::Result<Self> {
        let fifo = files::open(dir, FILE, OFlag::O_WRONLY)?;
        if is_fifo(&fifo) {
            Ok(Self { fifo })
        } else {
            Err(io::ErrorKind::InvalidInput.into())
        }
    }

    /// Sleeps until the FIFO has room, for at most `timeout`.
    fn wait_until_writable(&self, timeout: Duration) {
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(self.fifo.as_fd(), PollFlags::POLLOUT)];
        // The result does not matter: the caller tries again.
        let _ = poll(&mut fds, timeout);
    }

    /// How many bytes are in the FIFO that the owner has not read yet.
    ///
    /// # Errors
    ///
    /// As ioctl(2), `FIONREAD`.
    pub fn unread(&self) -> io::Result<usize> {
        sys::unread(self.fifo.as_fd())
    }

    /// Sends a request of any kind, as a whole or not at all; `false` if the FIFO is full.
    ///
    /// # Errors
    ///
    /// As write(2); `EPIPE` if nobody reads the FIFO any more.
    pub fn send(&mut self, request: &impl Display) -> io::Result<bool> {
        match self.fifo.write_all(format!("{request}\n").as_bytes()) {
            Ok(()) => Ok(true),
            Err(error) if error.raw_os_error() == Some(Errno::EAGAIN as i32) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sends a request as soon as there is room for it; `false` if there is none until then.
    ///
    /// # Errors
    ///
    /// As [`Sender::send`].
    pub fn send_until(&mut self, request: &impl Display, until: Moment) -> io::Result<bool> {
        while !self.send(request)? {
            let left = until.since(sys::now());
            if left.is_zero() {
                return Ok(false);
            }
            self.wait_until_writable(left);
        }
        Ok(true)
    }
}

fn is_fifo(file: &File) -> bool {
    file.metadata().is_ok_and(|data| data.file_type().is_fifo())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::{self, Write as _};
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;
    use std::time::{Duration, Instant};

    use nix::fcntl::{FcntlArg, fcntl};
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::{AT_ONCE, Control, Extension, FILE, LONGEST, Line, Sender, StopRequest, sys};

    fn open(dir: &Path) -> File {
        File::open(dir).unwrap()
    }

    /// Whether poll(2) finds anything to read in it.
    fn is_readable(control: &Control) -> bool {
        let mut fds = [PollFd::new(control.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::ZERO).unwrap() == 1
    }

    #[test]
    fn what_is_sent_is_drained_and_only_its_user_can_send() {
        let dir = tempfile::tempdir().unwrap();
        let missing = Sender::open(open(dir.path())).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        let mut control = Control::create(open(dir.path())).unwrap();
        let mode = fs::metadata(dir.path().join(FILE)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o7777, 0o600);
        let request = StopRequest::parse("1 stop worker=7").unwrap();
        let mut sender = Sender::open(open(dir.path())).unwrap();
        assert!(!is_readable(&control));
        assert!(sender.send(&request).unwrap());
        assert!(sender.send(&Extension::NOTHING).unwrap());
        assert!(sender.send(&"rubbish").unwrap());
        let sent = [request.to_string(), Extension::NOTHING.to_string()].concat();
        assert_eq!(sender.unread().unwrap(), sent.len() + "\n\nrubbish\n".len());
        assert!(is_readable(&control));
        let expected = [
            Line::Stop(request),
            Line::Extension(Extension::NOTHING),
            Line::Junk,
        ];
        assert_eq!(control.drain(), expected);
        assert_eq!((sender.unread().unwrap(), control.drain()), (0, vec![]));
    }

    #[test]
    fn who_asks_of_a_full_fifo_can_wait_and_of_nobody_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let mut control = Control::create(open(dir.path())).unwrap();
        let mut sender = Sender::open(open(dir.path())).unwrap();
        let (short, long) = (Duration::from_millis(50), Duration::from_secs(100));
        let start = Instant::now();
        sender.wait_until_writable(long);
        let line = "x".repeat(LONGEST - 1);
        let sent = (0..1000).take_while(|_| sender.send(&line).unwrap());
        assert!((1..1000).contains(&sent.count()), "a pipe has an end");
        assert!(start.elapsed() < long, "a line is whole or not there");
        assert_eq!(sender.unread().unwrap() % LONGEST, 0);
        let start = Instant::now();
        sender.wait_until_writable(short);
        assert!(start.elapsed() >= short, "it sleeps");
        assert!(!sender.send_until(&line, sys::now() + short).unwrap());
        assert!(start.elapsed() >= short + short);
        control.drain();
        assert!(sender.send_until(&line, sys::now() + long).unwrap());
        assert!(start.elapsed() < long, "there was room at once");
        drop(control);
        // A child that another test has just forked reads it, too, until it executes its program.
        let mut sent = std::iter::repeat_with(|| sender.send(&line));
        let nobody = sent.find(|sent| sent.is_err() || start.elapsed() > long);
        assert_eq!(
            nobody.unwrap().unwrap_err().kind(),
            io::ErrorKind::BrokenPipe
        );
        assert!(Sender::open(open(dir.path())).is_err());
    }

    #[test]
    fn what_was_asked_through_a_fifo_without_a_name_is_not_lost() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let mut control = Control::create(open(dir.path())).unwrap();
        assert!(!control.put_back(open(dir.path())).unwrap());
        let mut sender = Sender::open(open(dir.path())).unwrap();
        assert!(sender.send(&"1 stop worker=7").unwrap());
        fs::remove_file(&path).unwrap();
        assert!(control.put_back(open(dir.path())).unwrap());
        assert!(!control.put_back(open(dir.path())).unwrap());
        let mut again = Sender::open(open(dir.path())).unwrap();
        assert!(again.send(&"1 stop worker=8").unwrap());
        let lines = ["1 stop worker=7", "1 stop worker=8"].map(|line| Line::parse(line.as_bytes()));
        assert_eq!(control.drain(), lines);
        // Nobody reads a plain file.
        fs::remove_file(&path).unwrap();
        fs::write(&path, "").unwrap();
        assert!(Sender::open(open(dir.path())).is_err());
        assert!(control.put_back(open(dir.path())).unwrap());
        assert!(Sender::open(open(dir.path())).is_ok());
    }

    #[test]
    fn who_takes_over_reads_what_was_asked_of_the_dead() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let dead = Control::create(open(dir.path())).unwrap();
        let mut sender = Sender::open(open(dir.path())).unwrap();
        assert!(sender.send(&"1 stop").unwrap());
        let mut taken = Control::adopt(open(dir.path())).unwrap();
        drop(dead);
        assert_eq!(taken.drain(), [Line::parse(b"1 stop")]);
        drop(taken);
        for spoil in [|path: &Path| fs::write(path, "1 stop\n"), |_: &Path| Ok(())] {
            fs::remove_file(&path).unwrap();
            spoil(&path).unwrap();
            let mut taken = Control::adopt(open(dir.path())).unwrap();
            assert_eq!(taken.drain(), []);
            let mut sender = Sender::open(open(dir.path())).unwrap();
            assert!(sender.send(&"1 stop").unwrap());
            assert_eq!(taken.drain(), [Line::parse(b"1 stop")]);
        }
    }

    #[test]
    fn the_beginning_of_a_line_waits_for_its_end_unless_a_request_comes() {
        let dir = tempfile::tempdir().unwrap();
        let mut control = Control::create(open(dir.path())).unwrap();
        // The end of one read is not the end of what somebody wrote.
        let long = [&b"x".repeat(AT_ONCE)[..], b"1 stop\n"].concat();
        control.fifo.write_all(&long).unwrap();
        assert_eq!(
            (control.drain(), control.drain()),
            (vec![], vec![Line::Junk])
        );
        control.fifo.write_all(b"1 stop worker=").unwrap();
        assert_eq!(control.drain(), []);
        control.fifo.write_all(b"1 stop\n").unwrap();
        assert_eq!(control.drain(), [Line::Junk, Line::parse(b"1 stop")]);
        assert_eq!(Line::parse(b"1 stop\xff"), Line::Junk);
    }

    #[test]
    fn k11a_a_flood_is_read_in_parts_and_nothing_of_it_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let dir = File::open(dir.path()).unwrap();
        let mut control = Control::create(&dir).unwrap();
        // As much as a user may have, and far more than is read at once.
        let room = fcntl(&control.fifo, FcntlArg::F_SETPIPE_SZ(1 << 20)).unwrap();
        let flood = "1 stop worker=1\n".repeat(usize::try_from(room).unwrap() / 16);
        control.fifo.write_all(flood.as_bytes()).unwrap();
        let sender = Sender::open(&dir).unwrap();
        for wake_up in 1..=flood.len() / AT_ONCE {
            let lines = control.drain();
            assert!(
                matches!(lines[..], [Line::Stop(_)]),
                "the same is once: {lines:?}"
            );
            assert_eq!(sender.unread().unwrap(), flood.len() - wake_up * AT_ONCE);
        }
        assert_eq!(control.drain(), []);
    }
}
